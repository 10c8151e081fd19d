// What a change of a file looks like: a unified diff of its lines. Bounded in what it costs and in what it shows.

import { shortenLine } from './text.ts';

const contextLines = 3;
const longestLine = 500;
const mostLines = 400;
const mostCharacters = 20_000;
/** Beyond so many differing lines, what lies between the first and the last is shown as replaced. */
const mostEdits = 400;

/** One line of the script that turns one text into the other; the numbers count from 0. */
interface Step {
  readonly kind: ' ' | '-' | '+';
  readonly line: string;
}

/** A unified diff; empty when nothing differs. A missing text is a file that is not there. */
export function unifiedDiff(path: string, before: string | undefined, after: string | undefined): string {
  if (before === after) return '';
  const steps = compare(splitLines(before), splitLines(after));
  const header = [
    `--- ${before === undefined ? '/dev/null' : `a/${path}`}`,
    `+++ ${after === undefined ? '/dev/null' : `b/${path}`}`,
  ];
  return bounded([...header, ...hunks(steps)]);
}

/** Lines with what says that the last one has no end. */
function splitLines(text: string | undefined): string[] {
  if (text === undefined || text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') {
    lines.pop();
    return lines;
  }
  return lines.map((line, index) =>
    index === lines.length - 1 ? `${line}\n\\ No newline at end of file` : line,
  );
}

/** What both have at their beginning and end is taken off first; most edits leave little to compare. */
function compare(before: readonly string[], after: readonly string[]): Step[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end++;
  }
  const keep = (line: string): Step => ({ kind: ' ', line });
  return [
    ...before.slice(0, start).map(keep),
    ...shortestScript(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(keep),
  ];
}

/** Myers' greedy algorithm: for each number of edits, how far along each diagonal one comes. */
function shortestScript(before: readonly string[], after: readonly string[]): Step[] {
  const limit = Math.min(mostEdits, before.length + after.length);
  const offset = limit + 1;
  const reach = new Int32Array(2 * limit + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(reach.slice());
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down = comesDown(reach, offset, diagonal, edits);
      let x = down ? at(reach, offset + diagonal + 1) : at(reach, offset + diagonal - 1) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      reach[offset + diagonal] = x;
      if (x >= before.length && x - diagonal >= after.length) return walkBack(before, after, trace, offset);
    }
  }
  return [
    ...before.map((line): Step => ({ kind: '-', line })),
    ...after.map((line): Step => ({ kind: '+', line })),
  ];
}

function walkBack(
  before: readonly string[],
  after: readonly string[],
  trace: readonly Int32Array[],
  offset: number,
): Step[] {
  const steps: Step[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits] ?? new Int32Array();
    const diagonal = x - y;
    const down = comesDown(reach, offset, diagonal, edits);
    const fromX = edits === 0 ? 0 : at(reach, offset + (down ? diagonal + 1 : diagonal - 1));
    const fromY = edits === 0 ? 0 : fromX - (down ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY) {
      steps.push({ kind: ' ', line: before[--x] ?? '' });
      y--;
    }
    if (edits === 0) break;
    if (down) steps.push({ kind: '+', line: after[--y] ?? '' });
    else steps.push({ kind: '-', line: before[--x] ?? '' });
  }
  return steps.reverse();
}

function comesDown(reach: Int32Array, offset: number, diagonal: number, edits: number): boolean {
  if (diagonal === -edits) return true;
  return diagonal !== edits && at(reach, offset + diagonal - 1) < at(reach, offset + diagonal + 1);
}

function at(numbers: Int32Array, index: number): number {
  return numbers[index] ?? 0;
}

/** The changes with a few lines around them, those that touch joined. */
function hunks(steps: readonly Step[]): string[] {
  const isShown = new Uint8Array(steps.length);
  for (const [index, { kind }] of steps.entries()) {
    if (kind !== ' ') isShown.fill(1, Math.max(0, index - contextLines), index + contextLines + 1);
  }
  const lines: string[] = [];
  const place = { before: 1, after: 1 };
  for (let index = 0; index < steps.length; ) {
    let end = index;
    while (end < steps.length && isShown[end] === isShown[index]) end++;
    const part = steps.slice(index, end);
    const length = {
      before: part.filter(({ kind }) => kind !== '+').length,
      after: part.filter(({ kind }) => kind !== '-').length,
    };
    if (isShown[index] === 1) {
      lines.push(`@@ -${range(place.before, length.before)} +${range(place.after, length.after)} @@`);
      for (const { kind, line } of part) {
        const [text = '', ...mark] = line.split('\n');
        lines.push(`${kind}${shortenLine(text, longestLine)}`, ...mark);
      }
    }
    place.before += length.before;
    place.after += length.after;
    index = end;
  }
  return lines;
}

/** An empty range is named by the line before it. */
function range(start: number, length: number): string {
  return length === 1 ? `${start}` : `${length === 0 ? start - 1 : start},${length}`;
}

function bounded(lines: readonly string[]): string {
  let characters = 0;
  const kept = lines.slice(0, mostLines).filter((line) => {
    characters += line.length + 1;
    return characters <= mostCharacters;
  });
  const left = lines.length - kept.length;
  return [...kept, ...(left > 0 ? [`… ${left} more lines of this change are not shown`] : [])].join('\n');
}
