// The last lines of a log of any size: found by going back from its end in blocks, so that the time depends on what is
// asked for, not on what is there. Memory is bounded by the number of lines, each of them cut at 16 KiB.

import { createLineReader, type Line } from './line-reader.ts';
import { type LogView, readLog } from './log.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 10;

/**
 * The last `count` lines, oldest first; with `before`, those that end at or before that offset. A last line without a
 * newline counts; a first line that trimming cut does not. A log that is not there has no lines.
 */
export function lastLines(path: string, count: number, options: { readonly before?: number } = {}): Line[] {
  if (count <= 0) return [];
  return readLog(path, (view) => collect(view, count, options.before)) ?? [];
}

/** The last lines that somebody saw, kept in memory. */
export interface Tail {
  push(line: Line): void;
  /** Oldest first. */
  lines(): Line[];
}

/** A tail of at most `capacity` lines. */
export function createTail(capacity = 100): Tail {
  const ring: Line[] = [];
  let next = 0;
  return {
    push(line) {
      ring[next] = line;
      next = (next + 1) % capacity;
    },
    lines: () => (ring.length < capacity ? [...ring] : [...ring.slice(next), ...ring.slice(0, next)]),
  };
}

function collect(view: LogView, count: number, before = view.end): Line[] {
  const end = Math.min(view.end, before);
  const tail = createTail(count);
  // Before an offset in the middle of a line, that line has not ended and is not one of those asked for.
  const isInside = end < view.end;
  const start = startOfLast(view, isInside ? count + 1 : count, end);
  const reader = createLineReader(start);
  for (let from = start; from < end; from += BLOCK_BYTES) {
    for (const line of reader.push(view.read(from, Math.min(from + BLOCK_BYTES, end)))) tail.push(line);
  }
  if (!isInside) for (const line of reader.flush()) tail.push(line);
  return tail.lines();
}

/** Offset at which the last `count` lines before `end` begin, or the first whole line if there are fewer. */
function startOfLast(view: LogView, count: number, end: number): number {
  let wanted = count;
  let firstNewline: number | undefined;
  for (let blockEnd = end; blockEnd > view.start; ) {
    const blockStart = Math.max(view.start, blockEnd - BLOCK_BYTES);
    const block = view.read(blockStart, blockEnd);
    // The newline at the very end closes the last line; it does not separate it from another one.
    let searched = block.subarray(0, blockEnd === end ? -1 : undefined);
    for (;;) {
      const newline = searched.lastIndexOf(NEWLINE);
      if (newline < 0) break;
      wanted -= 1;
      firstNewline = blockStart + newline;
      if (wanted === 0) return firstNewline + 1;
      searched = block.subarray(0, newline);
    }
    blockEnd = blockStart;
  }
  if (view.startsWhole) return view.start;
  // Everything is shown but the rest of the line that trimming cut, which may be all there is.
  return firstNewline === undefined ? end : firstNewline + 1;
}
