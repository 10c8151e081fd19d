import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createBlockReader,
  createLineReader,
  type Line,
  LONGEST_LINE_BYTES,
} from '../../../../skills/process-manager/output/index.ts';

/** All lines of bytes that arrive in pieces of these lengths, again and again. */
function linesOf(bytes: Buffer, lengths: readonly number[] = [bytes.length + 1]): Line[] {
  const reader = createLineReader(1_000);
  const lines: Line[] = [];
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    lines.push(...reader.push(bytes.subarray(from, from + length)));
    from += length;
  }
  return [...lines, ...reader.flush()];
}

const textsOf = (text: string, lengths?: readonly number[]) =>
  linesOf(Buffer.from(text), lengths).map(({ text }) => text);

describe('a line reader', () => {
  it('gives whole lines with their offsets, and the unfinished one only at the end', () => {
    const reader = createLineReader(100);
    expect(reader.push(Buffer.from('one\ntw'))).toEqual([{ text: 'one', start: 100, end: 104, cut: false }]);
    expect(reader.push(Buffer.from('o'))).toEqual([]);
    expect(reader.push(Buffer.from('\r\n\nrest'))).toEqual([
      { text: 'two', start: 104, end: 109, cut: false },
      { text: '', start: 109, end: 110, cut: false },
    ]);
    expect(reader.flush()).toEqual([{ text: 'rest', start: 110, end: 114, cut: false }]);
    expect(reader.flush()).toEqual([]);
  });

  it('keeps characters whole that arrive in pieces', () => {
    expect(textsOf('zwölf 🐻\r\n日本\n', [1])).toEqual(['zwölf 🐻', '日本']);
  });

  it('is not stopped by bytes that are not UTF-8', () => {
    expect(linesOf(Buffer.from([0xff, 0xc3, 10, 0x80, 65, 10, 0xf0, 0x9f])).map(({ text }) => text)).toEqual([
      '��',
      '�A',
      '�',
    ]);
  });

  it('cuts a line that is too long, says how much is missing, and never cuts a character', () => {
    const exact = 'x'.repeat(LONGEST_LINE_BYTES);
    expect(textsOf(`${exact}\n`)).toEqual([exact]);
    expect(textsOf(`${exact}yz\nnext\n`)).toEqual([`${exact} … [cut: 2 bytes]`, 'next']);
    for (const lengths of [[100_000], [7], [LONGEST_LINE_BYTES]]) {
      const [line, next] = linesOf(Buffer.from(`${exact.slice(2)}🐻🐻\nnext\n`), lengths);
      expect(line).toEqual({
        text: `${exact.slice(2)} … [cut: 8 bytes]`,
        start: 1_000,
        end: 1_000 + LONGEST_LINE_BYTES + 7,
        cut: true,
      });
      expect(next?.start).toBe(line?.end);
    }
  });

  it('holds little of ten megabytes without a newline', () => {
    const reader = createBlockReader(0);
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (let count = 0; count < 160; count++) expect(reader.push(chunk)).toEqual([]);
    expect(reader.position).toBe(160 * chunk.length);
    expect(reader.offset).toBe(0);
    const [block] = reader.push(Buffer.from('\n'));
    expect(block?.bytes.length).toBeLessThan(LONGEST_LINE_BYTES + 50);
    expect(block).toMatchObject({ start: 0, end: 160 * chunk.length + 1, cut: true });
  });

  it('gives the same lines however the bytes are split', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom('\n', '\r\n', '\r', '').map((text) => Buffer.from(text)),
      fc
        .integer({ min: LONGEST_LINE_BYTES - 3, max: LONGEST_LINE_BYTES + 3 })
        .map((size) => Buffer.alloc(size, 'é')),
    );
    const bytes = fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.concat(pieces));
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40_000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(bytes, lengths, (bytes, lengths) => {
        const lines = linesOf(bytes, lengths);
        expect(lines).toEqual(linesOf(bytes));
        let offset = 1_000;
        for (const { start, end } of lines) {
          expect(start).toBe(offset);
          offset = end;
        }
        expect(offset).toBe(1_000 + bytes.length);
      }),
    );
  });
});
