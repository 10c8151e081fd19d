import { appendFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTail,
  LONGEST_LINE_BYTES,
  lastLines,
} from '../../../../skills/process-manager/output/index.ts';
import { useFolder } from './support.ts';

const folder = useFolder();
const textsOf = (...args: Parameters<typeof lastLines>) => lastLines(...args).map(({ text }) => text);

describe('lastLines', () => {
  it('has no lines of a log that is not there, or empty', () => {
    const log = folder.path('a.log');
    expect(lastLines(log, 5)).toEqual([]);
    writeFileSync(log, '');
    expect(lastLines(log, 5)).toEqual([]);
  });

  it('gives the last lines, an unfinished one too', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'one\ntwo\r\n\nthree');
    expect(textsOf(log, 2)).toEqual(['', 'three']);
    expect(textsOf(log, 9)).toEqual(['one', 'two', '', 'three']);
    expect(textsOf(log, 0)).toEqual([]);
    appendFileSync(log, '\n');
    expect(textsOf(log, 2)).toEqual(['', 'three']);
    writeFileSync(log, '\n');
    expect(textsOf(log, 2)).toEqual(['']);
  });

  it('goes back from an offset, without the line that has not ended there', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'one\ntwo\nthree\n');
    const [, second] = lastLines(log, 3);
    expect(textsOf(log, 5, { before: second?.start ?? 0 })).toEqual(['one']);
    expect(textsOf(log, 1, { before: 10 })).toEqual(['two']);
    expect(textsOf(log, 1, { before: 0 })).toEqual([]);
  });

  it('cuts long lines and finds the ones around them', () => {
    const log = folder.path('a.log');
    writeFileSync(log, `first\n${'x'.repeat(1_000_000)}\nlast\n`);
    expect(textsOf(log, 2)).toEqual([
      `${'x'.repeat(LONGEST_LINE_BYTES)} … [cut: ${1_000_000 - LONGEST_LINE_BYTES} bytes]`,
      'last',
    ]);
    expect(textsOf(log, 3)[0]).toBe('first');
  });

  it('gives what reading the whole file gives', () => {
    const log = folder.path('a.log');
    const line = fc.oneof(fc.nat(50), fc.integer({ min: 65_500, max: 65_600 }));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 10 }),
        (lengths, ends, count) => {
          const lines = lengths.map((length) => 'x'.repeat(length));
          writeFileSync(log, lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));
          const expected = ends || lines.at(-1) !== '' ? lines : lines.slice(0, -1);
          expect(textsOf(log, count).map((text) => text.slice(0, 50))).toEqual(
            expected.slice(-count).map((text) => text.slice(0, 50)),
          );
        },
      ),
    );
  });
});

describe('a tail', () => {
  it('keeps the last lines, oldest first', () => {
    const tail = createTail(3);
    expect(tail.lines()).toEqual([]);
    for (const text of ['a', 'b', 'c', 'd']) tail.push({ text, start: 0, end: 0, cut: false });
    expect(tail.lines().map(({ text }) => text)).toEqual(['b', 'c', 'd']);
  });
});
