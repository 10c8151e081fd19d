import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paginate } from '../../../../src/discord/chat/pages.ts';

/** How many code blocks a reader sees open at the end: 0 or 1. */
const openBlocks = (page: string) => (page.replaceAll(/\\[\s\S]/g, '').match(/```/g) ?? []).length % 2;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}`).join('\n');

describe('a long text', () => {
  it('is cut between lines, and nothing of it is lost', () => {
    const text = lines(0, 300);
    const { pages, rest } = paginate(text, 500, 50);
    expect(pages.join('\n')).toBe(text);
    expect(rest).toBe('');
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(500);
  });

  it('without lines is cut between words, and without words anywhere but within a character', () => {
    const words = paginate('word '.repeat(200), 100, 50).pages;
    expect(words.every((page) => /^(word )*word$/.test(page))).toBe(true);
    const faces = paginate('😀'.repeat(200), 101, 50).pages;
    expect(faces.join('')).toBe('😀'.repeat(200));
    for (const page of faces) expect(page).toMatch(/^(😀)+$/u);
  });

  it('closes a code block at each cut and opens it again in its language', () => {
    const { pages } = paginate(`before\n\`\`\`ts\n${lines(0, 100)}\n\`\`\`\nafter`, 300, 50);
    expect(pages.length).toBeGreaterThan(2);
    for (const page of pages) expect(openBlocks(page)).toBe(0);
    for (const page of pages.slice(1, -1)) expect(page).toMatch(/^```ts\nline \d+\n[\s\S]*\n```$/);
    expect(pages.at(-1)).toMatch(/```\nafter$/);
    expect(pages.join('\n').match(/line \d+/g)).toEqual(lines(0, 100).split('\n'));
  });

  it('has no empty block where a cut meets the beginning or the end of one', () => {
    for (let before = 40; before < 200; before++) {
      const { pages } = paginate(
        `${'x'.repeat(before)}\n\`\`\`sh\n${lines(0, 12)}\n\`\`\`\nthe end\n${lines(0, 30)}`,
        200,
        50,
      );
      for (const page of pages) {
        expect(page).not.toMatch(/```(sh)?\s*```/);
        expect(openBlocks(page)).toBe(0);
        expect(page.length).toBeLessThanOrEqual(200);
      }
    }
  });

  it('keeps its rest, in its block, when there are enough messages', () => {
    const { pages, rest } = paginate(`\`\`\`js\n${lines(0, 500)}\n\`\`\``, 500, 5);
    expect(pages).toHaveLength(5);
    expect(rest).toMatch(/^```js\nline \d+\n/);
    expect([...pages, rest].join('\n').match(/line \d+/g)).toHaveLength(500);
  });

  it('closes a block that nobody closed', () => {
    expect(paginate('so:\n```\ncode', 500, 5).pages).toEqual(['so:\n```\ncode\n```']);
  });

  it('does not change what stands before, while it goes on', () => {
    const text = `${lines(0, 40)}\n\`\`\`\n${lines(0, 80)}\n\`\`\`\n${lines(0, 60)}`;
    const whole = paginate(text, 300, 50).pages;
    for (let length = 1; length < text.length; length += 7) {
      const some = paginate(text.slice(0, length), 300, 50).pages;
      expect(whole.slice(0, some.length - 1)).toEqual(some.slice(0, -1));
    }
  });

  it('of whatever kind gives messages that fit, each with its blocks closed', () => {
    const piece = fc.constantFrom(
      '```',
      '```ts\n',
      '\n',
      ' ',
      'word',
      '`',
      '\\',
      'x'.repeat(70),
      '😀',
      '| a | b |\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), fc.integer({ min: 80, max: 300 }), (parts, room) => {
        const { pages } = paginate(parts.join(''), room, 1_000);
        for (const page of pages) {
          expect(page.length).toBeLessThanOrEqual(room);
          expect(page.trim()).not.toBe('');
        }
      }),
      { numRuns: 300 },
    );
  });
});
