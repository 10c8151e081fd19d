// A whole bot for tests of Discord: a real instance with the real process manager and its supervisor, connected to a
// small Discord. It can be ended and begun again over the same folder, as a release does.

import { onTestFinished } from 'vitest';
import { findByVariable } from '../../skills/process-manager/base/index.ts';
import manager from '../../skills/process-manager/index.ts';
import { processVariable } from '../../skills/process-manager/processes/index.ts';
import type { AnySkill } from '../../skills/registry.ts';
import type { Clock } from '../../skills/tool.ts';
import {
  type Discord,
  type DiscordOptions,
  discordMigrations,
  startDiscord,
} from '../../src/discord/index.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import type { Deed, Message, Person, SmallDiscord } from '../discord/index.ts';
import { makeInstance, until } from './instance.ts';
import { endNow } from './manager.ts';
import { makeLogger } from './skill.ts';

/** A bot that runs in the test's own process. */
export interface TestBot {
  readonly root: string;
  readonly instance: Instance;
  readonly discord: Discord;
  readonly log: ReturnType<typeof makeLogger>['lines'];
  /** Lines of the log with at least this level. */
  logged(pattern: RegExp): boolean;
  stop(): Promise<void>;
}

/** What a test decides. */
export interface TestBotOptions {
  readonly root?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Skills beside, or instead of, the process manager. */
  readonly skills?: readonly AnySkill[];
  readonly timing?: DiscordOptions['timing'];
  readonly clock?: Clock;
  readonly loadCanvas?: DiscordOptions['loadCanvas'];
  readonly onMessage?: DiscordOptions['onMessage'];
  readonly onStop?: DiscordOptions['onStop'];
  readonly answers?: DiscordOptions['answers'];
  /** Wait until it is connected. */
  readonly waits?: boolean;
}

/** Starts a bot whose owner is the first person of this Discord; ended with the test. */
export async function startBot(
  discord: SmallDiscord,
  owner: Person | undefined,
  options: TestBotOptions = {},
): Promise<TestBot> {
  const root =
    options.root ?? makeInstance({ 'config.json': JSON.stringify(options.config ?? {}), ...options.files });
  const logger = makeLogger();
  const clock = options.clock ?? { now: Date.now };
  const instance = openInstance({
    root,
    loaded: { skills: options.skills ?? [manager as never], failures: [] },
    environment: {
      DISCORD_TOKEN: discord.token,
      DISCORD_API: discord.url,
      ...(owner ? { DISCORD_OWNER_ID: owner.id } : {}),
      ...options.env,
    },
    logger,
    clock,
    migrations: discordMigrations,
  });
  instance.database();
  const { config, catalogue, dispatcher, database } = instance;
  const { timing, loadCanvas, onMessage, onStop, answers } = options;
  const bot = startDiscord({
    config,
    tools: catalogue.entries,
    dispatcher,
    database,
    logger,
    clock,
    ...(timing ? { timing } : {}),
    ...(loadCanvas ? { loadCanvas } : {}),
    ...(onMessage ? { onMessage } : {}),
    ...(onStop ? { onStop } : {}),
    ...(answers ? { answers } : {}),
  });
  const skills = instance.startSkills({ notify: bot.notify });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    skills.stop();
    await bot.close();
    instance.close();
  };
  onTestFinished(async () => {
    endAll(instance, stopped);
    await stop();
  });
  const started: TestBot = {
    root,
    instance,
    discord: bot,
    log: logger.lines,
    logged: (pattern) =>
      logger.lines.some((line) => pattern.test(`${line.message} ${JSON.stringify(line.fields)}`)),
    stop,
  };
  if (options.waits !== false) await untilReady(discord, started);
  return started;
}

/** Until the bot is connected and its commands are registered. */
async function untilReady(discord: SmallDiscord, bot: TestBot): Promise<void> {
  await until('the bot is connected', () => bot.discord.state() === 'ready');
  await until('its commands are registered', () => discord.world.commands.size > 0);
}

/** The text of the answer, once the bot no longer thinks. */
export async function answerTo(deed: Deed, deadlineMs?: number): Promise<string> {
  await until('it is answered', () => deed.isAnswered && deed.text !== '', deadlineMs);
  return deed.text;
}

/** The answer, once it has this in it. */
export async function answerWith(deed: Deed, pattern: RegExp, deadlineMs?: number): Promise<string> {
  try {
    await until(`the answer matches ${pattern}`, () => pattern.test(deed.text), deadlineMs);
  } catch (error) {
    throw new Error(`${(error as Error).message}; it says: ${deed.text}`);
  }
  return deed.text;
}

/** The message that answers. */
export function messageOf(deed: Deed): Message {
  if (!deed.reply) throw new Error('there is no answer yet');
  return deed.reply;
}

/** The shortest time between two changes of a message, in milliseconds. */
export function shortestPause(moments: readonly number[]): number {
  const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
  return Math.min(Number.POSITIVE_INFINITY, ...pauses);
}

/** Ends what the instance's processes left running. */
function endAll(instance: Instance, isClosed: boolean): void {
  if (isClosed) return;
  const has = instance.database().prepare("SELECT 1 FROM sqlite_master WHERE name = 'processes'").get();
  if (has === undefined) return;
  const rows = instance
    .database()
    .prepare<[], { id: string; shimPid: number | null; shimStart: string | null }>(
      'SELECT id, shim_pid AS shimPid, shim_start AS shimStart FROM processes WHERE ended_at IS NULL',
    )
    .all();
  for (const row of rows) {
    endNow(row as never);
    findByVariable(processVariable, row.id);
  }
}
