// Follows a log: every whole line exactly once and in order, while the log grows and is trimmed. The one thing to
// store is `offset`; a follower that is begun again from there goes on with the very next line. What trimming took
// away before it was read is counted, never passed over in silence. At most 16 KiB of an unfinished line is held.

import { createBlockReader, type LineBlock } from './line-reader.ts';
import { readLog } from './log.ts';

const NEWLINE = 10;
const DEFAULT_MOST_BYTES = 1024 * 1024;

/** What was new at one look. */
export interface NewLines {
  readonly blocks: readonly LineBlock[];
  /** Offset behind the last whole line: what is to be stored once these lines are dealt with. */
  readonly offset: number;
  /** Bytes in front of these lines that were trimmed away unread, the rest of a cut line included. */
  readonly missedBytes: number;
  /** True when somebody emptied or replaced the log, so that reading began again at its start. */
  readonly restarted: boolean;
  /** True when there is more already. */
  readonly more: boolean;
}

/** Reads what a log has gained. */
export interface Follower {
  /** The next whole lines, from at most `maxBytes` bytes of the log. */
  read(options?: { readonly maxBytes?: number }): NewLines;
  /** The last line although it has no newline: for when nobody writes any more. */
  flush(): NewLines;
  /** Offset behind the last whole line. */
  readonly offset: number;
  /** Offset behind the last byte read: `trimLog` takes it as `keepFrom`, so that nothing unread is removed. */
  readonly position: number;
}

/** A follower that begins at `fromOffset`: 0, or an `offset` of an earlier one. */
export function createFollower(path: string, fromOffset: number): Follower {
  let reader = createBlockReader(fromOffset);
  // Set while the rest of a line that trimming cut is being passed over: where that began, and how far it is.
  let gap: { from: number; position: number } | undefined;
  const position = () => gap?.position ?? reader.position;
  const offset = () => gap?.from ?? reader.offset;
  const nothing = (): NewLines => {
    return { blocks: [], offset: offset(), missedBytes: 0, restarted: false, more: false };
  };

  /** Passes over the rest of a cut line; the bytes behind it, and how many were missed up to them. */
  const leaveGap = (bytes: Buffer, at: number, from: number, isWhole: boolean) => {
    const skipped = isWhole ? 0 : bytes.indexOf(NEWLINE) + 1;
    if (!isWhole && skipped === 0) {
      gap = { from, position: at + bytes.length };
      return { rest: bytes.subarray(bytes.length), missedBytes: 0 };
    }
    gap = undefined;
    reader = createBlockReader(at + skipped);
    return { rest: bytes.subarray(skipped), missedBytes: at + skipped - from };
  };

  return {
    read({ maxBytes = DEFAULT_MOST_BYTES } = {}) {
      const seen = readLog(path, (view) => {
        const restarted = position() > view.end;
        const at = restarted ? view.start : Math.max(view.start, position());
        const bytes = view.read(at, Math.min(view.end, at + maxBytes));
        return { bytes, at, restarted, start: view.start, startsWhole: view.startsWhole, end: view.end };
      });
      if (seen === undefined) return nothing();
      const { bytes, at, restarted } = seen;
      let rest = bytes;
      let missedBytes = 0;
      if (restarted) {
        gap = undefined;
        // Whoever empties a log leaves no half of a line.
        ({ rest } = leaveGap(bytes, at, at, true));
      } else if (gap !== undefined || at > position()) {
        const isWhole = at > position() && seen.startsWhole;
        ({ rest, missedBytes } = leaveGap(bytes, at, offset(), isWhole));
      }
      const blocks = gap === undefined ? reader.push(rest) : [];
      return { blocks, offset: offset(), missedBytes, restarted, more: at + bytes.length < seen.end };
    },
    flush() {
      const blocks = gap === undefined ? reader.flush() : [];
      return { ...nothing(), blocks, offset: offset() };
    },
    get offset() {
      return offset();
    },
    get position() {
      return position();
    },
  };
}
