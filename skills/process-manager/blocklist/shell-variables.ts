// What a script's variables may hold while it is rehearsed. A variable that nothing sets is empty, as it is for bash in
// our environment; inside functions and traps, and after `source`, it is unknown instead, since it may be set by then.

import { plainTextOf, type Word } from './shell-commands.ts';
import { expandValue, home, type Surroundings, unknown } from './shell-expansion.ts';
import { outputOf } from './shell-output.ts';

/** The variables of one script. */
export class ShellVariables {
  /** Above 0 while the commands in hand run later than they stand. */
  deferred = 0;
  /** False once a file that nobody has read may have set anything. */
  isEnvironmentKnown = true;
  readonly #values = new Map<string, readonly string[]>();
  readonly #folder: () => readonly string[];

  constructor(folder: () => readonly string[]) {
    this.#folder = folder;
  }

  lookup(name: string): readonly string[] {
    const held = this.#values.get(name);
    if (held !== undefined) return held;
    if (name === 'HOME') return [home];
    if (name === 'PWD') return [`/${this.#folder().join('/')}`];
    if (name === 'IFS') return [' \t\n'];
    if (somewhere.has(name)) return [`/${unknown}`];
    if (set.has(name) || name.startsWith('BASH')) return [unknown];
    return this.deferred > 0 || !this.isEnvironmentKnown ? [unknown] : [];
  }

  assign(name: string, values: readonly string[]): void {
    this.#values.set(name, values);
  }

  /** Runs the callback with `$1` and the rest set, or as they are when there are none. */
  withArguments<Result>(words: readonly string[], first: 0 | 1, callback: () => Result): Result {
    if (words.length === 0 && first === 0) return callback();
    const names = ['@', '*', ...words.slice(0, 10).map((_word, index) => String(index + first))];
    const before = names.map((name) => [name, this.#values.get(name)] as const);
    this.#setArguments(words, first);
    const result = callback();
    for (const [name, values] of before) {
      if (values === undefined) this.#values.delete(name);
      else this.#values.set(name, values);
    }
    return result;
  }

  /** Takes the assignments before a command, and says how many words they are. */
  takeAssignments(words: readonly Word[], around: Surroundings): number {
    for (const [count, word] of words.entries()) {
      const [first, ...rest] = word;
      const match = first?.kind === 'text' && !first.quoted ? assignment.exec(first.text) : null;
      if (first?.kind !== 'text' || match === null) return count;
      const [whole, name = '', subscript, plus] = match;
      const value = first.text.slice(whole.length);
      const values = expandValue(value === '' ? rest : [{ ...first, text: value }, ...rest], around);
      if (subscript !== undefined) this.#append(name, values, around);
      else if (plus === undefined) this.assign(name, values);
      else if (rest[0]?.kind === 'array') this.#append(name, values, around);
      else this.#extend(name, values, around);
    }
    return words.length;
  }

  /** Learns from builtins that set variables. */
  note(name: string, words: readonly string[], input: string | undefined): void {
    if (declarations.has(name)) {
      for (const word of words) {
        const match = assignment.exec(word);
        if (match?.[1] !== undefined) this.assign(match[1], [word.slice(match[0].length)]);
      }
    } else if (name === 'printf' && words[0] === '-v') {
      this.assign(words[1] ?? '', [outputOf([name, ...words.slice(2)], input, this.#folder()) ?? unknown]);
    } else if (readers.has(name)) {
      const value = input === undefined ? unknown : input.trim();
      for (const word of words) if (/^[A-Za-z_]\w*$/.test(word)) this.assign(word, [value]);
      if (name === 'read') this.assign('REPLY', [value]);
      if (name === 'mapfile' || name === 'readarray') this.assign('MAPFILE', [value]);
    } else if (name === 'unset') {
      for (const word of words) this.#values.delete(word);
    } else if (name === 'set' && words.includes('--')) {
      this.#setArguments(words.slice(words.indexOf('--') + 1), 1);
    } else if (name === 'shift') {
      for (const position of ['1', '2', '3', '@', '*']) this.assign(position, [unknown]);
    }
  }

  #setArguments(words: readonly string[], first: 0 | 1): void {
    for (const [index, word] of words.slice(0, 10).entries()) this.assign(String(index + first), [word]);
    const all = first === 0 ? words.slice(1) : words;
    this.assign('@', all);
    this.assign('*', all);
  }

  #append(name: string, values: readonly string[], around: Surroundings): void {
    const held = this.#values.get(name) ?? [];
    around.spend(held.length + values.length);
    this.assign(name, [...held, ...values]);
  }

  #extend(name: string, values: readonly string[], around: Surroundings): void {
    const held = this.#values.get(name) ?? [''];
    around.spend((held.length * values.length * (held[0]?.length ?? 0)) / 8 + held.length * values.length);
    this.assign(
      name,
      held.flatMap((value) => values.map((more) => value + more)),
    );
  }
}

/** The variable of a `for` loop, when the words are one. */
export function loopVariable(words: readonly Word[]): string | undefined {
  const keyword = plainTextOf(words[0]);
  return keyword === 'for' || keyword === 'select' ? plainTextOf(words[1]) : undefined;
}

const assignment = /^([A-Za-z_]\w*)(\[[^\]]{0,200}\])?(\+)?=/;
const somewhere = new Set(['PATH', 'SHELL', 'TMPDIR', 'OLDPWD', 'SCOPE_PATH', 'BASH', 'XDG_RUNTIME_DIR']);
const set = new Set(
  [
    'USER',
    'LANG',
    'LC_ALL',
    'TERM',
    'TZ',
    'RANDOM',
    'UID',
    'EUID',
    'HOSTNAME',
    'HOSTTYPE',
    'LINENO',
    'SECONDS',
  ].concat(
    ['PPID', 'OSTYPE', 'MACHTYPE', 'SHLVL', 'FUNCNAME', 'DIRSTACK', 'PIPESTATUS', 'EPOCHSECONDS', 'GROUPS'],
    [
      'OPTARG',
      'OPTIND',
      'COLUMNS',
      'LINES',
      'SRANDOM',
      'PS4',
      '?',
      '$',
      '!',
      '#',
      '-',
      '_',
      '0',
      'UNDERSTUDY_PROCESS',
    ],
  ),
);
const declarations = new Set(['export', 'declare', 'local', 'readonly', 'typeset']);
const readers = new Set(['read', 'mapfile', 'readarray', 'getopts', 'let']);
