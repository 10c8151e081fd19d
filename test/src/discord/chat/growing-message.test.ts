import { describe, expect, it } from 'vitest';
import { latest } from '../../../discord/world.ts';
import {
  buttonsOf,
  ownMessages,
  ownTexts,
  repeatedly,
  waitingNotices,
  willsOf,
} from '../../../support/chat.ts';
import { makeDiscord } from '../../../support/discord.ts';
import { shortestPause, startBot, type TestBotOptions } from '../../../support/discord-bot.ts';
import { until } from '../../../support/instance.ts';
import { makeSkill } from '../../../support/skill.ts';

const timing = { editMs: 150, noticeMs: 100, noticeRetryMs: 100 };
const lines = (count: number) =>
  Array.from({ length: count }, (_, index) => `This is line ${index} of a long answer.`).join('\n');

/** A bot that writes answers. */
async function makeWriter(part: TestBotOptions = {}) {
  const discord = await makeDiscord();
  const ada = discord.person('Ada');
  const bot = await startBot(discord, ada, {
    skills: [makeSkill([])],
    timing,
    onStop: () => true,
    ...part,
    waits: false,
  });
  await until('it is connected', () => bot.discord.state() === 'ready');
  const open = (replyTo?: string) =>
    bot.discord.chat.open(discord.home.id, { branch: 'b1', ...(replyTo === undefined ? {} : { replyTo }) });
  return { discord, ada, bot, open };
}

const posts = (discord: Awaited<ReturnType<typeof makeDiscord>>) =>
  discord.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/messages'));

describe('an answer that Discord does not take is kept as a notice, and finish says so', () => {
  it.each<[string, { status: number; code: number }]>([
    ['no right to write', { status: 403, code: 50_013 }],
    ['no access', { status: 403, code: 50_001 }],
    ['a text that it refuses', { status: 400, code: 50_035 }],
  ])('%s', async (_, fault) => {
    const { discord, bot, open } = await makeWriter();
    discord.faults.next({ method: 'POST', path: /messages$/, ...fault });
    expect(await open().finish('what I found')).toEqual([]);
    await until('the notice is there', () => waitingNotices(bot) === 0);
    expect(ownTexts(discord).join()).toMatch(/could not be shown in its place:\n```\nwhat I found\n```/);
  });

  it('5xx for a while, and the whole of a long text comes as a file later, once', async () => {
    const { discord, bot, open } = await makeWriter();
    const text = `${lines(400)}\nthe very end`;
    const message = open();
    discord.faults.next({ method: 'POST', path: /messages$/, status: 503, times: 1_000 });
    expect(await message.finish(text)).toEqual([]);
    expect(waitingNotices(bot)).toBe(1);
    discord.faults.clear();
    await until('it is there', () => waitingNotices(bot) === 0);
    const [notice, ...others] = ownMessages(discord);
    expect(others).toEqual([]);
    expect(notice && latest(notice).files[0]?.bytes.toString()).toBe(text);
  }, 40_000);

  it('Discord is away, and the bot is restarted meanwhile', async () => {
    const { discord, bot, open } = await makeWriter();
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('it is away', () => bot.discord.state() === 'down');
    discord.faults.next({ path: /./, status: 'drop', times: 1_000 });
    expect(await open().finish('said into the void')).toEqual([]);
    await bot.stop();
    discord.faults.clear();
    discord.gateway.refuseConnections(false);
    await startBot(discord, undefined, { root: bot.root, skills: [makeSkill([])], timing, waits: false });
    await until('it is there', () => /said into the void/.test(ownTexts(discord).join()));
    expect(ownMessages(discord)).toHaveLength(1);
  }, 40_000);

  it('the bot ends in the middle of the last text', async () => {
    const { discord, bot, open } = await makeWriter();
    discord.faults.next({ method: 'POST', path: /messages$/, status: 503, times: 1_000 });
    const finished = open().finish('the last words');
    await until('it is tried', () => posts(discord).length > 0);
    const stopped = bot.stop();
    expect(await finished).toEqual([]);
    await stopped;
    discord.faults.clear();
    await startBot(discord, undefined, { root: bot.root, skills: [makeSkill([])], timing, waits: false });
    await until('it is there', () => /the last words/.test(ownTexts(discord).join()));
  });

  it('the channel is gone', async () => {
    const { discord, bot, open } = await makeWriter();
    discord.world.channels.delete(discord.home.id);
    expect(await open().finish('to nobody')).toEqual([]);
    expect(waitingNotices(bot)).toBe(1);
    expect(bot.logged(/kept as a notice/)).toBe(true);
  });

  it('and all of it is in one notice when half of it was there already', async () => {
    const { discord, bot, open } = await makeWriter();
    const message = open();
    message.write(`${lines(30)} and`);
    await until('it grows', () => ownMessages(discord).length === 1);
    discord.faults.next({ method: 'PATCH', path: /messages/, status: 403, code: 50_013, times: 2 });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 403, code: 50_013 });
    expect(await message.finish(`${lines(30)} and more`)).toEqual([]);
    await until('the notice is there', () => waitingNotices(bot) === 0);
    expect(latest(ownMessages(discord).at(-1) as never).files[0]?.bytes.toString()).toBe(
      `${lines(30)} and more`,
    );
  });
});

