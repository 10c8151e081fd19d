// The last lines of a process in its logs, which it may share with other runs of the same bot.

import { type Line, lastLines } from '../output/index.ts';
import type { ProcessRow } from '../processes/index.ts';

/** The last lines of each stream, or of one. */
export function linesOfRun(row: ProcessRow, count: number, stream?: 'stdout' | 'stderr'): string[] {
  return placedLinesOfRun(row, count, stream).map(({ text }) => text);
}

/** The same, each with its place in its log. */
export function placedLinesOfRun(row: ProcessRow, count: number, stream?: 'stdout' | 'stderr'): Line[] {
  const { stdoutLog, stderrLog } = row;
  const logs = stream === undefined ? [stdoutLog, stderrLog] : [stream === 'stdout' ? stdoutLog : stderrLog];
  const until = row.logUntil === null ? {} : { before: row.logUntil };
  return [...new Set(logs)].flatMap((path) =>
    lastLines(path, count, until).filter(({ start }) => start >= row.logFrom),
  );
}
