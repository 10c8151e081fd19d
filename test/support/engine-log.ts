// A model of the log that an engine keeps of one process, with everything that real ones do: two streams whose moments
// cross, long lines in pieces that all bear the moment of the first, clocks that are put back, and the oldest thrown away.

import type { Piece } from '../../skills/process-manager/containers/output/frames.ts';

/** What happens to a log. */
export type Printing =
  | { readonly kind: 'line'; readonly stream: 1 | 2; readonly afterNs: number; readonly lateNs: number }
  /** A piece of a long line, which a later `line` of its stream ends. */
  | { readonly kind: 'part'; readonly stream: 1 | 2; readonly afterNs: number; readonly lateNs: number };

/** How engines understand `since`: old ones look at each piece, newer ones only for the first. */
export type SinceRule = 'each' | 'first';

/** An answer that goes on as the log grows. */
export interface Answer {
  /** The next pieces, up to `most`; none when there are no more for now. */
  next(most: number): Piece[];
}

const start = Date.parse('2026-01-02T03:04:05.000Z');

/** An engine's log, empty. Each piece says its number, so that a log of pieces can be read again. */
export function createEngineLog(rule: SinceRule) {
  const pieces: Piece[] = [];
  const openSince = new Map<number, string>();
  let clockNs = 0n;
  let thrownAway = 0;
  const textOf = (number: number, isWhole: boolean) =>
    Buffer.from(`<${number}>${'.'.repeat((number * 7) % 40)}${isWhole ? '\n' : ''}`);
  return {
    print({ kind, stream, afterNs, lateNs }: Printing): void {
      clockNs += BigInt(afterNs);
      const own = stamp(clockNs > BigInt(lateNs) ? clockNs - BigInt(lateNs) : clockNs);
      const at = openSince.get(stream) ?? own;
      if (kind === 'part') openSince.set(stream, at);
      else openSince.delete(stream);
      pieces.push({ at, stream, bytes: textOf(pieces.length, kind === 'line') });
    },
    /** Somebody puts the clock of its machine back, not further than to its beginning. */
    putClockBack(ms: number): void {
      clockNs -= BigInt(ms) * 1_000_000n;
      if (clockNs < 0n) clockNs = 0n;
    },
    /** Throws the oldest away, keeping so many. */
    rotate(kept: number): void {
      thrownAway = Math.max(thrownAway, pieces.length - kept);
    },
    ask(since: string | undefined): Answer {
      let [at, hasBegun] = [thrownAway, since === undefined];
      return {
        next(most) {
          const given: Piece[] = [];
          for (; at < pieces.length && given.length < most; at++) {
            const piece = pieces[at] as Piece;
            const isWanted = hasBegun || since === undefined || piece.at >= since;
            if (isWanted && rule === 'first') hasBegun = true;
            if (isWanted) given.push(piece);
          }
          return given;
        },
      };
    },
    get bytes(): Buffer {
      return Buffer.concat(pieces.map((piece) => piece.bytes));
    },
    get kept(): Buffer {
      return Buffer.concat(pieces.slice(thrownAway).map((piece) => piece.bytes));
    },
    get pieces(): readonly Piece[] {
      return pieces;
    },
  };
}

export type EngineLog = ReturnType<typeof createEngineLog>;

/** A moment as an engine writes it. */
export function stamp(ns: bigint): string {
  const moment = new Date(start + Number(ns / 1_000_000_000n) * 1_000).toISOString();
  return moment.replace(/\.\d+Z$/, `.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`);
}

/** The numbers of the pieces that stand in a log, in order. */
export function numbersIn(log: Buffer | string): number[] {
  return [...String(log).matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
}
