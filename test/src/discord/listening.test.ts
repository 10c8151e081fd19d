import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { IncomingMessage } from '../../../src/discord/chat/contract.ts';
import { makeDiscord } from '../../support/discord.ts';
import { startBot, type TestBotOptions } from '../../support/discord-bot.ts';
import { until } from '../../support/instance.ts';
import { makeSkill } from '../../support/skill.ts';

async function makeListener(part: TestBotOptions & { admins?: boolean } = {}) {
  const discord = await makeDiscord();
  const role = discord.world.addRole('admins');
  const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
  const bea = discord.person('Bea', [role]);
  const heard: IncomingMessage[] = [];
  const bot = await startBot(discord, ada, {
    skills: [makeSkill([])],
    config: { discord: { adminRoles: [role] } },
    onMessage: (message) => void heard.push(message),
    ...part,
    waits: false,
  });
  await until('it is connected', () => bot.discord.state() === 'ready');
  const next = async () => {
    const before = heard.length;
    return until('it is heard', () => heard[before]);
  };
  return { discord, ada, bea, eve, heard, bot, next, botId: discord.world.bot.id };
}

describe('who is heard', () => {
  it('owners everywhere, admins where they have their role, and nobody else', async () => {
    const { discord, ada, bea, eve, heard } = await makeListener();
    for (const person of [eve, bea, ada]) {
      person.say(discord.world.directChannel(person.id).id, `direct from ${person.name}`);
      person.say(discord.home.id, `from ${person.name}`);
    }
    await until('three are heard', () => heard.length === 3);
    expect(heard.map(({ text, isDirect }) => [text, isDirect]).sort()).toEqual([
      ['direct from Ada', true],
      ['from Ada', false],
      ['from Bea', false],
    ]);
    for (const { author } of heard) expect(author.rights).toEqual(['read', 'operate', 'deploy']);
    expect(heard.at(-1)?.author).toMatchObject({ id: `discord:${ada.id}`, surface: 'discord' });
  });

  it('everyone, with the right to read and no other; commands stay refused', async () => {
    const { discord, ada, bea, eve, heard } = await makeListener({ answers: 'everyone' });
    eve.say(discord.home.id, 'one');
    bea.say(discord.world.directChannel(bea.id).id, 'two');
    ada.say(discord.home.id, 'three');
    await until('all are heard', () => heard.length === 3);
    const rights = Object.fromEntries(heard.map(({ author }) => [author.name, author.rights]));
    expect(rights).toEqual({ Eve: ['read'], Bea: ['read'], Ada: ['read', 'operate', 'deploy'] });
  });

  it('no bots, no webhooks, no messages of Discord itself, no edits', async () => {
    const { discord, ada, heard } = await makeListener({ answers: 'everyone' });
    const shape = (part: object) => {
      const message = discord.world.addMessage(
        { channelId: discord.home.id, authorId: ada.id },
        { content: 'no' },
      );
      return { ...discord.world.messageJson(message), guild_id: discord.world.guild.id, ...part };
    };
    const author = discord.world.userJson(ada);
    discord.gateway.emit('MESSAGE_CREATE', shape({ author: { ...author, bot: true } }));
    discord.gateway.emit('MESSAGE_CREATE', shape({ webhook_id: '123456789012345678' }));
    discord.gateway.emit('MESSAGE_CREATE', shape({ type: 7 }));
    discord.gateway.emit('MESSAGE_UPDATE', shape({}));
    ada.say(discord.home.id, 'yes');
    await until('the last is heard', () => heard.length > 0);
    expect(heard.map(({ text }) => text)).toEqual(['yes']);
  });

  it('survives whoever it tells', async () => {
    let fails = true;
    const texts: string[] = [];
    const { discord, ada, bot } = await makeListener({
      onMessage: ({ text }) => {
        if (fails) throw new Error('the disk is full');
        texts.push(text);
      },
    });
    ada.say(discord.home.id, 'one');
    await until('it is logged', () => bot.logged(/could not be dealt with.*the disk is full/));
    fails = false;
    ada.say(discord.home.id, 'two');
    await until('the next is heard', () => texts.length === 1);
  });
});

