// How things of ours are called in an engine.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { volumesFor } from '../../../../skills/process-manager/containers/mounts.ts';
import { hashOf, instanceOf, slugOf } from '../../../../skills/process-manager/containers/names.ts';
import { containerPlan } from '../../../support/container-plan.ts';
import { makeEngine } from '../../../support/manager.ts';

const engineName = /^[a-z0-9][a-z0-9_.-]*$/;
const someName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: fc.constantFrom('a', 'A', '-', '_', ' ', 'ä', '🤖', '.', '/'), maxLength: 60 }),
  fc.constantFrom(
    'bot',
    'Bot',
    'bot-',
    'böt',
    'b t',
    '',
    '机器人',
    'bot-a1b2c3',
    'x'.repeat(24),
    'x'.repeat(25),
  ),
);

describe('slugOf', () => {
  it.each(['bot', 'data-bot', '7', 'x'.repeat(24)])('leaves %s as it is', (name) =>
    expect(slugOf(name)).toBe(name),
  );

  it.each([
    ['Data Bot', /^data-bot-[0-9a-f]{6}$/],
    ['  --bot--  ', /^bot-[0-9a-f]{6}$/],
    ['机器人', /^bot-[0-9a-f]{6}$/],
    ['', /^bot-[0-9a-f]{6}$/],
    ['x'.repeat(25), /^x{24}-[0-9a-f]{6}$/],
    [`${'x'.repeat(23)} y`, /^x{23}-[0-9a-f]{6}$/],
  ])('makes a name of %j', (name, expected) => expect(slugOf(name)).toMatch(expected));

  it('is always a name that engines accept, and short', () =>
    fc.assert(
      fc.property(someName, (name) => {
        expect(slugOf(name)).toMatch(engineName);
        expect(slugOf(name).length).toBeLessThanOrEqual(31);
        expect(slugOf(name)).not.toMatch(/-$|--$/);
      }),
    ));

  it('never gives two bots one name', () =>
    fc.assert(
      fc.property(fc.uniqueArray(someName, { minLength: 2, maxLength: 30 }), (names) => {
        expect(new Set(names.map(slugOf)).size).toBe(names.length);
      }),
      { numRuns: 300 },
    ));

  it('tells names apart that differ in case, in what follows a long beginning, or in what no name has', () => {
    const names = [
      'bot',
      'Bot',
      'BOT',
      'b-t',
      'b t',
      'b_t',
      'b.t',
      `${'x'.repeat(30)}1`,
      `${'x'.repeat(30)}2`,
    ];
    expect(new Set(names.map(slugOf)).size).toBe(names.length);
  });

  it('gives nobody the name that was made for another', () => {
    const made = slugOf('Bot');
    expect(slugOf(made)).not.toBe(made);
  });
});

describe('hashOf', () => {
  it('tells how its parts are cut', () => {
    expect(hashOf('ab', 'c')).not.toBe(hashOf('a', 'bc'));
    expect(hashOf('1 a')).not.toBe(hashOf('', 'a'));
    expect(hashOf('ab')).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('instanceOf', () => {
  it('is the same whenever it is asked, and another for each database', () => {
    const { database } = makeEngine();
    const first = instanceOf(database, undefined);
    const again = instanceOf(database, undefined);
    expect([again.id, again.salt]).toEqual([first.id, first.salt]);
    const other = instanceOf(makeEngine().database, undefined);
    expect(other.id).not.toBe(first.id);
    expect(other.salt).not.toBe(first.salt);
    expect(first.id).toMatch(/^[a-z]{10}$/);
    expect(first.salt).toMatch(/^[0-9a-f]{32}$/);
  });

  it('survives its process: whoever opens the database next is the same', () => {
    const { root, database } = makeEngine();
    const { id, salt } = instanceOf(database, undefined);
    const { database: reopened } = makeEngine(root);
    expect(instanceOf(reopened, undefined)).toMatchObject({ id, salt });
  });

  it('takes over the id that is given, and forgets nothing of its own', () => {
    const { database } = makeEngine();
    const own = instanceOf(database, undefined);
    expect(instanceOf(database, 'other')).toMatchObject({ id: 'other', salt: own.salt });
    expect(instanceOf(database, undefined).id).toBe(own.id);
  });

  it("names what is a bot's so that an engine accepts it, at most 63 bytes long", () => {
    const instance = instanceOf(makeEngine().database, undefined);
    fc.assert(
      fc.property(someName, (name) => {
        for (const found of [instance.nameFor(name), instance.nameFor(name, 'p1a2b3c4d5')]) {
          expect(found).toMatch(engineName);
          expect(found.startsWith(`us-${instance.id}-`)).toBe(true);
          expect(Buffer.byteLength(found)).toBeLessThanOrEqual(63);
        }
      }),
    );
  });
});

describe('volumesFor', () => {
  const instance = instanceOf;
  it('gives each folder of each bot a volume of its own, the same for every run', () => {
    const own = instance(makeEngine().database, 'k3x9');
    const volumes = (bot: string, keep: string[], workFolder = '/app') =>
      volumesFor(own, bot, { ...containerPlan, keep }, workFolder);
    const found = volumes('bot', ['data', './data/', '/data', 'Data', 'a b']);
    expect(found.map(({ Target }) => Target)).toEqual([
      '/app/data',
      '/app/data',
      '/data',
      '/app/Data',
      '/app/a b',
    ]);
    const sources = found.map(({ Source }) => Source);
    expect(sources[0]).toBe(sources[1]);
    expect(new Set(sources).size).toBe(4);
    expect(volumes('bot', ['data'])[0]?.Source).toBe(sources[0]);
    expect(volumes('other', ['data'])[0]?.Source).not.toBe(sources[0]);
    expect(volumes('bot', ['data'], '/srv')[0]?.Source).not.toBe(sources[0]);
    for (const source of sources) expect(source).toMatch(engineName);
  });
});
