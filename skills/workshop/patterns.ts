// Patterns and globs that people and models write, matched in time that grows with the text alone (RE2's automata). The
// engine is loaded on the first use: most commands need none.

import type { RE2JS } from 're2js';
import { Failure } from '../tool.ts';

const longestPattern = 1_000;
/** A state machine with more steps than this is linear still, but too slow for many files. */
const largestProgram = 2_000;

/**
 * Matching takes as many steps as the pattern has, for each character, and nobody else has a turn meanwhile. So of a
 * very long line a large pattern sees the beginning only.
 */
const mostSteps = 10_000_000;

/** What to look for. */
export interface Wanted {
  readonly pattern: string;
  readonly regex: boolean;
  readonly ignoreCase: boolean;
}

/** Where in a line the wanted text begins; -1 when it is not there. */
export type Finder = (line: string) => number;

/** Makes the function that looks for it. */
export async function createFinder({ pattern, regex, ignoreCase }: Wanted): Promise<Finder> {
  if (/[\r\n]/.test(pattern)) {
    throw refused('it has several lines, and files are searched line by line', 'Look for one of the lines.');
  }
  if (!regex && !ignoreCase) return (line) => line.indexOf(pattern);
  const { RE2JS } = await import('re2js');
  const flags = ignoreCase ? RE2JS.CASE_INSENSITIVE : 0;
  const compiled = await compile(regex ? pattern : RE2JS.quote(pattern), flags);
  const longest = Math.ceil(mostSteps / compiled.programSize());
  return (line) => {
    const matcher = compiled.matcher(line.slice(0, longest));
    if (!matcher.find()) return -1;
    // What ends where the line was cut might not end there.
    return line.length > longest && matcher.end() === longest ? -1 : matcher.start();
  };
}

/**
 * Makes the function that says whether a path below staging/ fits a glob: `*`, `?`, `**`, `{a,b}` and `[a-z]`. A glob
 * without `/` is held against the name alone.
 */
export async function createGlob(glob: string): Promise<(path: string) => boolean> {
  if (glob.length > longestPattern) throw refused(`it has ${glob.length} characters`, 'Keep it short.');
  const whole = glob.includes('/') ? glob.replace(/^\.?\//, '') : `**/${glob}`;
  const compiled = await compile(expressionOf(whole), 0);
  return (path) => compiled.matches(path);
}

function expressionOf(glob: string): string {
  let expression = '';
  let depth = 0;
  for (let index = 0; index < glob.length; ) {
    const rest = glob.slice(index);
    const [token = ''] = /^(\*\*\/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|\\.|.)/su.exec(rest) ?? [];
    if (token === '{') depth++;
    if (token === '}' && depth > 0) depth--;
    expression += translate(token, depth, rest.includes('}'));
    index += token.length;
  }
  return expression;
}

function translate(token: string, depth: number, isClosedLater: boolean): string {
  if (token === '**/') return '(?:.*/)?';
  if (token === '**') return '.*';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token === '{' && isClosedLater) return '(?:';
  if (token === '}' && isClosedLater) return ')';
  if (token === ',' && depth > 0) return '|';
  if (token.length > 1 && token.startsWith('[')) {
    return `[${token.startsWith('[!') ? '^' : ''}${token.slice(token.startsWith('[!') ? 2 : 1, -1).replaceAll(/[\\[\]^]/g, '\\$&')}]`;
  }
  const character = token.length > 1 && token.startsWith('\\') ? token.slice(1) : token;
  return character.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

async function compile(expression: string, flags: number): Promise<RE2JS> {
  const { RE2JS, RE2JSException } = await import('re2js');
  if (expression.length > 10 * longestPattern) throw refused('it is too long', 'Keep it short.');
  try {
    const compiled = RE2JS.compile(expression, flags | RE2JS.DOTALL);
    if (compiled.programSize() <= largestProgram) return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw refused(
      error.message,
      'Put a backslash before a character that is meant literally. Look-around and back-references are not supported.',
    );
  }
  throw refused('its repeat counts make it too large', 'Write + or * instead of {1,1000}.');
}

function refused(what: string, hint: string): Failure {
  return new Failure('pattern_refused', `The pattern cannot be used: ${what}.`, hint);
}