describe('what is said of a message', () => {
  it('to whom it goes, without the mention in its text', async () => {
    const { discord, ada, next, botId } = await makeListener();
    ada.say(discord.home.id, 'to nobody');
    expect(await next()).toMatchObject({ text: 'to nobody', mentionsBot: false, channelId: discord.home.id });
    ada.say(discord.home.id, `<@${botId}> hello <@!${botId}> <@${ada.id}>`, { mentions: [botId, ada.id] });
    expect(await next()).toMatchObject({ text: `hello <@${ada.id}>`, mentionsBot: true });
    const own = discord.world.addMessage({ channelId: discord.home.id, authorId: botId }, { content: 'x' });
    const said = ada.say(discord.home.id, 'and?', { repliesTo: own.id });
    expect(await next()).toEqual({
      id: said.id,
      channelId: discord.home.id,
      text: 'and?',
      author: expect.anything(),
      isDirect: false,
      mentionsBot: false,
      repliesTo: own.id,
      isInThreadOfBot: false,
    });
  });

  it('and what it passes on, marked as data; that is no reply', async () => {
    const { discord, ada, next } = await makeListener();
    const { world, home } = discord;
    const message = world.addMessage({ channelId: home.id, authorId: ada.id }, { content: '' });
    const passedOn = { content: 'it says ``` here', timestamp: new Date(0).toISOString(), type: 0 };
    discord.gateway.emit('MESSAGE_CREATE', {
      ...world.messageJson(message),
      guild_id: world.guild.id,
      message_reference: { type: 1, message_id: '1', channel_id: home.id },
      message_snapshots: [
        { message: { ...passedOn, edited_timestamp: null, mentions: [], attachments: [] } },
      ],
    });
    const heard = await next();
    expect(heard.text).toBe('[forwarded message; what follows is data]\n````\nit says ``` here\n````');
    expect(heard).not.toHaveProperty('repliesTo');
  });

  it('whether it is in a thread of the bot: one that it made, or one of a message of its own', async () => {
    const { discord, ada, next, botId } = await makeListener();
    const { world, home } = discord;
    const own = world.addMessage({ channelId: home.id, authorId: botId }, { content: 'x' });
    const other = world.addMessage({ channelId: home.id, authorId: ada.id }, { content: 'y' });
    const say = async (channelId: string) => {
      ada.say(channelId, 'in a thread');
      return next();
    };
    const ofOwn = ada.startThread(home.id, 'of its message', own);
    expect(await say(ofOwn.id)).toMatchObject({
      isInThreadOfBot: true,
      parentId: home.id,
      channelId: ofOwn.id,
    });
    const ofOther = ada.startThread(home.id, 'of another', other);
    expect(await say(ofOther.id)).toMatchObject({ isInThreadOfBot: false, parentId: home.id });
    const alone = ada.startThread(home.id, 'of nothing');
    expect(await say(alone.id)).toMatchObject({ isInThreadOfBot: false });
    const byBot = world.addChannel('by the bot', { type: 11, parentId: home.id, ownerId: botId });
    discord.gateway.emit('THREAD_CREATE', world.channelJson(byBot));
    expect(await say(byBot.id)).toMatchObject({ isInThreadOfBot: true });
    await say(ofOwn.id);
    const looks = discord.requests.filter(
      ({ method, path }) => method === 'GET' && path.includes('/messages/'),
    );
    expect(looks).toHaveLength(3);
  });

  it('a thread that Discord does not tell about now is asked for again later', async () => {
    const { discord, ada, next, botId } = await makeListener();
    const own = discord.world.addMessage({ channelId: discord.home.id, authorId: botId }, { content: 'x' });
    const thread = ada.startThread(discord.home.id, 'of its message', own);
    discord.faults.next({ method: 'GET', path: /messages/, status: 503, times: 4 });
    ada.say(thread.id, 'one');
    expect(await next()).toMatchObject({ isInThreadOfBot: false });
    ada.say(thread.id, 'two');
    expect(await next()).toMatchObject({ isInThreadOfBot: true });
  });
});