describe('an answer while it grows', () => {
  it('is edited at most once in two seconds, with 500 writes a second', async () => {
    const { discord, open } = await makeWriter({ timing: { noticeMs: 100 } });
    const message = open();
    let count = 0;
    const stop = repeatedly(10, () => {
      for (let index = 0; index < 5; index++) message.write(`so far ${++count} and`);
      message.doing(`step ${count}`);
    });
    const own = await until('it is there', () => ownMessages(discord)[0]);
    await until('it was edited', () => discord.editsOf(own).length >= 2, 10_000);
    stop();
    const [id] = await message.finish('all of it');
    expect(id).toBe(own.id);
    const moments = [own.states[0]?.at ?? 0, ...discord.editsOf(own)];
    expect(moments.length).toBeLessThanOrEqual(5);
    expect(shortestPause(moments)).toBeGreaterThanOrEqual(1_990);
    expect(count).toBeGreaterThan(1_000);
    expect(latest(own).content).toBe('all of it');
    expect(discord.requests.some(({ status }) => status === 429)).toBe(false);
  }, 30_000);

  it('says what is being done and can be stopped, until its end', async () => {
    const { discord, bot, open } = await makeWriter();
    const message = open();
    message.doing('read_file `src/index.ts`\nand *more*');
    const own = await until('it is there', () => ownMessages(discord)[0]);
    expect(latest(own).content).toBe('-# ▸ read\\_file \\`src/index.ts\\` and \\*more\\*');
    expect(buttonsOf(own)).toEqual(['Stop']);
    message.write('Here is ```ts\nlet a; ');
    await until('the text is there', () => latest(own).content.includes('let a;'));
    expect(latest(own).content).toBe(
      'Here is ```ts\nlet a;\n```\n-# ▸ read\\_file \\`src/index.ts\\` and \\*more\\*',
    );
    expect(willsOf(bot)).toBe(1);
    await message.finish('Here it is.');
    expect(latest(own).content).toBe('Here it is.');
    expect(buttonsOf(own)).toEqual([]);
    expect(willsOf(bot)).toBe(0);
  });

  it('answers its question without calling anybody, also where the question is gone', async () => {
    const { discord, ada, open } = await makeWriter();
    const asked = ada.say(discord.home.id, 'well?');
    const [first] = await open(asked.id).finish('@everyone <@1> yes');
    expect(discord.world.messages.get(first ?? '')?.referenced).toBe(asked.id);
    asked.deleted = true;
    const [second] = await open(asked.id).finish('still yes');
    expect(second).toBeDefined();
    expect(posts(discord).map(({ body }) => body)).toMatchObject([
      { message_reference: { message_id: asked.id, fail_if_not_exists: false } },
      { message_reference: { message_id: asked.id, fail_if_not_exists: false } },
    ]);
    for (const { body } of posts(discord)) {
      expect(body.allowed_mentions).toEqual({ parse: [], replied_user: false });
      expect(body).toMatchObject({ nonce: expect.any(String), enforce_nonce: true });
    }
  });

  it('is no reply where the bot may not reply, rather than nothing', async () => {
    const { discord, ada, open } = await makeWriter();
    const asked = ada.say(discord.home.id, 'well?');
    for (const fault of [
      { status: 403, code: 160_002 },
      { status: 400, code: 50_035 },
    ]) {
      discord.faults.next({ method: 'POST', path: /messages$/, ...fault });
      const [id] = await open(asked.id).finish('yes');
      expect(discord.world.messages.get(id ?? '')?.referenced).toBeUndefined();
      expect(id).toBeDefined();
    }
    expect(ownTexts(discord)).toEqual(['yes', 'yes']);
  });

  it('is never empty', async () => {
    const { discord, bot, open } = await makeWriter();
    const message = open();
    message.write('   ');
    message.write('');
    expect(await message.finish(' \n\u200b')).toHaveLength(1);
    const other = bot.discord.chat.open(discord.home.id, {
      branch: 'b2',
      whenEmpty: 'Done, without a word.',
    });
    await other.finish('');
    expect(ownTexts(discord)).toEqual(['(no answer)', 'Done, without a word.']);
  });

  it('goes on in further messages, in order, and its button moves along', async () => {
    const { discord, open } = await makeWriter();
    const message = open();
    const text = lines(120);
    message.write(`${text} `);
    await until('three messages are there', () => ownMessages(discord).length === 3);
    await until('the last alone can be stopped', () =>
      ownMessages(discord).every((own, index) => buttonsOf(own).length === (index === 2 ? 1 : 0)),
    );
    const patches = () => discord.requests.filter(({ method }) => method === 'PATCH').length;
    const before = patches();
    const ids = await message.finish(text);
    expect(ids).toEqual(ownMessages(discord).map(({ id }) => id));
    expect(ownTexts(discord).join('\n')).toBe(text);
    // What stands there already is not sent again.
    expect(patches()).toBe(before + 1);
  });

  it('is at most five messages, and the rest comes as a file', async () => {
    const { discord, open } = await makeWriter({ timing: { ...timing, editMs: 50 } });
    const message = open();
    const text = lines(600);
    message.write(text);
    await until('five are there', () => ownMessages(discord).length === 5);
    await until('it says so', () => /comes as a file/.test(ownTexts(discord)[4] ?? ''));
    expect(await message.finish(text)).toHaveLength(5);
    const last = ownMessages(discord).at(-1);
    const [file] = last ? latest(last).files : [];
    const shown = ownTexts(discord).join('\n').split('\n-# The rest, ')[0];
    expect(`${shown}\n${file?.bytes.toString()}`).toBe(text);
    expect(ownMessages(discord)).toHaveLength(5);
  }, 30_000);

  it('takes messages away that the last text does not need', async () => {
    const { discord, bot, open } = await makeWriter();
    const message = open();
    message.write(`${lines(100)} `);
    await until('there are some', () => ownMessages(discord).length >= 2);
    expect(await message.finish('Short, after all.')).toHaveLength(1);
    await until('one is left', () => ownMessages(discord).length === 1);
    expect(ownTexts(discord)).toEqual(['Short, after all.']);
    expect(willsOf(bot)).toBe(0);
  });

  it('is written anew where somebody has deleted it', async () => {
    const { discord, open } = await makeWriter();
    const message = open();
    message.write('it begins ');
    const own = await until('it is there', () => ownMessages(discord)[0]);
    own.deleted = true;
    const ids = await message.finish('it ends');
    expect(ids).toHaveLength(1);
    expect(ids[0]).not.toBe(own.id);
    expect(ownTexts(discord)).toEqual(['it ends']);
  });

  it('stands there once where Discord took it and we did not hear so, with the newest text', async () => {
    const { discord, open } = await makeWriter();
    const message = open();
    discord.faults.next({ method: 'POST', path: /messages$/, status: 'lose' });
    message.write('the first words ');
    await until('it was taken', () => ownMessages(discord).length === 1);
    expect(await message.finish('the last words')).toHaveLength(1);
    expect(ownTexts(discord)).toEqual(['the last words']);
  }, 20_000);

  it('can be begun before Discord is there', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { skills: [makeSkill([])], timing, waits: false });
    const message = bot.discord.chat.open(discord.home.id, { branch: 'b1' });
    message.write('early words ');
    message.doing('something');
    await until('it is there', () => /early words\n-# ▸ something/.test(ownTexts(discord).join()));
    expect(await message.finish('early bird')).toHaveLength(1);
    expect(ownTexts(discord)).toEqual(['early bird']);
  });

  it('is refused where nobody wants Discord, and typing is not', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { DISCORD_TOKEN: '' }, waits: false });
    expect(() => bot.discord.chat.open('1', { branch: 'b' })).toThrow(/Discord is not there/);
    await expect(bot.discord.chat.confirm('1', {} as never, 'b')).rejects.toThrow(/Discord is not there/);
    expect(bot.discord.chat.typing('1')).toBeUndefined();
  });
});

