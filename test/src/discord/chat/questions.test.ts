import { describe, expect, it } from 'vitest';
import type { Actor, Confirmation } from '../../../../skills/tool.ts';
import type { Message, Person, SmallDiscord } from '../../../discord/index.ts';
import { type Channel, type Json, latest } from '../../../discord/world.ts';
import { buttonsOf, ownMessages, willsOf } from '../../../support/chat.ts';
import { makeDiscord } from '../../../support/discord.ts';
import {
  answerTo,
  messageOf,
  startBot,
  type TestBot,
  type TestBotOptions,
} from '../../../support/discord-bot.ts';
import { until } from '../../../support/instance.ts';
import { makeSkill } from '../../../support/skill.ts';

const timing = { editMs: 100 };

function actorOf({ id, name }: Person, rights: Actor['rights'] = ['read', 'operate', 'deploy']): Actor {
  return { id: `discord:${id}`, name, surface: 'llm', rights };
}

function makeQuestion(actor: Actor, part: Partial<Confirmation> = {}): Confirmation {
  return {
    id: crypto.randomUUID(),
    actor,
    tool: 'promote',
    input: { version: '1.2', note: '```@everyone' },
    question: 'Promote staging: v1.2?',
    expiresAt: Date.now() + 120_000,
    ...part,
  };
}

async function makeAsker(part: TestBotOptions = {}) {
  const discord = await makeDiscord();
  const [ada, bea, eve] = [discord.person('Ada'), discord.person('Bea'), discord.person('Eve')];
  const bot = await startBot(discord, ada, {
    skills: [makeSkill([])],
    timing,
    env: { DISCORD_OWNER_ID: `${ada.id},${bea.id}` },
    onStop: () => true,
    ...part,
    waits: false,
  });
  await until('it is connected', () => bot.discord.state() === 'ready');
  return { discord, ada, bea, eve, bot };
}

async function shown(discord: SmallDiscord, channel?: Channel): Promise<Message> {
  return until('the question is there', () => ownMessages(discord, channel).at(-1));
}

function idOf(message: Message, label: string): string {
  const parts = latest(message).components.flatMap((row) => (row.components ?? []) as Json[]);
  return String(parts.find((part) => part.label === label)?.custom_id);
}

function ask(bot: TestBot, discord: SmallDiscord, question: Confirmation, signal?: AbortSignal) {
  return bot.discord.chat.confirm(discord.home.id, question, 'b1', signal);
}

