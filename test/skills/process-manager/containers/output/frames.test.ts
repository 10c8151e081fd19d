// The bytes of an engine's log, however they are cut.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFrameReader,
  type Piece,
  sinceParameter,
} from '../../../../../skills/process-manager/containers/output/frames.ts';

const at = '2026-01-02T03:04:05.000000006Z';

function frameOf({ stream, ...piece }: Piece): Buffer {
  const payload = Buffer.concat([Buffer.from(`${piece.at} `), piece.bytes]);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Buffers are compared faster so. */
const textOf = ({ bytes, ...piece }: Piece) => ({ ...piece, bytes: bytes.toString('latin1') });

const somePiece = fc.record({
  at: fc.constantFrom(at, '2026-01-02T03:04:05.999999999Z'),
  stream: fc.constantFrom(1, 2),
  // Anything at all, headers and spaces too.
  bytes: fc
    .oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(frameOf({ at, stream: 1, bytes: Buffer.from(' a b\n') })),
      fc.constant(Buffer.alloc(20_000, 'x')),
    )
    .map((bytes) => Buffer.from(bytes)),
});

describe('a frame reader', () => {
  it('gives the same pieces however the bytes are cut', () =>
    fc.assert(
      fc.property(
        fc.array(somePiece, { maxLength: 8 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (pieces, cuts) => {
          const all = Buffer.concat(pieces.map(frameOf));
          const places = [
            0,
            ...cuts.map((cut) => Math.floor(cut * all.length)).sort((a, b) => a - b),
            all.length,
          ];
          const reader = createFrameReader();
          const found = places.slice(1).flatMap((place, index) => {
            const chunk = Buffer.from(all.subarray(places[index], place));
            const given = reader.push(chunk);
            // Whoever gave the chunk may use its memory for the next one.
            chunk.fill(0);
            return given;
          });
          expect(found.map(textOf)).toEqual(pieces.map(textOf));
        },
      ),
    ));

  it('gives every byte for itself', () => {
    const pieces: Piece[] = [
      { at, stream: 1, bytes: Buffer.from('one\n') },
      { at, stream: 2, bytes: Buffer.from('') },
      { at, stream: 2, bytes: Buffer.from(' two words') },
    ];
    const reader = createFrameReader();
    const all = Buffer.concat(pieces.map(frameOf));
    expect([...all].flatMap((byte) => reader.push(Buffer.from([byte])))).toEqual(pieces);
  });

  it('holds back what is not whole', () => {
    const reader = createFrameReader();
    const whole = frameOf({ at, stream: 1, bytes: Buffer.from('line\n') });
    expect(reader.push(whole.subarray(0, 7))).toEqual([]);
    expect(reader.push(whole.subarray(7, whole.length - 1))).toEqual([]);
    expect(reader.push(whole.subarray(-1))).toHaveLength(1);
    expect(reader.push(Buffer.alloc(0))).toEqual([]);
  });

  it('fails with the words of the engine where it says something itself', () => {
    const said = Buffer.from('error from daemon: node n2 is not available\n');
    const header = Buffer.alloc(8);
    header.writeUInt8(3, 0);
    header.writeUInt32BE(said.length, 4);
    const reader = createFrameReader();
    expect(() => reader.push(Buffer.concat([header, said]))).toThrow(
      /^error from daemon: node n2 is not available$/,
    );
  });
});

describe('sinceParameter', () => {
  it.each([
    ['2026-01-02T03:04:05.000000006Z', '1767323045.000000006'],
    ['2026-01-02T03:04:05.999999999Z', '1767323045.999999999'],
    ['2026-01-02T03:04:05Z', '1767323045.000000000'],
    ['2026-01-02T03:04:05.5Z', '1767323045.500000000'],
    ['1970-01-01T00:00:00.1Z', '0.100000000'],
  ])('%s is %s', (moment, expected) => expect(sinceParameter(moment)).toBe(expected));

  it('keeps every nanosecond', () =>
    fc.assert(
      fc.property(fc.nat(4_000_000_000), fc.nat(999_999_999), (seconds, ns) => {
        const digits = String(ns).padStart(9, '0');
        const moment = new Date(seconds * 1_000).toISOString().replace('.000Z', `.${digits}Z`);
        expect(sinceParameter(moment)).toBe(`${seconds}.${digits}`);
      }),
    ));
});
