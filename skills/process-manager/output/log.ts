// Reads a log by logical offset while it grows and while it is trimmed. What a reader computes is handed out only when
// no trim came between its first byte and its last; else it is computed again. So nothing torn or misplaced is ever
// seen, and no reader waits for a trimmer, not even for one that was killed half way.

import { readSync } from 'node:fs';
import { Failure } from '../../tool.ts';
import { isMissing, type ResolvedLog, resolveLog } from './log-state.ts';

/** A trim takes milliseconds and needs half the limit to be written first; this many in a row is no coincidence. */
const MOST_ATTEMPTS = 1_000;

/** A log at one instant. */
export interface LogView {
  /** Offset of the oldest byte that can still be read: as many bytes have been trimmed away. */
  readonly start: number;
  /** Offset behind the newest byte. */
  readonly end: number;
  /** False when `start` is in the middle of a line, whose rest must not be shown. */
  readonly startsWhole: boolean;
  /** The bytes from `from` to `to`, both logical and within `start` and `end`. */
  read(from: number, to: number): Buffer;
}

/** What is known of a log without reading it. */
export type LogState = Omit<LogView, 'read'>;

/**
 * Runs `use` on the log as it is now and returns what it returns; undefined when there is no log. `use` may run several
 * times and must change nothing outside itself.
 */
export function readLog<Result>(path: string, use: (view: LogView) => Result): Result | undefined {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const outcome = attemptRead(path, use);
    if (outcome !== 'changed') return outcome?.result;
  }
  throw new Failure('log_busy', `${path} was trimmed at each attempt to read it.`, 'Try again in a moment.');
}

/** Where the log begins and ends; undefined when there is none. */
export function readLogState(path: string): LogState | undefined {
  return readLog(path, ({ start, end, startsWhole }) => ({ start, end, startsWhole }));
}

function attemptRead<Result>(
  path: string,
  use: (view: LogView) => Result,
): 'changed' | { result: Result } | undefined {
  const log = tryResolve(path);
  if (log === 'changed' || log === undefined) return log;
  try {
    const { start, end, startsWhole } = log;
    const result = use({ start, end, startsWhole, read: (from, to) => readSegments(log, from, to) });
    const now = tryResolve(path);
    if (now === 'changed') return now;
    now?.close();
    // A log that was deleted meanwhile still was what was read of it.
    return now === undefined || now.fingerprint === log.fingerprint ? { result } : 'changed';
  } finally {
    log.close();
  }
}

/** The journal of a trim may be gone between being named and being opened: then that trim is over. */
function tryResolve(path: string): ResolvedLog | 'changed' | undefined {
  try {
    return resolveLog(path);
  } catch (error) {
    if (isMissing(error)) return 'changed';
    throw error;
  }
}

function readSegments(log: ResolvedLog, from: number, to: number): Buffer {
  const parts: Buffer[] = [];
  for (const { fd, physical, start, length } of log.segments) {
    const first = Math.max(from, start);
    const last = Math.min(to, start + length);
    if (first < last) parts.push(readAt(fd, physical + first - start, last - first));
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

/** Up to `length` bytes; fewer where the file was truncated meanwhile, by whomever. */
function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
