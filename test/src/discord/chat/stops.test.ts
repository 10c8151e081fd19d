import { describe, expect, it } from 'vitest';
import type { StopRequest } from '../../../../src/discord/chat/contract.ts';
import type { SmallDiscord } from '../../../discord/index.ts';
import { latest } from '../../../discord/world.ts';
import { buttonsOf, ownMessages } from '../../../support/chat.ts';
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

async function makeStoppable(part: TestBotOptions = {}) {
  const discord = await makeDiscord();
  const [ada, eve, mallory] = [discord.person('Ada'), discord.person('Eve'), discord.person('Mallory')];
  const stopped: StopRequest[] = [];
  const heard: string[] = [];
  const bot = await startBot(discord, ada, {
    skills: [makeSkill([])],
    timing,
    answers: 'everyone',
    onMessage: ({ id }) => void heard.push(id),
    onStop: (request) => {
      stopped.push(request);
      return true;
    },
    ...part,
  });
  return { discord, ada, eve, mallory, stopped, heard, bot };
}

/** An answer to a message, while it grows. */
async function growing(
  discord: SmallDiscord,
  bot: TestBot,
  branch: string,
  replyTo?: string,
  channelId = discord.home.id,
) {
  const before = ownMessages(discord, discord.world.channels.get(channelId)).length;
  const answer = bot.discord.chat.open(channelId, { branch, ...(replyTo === undefined ? {} : { replyTo }) });
  answer.write('on the way ');
  const message = await until(
    'it grows',
    () => ownMessages(discord, discord.world.channels.get(channelId))[before],
  );
  return { answer, message };
}

describe('the button below a growing message', () => {
  it('is for those with rights and for whoever asked; the others are told so alone', async () => {
    const { discord, ada, eve, mallory, stopped, heard, bot } = await makeStoppable();
    const asked = eve.say(discord.home.id, 'a question');
    await until('it is heard', () => heard.length === 1);
    const { answer, message } = await growing(discord, bot, 'b7', asked.id);
    const refused = mallory.press(message, 'Stop');
    expect(await answerTo(refused)).toMatch(/^Only whoever asked for it, and the owners/);
    expect(latest(messageOf(refused)).flags & 64).toBe(64);
    expect(stopped).toEqual([]);
    expect(await answerTo(eve.press(message, 'Stop'))).toBe('Stopping …');
    expect(await answerTo(ada.press(message, 'Stop'))).toBe('Stopping …');
    expect(stopped).toMatchObject([
      { branch: 'b7', channelId: discord.home.id, by: { id: `discord:${eve.id}`, rights: [] } },
      {
        branch: 'b7',
        channelId: discord.home.id,
        by: { id: `discord:${ada.id}`, rights: expect.arrayContaining(['deploy']) },
      },
    ]);
    const stop = 'stop:b7';
    await answer.finish('stopped');
    expect(buttonsOf(message)).toEqual([]);
    expect(await answerTo(eve.pressId(message, stop))).toMatch(/^Only whoever asked/);
  });

  it('says so where nothing is at work, or where it could not be stopped', async () => {
    let failing = false;
    const { discord, ada, bot } = await makeStoppable({
      onStop: () => {
        if (failing) throw new Error('the disk is full');
        return false;
      },
    });
    const { message } = await growing(discord, bot, 'b1');
    expect(await answerTo(ada.press(message, 'Stop'))).toBe('Nothing is at work here.');
    failing = true;
    expect(await answerTo(ada.press(message, 'Stop'))).toMatch(/could not be stopped/);
    expect(bot.logged(/the disk is full/)).toBe(true);
  });

  it('stops also where Discord does not let us say so', async () => {
    const { discord, ada, stopped, bot } = await makeStoppable();
    const { message } = await growing(discord, bot, 'b1');
    discord.faults.next({ path: /callback/, status: 404, code: 10_062 });
    ada.press(message, 'Stop');
    await until('it is stopped', () => stopped.length === 1);
    await until('it is logged', () => bot.logged(/could not be dealt with/));
  });

  it('denies the question that waits in its branch, and no other', async () => {
    const { discord, ada, bot } = await makeStoppable();
    const actor = { id: `discord:${ada.id}`, name: 'Ada', surface: 'llm', rights: ['deploy'] } as const;
    const ask = (id: string, branch: string) =>
      bot.discord.chat.confirm(
        discord.home.id,
        { id, actor, tool: 'promote', input: {}, question: `${branch}?`, expiresAt: Date.now() + 60_000 },
        branch,
      );
    const { message } = await growing(discord, bot, 'b1');
    const [one, other] = [ask('q1', 'b1'), ask('q2', 'b2')];
    await until('both are there', () => ownMessages(discord).length === 3);
    ada.press(message, 'Stop');
    expect(await one).toBe(false);
    const asked = (branch: string) =>
      ownMessages(discord).find((own) => latest(own).content.includes(`**${branch}?**`));
    await until('it says so', () => /stopped before anybody/.test(latest(asked('b1') as never).content));
    ada.press(asked('b2') as never, 'Confirm');
    expect(await other).toBe(true);
  });
});

