// An agent whose database cannot be written, and a turn that takes the whole bot down each time: neither may become a
// circle.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startAnthropicServer } from '../../agent-servers/index.ts';
import { startAgent } from '../../support/agent.ts';
import { codeRoot, makeInstance, runProgram, until } from '../../support/instance.ts';

it('a disk without space makes no turn begin again and again', async () => {
  const bot = await startAgent({ replies: [{ text: 'word '.repeat(50), chunkMs: 10 }, { text: 'well' }] });
  bot.say('hello');
  await until('it speaks', () => (bot.chat.posts[0]?.text.length ?? 0) > 10);
  const database = bot.instance.database();
  database.pragma('query_only = 1');
  await until('it breaks', () => bot.log.some(({ message }) => message === 'a turn broke'));
  // The loop still turns, and nothing is begun meanwhile.
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(bot.log.filter(({ message }) => message === 'a turn broke')).toHaveLength(1);
  expect(bot.agent.busy()).toBe(1);
  // Whoever says something meanwhile is told that it was not kept.
  expect(() => bot.say('hello?')).toThrow();
  expect(bot.chat.posts.at(-1)?.text).toContain('I could not keep your message');
  database.pragma('query_only = 0');
});

it('counts as busy as it was while the database is away', async () => {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const bot = await startAgent({
    replies: async () => {
      await held;
      return { text: 'done' };
    },
  });
  bot.say('work');
  await until('it works', () => bot.server.requests.length === 1);
  expect(bot.agent.busy()).toBe(1);
  bot.instance.database().exec('ALTER TABLE agent_branches RENAME TO away');
  expect(bot.agent.busy()).toBe(1);
  bot.instance.database().exec('ALTER TABLE away RENAME TO agent_branches');
  letGo();
  await until('it rests', () => bot.agent.busy() === 0);
});

it('a branch whose turn takes the bot down again and again is given up', { timeout: 120_000 }, async () => {
  const server = await startAnthropicServer({
    replies: () => ({ text: 'I do it.', calls: [{ name: 'trial_die', input: {} }] }),
  });
  const root = makeInstance();
  const program = join(codeRoot, 'test/support/agent-program.ts');
  const run = () =>
    runProgram(process.execPath, ['--import', 'tsx', program, root, server.url], { cwd: codeRoot });
  const said = () => (existsSync(join(root, 'said')) ? readFileSync(join(root, 'said'), 'utf8') : '');
  for (const _ of [1, 2, 3]) {
    await run();
    expect(said()).toBe('');
  }
  const asked = server.requests.length;
  await run();
  expect(said()).toMatch(/ended 3 times while I worked on this/);
  expect(server.requests).toHaveLength(asked);
  await server.close();
});
