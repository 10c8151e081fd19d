// The agent from a message to its answer: a real model server, a real database, the real dispatcher.

import { describe, expect, it } from 'vitest';
import { Failure, type ToolContext } from '../../../skills/tool.ts';
import { outsider, startAgent, type TestAgent } from '../../support/agent.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const finished = (bot: TestAgent, count: number) =>
  until(
    `${count} answers`,
    () => bot.chat.posts.filter(({ isFinished }) => isFinished).length === count && bot.agent.busy() === 0,
  );
const texts = (bot: TestAgent) => bot.chat.posts.map(({ text }) => text);
const branches = (bot: TestAgent) =>
  bot.instance
    .database()
    .prepare<[], Record<string, unknown>>('SELECT * FROM agent_branches ORDER BY created_at, rowid')
    .all();

/** Tools that note what ran; `gate` holds `slow` until the test lets it go. */
function makeTools() {
  const ran: string[] = [];
  const contexts: ToolContext<unknown>[] = [];
  const gate = later();
  const skill = makeSkill([
    makeTool('look', 'read', {
      handler: async (context, { target }) => {
        contexts.push(context);
        ran.push(`look ${target}`);
        return { done: `seen ${target}` };
      },
    }),
    makeTool('act', 'operate', {
      decide: () => 'ask',
      handler: async (_, { target }) => {
        ran.push(`act ${target}`);
        return { done: target };
      },
    }),
    makeTool('fail', 'operate', {
      handler: async () => {
        throw new Failure('no_such_thing', 'There is no such thing.', 'Name another one.');
      },
    }),
    makeTool('slow', 'operate', {
      handler: async ({ signal }, { target }) => {
        ran.push(`slow ${target}`);
        await Promise.race([
          gate.promise,
          new Promise((resolve) => signal.addEventListener('abort', resolve)),
        ]);
        if (signal.aborted) throw new Failure('stopped', 'It was stopped.', 'Begin again.');
        return { done: target };
      },
    }),
    makeTool('switch', 'deploy', {
      handler: async ({ handOver }) => {
        handOver?.('release:v1.1-x');
        return { done: 'staged' };
      },
    }),
  ]);
  return { ran, contexts, gate, skill };
}

function later() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('a message', () => {
  it('is answered, and the answer grows while it is written', async () => {
    const bot = await startAgent({
      replies: [{ text: `Hello Ann, ${'here I am. '.repeat(20)}`, chunkMs: 5 }],
      files: { 'SOUL.md': 'I am kind.' },
    });
    bot.say('hello', { id: 'm0' });
    await finished(bot, 1);
    expect(bot.chat.posts[0]).toMatchObject({
      channel: 'c',
      replyTo: 'm0',
      text: expect.stringMatching(/^Hello Ann, (here I am. ?)+$/),
    });
    expect(bot.chat.posts[0]?.drafts.length).toBeGreaterThan(2);
    expect(bot.server.requests[0]).toMatchObject({ problems: [] });
    expect(bot.server.requests[0]?.system).toContain('I am kind.');
    expect(bot.server.requests[0]?.messages.at(-1)?.text).toContain(
      '<message from="ann" rights="read, operate, deploy">\nhello',
    );
    expect(branches(bot)).toMatchObject([{ status: 'idle', steps: 1, error: null, unsaid: null }]);
    expect(branches(bot)[0]?.input_tokens).toBeGreaterThan(0);
  });

  it('goes to the branch of the message that it replies to', async () => {
    const bot = await startAgent({ replies: [{ text: 'one' }, { text: 'two' }, { text: 'three' }] });
    bot.say('first');
    await finished(bot, 1);
    bot.say('elsewhere', { channelId: 'd' });
    await finished(bot, 2);
    bot.say('to the first', { channelId: 'e', repliesTo: 'post-0' });
    await finished(bot, 3);
    expect(branches(bot)).toHaveLength(2);
    expect(bot.server.requests[2]?.messages.map(({ text }) => text).join()).toMatch(
      /first.*one.*to the first/s,
    );
  });

  it('that comes twice counts once', async () => {
    const bot = await startAgent({ replies: [{ text: 'one' }] });
    bot.say('first', { id: 'm1' });
    await finished(bot, 1);
    bot.say('first', { id: 'm1' });
    expect(bot.agent.busy()).toBe(0);
  });

  it('that comes while the agent works is read at its next step', async () => {
    const { skill, gate, ran } = makeTools();
    const bot = await startAgent({
      replies: [{ calls: [{ name: 'trial_slow', input: {} }] }, { text: 'done, and I have read it' }],
      skills: [skill],
    });
    bot.say('work');
    await until('it works', () => ran.length === 1);
    bot.say('one more thing');
    gate.resolve();
    await finished(bot, 1);
    expect(bot.server.requests).toHaveLength(2);
    expect(bot.server.requests[1]?.messages.at(-1)?.text).toContain('one more thing');
  });
});

