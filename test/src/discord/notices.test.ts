import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { latest } from '../../discord/world.ts';
import { botConfig } from '../../support/bots.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo, shortestPause, startBot, type TestBot } from '../../support/discord-bot.ts';
import { codeRoot, makeInstance, runProgram, until } from '../../support/instance.ts';

const timing = { noticeMs: 200, noticeRetryMs: 100, loginMs: 100 };

function waiting(bot: TestBot): number {
  return Number(bot.instance.database().prepare('SELECT count(*) FROM discord_notices').pluck().get());
}

describe('a notice', () => {
  it('of a bot that fails reaches the configured channel, with a real supervisor behind it', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    // Of a crash that the command still waits for, its answer tells: this one comes after the answer.
    const sh = 'echo "no database @everyone"; until [ -e crash ]; do sleep 0.05; done; exit 3';
    const bots = { Crasher: { sh, autostart: false } };
    const config = {
      ...(JSON.parse(botConfig(bots, { max_restart_attempts: 0, restart_delay: 0 })) as object),
      discord: { noticesChannel: discord.home.id },
    };
    const bot = await startBot(discord, ada, { config, timing: { ...timing, editMs: 200 } });
    expect(await answerTo(ada.command('process', 'start', { bot: 'Crasher' }))).toContain('running');
    writeFileSync(join(bot.root, 'crash'), '');
    const text = await until('the notice is there', () =>
      textsIn(discord).find((each) => each.includes('🔔') && each.includes('Crasher')),
    );
    expect(text).toMatch(/fail/i);
    for (const message of discord.messagesIn(discord.home)) {
      expect(latest(message).allowedMentions).toEqual({ parse: [] });
    }
  });

  it('of a hook reaches the wake channel where no other is configured, without secrets', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada, {
      files: { '.env': 'SOME_SERVICE=k3y-of-some-service-8842\n' },
      env: { WAKE_CHANNEL_ID: discord.home.id },
      timing,
    });
    const cli = { id: 'cli:test', name: 'test', surface: 'cli', rights: ['read', 'operate'] } as const;
    const call = (tool: string, input: object) => bot.instance.dispatcher.call(cli, tool, input);
    await call('run', { command: 'sleep 0.2; echo k3y-of-some-service-8842', name: 'job' });
    await call('hook', {
      process: 'job',
      onOutput: 'k3y',
      delay: 0,
      do: 'notify_channel',
      message: 'look here',
    });
    const text = await until('the notice is there', () =>
      textsIn(discord).find((each) => /look here/.test(each)),
    );
    expect(text).toContain('[masked]');
    expect(text).not.toContain('k3y-of-some-service');
  });

  it('that is too long to be kept whole is not cut in the middle of a secret', async () => {
    const discord = await makeDiscord();
    const secret = 'k3y-of-some-service-8842-and-longer-than-most';
    const bot = await startBot(discord, undefined, {
      files: { '.env': `SOME_SERVICE=${secret}\n` },
      env: { WAKE_CHANNEL_ID: discord.home.id },
      timing,
    });
    for (const place of [3_960, 3_975, 3_990])
      bot.discord.notify({ text: `head\n${'x'.repeat(place - 5)}${secret}` });
    await until('they are there', () => waiting(bot) === 0);
    expect(textsIn(discord).join('\n')).not.toContain('k3y-of');
  });

  it('goes where it asks to go, and nowhere but to the log when no channel is known', async () => {
    const discord = await makeDiscord();
    const other = discord.world.addChannel('elsewhere');
    const bot = await startBot(discord, undefined, { timing });
    bot.discord.notify({ text: 'for nobody' });
    bot.discord.notify({ text: 'for elsewhere', channel: other.id });
    await until('it is there', () => discord.messagesIn(other).length === 1);
    expect(textsIn(discord)).toEqual([]);
    expect(bot.logged(/for nobody/)).toBe(true);
  });
});