describe('/stop', () => {
  it('is registered for servers and direct messages, beside the other commands, and works in both', async () => {
    const { discord, ada, stopped } = await makeStoppable();
    const command = [...discord.world.commands.values()].find(({ name }) => name === 'stop');
    expect(command).toMatchObject({ contexts: [0, 1], integration_types: [0] });
    const deed = ada.slash('stop');
    expect(await answerTo(deed)).toBe('Stopping …');
    expect(latest(messageOf(deed)).flags & 64).toBe(64);
    expect(await answerTo(ada.slash('stop', { direct: true }))).toBe('Stopping …');
    expect(stopped).toMatchObject([
      { channelId: discord.home.id, by: { id: `discord:${ada.id}` } },
      { channelId: discord.world.directChannel(ada.id).id },
    ]);
    expect(stopped[0]).not.toHaveProperty('branch');
  });

  it('of somebody without rights stops their own answers in that channel, and refuses where there are none', async () => {
    const { discord, eve, mallory, stopped, heard, bot } = await makeStoppable();
    const direct = discord.world.directChannel(eve.id);
    const asked = [
      eve.say(discord.home.id, 'here'),
      eve.say(direct.id, 'there'),
      mallory.say(discord.home.id, 'mine'),
    ];
    await until('all are heard', () => heard.length === 3);
    await growing(discord, bot, 'here', asked[0]?.id);
    await growing(discord, bot, 'there', asked[1]?.id, direct.id);
    await growing(discord, bot, 'mine', asked[2]?.id);
    expect(await answerTo(eve.slash('stop'))).toBe('Stopping …');
    expect(stopped.map(({ branch }) => branch)).toEqual(['here']);
    expect(await answerTo(eve.slash('stop', { direct: true }))).toBe('Stopping …');
    expect(stopped.map(({ branch }) => branch)).toEqual(['here', 'there']);
    expect(await answerTo(discord.person('Trent').slash('stop'))).toMatch(/^Only whoever asked/);
  });

  it('as a word in a channel does the same, and is no message', async () => {
    const { discord, ada, eve, stopped, heard } = await makeStoppable();
    ada.say(discord.home.id, ` <@${discord.world.bot.id}>  /STOP `, { mentions: [discord.world.bot.id] });
    await until('it is stopped', () => stopped.length === 1);
    expect(stopped[0]).toEqual({
      channelId: discord.home.id,
      by: expect.objectContaining({ id: `discord:${ada.id}` }),
    });
    eve.say(discord.home.id, '/stop');
    eve.say(discord.home.id, 'please do not /stop');
    await until('the other is heard', () => heard.length === 1);
    expect(stopped).toHaveLength(1);
  });

  it('of somebody who is not heard at all is nothing', async () => {
    const { discord, ada, eve, stopped } = await makeStoppable({ answers: 'owners' });
    eve.say(discord.home.id, '/stop');
    ada.say(discord.home.id, '/stop');
    await until('it is stopped', () => stopped.length === 1);
    expect(stopped[0]?.by.name).toBe('Ada');
  });

  it('is not there where nobody is told of it, and neither is the button', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada, { timing });
    expect([...discord.world.commands.values()].map(({ name }) => name)).toEqual(['process']);
    const { message } = await growing(discord, bot, 'b1');
    expect(buttonsOf(message)).toEqual([]);
    expect(await answerTo(ada.pressId(message, 'stop:b1'))).toMatch(/no longer there/);
  });
});
