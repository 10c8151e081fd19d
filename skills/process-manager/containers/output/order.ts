// Whether a log that is followed goes on or begins to repeat itself. Engines (seen with 20.10) serve much of a log a second
// time to whoever follows it, when the file behind it is begun anew because it has grown too large. Asked again, they
// serve each piece once. Within one stream moments never go back otherwise, unless a clock was put back.

import type { Piece } from './frames.ts';

/** Watches the pieces of one answer. */
export interface Order {
  /** How many of these come before the first that goes back. */
  inOrder(pieces: readonly Piece[]): number;
}

/** The order of one answer. */
export function createOrder(): Order {
  const newest = new Map<number, string>();
  let newestOfAll = '';
  /** One of the very moment of its stream's newest is a further piece of it, unless others have come in between. */
  const goesBack = ({ at, stream }: Piece) => {
    const before = newest.get(stream) ?? '';
    return at < before || (at === before && at < newestOfAll);
  };
  return {
    inOrder(pieces) {
      const first = pieces.findIndex((piece) => {
        if (goesBack(piece)) return true;
        newest.set(piece.stream, piece.at);
        if (piece.at > newestOfAll) newestOfAll = piece.at;
        return false;
      });
      return first < 0 ? pieces.length : first;
    },
  };
}
