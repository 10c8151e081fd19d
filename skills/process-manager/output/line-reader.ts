// Cuts a stream of bytes into whole lines. However the bytes arrive, the same lines come out, at most 16 KiB of a
// line is held, and nothing in the bytes can stop it. Work is done on blocks of lines, because making a string of
// every line costs more than searching it: whoever needs strings asks `linesOf` for those of one block.

import { isAscii } from 'node:buffer';

/** What is matched and shown of one line; the file itself keeps all of it. */
export const LONGEST_LINE_BYTES = 16 * 1024;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** Lines that stand next to each other in the log. No line in it is longer than the limit and its mark. */
export interface LineBlock {
  readonly bytes: Buffer;
  /** Offset in the log of the first byte. */
  readonly start: number;
  /** Offset just behind the last byte, the newline included. */
  readonly end: number;
  /** True when this is a single line that was too long: `bytes` is then shorter than `end - start`. */
  readonly cut: boolean;
}

/** One line, without its line ending. */
export interface Line {
  readonly text: string;
  readonly start: number;
  /** Offset just behind the newline: where reading goes on. */
  readonly end: number;
  readonly cut: boolean;
}

/** Takes chunks, gives whole lines. */
export interface BlockReader {
  push(chunk: Buffer): LineBlock[];
  /** The last line when nothing follows any more, although it has no newline. */
  flush(): LineBlock[];
  /** Offset behind the last whole line: a reader that starts here later misses nothing. */
  readonly offset: number;
  /** Offset behind the last byte that was pushed. */
  readonly position: number;
}

/** A reader of whole blocks for bytes that begin at `startOffset` of the log, which must be the start of a line. */
export function createBlockReader(startOffset: number): BlockReader {
  // The unfinished last line: its beginning, and how long it is by now.
  let held: Buffer = Buffer.alloc(0);
  let heldLength = 0;
  let offset = startOffset;

  const hold = (bytes: Buffer) => {
    // One byte more than is shown, so that the cut can see whether it falls into a character. The copy lets go of the
    // caller's chunk.
    const room = LONGEST_LINE_BYTES + 1 - held.length;
    if (room > 0 && bytes.length > 0) held = Buffer.concat([held, bytes.subarray(0, room)]);
    heldLength += bytes.length;
  };
  const finish = (newline: 0 | 1): LineBlock => {
    const end = offset + heldLength + newline;
    const block = lineBlock(held, heldLength, offset, end);
    held = Buffer.alloc(0);
    heldLength = 0;
    offset = end;
    return block;
  };

  return {
    push(chunk) {
      const blocks: LineBlock[] = [];
      const wholeEnd = chunk.lastIndexOf(NEWLINE) + 1;
      let wholeStart = 0;
      if (heldLength > 0 && wholeEnd > 0) {
        const newline = chunk.indexOf(NEWLINE);
        hold(chunk.subarray(0, newline));
        blocks.push(finish(1));
        wholeStart = newline + 1;
      }
      if (wholeStart < wholeEnd) {
        splitLongLines(chunk.subarray(wholeStart, wholeEnd), offset, blocks);
        offset += wholeEnd - wholeStart;
      }
      hold(chunk.subarray(wholeEnd));
      return blocks;
    },
    flush: () => (heldLength === 0 ? [] : [finish(0)]),
    get offset() {
      return offset;
    },
    get position() {
      return offset + heldLength;
    },
  };
}

/** The same for those who want every line as text. */
export function createLineReader(startOffset: number): { push(chunk: Buffer): Line[]; flush(): Line[] } {
  const reader = createBlockReader(startOffset);
  return {
    push: (chunk) => reader.push(chunk).flatMap(linesOf),
    flush: () => reader.flush().flatMap(linesOf),
  };
}

/** The lines of a block, in order. */
export function linesOf(block: LineBlock): Line[] {
  const { bytes, start } = block;
  const encoding = isAscii(bytes) ? 'latin1' : 'utf8';
  const lines: Line[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const contentEnd = newline < 0 ? bytes.length : newline;
    const textEnd =
      contentEnd > from && bytes[contentEnd - 1] === CARRIAGE_RETURN ? contentEnd - 1 : contentEnd;
    const next = newline < 0 ? bytes.length : newline + 1;
    const text = bytes.toString(encoding, from, textEnd);
    lines.push(
      block.cut
        ? { text, start, end: block.end, cut: true }
        : { text, start: start + from, end: start + next, cut: false },
    );
    from = next;
  }
  return lines;
}

/** All lines of a block as one string, each ending in `\n` alone. */
export function textOf(block: LineBlock): string {
  const text = block.bytes.toString(isAscii(block.bytes) ? 'latin1' : 'utf8');
  return block.bytes.includes(CARRIAGE_RETURN) ? text.replaceAll('\r\n', '\n') : text;
}

function splitLongLines(bytes: Buffer, start: number, blocks: LineBlock[]): void {
  let blockStart = 0;
  let from = 0;
  const closeBlock = () => {
    if (from === blockStart) return;
    const whole = bytes.subarray(blockStart, from);
    blocks.push({ bytes: whole, start: start + blockStart, end: start + from, cut: false });
  };
  while (from < bytes.length) {
    // Leaps from line end to line end, as far as one longest line reaches: short lines are not looked at one by one.
    const newline = bytes.lastIndexOf(NEWLINE, Math.min(from + LONGEST_LINE_BYTES, bytes.length - 1));
    if (newline >= from) {
      from = newline + 1;
      continue;
    }
    closeBlock();
    const lineEnd = bytes.indexOf(NEWLINE, from);
    const head = bytes.subarray(from, from + LONGEST_LINE_BYTES + 1);
    blocks.push(lineBlock(head, lineEnd - from, start + from, start + lineEnd + 1));
    from = lineEnd + 1;
    blockStart = from;
  }
  closeBlock();
}

/** A block of one line, of which `head` is known and `length` is the whole. */
function lineBlock(head: Buffer, length: number, start: number, end: number): LineBlock {
  if (length <= LONGEST_LINE_BYTES) {
    const bytes = end - start > length ? Buffer.concat([head, Buffer.from('\n')]) : head;
    return { bytes, start, end, cut: false };
  }
  const kept = wholeCharacters(head, LONGEST_LINE_BYTES);
  const mark = Buffer.from(` … [cut: ${length - kept} bytes]\n`);
  return { bytes: Buffer.concat([head.subarray(0, kept), mark]), start, end, cut: true };
}

/** The longest length up to `limit` that does not end inside a UTF-8 character. */
function wholeCharacters(bytes: Buffer, limit: number): number {
  const isContinuation = (index: number) => ((bytes[index] ?? 0) & 0xc0) === 0x80;
  let cut = limit;
  while (isContinuation(cut) && limit - cut < 3) cut -= 1;
  return (bytes[cut] ?? 0) >= 0xc0 ? cut : limit;
}
