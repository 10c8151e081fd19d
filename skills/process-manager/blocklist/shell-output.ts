// Says what simple programs would print, so that `echo … | base64 -d | sh` and `$(printf …)` are judged by their text.
// Only programs whose output follows from their words and their input are here; undefined means "cannot be known".

import { resolveSegments, type Segments } from './paths.ts';
import { unescapeAnsi } from './shell-commands.ts';
import { unknown } from './shell-expansion.ts';
import { findRoots, isSelective } from './shell-find.ts';

/** What a program prints for these words and this input. */
export function outputOf(
  fields: readonly string[],
  input: string | undefined,
  folder: Segments,
): string | undefined {
  const [name = '', ...words] = fields;
  const program = name.slice(name.lastIndexOf('/') + 1);
  if (program === 'echo') return echo(words);
  if (program === 'printf') return printf(words);
  if (program === 'which') return `${words.at(-1) ?? ''}\n`;
  if (program === 'command' || program === 'type')
    return /^-[vp]|^-P/.test(words[0] ?? '') ? words.at(-1) : undefined;
  if (silent.has(program)) return '';
  if (program === 'pwd') return `/${folder.join('/')}\n`;
  if (program === 'find') return isSelective(words) ? undefined : `${findRoots(words).join('\n')}\n`;
  if (program === 'ls') return list(words, folder);
  if (input === undefined) return undefined;
  return filter(program, words, input);
}

const silent = new Set(
  [
    ':',
    'true',
    'false',
    'cd',
    'export',
    'set',
    'unset',
    'read',
    'mkdir',
    'rm',
    'touch',
    'test',
    '[',
    'sleep',
  ].concat(['shift', 'local', 'declare', 'trap', 'mv', 'cp', 'chmod']),
);

/** The root's listing is what `ls / | xargs` hands on; two names stand for all. */
function list(words: readonly string[], folder: Segments): string | undefined {
  const listed = words.find((word) => !word.startsWith('-')) ?? '.';
  return resolveSegments(listed, folder).length === 0 ? 'etc\nusr\n' : undefined;
}

function filter(program: string, words: readonly string[], input: string): string | undefined {
  const has = (...options: string[]) => words.some((word) => options.includes(word));
  switch (program) {
    case 'cat':
    case 'tee':
      return program === 'tee' || words.every((word) => word === '-') ? input : undefined;
    case 'base64':
      return has('-d', '-D', '-di', '--decode', '--d') ? Buffer.from(input, 'base64').toString() : undefined;
    case 'openssl':
      return has('base64', 'enc') && has('-d') ? Buffer.from(input, 'base64').toString() : undefined;
    case 'xxd':
      return has('-r', '-rp', '-pr') ? Buffer.from(input.replace(/\s/g, ''), 'hex').toString() : undefined;
    case 'rev':
      return input
        .split('\n')
        .map((line) => [...line].reverse().join(''))
        .join('\n');
    case 'tr':
      return translate(words, input);
    default:
      return undefined;
  }
}

function echo(words: readonly string[]): string {
  let start = 0;
  let isEscaped = false;
  let hasNewline = true;
  for (; /^-[neE]{1,8}$/.test(words[start] ?? ''); start += 1) {
    if (words[start]?.includes('e')) isEscaped = true;
    if (words[start]?.includes('n')) hasNewline = false;
  }
  const text = words.slice(start).join(' ');
  return (isEscaped ? unescapeAnsi(text) : text) + (hasNewline ? '\n' : '');
}

function printf(words: readonly string[]): string | undefined {
  if (words[0] === '-v') return '';
  const [format = '', ...values] = words[0] === '--' ? words.slice(1) : words;
  let next = 0;
  const print = () =>
    format.replace(
      /%[-+ #0-9.]{0,20}([a-zA-Z%])|\\(?:x[\da-fA-F]{1,2}|[uU][\da-fA-F]{1,8}|[0-7]{1,4}|[\s\S])/g,
      (found, type) => {
        if (found.startsWith('\\')) return unescapeAnsi(found);
        if (type === '%') return '%';
        const value = values[next] ?? '';
        next += 1;
        return type === 'b' ? unescapeAnsi(value) : type === 's' || type === 'd' ? value : unknown;
      },
    );
  let text = print();
  // The format is used again for as long as values are left.
  for (let before = 0; next < values.length && next > before; ) {
    before = next;
    text += print();
  }
  return text;
}

/** `tr` with plain sets and ranges: rot13 is the usual disguise. */
function translate(words: readonly string[], input: string): string | undefined {
  const [from, to] = words;
  if (from === '-d' && to !== undefined) {
    const gone = new Set(spread(to));
    return [...input].filter((character) => !gone.has(character)).join('');
  }
  if (from === undefined || to === undefined || words.length > 2 || /[[-]$|^-|\[:/.test(from + to))
    return undefined;
  const targets = spread(to);
  const pairs = new Map(
    spread(from).map((character, index) => [character, targets[index] ?? targets.at(-1) ?? '']),
  );
  return [...input].map((character) => pairs.get(character) ?? character).join('');
}

function spread(set: string): string[] {
  const text = unescapeAnsi(set.slice(0, 1000));
  return [
    ...text.replace(/([a-zA-Z0-9])-([a-zA-Z0-9])/g, (_range, first: string, last: string) => {
      let all = '';
      for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code += 1)
        all += String.fromCharCode(code);
      return all;
    }),
  ];
}