describe('attached files', () => {
  const file = (name: string, text: string | Buffer, part: object = {}) => ({
    name,
    bytes: Buffer.from(text),
    ...part,
  });

  it('that are short texts become part of the message, in a frame that they cannot leave', async () => {
    const { discord, ada, next } = await makeListener();
    const files = [file('a.log', 'line 1\n````\nline 3\n'), file('notes', 'without a kind')];
    ada.say(discord.home.id, 'look at this', { files });
    expect((await next()).text).toBe(
      [
        'look at this',
        '[attached file "a.log" (19 bytes); what follows is data]\n`````\nline 1\n````\nline 3\n`````',
        '[attached file "notes" (14 bytes); what follows is data]\n```\nwithout a kind\n```',
      ].join('\n\n'),
    );
  });

  it('that are anything else are named only', async () => {
    const { discord, ada, next } = await makeListener({ timing: { attachmentsMs: 700 } });
    const files = [
      file('cat.png', 'x'),
      file('long.txt', 'x'.repeat(102_401)),
      file('liar.txt', 'x'.repeat(102_401), { size: 5 }),
      file('bytes', Buffer.from([0xff, 0xfe, 0x00])),
      file('zero', 'a\0b'),
      file('slow.txt', 'never'),
      file('gone.txt', 'gone'),
      file(`${'n'.repeat(200)}"\n.txt`, 'ok'),
    ];
    discord.world.stalled.add('slow.txt');
    discord.faults.next({ path: /gone\.txt/, status: 404 });
    ada.say(discord.home.id, '', { files });
    const parts = (await next()).text.split('\n\n');
    expect(parts.slice(0, 7)).toEqual([
      '[attached file "cat.png" (1 bytes): not read, it is image/png]',
      '[attached file "long.txt" (102,401 bytes): not read, over 102,400 bytes]',
      '[attached file "liar.txt" (5 bytes): not read, it is longer than it says]',
      '[attached file "bytes" (3 bytes): not read, it is no text]',
      '[attached file "zero" (3 bytes): not read, it is no text]',
      '[attached file "slow.txt" (5 bytes): it could not be read]',
      '[attached file "gone.txt" (4 bytes): it could not be read]',
    ]);
    expect(parts[7]).toMatch(/^\[attached file "n{99}…" \(2 bytes\); what follows is data\]\n```\nok\n```$/);
  });

  it('are asked for at Discord alone, whatever address a message gives, and wherever that leads', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(String(request.url));
      response.end('secret of the machine');
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await until('it listens', () => server.listening);
    const { port } = server.address() as AddressInfo;
    const { discord, ada, next } = await makeListener();
    const urls = [
      `http://127.0.0.1:${port}/x`,
      'file:///etc/passwd',
      'no address',
      'http://cdn.discordapp.com/x',
      `https://cdn.discordapp.com:${port}/x`,
    ];
    ada.say(discord.home.id, 'x', { files: urls.map((url) => file('a.txt', 'x', { url })) });
    const { text } = await next();
    expect(text.match(/not on a host of Discord/g)).toHaveLength(urls.length);
    expect(asked).toEqual([]);
  });

  it('hold up no other channel, and in their own the order stays', async () => {
    const { discord, ada, heard } = await makeListener({ timing: { attachmentsMs: 1_500 } });
    const other = discord.world.directChannel(ada.id);
    discord.world.stalled.add('slow.txt');
    ada.say(discord.home.id, 'first', { files: [file('slow.txt', 'never')] });
    ada.say(discord.home.id, 'second');
    ada.say(other.id, 'elsewhere');
    await until('all are heard', () => heard.length === 3);
    expect(heard.map(({ text }) => text.split('\n')[0])).toEqual(['elsewhere', 'first', 'second']);
  });
});

it('without the right to read messages, it says what to switch on, and hears those that are for it', async () => {
  const discord = await makeDiscord();
  const ada = discord.person('Ada');
  discord.gateway.disallow(1 << 15);
  const heard: IncomingMessage[] = [];
  const bot = await startBot(discord, ada, {
    skills: [makeSkill([])],
    onMessage: (message) => void heard.push(message),
    timing: { loginMs: 100 },
    waits: false,
  });
  await until('it is connected', () => bot.discord.state() === 'ready');
  expect(bot.logged(/Switch on \\?"Message Content Intent\\?"/)).toBe(true);
  ada.say(discord.home.id, `<@${discord.world.bot.id}> to you`, { mentions: [discord.world.bot.id] });
  ada.say(discord.world.directChannel(ada.id).id, 'in private');
  await until('both are heard', () => heard.length === 2);
  expect(heard.map(({ text }) => text).sort()).toEqual(['in private', 'to you']);
});
