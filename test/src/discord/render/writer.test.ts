import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure, type View } from '../../../../skills/tool.ts';
import { longestContent } from '../../../../src/discord/render/text.ts';
import { createWriter } from '../../../../src/discord/render/writer.ts';
import { makeActor } from '../../../support/skill.ts';

const writer = createWriter(
  (text) => text.replaceAll('SECRET', '[masked]'),
  new Map([
    ['list', 'process'],
    ['start_all', 'process'],
  ]),
);

describe('whatever a tool says', () => {
  const text = fc.string({
    unit: fc.constantFrom('`', '```', 'a', '\n', '*', 'SECRET', '\u001b[1m', 'x'.repeat(300)),
    maxLength: 60,
  });
  const view: fc.Arbitrary<View> = fc.record(
    {
      heading: text,
      text,
      notes: fc.array(text, { maxLength: 5 }),
      table: fc.record({
        columns: fc.constant(['A', 'B', 'C']),
        rows: fc.array(fc.tuple(text, text, text), { maxLength: 5 }),
      }),
    },
    { requiredKeys: [] },
  );

  it('fits a message, with every frame closed, nothing masked left, and something to read', () => {
    fc.assert(
      fc.property(view, fc.array(text, { maxLength: 5 }), fc.boolean(), (shown, notes, failed) => {
        const { content, files = [] } = writer.result('tool', shown, notes, failed);
        expect(content.length).toBeGreaterThan(0);
        expect(content.length).toBeLessThanOrEqual(longestContent);
        expect((content.match(/```/g) ?? []).length % 2).toBe(0);
        expect(content).not.toContain('SECRET');
        for (const { data } of files) expect(String(data)).not.toContain('SECRET');
      }),
      { numRuns: 200 },
    );
  });

  it('so do failures, questions, progress and notices', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const contents = [
          writer.failure(new Failure('code', one, other)).content,
          writer.question({
            id: 'id',
            actor: makeActor(),
            tool: 'tool',
            input: { one, other },
            question: one,
            expiresAt: 0,
          }),
          writer.progress(one.slice(0, 50), [one, other], { message: other, fraction: 0.4 }),
          writer.progress(
            'long',
            Array.from({ length: 12 }, () => other.repeat(9)),
            undefined,
          ),
          writer.question({
            id: 'id',
            actor: makeActor(),
            tool: 'tool',
            input: { one: one.repeat(9) },
            question: other.repeat(9),
            expiresAt: 0,
          }),
          writer.passage(`${one}\n${other}`, 900),
          writer.tail([one, other], 600),
        ];
        for (const content of contents) {
          expect(content.length).toBeLessThanOrEqual(longestContent);
          expect(content).not.toContain('SECRET');
          expect((content.match(/```/g) ?? []).length % 2).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a secret', () => {
  it('is not left in half where a text is cut', () => {
    for (let place = 0; place < 400; place++) {
      const text = `${'x'.repeat(place)}SECRET${'x'.repeat(1_800 - place)}`;
      const failure = new Failure('code', `${'y'.repeat(1_200)}${text}`, text);
      for (const content of [writer.failure(failure).content, writer.tail([text], 600)])
        expect(content).not.toMatch(/SE?C?R?E?…/);
    }
  });
});

describe('what is to be typed', () => {
  it('is named as it is typed here', () => {
    const failure = new Failure(
      'code',
      'Nothing.',
      'See: understudy list, understudy start_all, or understudy dashboard',
    );
    expect(writer.failure(failure).content).toBe(
      '⛔ Nothing.\n-# See: /process list, /process start\\_all, or understudy dashboard',
    );
  });
});

describe('long results', () => {
  it('lose nothing: the file has all of it', () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => `line ${index}`);
    const { content, files = [] } = writer.result('logs', { text: lines.join('\n') }, [], false);
    expect(content).toContain('line 2999');
    expect(String(files[0]?.data).split('\n')).toEqual(lines);
  });

  it('of more than a file may hold keep their end', () => {
    const text = `${'first\n'.repeat(2_000_000)}last`;
    const { files = [] } = writer.result('logs', { text }, [], false);
    expect(Buffer.byteLength(files[0]?.data ?? '')).toBe(8 * 1024 ** 2);
    expect(String(files[0]?.data).endsWith('last')).toBe(true);
  });
});