describe('a question in a channel', () => {
  it('shows the exact input to everybody, and is answered by its person alone, once', async () => {
    const { discord, ada, bea, eve, bot } = await makeAsker();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)));
    const message = await shown(discord);
    expect(latest(message).content).toMatch(/^\*\*Promote staging: v1.2\?\*\*\n```\nversion: 1.2\n/);
    expect(latest(message).content.match(/```/g)).toHaveLength(2);
    expect(latest(message)).toMatchObject({ flags: 4, allowedMentions: { parse: [] } });
    const yes = idOf(message, 'Confirm');
    for (const other of [bea, eve]) {
      const click = other.pressId(message, yes);
      expect(await answerTo(click)).toBe('Only Ada can answer this.');
      expect(latest(messageOf(click)).flags & 64).toBe(64);
    }
    const clicks = [ada.pressId(message, yes), ada.pressId(message, yes)];
    expect(await answer).toBe(true);
    await until('both are answered', () => clicks.every(({ callback }) => callback !== undefined));
    expect(clicks.map(({ callback }) => (callback as { type: number }).type).sort()).toEqual([4, 7]);
    expect(latest(message).content).toMatch(/version: 1.2[\s\S]*✅ Confirmed by Ada\.$/);
    expect(buttonsOf(message)).toEqual([]);
    expect(await answerTo(ada.pressId(message, yes))).toBe('This was answered already.');
    await until('no will is left', () => willsOf(bot) === 0);
  });

  it('that nobody on Discord has asked for is answered by any owner, and by no outsider', async () => {
    const { discord, bea, eve, bot } = await makeAsker();
    const clock: Actor = {
      ...{ id: 'system:clock', name: 'the clock', surface: 'system' },
      rights: ['read', 'operate', 'deploy'],
    };
    const answer = ask(bot, discord, makeQuestion(clock));
    const message = await shown(discord);
    expect(latest(message).content).toContain('Only an owner can answer');
    expect(await answerTo(eve.press(message, 'Confirm'))).toBe('Only an owner can answer this.');
    bea.press(message, 'Confirm');
    expect(await answer).toBe(true);
    await until('it says who', () => /✅ Confirmed by Bea\.$/.test(latest(message).content));
  });

  it('is refused by its other button', async () => {
    const { discord, ada, bot } = await makeAsker();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)));
    ada.press(await shown(discord), 'Cancel');
    expect(await answer).toBe(false);
    expect(latest(await shown(discord)).content).toMatch(/🚫 Refused by Ada\.$/);
  });

  it('works in direct messages', async () => {
    const { discord, ada, bot } = await makeAsker();
    const channel = discord.world.directChannel(ada.id);
    const answer = bot.discord.chat.confirm(channel.id, makeQuestion(actorOf(ada)), 'b1');
    ada.press(await shown(discord, channel), 'Confirm');
    expect(await answer).toBe(true);
  });

  it('expires as a denial, and its message says so', async () => {
    const { discord, ada, bot } = await makeAsker();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada), { expiresAt: Date.now() + 700 }));
    const message = await shown(discord);
    const yes = idOf(message, 'Confirm');
    expect(await answer).toBe(false);
    await until('it says so', () => /Nobody has confirmed this in time/.test(latest(message).content));
    expect(buttonsOf(message)).toEqual([]);
    expect(await answerTo(ada.pressId(message, yes))).toBe('This question has expired. Ask again.');
  });

  it('that has expired already is not asked', async () => {
    const { discord, ada, bot } = await makeAsker();
    expect(await ask(bot, discord, makeQuestion(actorOf(ada), { expiresAt: Date.now() }))).toBe(false);
    expect(await ask(bot, discord, makeQuestion(actorOf(ada)), AbortSignal.abort())).toBe(false);
    expect(ownMessages(discord)).toEqual([]);
  });

  it('is denied when the caller has gone', async () => {
    const { discord, ada, bot } = await makeAsker();
    const gone = new AbortController();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)), gone.signal);
    const message = await shown(discord);
    gone.abort();
    expect(await answer).toBe(false);
    await until('it says so', () => /stopped before anybody/.test(latest(message).content));
  });

  it('is a no where it cannot be shown', async () => {
    const { discord, ada, bot } = await makeAsker();
    discord.faults.next({ method: 'POST', path: /messages$/, status: 403, code: 50_013 });
    expect(await ask(bot, discord, makeQuestion(actorOf(ada)))).toBe(false);
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('it is away', () => bot.discord.state() === 'down');
    discord.faults.next({ path: /./, status: 'drop', times: 1_000 });
    expect(await ask(bot, discord, makeQuestion(actorOf(ada)))).toBe(false);
    expect(bot.log.filter(({ message }) => /counts as a no/.test(message))).toHaveLength(2);
  });

  it('stands there once where Discord took it and we did not hear so', async () => {
    const { discord, ada, bot } = await makeAsker();
    discord.faults.next({ method: 'POST', path: /messages$/, status: 'lose' });
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)));
    const message = await shown(discord);
    await until(
      'it is tried again',
      () => discord.requests.filter(({ path }) => path.endsWith('/messages')).length === 2,
    );
    ada.press(message, 'Confirm');
    expect(await answer).toBe(true);
    expect(ownMessages(discord)).toHaveLength(1);
  });

  it('does not count where the click could not be acknowledged, and its message says so', async () => {
    const { discord, ada, bot } = await makeAsker();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)));
    const message = await shown(discord);
    discord.faults.next({ path: /callback/, status: 404, code: 10_062 });
    ada.press(message, 'Confirm');
    expect(await answer).toBe(false);
    await until('it says so', () => /did not reach the bot/.test(latest(message).content));
    expect(buttonsOf(message)).toEqual([]);
  });

  it('of a bot that was restarted does nothing, says so, and loses its buttons', async () => {
    const { discord, ada, bot } = await makeAsker();
    const answer = ask(bot, discord, makeQuestion(actorOf(ada)));
    const message = await shown(discord);
    const yes = idOf(message, 'Confirm');
    await until('its will is there', () => willsOf(bot) === 1);
    await bot.stop();
    expect(await answer).toBe(false);
    const next = await startBot(discord, ada, {
      root: bot.root,
      skills: [makeSkill([])],
      timing,
      waits: false,
    });
    await until('the next is connected', () => next.discord.state() === 'ready');
    expect(await answerTo(ada.pressId(message, yes))).toMatch(/open no more: the bot was restarted/);
    await until('the buttons are gone', () => buttonsOf(message).length === 0);
    expect(latest(message).content).toMatch(/version: 1.2[\s\S]*open no more: the bot was restarted/);
  });

  it('hides secrets', async () => {
    const { discord, ada, bot } = await makeAsker({
      files: { '.env': 'SOME_SERVICE=k3y-of-some-service-8842\n' },
    });
    const input = { command: 'curl k3y-of-some-service-8842' };
    void ask(bot, discord, makeQuestion(actorOf(ada), { input, question: 'Run k3y-of-some-service-8842?' }));
    const message = await shown(discord);
    ada.press(message, 'Confirm');
    await until('it is answered', () => message.states.length === 2);
    for (const { content } of message.states) expect(content).not.toContain('k3y');
  });
});
