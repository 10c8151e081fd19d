// How much CPU and memory each bot used lately: looked at once a minute, kept in memory for two hours, for the chart.

import { z } from 'zod';
import type { Actor, Clock, Dispatcher, Logger } from '../../skills/tool.ts';

const kept = 120;
const mostBots = 20;

const listSchema = z.object({ bots: z.array(z.object({ name: z.string(), pid: z.number().nullable() })) });
const statusSchema = z.object({
  bot: z.object({ cpuPercent: z.number().nullable(), memoryBytes: z.number().nullable() }),
});

/** What a bot used at a moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cpuPercent: number;
  readonly memoryBytes: number;
}

/** The samples of all bots. */
export interface Samples {
  of(bot: string): readonly Sample[];
  stop(): void;
}

const actor: Actor = { id: 'discord:chart', name: 'the chart', surface: 'system', rights: ['read'] };

/** Takes samples until it is stopped. */
export function takeSamples(dispatcher: Dispatcher, clock: Clock, everyMs: number, logger: Logger): Samples {
  const byBot = new Map<string, Sample[]>();
  let isLooking = false;
  const ask = (tool: string, input: object) => dispatcher.call(actor, tool, input, { isRepeated: true });
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      const { bots } = listSchema.parse(await ask('list', { limit: 1 }));
      const names = new Set(bots.map(({ name }) => name));
      for (const name of byBot.keys()) if (!names.has(name)) byBot.delete(name);
      for (const { name } of bots.filter(({ pid }) => pid !== null).slice(0, mostBots)) {
        // `list` has no time to measure the CPU.
        const { cpuPercent, memoryBytes } = statusSchema.parse(await ask('status', { process: name })).bot;
        if (cpuPercent === null || memoryBytes === null) continue;
        const samples = [...(byBot.get(name) ?? []), { at: clock.now(), cpuPercent, memoryBytes }];
        byBot.set(name, samples.slice(-kept));
      }
    } catch (error) {
      logger.debug({ error: String(error) }, 'no sample for the charts this time');
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  void look();
  return { of: (bot) => byBot.get(bot) ?? [], stop: () => clearInterval(timer) };
}
