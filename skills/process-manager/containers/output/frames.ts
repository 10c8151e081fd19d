// Reads what an engine sends when it is asked for a log with timestamps: frames of eight bytes of header and one piece
// each, which is the moment at which it was printed, a space, and what was printed. A long line comes in several pieces,
// of which only the last ends the line.

const headerBytes = 8;
/** The engine's own words in the midst of a log, such as that a node cannot be reached. */
const systemStream = 3;

/** What a program printed at one moment. */
export interface Piece {
  /** RFC 3339 with nine digits of a second, in UTC: such texts sort by time. */
  readonly at: string;
  /** Where to: lines of two streams may stand within each other. */
  readonly stream: number;
  /** Ends with a newline, unless the line goes on in another piece of this stream. */
  readonly bytes: Buffer;
}

/** Takes chunks as they come, gives whole pieces. */
export interface FrameReader {
  push(chunk: Buffer): Piece[];
}

/** A reader for one answer of an engine. */
export function createFrameReader(): FrameReader {
  let held: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const pieces: Piece[] = [];
      let from = 0;
      while (bytes.length - from >= headerBytes) {
        const end = from + headerBytes + bytes.readUInt32BE(from + 4);
        if (end > bytes.length) break;
        const payload = bytes.subarray(from + headerBytes, end);
        const stream = bytes.readUInt8(from);
        if (stream === systemStream) throw new Error(payload.toString('utf8').trim());
        pieces.push(pieceOf(stream, payload));
        from = end;
      }
      // A copy, so that the chunk can be let go.
      held = Buffer.from(bytes.subarray(from));
      return pieces;
    },
  };
}

function pieceOf(stream: number, payload: Buffer): Piece {
  const space = payload.indexOf(' ');
  return {
    stream,
    at: payload.toString('latin1', 0, Math.max(0, space)),
    bytes: Buffer.from(payload.subarray(space + 1)),
  };
}

/** A moment of a piece as the engine wants to be asked: seconds with nine digits. */
export function sinceParameter(at: string): string {
  return `${Math.floor(Date.parse(at) / 1_000)}.${(/\.(\d+)Z$/.exec(at)?.[1] ?? '').padEnd(9, '0').slice(0, 9)}`;
}
