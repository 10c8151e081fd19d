import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../../skills/dispatch.ts';
import type { AnySkill } from '../../../skills/registry.ts';
import type { Permission, ToolContext } from '../../../skills/tool.ts';
import type { DiscordOptions } from '../../../src/discord/index.ts';
import type { Person, SmallDiscord } from '../../discord/index.ts';
import { latest } from '../../discord/world.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerWith, messageOf, shortestPause, startBot, type TestBot } from '../../support/discord-bot.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const timing = { editMs: 200, followMs: 50 };

/** What stands on the disk of an instance, whoever runs: its releases. */
interface Disk {
  releases: { version: string; state: string; createdAt: string; reason?: string }[];
  channel: string | undefined;
}

type Handler = (
  context: ToolContext<unknown>,
  input: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/** A skill whose tools answer as those of releases do; what `promote` does is up to the test. */
function deploying(disk: Disk, promote: Handler): AnySkill {
  const tool = (
    name: string,
    permission: Permission,
    handler: Handler,
    present?: (output: unknown) => string,
  ) =>
    defineTool({
      name,
      title: name,
      description: name,
      input: z.strictObject({ skipRestart: z.boolean().optional().describe('Stage only') }),
      output: z.looseObject({}),
      annotations: { readOnly: permission === 'read', destructive: false, idempotent: true },
      permission,
      handler,
      ...(present ? { present: (output: unknown) => ({ heading: present(output) }) } : {}),
    });
  const tools = [
    tool('promote', 'deploy', promote, () => 'v1.2 is staged: 3 changed.'),
    tool('releases', 'read', async () => ({ releases: disk.releases, live: 'v1.1' })),
    tool('rollback', 'deploy', async () => ({
      version: 'v1.0',
      state: 'requested',
      releases: disk.releases,
    })),
    tool('self_restart', 'deploy', async () => ({ requestedAt: 'now', reason: 'asked for' })),
    tool('history', 'read', async () => ({})),
    tool('doctor', 'read', async () => ({})),
    tool('work', 'operate', async ({ progress }) => {
      progress({ message: 'half of it is done' });
      return new Promise(() => {});
    }),
  ];
  return makeSkill(tools, { prefix: 'process' });
}

/** Stages a release as `promote` does, saying its steps. */
function stage(disk: Disk): Handler {
  return async ({ progress, channel }) => {
    disk.channel = channel;
    for (const message of ['copying staging', 'gate 1 of 1: npm run gate']) progress({ message });
    const release = { version: 'v1.2', state: 'staged', createdAt: new Date().toISOString() };
    disk.releases.unshift(release);
    return { release: { ...release }, changes: { added: [], changed: [], removed: [] } };
  };
}

const never: Handler = () => new Promise(() => {});

function setState(disk: Disk, state: string, reason?: string): void {
  const [newest] = disk.releases;
  if (newest) Object.assign(newest, { state, ...(reason === undefined ? {} : { reason }) });
}

describe('a promotion', () => {
  it('is one message through staging, gates, switch, trial and verdict, across the end of its bot', async () => {
    const { discord, ada, disk, bot, again } = await world(stage);
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /copying staging[\s\S]*gate 1 of 1/);
    await answerWith(deed, /v1\.2 is staged; the watchdog switches it/);
    expect(disk.channel).toBe(discord.home.id);
    setState(disk, 'switching');
    await answerWith(deed, /v1\.2 is being switched/);
    await bot.stop();
    setState(disk, 'trial');
    const edits = discord.editsOf(messageOf(deed)).length;
    const second = await again();
    await answerWith(deed, /copying staging[\s\S]*being switched[\s\S]*on trial/);
    setState(disk, 'good');
    await answerWith(deed, /✅ v1\.2 is live\./);
    expect(discord.editsOf(messageOf(deed)).length).toBeGreaterThan(edits);
    expect(discord.messagesIn(discord.home)).toHaveLength(1);
    await until('nothing is left open', () => openIn(second) === 0);
  });

  it('that is cut off while it stages is found by the release that it made', async () => {
    const { ada, disk, bot, again } = await world((own) => async (context, input) => {
      await stage(own)(context, input);
      return never(context, input);
    });
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /gate 1 of 1/);
    await bot.stop();
    setState(disk, 'reverted', 'it crashed twice\nlast line of its log');
    await again();
    const text = await answerWith(
      deed,
      /v1\.2 was taken back; the version before it is live: it crashed twice/,
    );
    expect(text).toContain('last line of its log');
    expect(text).toContain('copying staging');
  });

  it('that is cut off before it has made a release says so', async () => {
    const { ada, bot, again } = await world(() => async (context, input) => {
      context.progress({ message: 'copying staging' });
      return never(context, input);
    });
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /copying staging/);
    await bot.stop();
    await again();
    await answerWith(deed, /restarted while 'promote' was under way[\s\S]*\/process history/);
  });

  it('that only stages ends with its own answer', async () => {
    const { ada } = await world(stage);
    const deed = ada.command('process', 'promote', { 'skip-restart': true });
    await answerWith(deed, /^\*\*v1\.2 is staged: 3 changed\.\*\*$/);
  });

  it('outlives the token of its interaction, in the same message', async () => {
    const { discord, ada, disk } = await world(stage);
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /v1\.2 is staged; the watchdog/);
    discord.expireTokens();
    setState(disk, 'trial');
    await answerWith(deed, /on trial/);
    setState(disk, 'good');
    await answerWith(deed, /is live/);
    const byChannel = discord.requests.filter(
      ({ method, path }) => method === 'PATCH' && /^\/channels/.test(path),
    );
    expect(byChannel.length).toBeGreaterThanOrEqual(2);
    expect(discord.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  it('whose gates took longer than it is followed for is followed all the same', async () => {
    const { ada, disk } = await world(
      (own) => async (context, input) => {
        const from = Date.now();
        await until('the gates are through', () => Date.now() - from > 700);
        return stage(own)(context, input);
      },
      { followForMs: 600 },
    );
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /v1\.2 is staged; the watchdog/);
    setState(disk, 'good');
    await answerWith(deed, /✅ v1\.2 is live\./);
  });

  it('that nobody switches is not followed for ever', async () => {
    const { ada } = await world(stage, { followForMs: 400 });
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /⏳ v1\.2 is staged.*Look at the releases later\./);
  });

  it('ends also when Discord was away at its end for long, and the connection stayed', async () => {
    const { discord, ada, disk, bot } = await world(stage, { editMs: 5, editRetryMs: 1, upkeepMs: 200 });
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /v1\.2 is staged; the watchdog/);
    discord.faults.next({ method: 'PATCH', status: 'drop', times: 1_000 });
    setState(disk, 'good');
    await until('it was given up', () => bot.logged(/could not be brought to Discord/));
    discord.faults.clear();
    await answerWith(deed, /✅ v1\.2 is live\./);
    await until('nothing is left open', () => openIn(bot) === 0);
  });

  it('ends also when Discord was away at its end: the next connection brings it', async () => {
    const { discord, ada, disk, bot, again } = await world(stage);
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /v1\.2 is staged; the watchdog/);
    discord.faults.next({ method: 'PATCH', status: 503, times: 1_000 });
    setState(disk, 'good');
    await until('it was tried', () => discord.requests.some(({ status }) => status === 503));
    await bot.stop();
    discord.faults.clear();
    await again();
    await answerWith(deed, /✅ v1\.2 is live\./);
  });
});

