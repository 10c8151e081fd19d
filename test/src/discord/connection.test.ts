import { type ChildProcess, spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Person, SmallDiscord } from '../../discord/index.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo, startBot, type TestBot } from '../../support/discord-bot.ts';
import { cleanEnvironment, codeRoot, makeInstance, understudy, until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const timing = { editMs: 100, loginMs: 100, loginMostMs: 200 };

/** A bot that is connected, and its owner. */
async function connected(
  part: { heartbeatMs?: number; timing?: object } = {},
): Promise<{ discord: SmallDiscord; ada: Person; bot: TestBot }> {
  const discord = await makeDiscord(part.heartbeatMs === undefined ? {} : { heartbeatMs: part.heartbeatMs });
  const ada = discord.person('Ada');
  const skills = [makeSkill([makeTool('act', 'operate')])];
  const bot = await startBot(discord, ada, { skills, timing: { ...timing, ...part.timing } });
  return { discord, ada, bot };
}

/** The bot is there, and does what it is told. */
async function works(discord: SmallDiscord, ada: Person, bot: TestBot): Promise<void> {
  await until(
    'it is connected',
    () => discord.gateway.isConnected && bot.discord.state() === 'ready',
    25_000,
  );
  expect(await answerTo(ada.command('trial', 'act', { target: 'after the fault' }))).toContain(
    'after the fault',
  );
}

describe('the bot comes back', () => {
  const faults: [string, (discord: SmallDiscord) => void, 'resume' | 'identify'][] = [
    ['when the wire is cut', ({ gateway }) => gateway.cut(), 'resume'],
    ['when Discord asks for a new connection', ({ gateway }) => gateway.askToReconnect(), 'resume'],
    ['when its session is invalid, and resumable', ({ gateway }) => gateway.invalidate(true), 'resume'],
    ['after an unknown error (4000)', ({ gateway }) => gateway.close(4_000), 'resume'],
    ['after its session timed out (4009)', ({ gateway }) => gateway.close(4_009), 'resume'],
    ['when its session is gone', ({ gateway }) => gateway.invalidate(false), 'identify'],
    ['when the connection is closed in the usual way', ({ gateway }) => gateway.close(1_000), 'identify'],
    ['after an invalid sequence (4007)', ({ gateway }) => gateway.close(4_007), 'identify'],
  ];
  const comeBack = async ([what, fault, way]: (typeof faults)[number]) => {
    const { discord, ada, bot } = await connected();
    const before = discord.gateway.events.length;
    fault(discord);
    await until(`${what}: it does ${way}`, () => discord.gateway.events.slice(before).includes(way), 20_000);
    await works(discord, ada, bot);
  };

  // Discord lets a bot identify once in five seconds, so some of these wait; they do it together.
  it('after each fault of the gateway', async () => {
    expect(faults.length).toBeGreaterThan(7);
    await Promise.all(faults.map(comeBack));
  });

  it('when nothing is acknowledged any more', async () => {
    const { discord, ada, bot } = await connected({ heartbeatMs: 250 });
    discord.gateway.stopAcks();
    await until('it notices the zombie', () => discord.gateway.events.includes('resume'));
    discord.gateway.ack();
    await works(discord, ada, bot);
  });

  it('and hears what was said while it was away', async () => {
    const { discord, ada } = await connected();
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('it is away', () => !discord.gateway.isConnected);
    const deed = ada.command('trial', 'act', { target: 'said meanwhile' });
    discord.gateway.refuseConnections(false);
    expect(await answerTo(deed)).toContain('said meanwhile');
  });

  it('with a new client, when discord.js does not manage it', async () => {
    const { discord, ada, bot } = await connected({ timing: { awayMs: 600 } });
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('it is given up', () => bot.logged(/it did not come back/));
    expect(bot.discord.state()).toBe('down');
    const before = discord.gateway.events.length;
    discord.gateway.refuseConnections(false);
    await until(
      'a new one identifies',
      () => discord.gateway.events.slice(before).includes('identify'),
      25_000,
    );
    await works(discord, ada, bot);
  });

  it('when Discord was not there at the start', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    discord.faults.next({ path: /gateway/, status: 503, times: 4 });
    discord.faults.next({ path: /gateway/, status: 'drop' });
    const bot = await startBot(discord, ada, { skills: [makeSkill([makeTool('act', 'operate')])], timing });
    expect(bot.logged(/Discord cannot be reached/)).toBe(true);
    await works(discord, ada, bot);
  });
});

