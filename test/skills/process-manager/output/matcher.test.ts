import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compilePattern,
  createBlockReader,
  createMatcher,
  LONGEST_LINE_BYTES,
} from '../../../../skills/process-manager/output/index.ts';

/** What matches, as `text: ids`, when the text arrives in pieces of this length. */
function matchesIn(text: string, sources: readonly string[], length = 64 * 1024): string[] {
  const matcher = createMatcher(sources.map((source, id) => ({ id, pattern: compilePattern(source) })));
  const reader = createBlockReader(0);
  const bytes = Buffer.from(text);
  const matches: string[] = [];
  for (let from = 0; from < bytes.length; from += length) {
    for (const block of reader.push(bytes.subarray(from, from + length))) {
      for (const { line, ids } of matcher.match(block)) {
        expect(bytes.subarray(line.start, line.end).toString().trimEnd()).toBe(line.text.trimEnd());
        matches.push(`${line.text}: ${ids.join(' ')}`);
      }
    }
  }
  return matches;
}

describe('a matcher', () => {
  it('names each line once, with every pattern that matches it', () => {
    expect(matchesIn('a fox\nnothing\na fox and a fox\nfix\n', ['fox', 'f.x$', 'zebra'])).toEqual([
      'a fox: 0 1',
      'a fox and a fox: 0 1',
      'fix: 1',
    ]);
  });

  it.each([
    ['^b', ['b: 0', 'bc: 0']],
    ['b$', ['b: 0', 'ab: 0']],
    ['\\Ab', ['b: 0', 'bc: 0']],
    ['b\\z', ['b: 0', 'ab: 0']],
    ['(?-m:^b$)', ['b: 0']],
    ['^$', [': 0']],
    ['a\\s+b', []],
    ['(?s)a.b', []],
    ['b[^x]b', []],
    ['(?i)B|zebra', ['b: 0', 'ab: 0', 'bc: 0']],
  ])('takes a line for the whole text, its line ending not included: %s', (source, expected) => {
    for (const text of ['b\nab\n\nbc\n', 'b\r\nab\r\n\r\nbc\r\n']) {
      expect(matchesIn(text, [source])).toEqual(expected);
      // The way of many patterns agrees with the way of few.
      const among = [source, ...Array.from({ length: 40 }, (_, number) => `never ${number}`)];
      expect(matchesIn(text, among)).toEqual(expected);
    }
  });

  it('finds what stands in the visible part of a line that was cut, and nothing of the rest', () => {
    const matcher = createMatcher([
      { id: 'first', pattern: compilePattern('start') },
      { id: 'last', pattern: compilePattern('end') },
    ]);
    const [block] = createBlockReader(5).push(Buffer.from(`start${'x'.repeat(2 * LONGEST_LINE_BYTES)}end\n`));
    if (block === undefined) throw new Error('no block');
    const [match] = matcher.match(block);
    expect(match).toMatchObject({
      ids: ['first'],
      line: { start: 5, end: 5 + 2 * LONGEST_LINE_BYTES + 9, cut: true },
    });
  });

  it.each([
    '(a+)+$',
    '(a|a)*b',
    '(a|aa)+$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    'x*x*x*x*x*x*y',
    '(.*)*(.*)*(.*)*b',
  ])('is quick where other engines hang: %s', (source) => {
    // Cut lines would hide the danger, so the pattern is asked directly too.
    const hostile = `${'a'.repeat(100_000)}!`;
    const started = performance.now();
    compilePattern(source).regex.test(hostile);
    matchesIn(`${'a'.repeat(16_000)}!\n`.repeat(6), [source]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('stays usable with a thousand patterns', () => {
    const sources = Array.from({ length: 1_000 }, (_, number) => `job ${number} (failed|ended)`);
    const text = Array.from({ length: 5_000 }, (_, number) => `job ${number} failed after a while\n`).join(
      '',
    );
    const matches = matchesIn(text, sources);
    expect(matches).toHaveLength(1_000);
    expect(matches[999]).toBe('job 999 failed after a while: 999');
  });

  it('gives the same matches however the bytes are split and however many patterns there are', () => {
    const word = fc.constantFrom('error', 'Error', 'ok', 'é', '🐻', ' ', '12', '\n', '\r\n', 'x'.repeat(200));
    const source = fc.constantFrom(
      'error',
      '(?i)error',
      '^error',
      'ok$',
      '\\d+',
      'é.*🐻',
      '\\berror\\b',
      '^.$',
      'x{20}',
    );
    fc.assert(
      fc.property(
        fc.array(word),
        fc.uniqueArray(source),
        fc.integer({ min: 1, max: 100 }),
        (words, sources, length) => {
          const text = `${words.join('')}\n`;
          const lines = text.split(/\r?\n/).slice(0, -1);
          const expected = lines.flatMap((line) => {
            const ids = sources.flatMap((each, id) => (compilePattern(each).regex.test(line) ? [id] : []));
            return ids.length === 0 ? [] : [`${line}: ${ids.join(' ')}`];
          });
          expect(matchesIn(text, sources, length)).toEqual(expected);
        },
      ),
    );
  });
});