describe('many notices', () => {
  it('are few messages, with pauses, within the limits; the same words are counted', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { WAKE_CHANNEL_ID: discord.home.id }, timing });
    for (let index = 0; index < 80; index++)
      bot.discord.notify({ text: `notice ${index}\n${'x'.repeat(40)}` });
    for (let index = 0; index < 1_000; index++) bot.discord.notify({ text: 'again and again' });
    await until('all are there', () => waiting(bot) === 0, 25_000);
    const all = textsIn(discord).join('\n');
    for (const index of [0, 1, 40, 79]) expect(all).toContain(`notice ${index}\n`);
    const counts = [...all.matchAll(/\((\d+) times\) again and again/g)].map(([, count]) => Number(count));
    const single = [...all.matchAll(/🔔 again and again/g)].length;
    expect(counts.reduce((sum, count) => sum + count, single)).toBe(1_000);
    const moments = discord.messagesIn(discord.home).map(({ states }) => states[0]?.at ?? 0);
    expect(moments.length).toBeLessThanOrEqual(10);
    expect(shortestPause(moments)).toBeGreaterThanOrEqual(190);
    expect(discord.requests.some(({ status }) => status === 429)).toBe(false);
  });

  it('that wait too long make room: the oldest are counted', async () => {
    const discord = await makeDiscord();
    discord.gateway.refuseConnections(true);
    const bot = await startBot(discord, undefined, {
      env: { WAKE_CHANNEL_ID: discord.home.id },
      timing,
      waits: false,
    });
    for (let index = 0; index < 520; index++) bot.discord.notify({ text: `notice ${index}` });
    expect(waiting(bot)).toBe(500);
    const [first] = bot.instance
      .database()
      .prepare('SELECT text, count FROM discord_notices ORDER BY id')
      .all();
    expect(first).toMatchObject({ text: expect.stringMatching(/Older notices were dropped/), count: 21 });
  });
});

describe('while Discord is away', () => {
  it('notices wait, survive the end of the bot, and are sent later, once', async () => {
    const discord = await makeDiscord();
    const env = { WAKE_CHANNEL_ID: discord.home.id };
    discord.faults.next({ path: /gateway/, status: 'drop', times: 1_000 });
    const first = await startBot(discord, undefined, { env, timing, waits: false });
    first.discord.notify({ text: 'said while nobody listened' });
    await until('a login has failed', () => first.logged(/Discord cannot be reached/));
    expect(waiting(first)).toBe(1);
    await first.stop();
    discord.faults.clear();
    const second = await startBot(discord, undefined, { root: first.root, env, timing });
    await until('it is sent', () => waiting(second) === 0);
    expect(textsIn(discord)).toHaveLength(1);
    expect(textsIn(discord)[0]).toContain('said while nobody listened');
  });

  it('what Discord took without our hearing of it is not said twice, not even by the next bot', async () => {
    const discord = await makeDiscord();
    const env = { WAKE_CHANNEL_ID: discord.home.id };
    const first = await startBot(discord, undefined, { env, timing: { ...timing, noticeRetryMs: 60_000 } });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 'lose' });
    first.discord.notify({ text: 'only once' });
    await until('it was taken', () => textsIn(discord).length === 1);
    await until('the bot does not know', () => first.logged(/a notice has to wait/));
    expect(waiting(first)).toBe(1);
    first.discord.notify({ text: 'and this' });
    await first.stop();
    const second = await startBot(discord, undefined, { root: first.root, env, timing });
    await until('all is sent', () => waiting(second) === 0);
    expect(textsIn(discord)).toEqual([
      expect.stringContaining('only once'),
      expect.stringContaining('and this'),
    ]);
  });

  it('a notice that was being handed over when its bot was killed is said once', async () => {
    const discord = await makeDiscord();
    const root = makeInstance();
    const killed = await runProgram(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      handedOverAndKilled(root, discord.home.id),
    ]);
    expect(killed).toMatchObject({ exitCode: null, stderr: '' });
    const bot = await startBot(discord, undefined, {
      root,
      env: { WAKE_CHANNEL_ID: discord.home.id },
      timing,
    });
    await until('it is there', () => textsIn(discord).length > 0);
    await until('nothing more is to come', () => waiting(bot) === 0 && handingOver(bot) === 0);
    expect(textsIn(discord)).toEqual([expect.stringMatching(/^🔔 job \(sleep[\s\S]*it has ended/)]);
  });

  it('a pause that ends meanwhile does not hold up what comes afterwards', async () => {
    const discord = await makeDiscord();
    const env = { WAKE_CHANNEL_ID: discord.home.id };
    const bot = await startBot(discord, undefined, { env, timing: { ...timing, noticeMs: 1_000 } });
    bot.discord.notify({ text: 'before' });
    await until('it is there', () => waiting(bot) === 0);
    const pauseIsOver = Date.now() + 1_000;
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('Discord is away', () => bot.discord.state() === 'down');
    await until('the pause has ended', () => Date.now() > pauseIsOver + 100);
    expect(bot.discord.state()).toBe('down');
    bot.discord.notify({ text: 'afterwards' });
    discord.gateway.refuseConnections(false);
    await until('all is sent', () => waiting(bot) === 0);
    expect(textsIn(discord)).toHaveLength(2);
  });

  it('what was begun before is sent whole, although it now says when it was', async () => {
    const discord = await makeDiscord();
    const env = { WAKE_CHANNEL_ID: discord.home.id };
    let skew = 0;
    const clock = { now: () => Date.now() + skew };
    const first = await startBot(discord, undefined, {
      env,
      clock,
      timing: { ...timing, noticeRetryMs: 60_000 },
    });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 'drop' });
    discord.gateway.refuseConnections(true);
    discord.gateway.cut();
    await until('Discord is away', () => first.discord.state() === 'down');
    for (let index = 0; index < 20; index++)
      first.discord.notify({ text: `notice ${index}\n${'x'.repeat(70)}` });
    discord.gateway.refuseConnections(false);
    await until('it was tried', () => first.logged(/a notice has to wait/));
    await first.stop();
    skew = 3_600_000;
    const second = await startBot(discord, undefined, { root: first.root, env, clock, timing });
    await until('all is sent', () => waiting(second) === 0);
    for (const text of textsIn(discord)) expect((text.match(/```/g) ?? []).length % 2).toBe(0);
    for (let index = 0; index < 20; index++)
      expect(textsIn(discord).join('\n')).toContain(`notice ${index}\n\`\`\`\nxxx`);
  });

  it('429 and 5xx only delay', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { WAKE_CHANNEL_ID: discord.home.id }, timing });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 503, times: 4 });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 429, retryAfter: 0.1 });
    bot.discord.notify({ text: 'in the end' });
    await until('it is there, and known to be', () => waiting(bot) === 0);
    expect(textsIn(discord)).toHaveLength(1);
  });
});

