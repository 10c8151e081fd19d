// Lists as models write them.

import { describe, expect, it } from 'vitest';
import { jsonWithin } from '../../../../skills/process-manager/tools/json-within.ts';

const one = { onExit: 'failure', message: 'a ] in "quotes" \\ and a }' };
const json = JSON.stringify([one]);

describe('the list in an answer', () => {
  it.each([
    ['alone', json, [one]],
    ['in a fence', `\`\`\`json\n${json}\n\`\`\``, [one]],
    [
      'in a fence after prose with brackets',
      `Here [1] it is {maybe}:\n\`\`\`\n${json}\n\`\`\`\nIs that it? [y/n]`,
      [one],
    ],
    ['in an object around it', JSON.stringify({ hooks: [one] }), [one]],
    ['as its one element', `Sure! ${JSON.stringify(one)}`, [one]],
    [
      'as elements one after the other',
      `${JSON.stringify(one)}\n${JSON.stringify({ a: 1 })}`,
      [one, { a: 1 }],
    ],
    ['after an object that it talks about', `The program {"name": "x"} gets ${json}`, [one]],
    ['after an empty one', `[] or rather ${json}`, [one]],
    ['with items of every kind', '[{"a": 1}, 7, null, "x"]', [{ a: 1 }, 7, null, 'x']],
    ['empty', 'Nothing: []', []],
    ['empty in an object', '{"hooks": []}', []],
    ['of one level too many', `[${json}]`, [one]],
  ])('%s', (_, text, expected) => expect(jsonWithin(text)).toEqual(expected));

  it.each([
    ['nothing', ''],
    ['prose', 'I am sorry, I cannot do that [1].'],
    ['what was cut off', json.slice(0, -5)],
    ['what is no JSON', "[{onExit: 'failure'}]"],
    ['numbers', '[1, 2]'],
    ['a text', '"a text"'],
  ])('is not there in %s', (_, text) => expect(jsonWithin(text)).toBeUndefined());

  it('is looked for in bounded time, whatever the text', () => {
    const startedAt = performance.now();
    for (const text of [
      '['.repeat(65_536),
      '{"a":'.repeat(13_000),
      '[]'.repeat(32_000),
      '["'.repeat(32_000),
    ]) {
      expect([undefined, 0]).toContain(jsonWithin(text)?.length);
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