describe('a refusal that passes', () => {
  it('401 in the middle: discord.js forgets its token then, so a new client takes over', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const skills = [makeSkill([makeTool('act', 'operate')])];
    const env = { WAKE_CHANNEL_ID: discord.home.id };
    const noticing = { ...timing, noticeMs: 100, noticeRetryMs: 100 };
    const bot = await startBot(discord, ada, { skills, env, timing: noticing });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 401 });
    bot.discord.notify({ text: 'in the end' });
    await until('it is there', () => discord.messagesIn(discord.home).length === 1);
    await works(discord, ada, bot);
  });
});

describe('what no repetition mends', () => {
  it('a wrong token: said once and clearly, not tried again, and everything else works', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada, { env: { DISCORD_TOKEN: 'wrong' }, waits: false, timing });
    await until('it is said', () =>
      bot.logged(/Discord does not know the token in DISCORD_TOKEN.*Reset Token/),
    );
    expect(bot.discord.state()).toBe('down');
    const list = await bot.instance.dispatcher.call(
      { id: 'cli:test', name: 'test', surface: 'cli', rights: ['read'] },
      'list',
      {},
    );
    expect(list).toMatchObject({ processes: [] });
    const attempts = discord.requests.length;
    await until('the time of several attempts has passed', waited(600));
    expect(discord.requests.length).toBe(attempts);
    expect(bot.log.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(JSON.stringify(bot.log)).not.toContain('wrong');
  });

  it('a token that is taken away while the bot runs', async () => {
    const { discord, bot } = await connected();
    discord.gateway.close(4_004);
    await until('it is said', () => bot.logged(/Discord does not know the token/));
    expect(bot.discord.state()).toBe('down');
  });

  it('an intent that was not granted: the bot does without it where it can', async () => {
    const discord = await makeDiscord();
    discord.gateway.disallow(1 << 15);
    const heard: string[] = [];
    const bot = await startBot(discord, discord.person('Ada'), {
      timing,
      answers: 'everyone',
      onMessage: ({ text, author, mentionsBot }) => void heard.push(`${author.name} ${mentionsBot}: ${text}`),
    });
    expect(bot.logged(/Message Content Intent/)).toBe(true);
    const eve = discord.person('Eve');
    eve.say(discord.home.id, 'to nobody');
    eve.say(discord.home.id, 'to the bot', { mentions: [discord.world.bot.id] });
    eve.say(discord.world.directChannel(eve.id).id, 'in private');
    await until('all are heard', () => heard.length === 3);
    expect(heard.sort()).toEqual(['Eve false: ', 'Eve false: in private', 'Eve true: to the bot']);
  });

  it('a wrong token leaves the real bot up, and its command line and supervisor too', async () => {
    const discord = await makeDiscord();
    const root = makeInstance({ '.env': `DISCORD_TOKEN=wrong\nDISCORD_API=${discord.url}\n` });
    const { child, output } = startReal(root);
    await until(
      'it is said',
      () => /ERROR Discord does not know the token in DISCORD_TOKEN/.test(output()),
      30_000,
    );
    const run = await understudy(['--root', root, '--json', 'run', 'true', '--timeout', '60']);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).not.toContain('Nobody is watching');
    expect(child.exitCode).toBeNull();
    expect(await endOf(child)).toBe(0);
  });
});

