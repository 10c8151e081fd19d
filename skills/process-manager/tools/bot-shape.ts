// How a bot looks from outside, as JSON and to people.

import { z } from 'zod';
import type { ToolContext, View } from '../../tool.ts';
import { type BotStatus, botStates } from '../bots/index.ts';
import { type Engine, nobodyWatches } from '../engine.ts';
import { runnerNames } from '../processes/index.ts';
import { age, duration, size } from './words.ts';

/** The JSON of a bot; scripts rely on its first seven keys. */
export const botShape = z.object({
  name: z.string(),
  desired: z.enum(['running', 'stopped']),
  state: z.enum(botStates),
  pid: z.number().nullable(),
  restarts: z.number(),
  startCount: z.number(),
  lastStartAt: z.string().nullable(),
  uptimeSeconds: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  cpuPercent: z.number().nullable(),
  process: z.string().nullable(),
  exitCode: z.number().nullable(),
  retryAt: z.string().nullable(),
  detail: z.string().nullable(),
  description: z.string().nullable(),
  log: z.string(),
  runner: z.enum(runnerNames),
  node: z.string().nullable(),
});

/** What the verbs answer that change one bot. */
export const oneBot = z.object({ bot: botShape });

/** A bot in one line, for the answer to whoever changed it. */
export function presentBot(bot: BotStatus): View {
  const pid = bot.pid === null ? '' : `  PID ${bot.pid}`;
  const where = bot.runner === 'local' ? '' : `  on ${placeOf(bot)}`;
  return { text: `${bot.name}  ${bot.state}${pid}${where}${bot.detail === null ? '' : `  (${bot.detail})`}` };
}

/** Where a bot runs, for people. */
function placeOf({ runner, node }: BotStatus): string {
  if (runner === 'local') return 'this machine';
  if (runner === 'docker') return 'Docker';
  return node === null ? 'the swarm' : `node ${node}`;
}

/** All bots as a table; where each of them runs, unless all of them do here. */
export function botTable(bots: readonly BotStatus[]): NonNullable<View['table']> {
  const isSpread = bots.some(({ runner }) => runner !== 'local');
  return {
    columns: [
      ...['BOT', 'STATE', 'PID'],
      ...(isSpread ? ['RUNS ON'] : []),
      ...['UP', 'MEMORY', 'STARTS', 'RESTARTS', 'DETAIL'],
    ],
    rows: bots.map((bot) => [
      bot.name,
      bot.state,
      bot.pid === null ? '-' : String(bot.pid),
      ...(isSpread ? [placeOf(bot)] : []),
      bot.uptimeSeconds === null ? '-' : duration(bot.uptimeSeconds),
      bot.memoryBytes === null ? '-' : size(bot.memoryBytes),
      String(bot.startCount),
      String(bot.restarts),
      bot.detail ?? bot.description ?? '',
    ]),
  };
}

/** One bot as rows of two columns. */
export function botRows(bot: BotStatus): string[][] {
  const started = bot.lastStartAt === null ? 'never' : `${bot.lastStartAt} (${age(bot.lastStartAt)})`;
  return [
    ['bot', bot.name],
    ...(bot.description === null ? [] : [['description', bot.description]]),
    ['state', `${bot.state}${bot.desired === 'running' && bot.pid === null ? ' (should be running)' : ''}`],
    ...(bot.detail === null ? [] : [['because', bot.detail]]),
    ...(bot.retryAt === null ? [] : [['next try', bot.retryAt]]),
    ...(bot.runner === 'local' ? [] : [['runs on', placeOf(bot)]]),
    ['PID', String(bot.pid ?? '-')],
    ['last start', started],
    ['up', bot.uptimeSeconds === null ? '-' : duration(bot.uptimeSeconds)],
    ['CPU', bot.cpuPercent === null ? '-' : `${bot.cpuPercent} %`],
    ['memory', bot.memoryBytes === null ? '-' : size(bot.memoryBytes)],
    ['starts', `${bot.startCount}, ${bot.restarts} restarts by itself since somebody asked for it`],
    ['log', bot.log],
  ];
}

/** Who asks, for the bots. */
export function asker({ actor, progress, signal }: ToolContext<Engine>) {
  return { who: actor.id, tell: (message: string) => progress({ message }), signal };
}

/** Says so when nobody restarts what was just started. */
export function sayWhenUnwatched({ engine, notify }: ToolContext<Engine>): void {
  if (!engine.isSupervised()) notify(nobodyWatches);
}
