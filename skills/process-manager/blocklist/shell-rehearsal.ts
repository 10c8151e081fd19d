// Goes through a script as bash would, without running anything: expands words, follows variables, folders, pipes,
// functions and wrappers, and tells a watcher each program that would run and each file that would be written. It
// stops when the watcher has seen enough, and throws UnreadableScript when the work outgrows its bound.

import { resolveSegments, type Segments, unknownFolder } from './paths.ts';
import { Allowance } from './shell-allowance.ts';
import { type Command, headOf, plainTextOf, type Redirection, type Word } from './shell-commands.ts';
import { expandValue, expandWord, type Surroundings, unknown } from './shell-expansion.ts';
import { findCommands, findRoots, isSelective } from './shell-find.ts';
import { definedName, findFunctions, type ShellFunction } from './shell-functions.ts';
import { readInline } from './shell-inline.ts';
import { outputOf } from './shell-output.ts';
import { loopVariable, ShellVariables } from './shell-variables.ts';
import { parseShell } from './shell-words.ts';
import { programName, type Script, unwrap } from './shell-wrappers.ts';

/** Who is told what a script would do. */
export interface Watcher {
  /** True when nothing more needs to be told. */
  readonly isDone: boolean;
  /** `isOwn` when it is a function of the script, or a program at a relative path. */
  program(name: string, words: readonly string[], folder: Segments, isOwn: boolean): void;
  write(path: string, keepsContents: boolean, folder: Segments): void;
  forkBomb(name: string): void;
}

interface Program {
  readonly commands: readonly Command[];
  readonly functions: ReadonlyMap<number, ShellFunction>;
}

interface Stretch {
  readonly program: Program;
  readonly start: number;
  readonly end: number;
  readonly isCall: boolean;
}

/** Enough for a megabyte of ordinary commands, and for well under a second of tangled ones. */
const mostWork = 3_000_000;
const groupEnds: ReadonlySet<string> = new Set(['}', 'done', 'fi', 'esac']);
const groupStarts: ReadonlySet<string> = new Set(['{', 'while', 'until', 'do', 'if']);

