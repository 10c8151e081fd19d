// What every rule of the blocklist works with: the words of a program, sorted, and the verdict.

import { resolveSegments, type Segments } from './paths.ts';
import { unknown } from './shell-expansion.ts';

/** Why a command is refused. */
export interface Destruction {
  /** A stable name, such as `recursive-delete`. */
  readonly rule: string;
  readonly reason: string;
}

/** The words of a program, sorted as getopt would. */
interface Arguments {
  readonly words: readonly string[];
  /** Words before `--` that start with a dash. */
  readonly flags: readonly string[];
  readonly operands: readonly string[];
}

/** Judges one program. */
export type Rule = (given: Arguments, folder: Segments, name: string) => Destruction | undefined;

/** Sorts the words of a program. */
export function readArguments(words: readonly string[]): Arguments {
  const end = words.indexOf('--');
  const isFlag = (word: string, index: number) =>
    word.length > 1 && word.startsWith('-') && (end < 0 || index < end);
  return {
    words,
    flags: words.filter(isFlag),
    operands: words.filter((word, index) => index !== end && !isFlag(word, index)),
  };
}

/** True when a flag is given: a letter of a short group, or a long name or a beginning of it. */
export function hasFlag(given: Arguments, letters: RegExp, ...long: string[]): boolean {
  return given.flags.some((flag) =>
    flag.startsWith('--')
      ? // GNU takes any beginning of a long option.
        flag.length > 2 && long.some((option) => option.startsWith(flag.split('=', 1)[0] ?? flag))
      : letters.test(flag.slice(1)),
  );
}

/** True when the program would only explain itself. */
export function asksForHelp(given: Arguments): boolean {
  return given.words.some((word) => word === '--help' || word === '--version');
}

/** A path as a person reads it in a reason. */
export function describe(target: string, folder: Segments): string {
  const absolute = `/${resolveSegments(target, folder).join('/')}`;
  const text = absolute.length > 200 ? `${absolute.slice(0, 200)}…` : absolute;
  return text.replaceAll(unknown, '?');
}