describe('other commands that outlive their bot', () => {
  it('self_restart is ended by the bot that is back', async () => {
    const { ada, bot, again } = await world(stage);
    const deed = ada.command('process', 'self_restart');
    await answerWith(deed, /requestedAt/);
    await bot.stop();
    await again();
    await answerWith(deed, /The bot was restarted, and is back \(PID \d+\)/);
  });

  it('self_restart says so when nothing restarts', async () => {
    const { ada } = await world(stage, { followForMs: 500 });
    const deed = ada.command('process', 'self_restart');
    await answerWith(deed, /The bot was not restarted.*\/process doctor/);
  });

  it('rollback is over when every release is taken back', async () => {
    const { ada, disk } = await world(stage);
    disk.releases.push({ version: 'v1.2', state: 'good', createdAt: new Date().toISOString() });
    const deed = ada.command('process', 'rollback');
    await answerWith(deed, /takes back v1\.2 when the bot is idle/);
    setState(disk, 'reverting');
    await answerWith(deed, /v1\.2 is being taken back/);
    setState(disk, 'reverted');
    await answerWith(deed, /✅ Taken back: v1\.2/);
  });

  it('any other is said to be cut off, with the steps that it had taken', async () => {
    const { ada, bot, again } = await world(stage);
    const deed = ada.command('process', 'work');
    await answerWith(deed, /half of it is done/);
    await bot.stop();
    const second = await again();
    await answerWith(deed, /restarted while 'work' was under way[\s\S]*half of it is done/);
    await until('nothing is left open', () => openIn(second) === 0);
  });
});

