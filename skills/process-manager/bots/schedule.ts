// When bots are to be restarted by the clock. A moment that passed while nobody watched is not made up for: the bot may
// just have been started.

import { createRequire } from 'node:module';
import type { BotPlan } from './plan.ts';

/** The restarts by the clock of one supervisor. */
export interface Schedules {
  /** The bots whose moment has come since the last call. */
  due(plans: Iterable<BotPlan>, now: number): BotPlan[];
  /** The next moment of any of them. */
  next(): number | undefined;
}

interface Entry {
  readonly expression: string;
  readonly at: number | undefined;
}

/** Schedules that count from the first look at each bot on. */
export function createSchedules(): Schedules {
  const entries = new Map<string, Entry>();
  const plan = (expression: string, now: number): Entry => ({ expression, at: nextOf(expression, now) });
  return {
    due(plans, now) {
      const due: BotPlan[] = [];
      const seen = new Set<string>();
      for (const bot of plans) {
        if (bot.schedule === undefined) continue;
        seen.add(bot.name);
        const entry = entries.get(bot.name);
        const isDue = entry?.expression === bot.schedule && entry.at !== undefined && entry.at <= now;
        if (isDue) due.push(bot);
        if (isDue || entry?.expression !== bot.schedule) entries.set(bot.name, plan(bot.schedule, now));
      }
      for (const name of entries.keys()) if (!seen.has(name)) entries.delete(name);
      return due;
    },
    next() {
      const moments = [...entries.values()].flatMap(({ at }) => at ?? []);
      return moments.length === 0 ? undefined : Math.min(...moments);
    },
  };
}

/** Loaded on use: few instances have a schedule, and every start of the command line would pay for it. */
function nextOf(expression: string, after: number): number | undefined {
  const { Cron }: typeof import('croner') = createRequire(import.meta.url)('croner');
  return new Cron(expression, { paused: true }).nextRun(new Date(after))?.getTime();
}
