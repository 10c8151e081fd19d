// The package's door in the hands of a host that closes, starts and asks in whatever order, and names what it likes.

import { expect, it, onTestFinished } from 'vitest';
import { openProcessManager, type ProcessManagerOptions } from '../../../src/embed/index.ts';
import { makeInstance, until } from '../../support/instance.ts';
import { makeLogger } from '../../support/skill.ts';

const rights = ['read', 'operate', 'deploy'] as const;
const secret = 'correct-horse-battery';

function open(part: Partial<ProcessManagerOptions> = {}) {
  const logger = makeLogger();
  const root = makeInstance({ 'config.json': '{}', '.env': `OTHER_KEY=${secret}\n` });
  const manager = openProcessManager({ root, logger, environment: {}, ...part });
  onTestFinished(() => manager.close());
  return { root, manager, lines: logger.lines };
}

/** As discord.js tells of `/process VERB`. */
function asked(verb: string, options: Record<string, unknown> = {}) {
  const data = Object.entries(options).map(([name, value]) => ({ name, value }));
  return { commandName: 'process', options: { data: [{ name: verb, options: data }] } };
}

it('ends with its database what it has begun, so that another one can take over', async () => {
  const { root, manager, lines } = open();
  const first = manager.start();
  await until('it is in charge', () => first.isInCharge);
  manager.close();
  const { manager: next } = open({ root });
  const second = next.start();
  await until('the other one is in charge', () => second.isInCharge);
  expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  expect(() => manager.start()).toThrow(/was closed/);
  const actor = { id: 'discord:1', name: 'Ada', surface: 'discord', rights } as const;
  expect((await manager.answer(asked('list'), actor)).content).toMatch(/was closed/);
});

it('works for two folders in one process, each with its own rows', async () => {
  const [one, two] = [open(), open()];
  const actor = { id: 'test:1', name: 'Ada', surface: 'cli', rights } as const;
  await one.manager.dispatcher.call(actor, 'run', { command: 'true', name: 'only-here', wait: 10 });
  const list = async ({ manager }: typeof one) =>
    JSON.stringify(await manager.dispatcher.call(actor, 'list', {}));
  expect(await list(one)).toContain('only-here');
  expect(await list(two)).not.toContain('only-here');
});

it('asks and masks as on Discord, whatever surface the host says that the actor has', async () => {
  const { manager } = open();
  for (const surface of ['cli', 'system'] as const) {
    const actor = { id: 'discord:1', name: 'Ada', surface, rights };
    const ran = await manager.answer(asked('run', { command: `some-program ${secret}` }), actor);
    expect(ran.content).toMatch(/needs a confirmation, and there was none/);
    const wrong = { confirm: async () => 'yes' as unknown as boolean };
    const again = await manager.answer(asked('run', { command: 'some-program' }), actor, wrong);
    expect(again.content).toMatch(/needs a confirmation, and there was none/);
    expect((await manager.answer(asked('history'), actor)).content).not.toContain(secret);
  }
});