/** One go through one script. */
export class Rehearsal implements Surroundings {
  readonly #watcher: Watcher;
  readonly #variables = new ShellVariables(() => this.#folder);
  /** What the script wrote to files itself, by path. */
  readonly #files = new Map<string, string>();
  readonly #functions = new Map<string, Stretch>();
  readonly #allowance = new Allowance(mostWork);
  readonly #running = new Set<string>();
  #folder: Segments = unknownFolder;

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
  }

  /** Goes through a script and says what it prints. */
  script(source: string, input?: string): string {
    this.spend(source.length);
    return this.#program(parseShell(source), input);
  }

  readonly spend = (amount: number): void => this.#allowance.spend(amount);

  lookup(name: string): readonly string[] {
    return this.#variables.lookup(name);
  }

  assign(name: string, values: readonly string[]): void {
    this.#variables.assign(name, values);
  }

  run(commands: readonly Command[]): string {
    const folder = this.#folder;
    const output = this.#program(commands, undefined);
    this.#folder = folder;
    return output;
  }

  listWords(commands: readonly Command[]): string[] {
    return commands.flatMap((command) => this.#expand(command.words));
  }

  openProcess(commands: readonly Command[]): string {
    const path = `/dev/fd/${this.#files.size + 1000}`;
    this.#files.set(path.slice(1), this.run(commands));
    return path;
  }

  #program(commands: readonly Command[], input: string | undefined): string {
    const program = { commands, functions: findFunctions(commands) };
    return this.#stretch({ program, start: 0, end: commands.length - 1, isCall: false }, input);
  }

  #stretch({ program, start, end, isCall }: Stretch, firstInput: string | undefined): string {
    this.#allowance.descend();
    const folders: Segments[] = [];
    const bodyEnds: number[] = [];
    let input = firstInput;
    // What the commands of the group in hand print, since the last pipe.
    let printed = '';
    for (let index = start; index <= end && !this.#watcher.isDone; index += 1) {
      const command = program.commands[index];
      if (command === undefined) break;
      if (!(isCall && index === start)) this.#enterBody(program, index, bodyEnds);
      const { keywords } = headOf(command);
      const startsGroup = command.operator === '(' || keywords.some((keyword) => groupStarts.has(keyword));
      const endsGroup = command.words.length === 0 || keywords.some((keyword) => groupEnds.has(keyword));
      if (startsGroup) printed = '';
      const output = this.#command(command, program.commands[index + 1], input);
      if (command.operator === '|' || command.operator === '|&') {
        input = endsGroup ? printed : output;
        printed = endsGroup ? '' : printed;
      } else {
        printed += output;
        if (!startsGroup) input = undefined;
      }
      if (command.operator === '(') folders.push(this.#folder);
      if (command.operator === ')') this.#folder = folders.pop() ?? this.#folder;
      for (; bodyEnds.at(-1) === index; bodyEnds.pop()) this.#variables.deferred -= 1;
    }
    this.#variables.deferred -= bodyEnds.length;
    this.#allowance.ascend();
    return printed;
  }

  /** A body is gone through where it stands, with its arguments unknown, and again with them when it is called. */
  #enterBody(program: Program, index: number, bodyEnds: number[]): void {
    const body = program.functions.get(index);
    if (body === undefined) return;
    if (body.isForkBomb) this.#watcher.forkBomb(body.name);
    this.#functions.set(body.name, { program, start: body.start, end: body.end, isCall: true });
    bodyEnds.push(body.end);
    this.#variables.deferred += 1;
  }

  /** One simple command; says what it prints. */
  #command(command: Command, next: Command | undefined, input: string | undefined): string {
    const { start } = headOf(command);
    const words = start === 0 ? command.words : command.words.slice(start);
    this.spend(2 * (words.length + command.redirections.length) + 10);
    if (command.operator === '(' && definedName(command, next) !== undefined) return '';
    const variable = loopVariable(words);
    if (variable !== undefined) {
      const values = this.#expand(words.slice(3));
      this.assign(variable, values.length === 0 ? [unknown] : values);
      return '';
    }
    const keyword = plainTextOf(words[0]);
    if (keyword === '[[' || keyword === 'case') {
      this.#expand(words);
      return '';
    }
    const received = this.#read(command.redirections, input);
    const fields = this.#expand(words.slice(this.#variables.takeAssignments(words, this)));
    return this.#write(command.redirections, this.#run(fields, received));
  }

  #key(path: string): string {
    return resolveSegments(path, this.#folder).join('/');
  }

  #expand(words: readonly Word[]): string[] {
    const fields: string[] = [];
    for (const word of words) for (const field of expandWord(word, this)) fields.push(field);
    return fields;
  }

  #read(redirections: readonly Redirection[], input: string | undefined): string | undefined {
    let received = input;
    for (const { operator, body, target } of redirections) {
      if (body !== undefined) received = `${expandValue(body, this)[0] ?? ''}\n`;
      else if (operator === '<') received = this.#files.get(this.#key(this.#expand([target])[0] ?? ''));
    }
    return received;
  }

  /** Tells of the files that output goes to, and says what is left of it for a pipe. */
  #write(redirections: readonly Redirection[], output: string): string {
    let left = output;
    for (const { operator, target } of redirections) {
      if (!operator.includes('>')) continue;
      for (const path of this.#expand([target])) {
        this.#watcher.write(path, operator.includes('>>') || operator === '<>', this.#folder);
        const before = operator === '>>' ? (this.#files.get(this.#key(path)) ?? '') : '';
        this.spend(before.length / 8);
        if (left !== '') this.#files.set(this.#key(path), before + left);
        if (!/^\d$|^-$/.test(path)) left = '';
      }
    }
    return left;
  }

  /** Goes through an expanded command and whatever it wraps, and says what it prints. */
  #run(given: readonly string[], input: string | undefined): string {
    let fields = given;
    for (let isWrapped = false; ; isWrapped = true) {
      this.spend(fields.length);
      // What is unknown may be nothing, or a wrapper such as `$SUDO`.
      const first = fields.findIndex((field) => field.replaceAll(unknown, '') !== '');
      if (first < 0) return fields.length === 0 ? '' : unknown;
      const path = (fields[first] ?? '').replaceAll(unknown, '');
      const words = fields.slice(first + 1);
      const name = programName(path);
      const called = isWrapped ? undefined : this.#functions.get(name);
      if (called !== undefined) this.#call(name, called, words);
      const inner = unwrap(name, words, input);
      if (inner?.kind !== 'words') {
        const isOwn = called !== undefined || (path.includes('/') && !path.startsWith('/'));
        this.#watcher.program(name, words, this.#folder, isOwn);
        return inner === undefined
          ? this.#simple(path, name, words, input)
          : this.#script(name, inner, input);
      }
      fields = inner.words;
    }
  }

  #script(name: string, inner: Script, input: string | undefined): string {
    if (inner.kind === 'input') return input === undefined ? unknown : this.script(input);
    if (inner.kind === 'file') {
      if (name === 'source' || name === '.') this.#variables.isEnvironmentKnown = false;
      const text = inner.path === '/dev/stdin' ? input : this.#files.get(this.#key(inner.path));
      return text === undefined ? unknown : this.script(text, input);
    }
    // A trap runs later, when more variables are set.
    const later = name === 'trap' ? 1 : 0;
    this.#variables.deferred += later;
    const output = this.#variables.withArguments(inner.positionals, 0, () =>
      this.script(inner.script, input),
    );
    this.#variables.deferred -= later;
    return output;
  }

  #call(name: string, body: Stretch, words: readonly string[]): void {
    if (this.#running.has(name)) return;
    this.#running.add(name);
    const { deferred } = this.#variables;
    this.#variables.deferred = 0;
    this.#variables.withArguments(words, 1, () => this.#stretch(body, undefined));
    this.#variables.deferred = deferred;
    this.#running.delete(name);
  }

  #simple(path: string, name: string, words: readonly string[], input: string | undefined): string {
    if (name === 'cd' || name === 'pushd') this.#changeFolder(words);
    else if (name === 'find') this.#find(words);
    else this.#variables.note(name, words, input);
    const written = path.includes('/') ? this.#files.get(this.#key(path)) : undefined;
    if (written !== undefined) this.script(written, input);
    const calls = readInline(name, words, input);
    if (calls?.isForkBomb) this.#watcher.forkBomb(name);
    for (const removed of calls?.removedPaths ?? []) {
      this.#watcher.program('rm', ['-r', '--', removed], this.#folder, false);
    }
    for (const script of calls?.scripts ?? []) this.script(script);
    return outputOf([name, ...words], input, this.#folder) ?? unknown;
  }

  #changeFolder(words: readonly string[]): void {
    const target = words.find((word) => !/^-./.test(word)) ?? this.lookup('HOME')[0] ?? '/';
    const isUnknown = target === '-' || target.startsWith(unknown);
    this.#folder = isUnknown ? unknownFolder : resolveSegments(target, this.#folder);
  }

  /** What `find` runs gets the folders that it starts from, or something deep in them when it selects. */
  #find(words: readonly string[]): void {
    this.#allowance.descend();
    this.spend(8 * words.length);
    const roots = findRoots(words);
    for (const { words: inner, at } of findCommands(words)) {
      this.spend(at);
      const reach = isSelective(words.slice(0, at))
        ? [`${roots[0]}/${unknown}/${unknown}/${unknown}`]
        : roots;
      this.#run(
        inner.flatMap((word) => (word === '{}' ? reach : [word])),
        undefined,
      );
    }
    this.#allowance.ascend();
  }
}
