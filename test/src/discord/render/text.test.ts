import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cut,
  fence,
  fenceWithin,
  firstThatFit,
  lastThatFit,
  plain,
  visible,
} from '../../../../src/discord/render/text.ts';

const nasty = fc.string({
  unit: fc.constantFrom('`', '```', '\n', 'a', '\\', '\u200b', '😀', '\u001b[31m', '@everyone', ' '),
});

describe('a frame', () => {
  it('cannot be ended by what is in it', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const framed = fence(text);
        expect(framed.startsWith('```\n')).toBe(true);
        expect(framed.endsWith('\n```')).toBe(true);
        expect(framed.slice(3, -3)).not.toContain('```');
        // Nor together with the backticks of the frame itself.
        expect(framed.match(/`{3,}/g)).toHaveLength(2);
      }),
    );
  });

  it('is never longer than it may be, whichever end is kept', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('`', 'a', '\n', '😀'), maxLength: 500 }),
        fc.integer({ min: 60, max: 300 }),
        (text, most) => {
          for (const shorten of [firstThatFit, lastThatFit, cut]) {
            const framed = fenceWithin(text, most, shorten);
            expect(framed.length).toBeLessThanOrEqual(most);
            expect(framed.endsWith('\n```')).toBe(true);
          }
        },
      ),
    );
  });

  it('is not empty, which Discord would draw as three backticks', () => {
    expect(fence('')).toBe('```\n \n```');
    expect(fence('\u001b[0m')).toBe('```\n \n```');
  });
});

describe('text of others outside of a frame', () => {
  it('is read as text', () => {
    expect(plain('**a** _b_ `c` ||d|| [e](f) <@1> # g')).toBe(
      '\\*\\*a\\*\\* \\_b\\_ \\`c\\` \\|\\|d\\|\\| \\[e\\](f) \\<@1\\> \\# g',
    );
  });

  it('makes no list, and no small print', () => {
    expect(plain('- a\n  + b\n12. c\n-# d\n-e 1.5 f - g')).toBe(
      '\\- a\n  \\+ b\n12\\. c\n-\\# d\n-e 1.5 f - g',
    );
  });

  it('has no escape sequences, control characters, or marks that turn its direction', () => {
    expect(visible('\u001b[1;31mred\u001b[0m \u001b]8;;http://x\u0007link\u0007 a\u0000b\u202ec\td\ne')).toBe(
      'red link abc\td\ne',
    );
  });
});

describe('shortening', () => {
  it('never leaves half of a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('😀', 'a', '\n'), maxLength: 80 }),
        fc.integer({ min: 10, max: 60 }),
        (text, most) => {
          for (const shorten of [cut, firstThatFit, lastThatFit]) {
            const short = shorten(text, most);
            expect(short.length).toBeLessThanOrEqual(most);
            // It throws on half a character.
            expect(() => encodeURIComponent(short)).not.toThrow();
          }
        },
      ),
    );
  });

  it('keeps the end that is asked for, in whole lines, and says what is missing', () => {
    const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`).join('\n');
    expect(firstThatFit(lines, 60)).toBe('line 0\nline 1\nline 2\nline 3\nline 4\n… 45 more lines');
    expect(lastThatFit(lines, 30)).toBe('…\nline 47\nline 48\nline 49');
  });
});
