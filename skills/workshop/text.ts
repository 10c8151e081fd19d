// Files as lines of text: what is text at all, and how much of it is shown. Bytes that are not UTF-8 become a mark and
// stop nobody.

import { Failure } from '../tool.ts';

/** No line is shown longer than this. */
const longestLine = 4_000;

/** A part of a file, its lines numbered. */
export interface Shown {
  readonly text: string;
  /** Numbers of the first and the last line shown; both 0 for an empty file. */
  readonly from: number;
  readonly to: number;
  readonly totalLines: number;
  /** What is missing and how to get it; undefined when all that was asked for is there. */
  readonly cut?: string;
}

/** What limits a reading. */
export interface Range {
  readonly from: number;
  readonly lines: number;
  readonly characters: number;
}

/** The text of a file; a Failure when it is none. */
export function decode(bytes: Buffer, path: string): string {
  if (!isBinary(bytes)) return bytes.toString('utf8');
  throw new Failure(
    'binary_file',
    `${path} is no text: it holds NUL bytes (${bytes.length} bytes in all).`,
    `Look at it with a program, such as: run_in_staging "file ${path}"`,
  );
}

/** True of what is no text in UTF-8 or any encoding like it. */
export function isBinary(bytes: Buffer): boolean {
  return bytes.includes(0);
}

/** The lines of a text without their ends; what stands behind the last end is a line only if it is not empty. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Numbers the lines of a range, and says what is left out. */
export function showLines(text: string, range: Range): Shown {
  const all = linesOf(text);
  if (all.length === 0) return { text: '', from: 0, to: 0, totalLines: 0, cut: 'The file is empty.' };
  if (range.from > all.length) {
    throw new Failure(
      'no_such_line',
      `The file has ${all.length} ${all.length === 1 ? 'line' : 'lines'}, so there is no line ${range.from}.`,
      `Read from line ${Math.max(1, all.length - 99)}.`,
    );
  }
  const width = String(Math.min(all.length, range.from + range.lines - 1)).length;
  const shown: string[] = [];
  let characters = 0;
  for (const line of all.slice(range.from - 1, range.from - 1 + range.lines)) {
    const numbered = `${String(range.from + shown.length).padStart(width)}\t${shortenLine(line, longestLine)}`;
    characters += numbered.length + 1;
    if (characters > range.characters && shown.length > 0) break;
    shown.push(numbered);
  }
  const to = range.from + shown.length - 1;
  const left = all.length - to;
  return {
    text: shown.join('\n'),
    from: range.from,
    to,
    totalLines: all.length,
    ...(left === 0
      ? {}
      : { cut: `${left} more ${left === 1 ? 'line' : 'lines'}: read on from line ${to + 1}.` }),
  };
}

/** A line, cut with a mark that says how much is missing. */
export function shortenLine(line: string, most: number): string {
  if (line.length <= most) return line;
  const kept = line.slice(0, most).replace(/[\ud800-\udbff]$/, '');
  return `${kept}… (${line.length - kept.length} more characters)`;
}
