// Text of programs inside one line: whatever it is, it stays there.

import { describe, expect, it } from 'vitest';
import { oneLine, quoted } from '../../../../skills/process-manager/output/index.ts';

describe('a text in one line', () => {
  it.each([
    ['two\nlines', 'two lines'],
    ['carriage\r\n\r\nreturns\rand\tblanks   ', 'carriage returns and blanks'],
    ['ends of\u2028every\u2029kind\u0085there is\u000b\u000c', 'ends of every kind there is'],
    ['\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u001b\\', 'red link'],
    ['a \u001b that begins nothing', 'a that begins nothing'],
    ['\u202egnirts\u202c \u200bhid\u200dden\ufeff', 'gnirts hidden'],
    ['half a pair \ud83d', 'half a pair'],
    ['', ''],
  ])('%j', (text, expected) => expect(oneLine(text, 100)).toBe(expected));

  it('is cut with a mark, and not within a character', () => {
    expect(oneLine('x'.repeat(100), 100)).toBe('x'.repeat(100));
    expect(oneLine('x'.repeat(101), 100)).toBe(`${'x'.repeat(99)}…`);
    expect(oneLine('a\u{1f600}b', 3)).toBe('a…');
  });

  it('in quotes cannot end them', () => {
    expect(quoted('say "x"\\', 100)).toBe('"say \\"x\\"\\\\"');
    expect(JSON.parse(quoted('a"\n]}', 100))).toBe('a" ]}');
  });

  it('is quick with text that is made to be slow', () => {
    const startedAt = performance.now();
    oneLine('\u001b]'.repeat(200_000), 100);
    oneLine('\u001b['.repeat(200_000), 100);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