describe('a channel that cannot be written to', () => {
  it('keeps its notices, says so once, and holds up no other channel', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { WAKE_CHANNEL_ID: discord.home.id }, timing });
    bot.discord.notify({ text: 'to nowhere', channel: '123456789012345678' });
    bot.discord.notify({ text: 'to somewhere' });
    await until('the other is there', () => textsIn(discord).length === 1);
    await until('it is said', () => bot.logged(/notices wait, for the bot cannot write to their channel/));
    expect(waiting(bot)).toBe(1);
    expect(bot.log.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('says so also when another trouble came before, and sends all of it once it may', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, {
      env: { WAKE_CHANNEL_ID: discord.home.id },
      timing: { ...timing, noticeMostMs: 200 },
    });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 'drop' });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 403, code: 50_013, times: 2 });
    // Not one of the usual errors, and no reason to throw the notice away.
    discord.faults.next({ method: 'POST', path: /messages$/, status: 403, code: 40_002 });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 400, code: 50_083 });
    bot.discord.notify({ text: 'to be kept' });
    await until('it is said', () => bot.logged(/notices wait, for the bot cannot write to their channel/));
    await until('it is there', () => waiting(bot) === 0);
    expect(textsIn(discord)).toEqual(['🔔 to be kept']);
    expect(bot.log.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('of a notice that Discord refuses for ever is told to the log, and the next one goes through', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, undefined, { env: { WAKE_CHANNEL_ID: discord.home.id }, timing });
    discord.faults.next({ method: 'POST', path: /messages$/, status: 400, code: 50_035 });
    bot.discord.notify({ text: 'the bad one' });
    await until('it is given up', () => bot.logged(/Discord refuses a notice/));
    bot.discord.notify({ text: 'the good one' });
    await until('it is there', () => textsIn(discord).length === 1);
    expect(textsIn(discord)[0]).toContain('the good one');
  });
});

/** A bot that is killed with a notice half handed over: written down, and not crossed off where it came from. */
function handedOverAndKilled(root: string, channel: string): string {
  const from = (path: string) => JSON.stringify(join(codeRoot, path));
  return `
    import manager from ${from('skills/process-manager/index.ts')};
    import { discordMigrations } from ${from('src/discord/index.ts')};
    import { createNoticeStore } from ${from('src/discord/notices.ts')};
    import { openInstance } from ${from('src/instance.ts')};
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const instance = openInstance({
      root: ${JSON.stringify(root)}, loaded: { skills: [manager], failures: [] }, environment: {},
      logger: quiet, migrations: discordMigrations,
    });
    const store = createNoticeStore(instance.database(), { now: Date.now });
    instance.startSkills({ notify: ({ text }) => {
      store.put('${channel}', text);
      process.kill(process.pid, 'SIGKILL');
    } });
    const actor = { id: 'cli:test', name: 'test', surface: 'cli', rights: ['read', 'operate'] };
    await instance.dispatcher.call(actor, 'run', { name: 'job', command: 'sleep 0.5' });
    await instance.dispatcher.call(actor, 'hook', {
      process: 'job', onExit: 'any', delay: 0, do: 'notify_channel', message: 'it has ended',
    });
  `;
}

/** What hooks have to say, and nobody has taken yet. */
function handingOver(bot: TestBot): number {
  return Number(bot.instance.database().prepare('SELECT count(*) FROM hook_outbox').pluck().get());
}

function textsIn(discord: Awaited<ReturnType<typeof makeDiscord>>): string[] {
  const own = discord.messagesIn(discord.home).filter(({ authorId }) => authorId === discord.world.bot.id);
  return own.map((message) => latest(message).content);
}