describe('progress', () => {
  it('edits its message at most once in the pause, however fast it comes, and shows the newest', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const skill = deploying({ releases: [], channel: undefined }, async ({ progress }) => {
      for (let index = 0; index < 1_200; index++) {
        progress({ message: `step ${index}`, fraction: index / 1_200 });
        if (index % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return { release: null };
    });
    await startBot(discord, ada, { skills: [skill] });
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /staged/, 20_000);
    const shown = messageOf(deed).states.map(({ content }) =>
      Number(/▸ step (\d+)/.exec(content)?.[1] ?? -1),
    );
    // Nothing, the first step, what was newest at each edit (one, unless the machine is slow), the result.
    const between = shown.slice(2, -1);
    expect([...shown.slice(0, 2), ...shown.slice(-1)]).toEqual([-1, 0, -1]);
    expect(between.length).toBeGreaterThan(0);
    for (const [index, step] of between.entries())
      expect(step - (between[index - 1] ?? 0)).toBeGreaterThan(100);
    expect(shortestPause(discord.editsOf(messageOf(deed)))).toBeGreaterThanOrEqual(1_990);
    expect(latest(messageOf(deed)).content.length).toBeLessThanOrEqual(2_000);
  });

  it('is not forced upon somebody who deleted its message', async () => {
    const { discord, ada, disk, bot } = await world(stage);
    const deed = ada.command('process', 'promote');
    await answerWith(deed, /v1\.2 is staged; the watchdog/);
    messageOf(deed).deleted = true;
    setState(disk, 'good');
    await until('the conversation is over', () => openIn(bot) === 0);
    expect(discord.requests.filter(({ status }) => status === 404)).toHaveLength(1);
    expect(discord.messagesIn(discord.home)).toEqual([]);
  });
});

describe('a conversation that cannot be ended in its message', () => {
  it.each([
    ['of another bot, whose token this was', 403, 50_005],
    ['in a thread that is archived', 400, 50_083],
    ['in a channel that is not shown to the bot any more', 403, 50_001],
  ])('%s is given up', async (_, status, code) => {
    const { discord, ada, bot, again } = await world(stage);
    const deed = ada.command('process', 'work');
    await answerWith(deed, /half of it is done/);
    await bot.stop();
    discord.expireTokens();
    discord.faults.next({ method: 'PATCH', path: /^\/channels/, status, code, times: 1_000 });
    const second = await again();
    await until('nothing is left open', () => openIn(second) === 0);
    expect(discord.requests.filter(({ status: given }) => given === status)).toHaveLength(1);
  });
});

describe('a full disk', () => {
  it('ends no bot: what came of a command is shown, and the next one works', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    let go: () => void = () => {};
    const going = new Promise<void>((resolve) => {
      go = resolve;
    });
    const long = 'x'.repeat(1_900);
    const tool = makeTool('act', 'operate', {
      handler: async ({ progress }) => {
        progress({ message: 'at work' });
        await going;
        return { done: long };
      },
      present: () => ({ heading: long }),
    });
    const bot = await startBot(discord, ada, { skills: [makeSkill([tool])], timing });
    const faults: unknown[] = [];
    const note = (reason: unknown) => void faults.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const deeds = Array.from({ length: 5 }, () => ada.command('trial', 'act'));
    for (const deed of deeds) await answerWith(deed, /at work/);
    const database = bot.instance.database();
    const pages = Number(database.pragma('page_count', { simple: true }));
    database.pragma(`max_page_count = ${pages}`);
    // No room for the last words of all of them on the pages that there are.
    expect(() => {
      for (;;)
        database.prepare(`INSERT INTO discord_notices (at, channel, text) VALUES ('', '', ?)`).run(long);
    }).toThrow(/full/);
    go();
    for (const deed of deeds) await answerWith(deed, /xxx/);
    await until('it is said', () => bot.logged(/SQLITE_FULL|disk is full/));
    expect(faults).toEqual([]);
    database.pragma('max_page_count = 1000000');
    await answerWith(ada.command('trial', 'act'), /xxx/);
  });
});

/** A Discord, an owner, and a bot that can be ended and begun again over the same folder. */
async function world(
  promote: (disk: Disk) => Handler,
  part: DiscordOptions['timing'] = {},
): Promise<{ discord: SmallDiscord; ada: Person; disk: Disk; bot: TestBot; again: () => Promise<TestBot> }> {
  const discord = await makeDiscord();
  const ada = discord.person('Ada');
  const disk: Disk = { releases: [], channel: undefined };
  const options = { skills: [deploying(disk, promote(disk))], timing: { ...timing, ...part } };
  const bot = await startBot(discord, ada, options);
  return { discord, ada, disk, bot, again: () => startBot(discord, ada, { ...options, root: bot.root }) };
}

function openIn(bot: TestBot): number {
  return Number(bot.instance.database().prepare('SELECT count(*) FROM discord_conversations').pluck().get());
}