describe('the real bot ends when it is told to, as long as its watchdog waits', () => {
  const troubles: [string, (discord: SmallDiscord) => void, RegExp][] = [
    ['whose connections are refused', ({ gateway }) => gateway.refuseConnections(true), /^\/gateway\/bot/],
    [
      'that answers nothing',
      ({ faults }) => faults.next({ status: 'hang', times: 1_000 }),
      /^\/gateway\/bot/,
    ],
  ];
  it.each(troubles)('at a Discord %s', async (_, trouble, asked) => {
    const discord = await makeDiscord();
    trouble(discord);
    const { child, output } = startReal(
      makeInstance({ '.env': `DISCORD_TOKEN=${discord.token}\nDISCORD_API=${discord.url}\n` }),
    );
    await until('it tries', () => discord.requests.some(({ path }) => asked.test(path)), 30_000);
    const began = Date.now();
    expect(await endOf(child), output()).toBe(0);
    expect(Date.now() - began).toBeLessThan(8_000);
  });
});

describe('the state for the heartbeat', () => {
  it('is off without a token, and notices then go to the log', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { DISCORD_TOKEN: '' }, waits: false });
    expect(bot.discord.state()).toBe('off');
    bot.discord.notify({ text: 'something happened' });
    expect(bot.logged(/something happened/)).toBe(true);
    expect(discord.requests).toEqual([]);
  });

  it('is down while the connection is interrupted', async () => {
    const { discord, ada, bot } = await connected();
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('it is down', () => bot.discord.state() === 'down');
    discord.gateway.refuseConnections(false);
    await works(discord, ada, bot);
  });

  it('ends with the bot, which lets its tools notice it before their database is closed', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const slow = makeTool('act', 'operate', {
      handler: ({ signal, progress }) => {
        progress({ message: 'at work' });
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => setTimeout(() => resolve({ done: 'in part' }), 200));
        });
      },
    });
    const skills = [makeSkill([slow])];
    const bot = await startBot(discord, ada, { timing, skills });
    const deed = ada.command('trial', 'act');
    await until('it works', () => /at work/.test(deed.text));
    await bot.stop();
    const again = await startBot(discord, ada, { root: bot.root, timing, skills });
    expect(again.instance.history.recent({ limit: 1 })[0]).toMatchObject({ action: 'act', outcome: 'ok' });
    await until('the next bot ends it', () => /restarted while 'act' was under way/.test(deed.text));
  });

  it('of clients that were given up is gone: none of them goes on trying', async () => {
    const discord = await makeDiscord();
    discord.gateway.refuseConnections(true);
    const bot = await startBot(discord, discord.person('Ada'), {
      timing: { loginMs: 1, loginMostMs: 1, awayMs: 200 },
      waits: false,
    });
    const givenUp = () => bot.log.filter(({ message }) => /cannot be reached/.test(message)).length;
    await until('some are given up', () => givenUp() >= 5);
    await bot.stop();
    const refused = discord.gateway.refusals;
    discord.gateway.refuseConnections(false);
    await until('the time of some attempts has passed', waited(1_300));
    expect(discord.gateway.events).toEqual([]);
    expect(discord.gateway.refusals).toBe(refused);
  });

  it('ends with the bot, and nothing of it goes on', async () => {
    const { discord, bot } = await connected();
    discord.gateway.cut();
    await bot.stop();
    const before = discord.gateway.events.length;
    await until('the time of some attempts has passed', waited(1_300));
    expect(discord.gateway.isConnected).toBe(false);
    expect(discord.gateway.events.slice(before).filter((event) => event === 'identify')).toEqual([]);
  });
});

/** The bot itself, in a process of its own. */
function startReal(root: string): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--import', 'tsx', `${codeRoot}/src/index.ts`], {
    cwd: codeRoot,
    env: cleanEnvironment({ UNDERSTUDY_ROOT: root }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

/** Asks it to end; its exit code. */
function endOf(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

/** True after a while: for what must not happen in the meantime. */
function waited(ms: number): () => boolean {
  const until = Date.now() + ms;
  return () => Date.now() >= until;
}