describe('tools', () => {
  it('run for the person, and their results go back to the model', async () => {
    const { skill, ran, contexts } = makeTools();
    const bot = await startAgent({
      replies: [
        {
          text: 'I look.',
          calls: [
            { name: 'trial_look', input: { target: 'a' } },
            { name: 'trial_fail', input: {} },
          ],
        },
        { text: 'It is a.' },
      ],
      skills: [skill],
    });
    bot.say('what is it?');
    await finished(bot, 1);
    expect(ran).toEqual(['look a']);
    expect(contexts[0]).toMatchObject({
      channel: 'c',
      branch: { depth: 0 },
      actor: { id: 'discord:1', surface: 'llm' },
    });
    const results = bot.server.requests[1]?.messages.flatMap((message) => message.results);
    expect(results).toMatchObject([
      { text: 'done: "seen a"', isError: false },
      { text: 'no_such_thing: There is no such thing.\n-> Name another one.', isError: true },
    ]);
    expect(texts(bot)).toEqual(['I look.\n\nIt is a.']);
  });

  it('of somebody without the right are not even offered, and refused all the same', async () => {
    const { skill, ran } = makeTools();
    const bot = await startAgent({
      replies: [{ calls: [{ name: 'trial_act', input: {} }] }, { text: 'I may not.' }],
      skills: [skill],
    });
    bot.say('act!', { author: outsider });
    await finished(bot, 1);
    expect(bot.server.requests[0]?.tools).toEqual(['trial_look', 'ask_person']);
    expect(ran).toEqual([]);
  });

  it('that ask are confirmed by the person, and nothing runs before that', async () => {
    const { skill, ran } = makeTools();
    const bot = await startAgent({
      replies: [{ calls: [{ name: 'trial_act', input: { target: 'x' } }] }, { text: 'acted' }],
      skills: [skill],
    });
    bot.say('act');
    await until('they are asked', () => bot.chat.asked.length === 1);
    expect(bot.chat.asked[0]).toMatchObject({
      channel: 'c',
      question: 'act: x?',
      actor: { id: 'discord:1' },
    });
    expect(ran).toEqual([]);
    expect(branches(bot)).toMatchObject([{ status: 'waiting', waits_for: 'confirmation: act: x?' }]);
    expect(bot.agent.busy()).toBe(0);
    bot.chat.answer(true);
    await finished(bot, 1);
    expect(ran).toEqual(['act x']);
  });

  it('that are refused are told to the model', async () => {
    const { skill, ran } = makeTools();
    const bot = await startAgent({
      replies: [{ calls: [{ name: 'trial_act', input: {} }] }, { text: 'then not' }],
      skills: [skill],
    });
    bot.say('act');
    await until('they are asked', () => bot.chat.asked.length === 1);
    bot.chat.answer(false);
    await finished(bot, 1);
    expect(ran).toEqual([]);
    expect(bot.server.requests[1]?.messages.at(-1)?.results[0]?.text).toContain('not_confirmed');
  });

  it('a question of the model waits for as long as it takes', async () => {
    const bot = await startAgent({
      replies: [
        { text: 'Well.', calls: [{ name: 'ask_person', input: { question: 'Red or blue?' } }] },
        { text: 'Blue it is.' },
      ],
    });
    bot.say('paint it');
    await until('it has asked', () => bot.chat.posts[0]?.isFinished === true);
    expect(texts(bot)).toEqual(['Well.\n\nRed or blue?']);
    expect(branches(bot)).toMatchObject([{ status: 'waiting', waits_for: 'answer: Red or blue?' }]);
    bot.say('blue', { repliesTo: 'post-0' });
    await finished(bot, 2);
    expect(texts(bot).at(-1)).toBe('Blue it is.');
    expect(bot.server.requests[1]?.problems).toEqual([]);
  });

  it('malformed calls are answered, and the conversation goes on', async () => {
    const bot = await startAgent({
      replies: [
        {
          calls: [
            { name: 'no_such_tool', input: {} },
            { name: 'ask_person', input: '{"question' },
          ],
        },
        { text: 'sorry' },
      ],
    });
    bot.say('go');
    await finished(bot, 1);
    expect(bot.server.requests[1]?.problems).toEqual([]);
    expect(
      bot.server.requests[1]?.messages.flatMap((message) => message.results).map(({ isError }) => isError),
    ).toEqual([true, true]);
  });
});

