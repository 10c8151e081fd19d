// What hooks ask of the agent, and what the clock begins: through the agent itself, against a real model server.

import { describe, expect, it } from 'vitest';
import type { AgentMessage } from '../../../skills/tool.ts';
import { outsider, startAgent, type TestAgent } from '../../support/agent.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const creator = {
  id: 'cli:root',
  name: 'root',
  surface: 'cli',
  rights: ['read', 'operate', 'deploy'],
} as const;
const message = (part: Partial<AgentMessage> = {}): AgentMessage => ({
  ...{ key: `outbox:${Math.random()}`, text: 'It ended.\n> a line of the log', depth: 1, creator },
  ...part,
});
const branches = (bot: TestAgent) =>
  bot.instance
    .database()
    .prepare<[], { id: string; status: string; origin: string; depth: number; error: string | null }>(
      'SELECT id, status, origin, depth, error FROM agent_branches ORDER BY rowid',
    )
    .all();
const answers = (bot: TestAgent, count: number) =>
  until(
    `${count} answers`,
    () => bot.chat.posts.filter(({ isFinished }) => isFinished).length === count && bot.agent.busy() === 0,
  );

describe('inject', () => {
  it('wakes the branch, and adds nothing to its rights', async () => {
    const act = makeTool('act', 'operate');
    const bot = await startAgent({
      replies: [{ text: 'hello' }, { text: 'I see, it ended.' }],
      skills: [makeSkill([act])],
    });
    bot.say('hello', { author: outsider });
    await answers(bot, 1);
    const [branch] = branches(bot);
    const told = message({ branch: branch?.id ?? '' });
    expect(bot.agent.seam.inject(told)).toBe(true);
    expect(bot.agent.seam.inject(told)).toBe(true);
    await answers(bot, 2);
    const request = bot.server.requests[1];
    expect(request?.messages.at(-1)?.text).toContain('<hook>\nIt ended.\n> a line of the log\n</hook>');
    expect(request?.tools).not.toContain('trial_act');
    expect(bot.server.requests).toHaveLength(2);
  });

  it('says no when there is no such branch, or when it was completed', async () => {
    const bot = await startAgent({ replies: [{ text: 'hello' }] });
    expect(bot.agent.seam.inject(message({ branch: 'b00000' }))).toBe(false);
    expect(bot.agent.seam.inject(message())).toBe(false);
    bot.say('hello');
    await answers(bot, 1);
    const [branch] = branches(bot);
    const id = branch?.id ?? '';
    expect(bot.agent.seam.stop(message({ branch: id }))).toBe(true);
    expect(branches(bot)).toMatchObject([{ status: 'completed' }]);
    expect(bot.agent.seam.inject(message({ branch: id }))).toBe(false);
    expect(bot.agent.seam.stop(message({ branch: id }))).toBe(false);
  });
});

describe('spawn', () => {
  it('begins a branch once, in the channel of the branch that it comes from, with the rights of its creator', async () => {
    const bot = await startAgent({ replies: [{ text: 'hello' }, { text: 'I look into it.' }] });
    bot.say('hello', { channelId: 'd' });
    await answers(bot, 1);
    const spawned = message({
      branch: branches(bot)[0]?.id ?? '',
      depth: 2,
      creator: { ...creator, rights: ['read'] },
    });
    expect(bot.agent.seam.spawn(spawned)).toBe(true);
    expect(bot.agent.seam.spawn(spawned)).toBe(true);
    await answers(bot, 2);
    expect(bot.chat.posts[1]).toMatchObject({ channel: 'd', text: 'I look into it.' });
    expect(branches(bot)).toMatchObject([{}, { origin: 'hook', depth: 2, status: 'idle' }]);
    expect(bot.server.requests).toHaveLength(2);
  });

  it('is put off while three are under way, and never deeper than three', async () => {
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
    for (const _ of [1, 2, 3]) expect(bot.agent.seam.spawn(message())).toBe(true);
    expect(bot.agent.seam.spawn(message())).toBe(false);
    // A person is answered all the same.
    bot.say('hello');
    await until('four are asked', () => bot.server.requests.length === 4);
    letGo();
    await until('all rest', () => bot.agent.busy() === 0);
    expect(bot.agent.seam.spawn(message())).toBe(true);
    // What can never be done is taken, so that nobody tries it again, and begins nothing.
    expect(bot.agent.seam.spawn(message({ depth: 4 }))).toBe(true);
    expect(branches(bot)).toHaveLength(5);
  });

  it('stop ends a branch in the middle of its work', async () => {
    const bot = await startAgent({ replies: [{ text: 'word '.repeat(500), chunkMs: 20 }] });
    bot.say('talk');
    await until('it talks', () => (bot.chat.posts[0]?.text.length ?? 0) > 10);
    expect(bot.agent.seam.stop(message({ branch: branches(bot)[0]?.id ?? '' }))).toBe(true);
    await until('it is over', () => branches(bot)[0]?.status === 'completed');
    expect(bot.chat.posts[0]?.text).toMatch(/Stopped by a hook\.$/);
  });
});

describe('the clock', () => {
  const config = {
    agent: { cycles: [{ schedule: '* * * * * *', prompt: 'Look around', channel: '123456789012345678' }] },
  };

  it('begins work once, and says why it skips the next', async () => {
    const bot = await startAgent({ replies: [{ text: 'All is well.' }], config });
    await answers(bot, 1);
    expect(bot.chat.posts[0]).toMatchObject({ channel: '123456789012345678', text: 'All is well.' });
    expect(bot.server.requests[0]?.messages.at(-1)?.text).toBe('Look around');
    expect(branches(bot)).toMatchObject([{ origin: 'cycle', status: 'idle' }]);
    await until('the next is skipped', () => bot.notices.length > 0);
    expect(bot.notices[0]).toEqual({
      text: expect.stringMatching(
        /^The cycle "Look around" was skipped: one was active in the last 10 minutes/,
      ),
      channel: '123456789012345678',
    });
    expect(branches(bot)).toHaveLength(1);
  });

  it('pauses after three errors in half an hour', async () => {
    const bot = await startAgent({
      replies: () => ({ status: 401, error: { type: 'authentication_error', message: 'no' } }),
      config: { agent: { cycles: [{ schedule: '* * * * * *', prompt: 'Look around' }] } },
    });
    await until('it is said', () => bot.notices.length > 0, 30_000);
    expect(bot.notices[0]?.text).toMatch(/was skipped: 3 failed in the last 30 minutes \(model_key_refused/);
    expect(branches(bot)).toHaveLength(3);
  }, 60_000);
});
