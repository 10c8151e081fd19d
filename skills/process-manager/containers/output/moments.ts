// From which moment on a log is asked for next time. Moments of pieces go back in three ways:
//
// Two streams are stamped side by side, so a place is only taken once it lies some way back. All pieces of a long line
// bear the moment of its first one, and older engines serve no piece whose moment lies before the one they are asked for:
// so within an unfinished line no place is taken. And clocks are put back: then only the beginning is certain.

import type { Piece } from './frames.ts';
import type { RelayState } from './relay-state.ts';

/** How far back a place lies, so that what is stamped a little too early cannot come before it. */
const settledMs = 2_000;
/** How far the places lie apart that may become the one to go on from. */
const betweenPlacesMs = 1_000;
const newline = 10;

/** A moment, and the offset at which its first piece begins. */
interface Place {
  readonly at: string;
  readonly offset: number;
}

/** What one relay learns from the pieces that it passes on. */
export interface Moments {
  pass(piece: Piece, offset: number): void;
  /** The place to go on from. */
  place(): Pick<RelayState, 'since' | 'offset'>;
  /** The newest line of those that were passed, and of what is known. */
  newest(stored: RelayState): Pick<RelayState, 'newestAt' | 'newestOffset'>;
}

/** The moments of one answer. `logFrom`: where the log of the run begins. */
export function createMoments({ since, offset }: RelayState, logFrom: number): Moments {
  let place: Pick<RelayState, 'since' | 'offset'> = { since, offset };
  let newestAt = '';
  let newestLine: Place | undefined;
  let candidates: Place[] = [];
  const openLines = new Set<number>();
  return {
    pass({ at, stream, bytes }, begin) {
      if (place.since !== null && at < place.since) place = { since: null, offset: logFrom };
      candidates = candidates.filter((candidate) => candidate.at <= at);
      if (at > newestAt) {
        newestAt = at;
        const here = { at, offset: begin };
        // The pieces of a long line all have the same moment: none of them can be found again by it.
        const isWhole = bytes.at(-1) === newline && !openLines.has(stream);
        if (isWhole) newestLine = here;
        const last = candidates.at(-1);
        const isFarEnough = last === undefined || msBetween(last.at, at) >= betweenPlacesMs;
        if (isFarEnough && isWhole && openLines.size === 0) candidates.push(here);
      }
      const settled = candidates.filter((candidate) => msBetween(candidate.at, newestAt) >= settledMs).at(-1);
      if (settled) place = { since: settled.at, offset: settled.offset };
      if (bytes.at(-1) === newline) openLines.delete(stream);
      else if (bytes.length > 0) openLines.add(stream);
    },
    place: () => place,
    newest: (stored) =>
      newestLine !== undefined && newestLine.at > (stored.newestAt ?? '')
        ? { newestAt: newestLine.at, newestOffset: newestLine.offset }
        : { newestAt: stored.newestAt, newestOffset: stored.newestOffset },
  };
}

function msBetween(first: string, second: string): number {
  return Date.parse(second) - Date.parse(first);
}