describe('a turn ends', () => {
  it('when a person stops it, in the middle of a tool', async () => {
    const { skill, ran } = makeTools();
    const bot = await startAgent({
      replies: [
        {
          text: 'Slowly.',
          calls: [
            { name: 'trial_slow', input: {} },
            { name: 'trial_look', input: {} },
          ],
        },
      ],
      skills: [skill],
    });
    bot.say('work');
    await until('it works', () => ran.length === 1);
    expect(bot.agent.onStop({ channelId: 'c', by: outsider })).toBe(false);
    expect(
      bot.agent.onStop({ channelId: 'c', by: { ...outsider, rights: ['read', 'operate'], name: 'bob' } }),
    ).toBe(true);
    await finished(bot, 1);
    expect(texts(bot)).toEqual(['Slowly.\n\nStopped by bob.']);
    expect(ran).toEqual(['slow all']);
    expect(branches(bot)).toMatchObject([{ status: 'idle' }]);
    expect(bot.agent.onStop({ channelId: 'c', by: outsider })).toBe(false);
  });

  it('when a person stops it while the model speaks, and goes on when asked to', async () => {
    const bot = await startAgent({
      replies: [{ text: 'word '.repeat(200), chunkMs: 20 }, { text: 'I go on.' }],
    });
    bot.say('talk');
    await until('it talks', () => (bot.chat.posts[0]?.text.length ?? 0) > 20);
    bot.agent.onStop({
      channelId: 'c',
      by: { ...outsider, rights: ['operate'] },
    });
    await finished(bot, 1);
    expect(texts(bot)[0]).toMatch(/^word .*Stopped by eve\.$/s);
    bot.say('go on');
    await finished(bot, 2);
    expect(bot.server.requests.at(-1)?.messages.some(({ text }) => text.includes('[cut off here]'))).toBe(
      true,
    );
    expect(bot.server.requests.at(-1)?.problems).toEqual([]);
  });

  it('when its steps are used up, and goes on when told to', async () => {
    const { skill } = makeTools();
    const call = { calls: [{ name: 'trial_look', input: {} }] };
    const bot = await startAgent({
      replies: [call, call, { text: 'now I am done' }],
      skills: [skill],
      config: { agent: { maxSteps: 2 } },
    });
    bot.say('look around');
    await finished(bot, 1);
    expect(texts(bot)[0]).toContain('I have stopped after 2 steps (agent.maxSteps)');
    bot.say('go on');
    await finished(bot, 2);
    expect(texts(bot)[1]).toBe('now I am done');
  });

  it('when its tokens are used up', async () => {
    const { skill } = makeTools();
    const bot = await startAgent({
      replies: [{ calls: [{ name: 'trial_look', input: {} }], usage: { input: 900, output: 200 } }],
      skills: [skill],
      config: { agent: { maxTokens: 1000 } },
    });
    bot.say('look around');
    await finished(bot, 1);
    expect(texts(bot)[0]).toContain('1000 tokens (agent.maxTokens)');
    expect(branches(bot)).toMatchObject([{ input_tokens: 900, output_tokens: 200 }]);
  });

  it('when the provider fails for good: the person learns what to do, and can say so again', async () => {
    let isAway = true;
    const bot = await startAgent({
      replies: () =>
        isAway
          ? { status: 529, error: { type: 'overloaded_error', message: 'busy' } }
          : { text: 'Here I am again.' },
    });
    bot.say('hello');
    await finished(bot, 1);
    expect(texts(bot)[0]).toMatch(/^⚠ .*\n-> /s);
    expect(branches(bot)).toMatchObject([{ status: 'idle', error: expect.stringMatching(/^model_/) }]);
    isAway = false;
    bot.say('again');
    await finished(bot, 2);
    expect(texts(bot)[1]).toBe('Here I am again.');
    expect(bot.server.requests.at(-1)?.problems).toEqual([]);
  });

  it('before a switch: it rests, and is woken with the verdict', async () => {
    const { skill } = makeTools();
    const bot = await startAgent({
      replies: [
        {
          text: 'I promote.',
          calls: [
            { name: 'trial_switch', input: {} },
            { name: 'trial_look', input: {} },
          ],
        },
        { text: 'v1.1 is live, as you wished.' },
      ],
      skills: [skill],
    });
    bot.say('make it better');
    await until('it rests', () => bot.chat.posts[0]?.isFinished === true);
    await until('it waits', () => branches(bot)[0]?.awaits === 'release:v1.1-x');
    expect(bot.agent.busy()).toBe(0);
    bot.agent.onEvent({ id: 'other', subject: 'release:v1.0-y', forAgent: 'something else' });
    // Nor does a hook delay the switch: what it says is read afterwards.
    const told = {
      key: 'k',
      text: 'it ended',
      depth: 1,
      creator: outsider,
      branch: String(branches(bot)[0]?.id),
    };
    expect(bot.agent.seam.inject(told)).toBe(true);
    expect(branches(bot)).toMatchObject([{ status: 'waiting' }]);
    bot.agent.onEvent({ id: 'good:v1.1-x', subject: 'release:v1.1-x', forAgent: 'v1.1 is live.' });
    await finished(bot, 2);
    expect(texts(bot)[1]).toBe('v1.1 is live, as you wished.');
    const results = bot.server.requests[1]?.messages.flatMap((message) => message.results);
    expect(results?.[1]?.text).toContain('not run: your turn has ended');
    bot.agent.onEvent({ id: 'good:v1.1-x', subject: 'release:v1.1-x', forAgent: 'v1.1 is live.' });
    expect(bot.agent.busy()).toBe(0);
  });
});

it('a conversation that the model finds too long is folded, and the answer comes', async () => {
  const { skill } = makeTools();
  const long = 'x'.repeat(9_000);
  let refusals = 0;
  const bot = await startAgent({
    replies: (request) => {
      if (request.system.startsWith('Sum up')) return { text: 'They sent much.' };
      if (request.messages.length > 3 && refusals === 0) {
        refusals += 1;
        return {
          status: 400,
          error: {
            type: 'invalid_request_error',
            message: 'prompt is too long: 250000 tokens > 200000 maximum',
          },
        };
      }
      return { text: 'noted' };
    },
    skills: [skill],
  });
  for (const count of [1, 2, 3]) {
    bot.say(`${count} ${long}`);
    await finished(bot, count);
  }
  expect(refusals).toBe(1);
  expect(texts(bot)).toEqual(['noted', 'noted', 'noted']);
  expect(bot.server.requests.at(-1)?.messages[0]?.text).toContain('They sent much.');
  expect(bot.server.requests.at(-1)?.messages[0]?.text).toMatch(/<message from="ann"|‹message from="ann"/);
});