describe('an answer after the end of the bot', () => {
  it('is kept as a notice while that can be, and no question is asked', async () => {
    const { discord, bot, open } = await makeWriter();
    const before = open();
    before.write('some words and');
    await until('it grows', () => ownMessages(discord).length === 1);
    const closing = bot.discord.close();
    expect(await before.finish('some words and more')).toEqual([]);
    expect(await open().finish('too late')).toEqual([]);
    expect(waitingNotices(bot)).toBe(2);
    await closing;
    expect(await bot.discord.chat.confirm(discord.home.id, {} as never, 'b1')).toBe(false);
  });
});

describe('an answer that a dead process left', () => {
  it('loses its button and says that it was cut off; one that goes on is left alone', async () => {
    const { discord, bot, open } = await makeWriter();
    open().write('half of an ans and');
    const own = await until('it is there', () => ownMessages(discord)[0]);
    await until('its will is there', () => willsOf(bot) === 1);
    await bot.stop();
    expect(buttonsOf(own)).toEqual(['Stop']);
    const next = await startBot(discord, undefined, {
      root: bot.root,
      skills: [makeSkill([])],
      timing,
      onStop: () => true,
      waits: false,
    });
    await until('it is taken away', () => buttonsOf(own).length === 0);
    expect(latest(own).content).toMatch(/^half of an ans\n-# Cut off here/);
    await until('the will is done', () => willsOf(next) === 0);
    const growing = next.discord.chat.open(discord.home.id, { branch: 'b1' });
    growing.write('this one lives and');
    await until('its will is there', () => willsOf(next) === 1);
    discord.gateway.askToReconnect();
    await until(
      'it came back',
      () => discord.gateway.events.filter((event) => event === 'resumed').length === 1,
    );
    expect(await growing.finish('this one lived')).toHaveLength(1);
    expect(ownTexts(discord).at(-1)).toBe('this one lived');
  }, 30_000);
});

describe('a secret in an answer', () => {
  const secret = 'k3y-of-some-service-8842';
  const sentence = 'correct horse battery staple';
  const files = { '.env': `SOME_SERVICE=${secret}\nPASSPHRASE="${sentence}"\n` };

  it('is never seen, not even in part, wherever the text stands between two writes', async () => {
    const { discord, bot } = await makeWriter({ files });
    const text = `The key is ${secret}, they say, and the phrase is ${sentence} as far as I know.`;
    const begins = [text.indexOf(secret), text.indexOf(sentence)];
    const lengths = begins.flatMap((begin) =>
      Array.from({ length: 14 }, (_, index) => begin + 1 + 2 * index),
    );
    const answers = lengths.map((length) => {
      const channel = discord.world.addChannel(`at-${length}`);
      const answer = bot.discord.chat.open(channel.id, { branch: 'b1' });
      answer.write(text.slice(0, length));
      return { answer, channel };
    });
    await until('all are there', () =>
      answers.every(({ channel }) => ownMessages(discord, channel).length === 1),
    );
    await Promise.all(answers.map(({ answer }) => answer.finish(text)));
    for (const { channel } of answers) {
      const [own] = ownMessages(discord, channel);
      const seen = (own?.states ?? []).map(({ content }) => content);
      expect(seen).toHaveLength(2);
      expect(seen.join()).not.toMatch(/k3y|8842|correct|horse|staple/);
      expect(seen[0]).toMatch(/^The key is/);
      expect(seen[1]).toBe('The key is [masked], they say, and the phrase is [masked] as far as I know.');
    }
  }, 30_000);

  it('is masked where two messages meet, and in the file, and in the line of what is done', async () => {
    const { discord, open } = await makeWriter({ files });
    for (const before of [1_680, 1_690, 1_699]) {
      await open().finish(`${'x'.repeat(before)}${secret} and the end`);
    }
    const message = open();
    message.doing(`curl ${secret}`);
    await until('the line is there', () => /▸ curl \\\[masked/.test(ownTexts(discord).join()));
    await message.finish(`${lines(500)}\n${secret}`);
    const sent = discord.requests.map(({ body, files: sentFiles }) =>
      JSON.stringify([body, sentFiles.map(String)]),
    );
    for (const text of ownTexts(discord)) expect(text).not.toMatch(/k3y-|8842/);
    expect(sent.join()).not.toMatch(/k3y-of/);
    const [file] = latest(ownMessages(discord).at(-1) as never).files;
    expect(file?.bytes.toString()).toMatch(/\[masked\]$/);
  }, 30_000);
});

it('typing is said at most once in a while, and never fails', async () => {
  const { discord, bot } = await makeWriter();
  const typed = () => discord.requests.filter(({ path }) => path.endsWith('/typing'));
  for (let index = 0; index < 100; index++) bot.discord.chat.typing(discord.home.id);
  await until('it is said', () => typed().length === 1);
  discord.faults.next({ path: /typing/, status: 403, code: 50_001 });
  bot.discord.chat.typing('123456789012345678');
  await until('it was tried', () => typed().length === 2);
  expect(bot.log.filter(({ level }) => level === 'error')).toEqual([]);
});
