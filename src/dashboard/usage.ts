// How much CPU and memory bots and processes used lately, for the charts. Every bot is looked at once a minute; what
// somebody looks at, every two seconds. Kept in memory, and bounded.

import { z } from 'zod';
import type { Clock, Dispatcher, Logger } from '../../skills/tool.ts';
import { describeFailure, isLasting } from './calls.ts';
import { pageOwner, type Timing } from './options.ts';
import type { EventStream } from './streams.ts';

const keptSamples = 600;
const mostNames = 40;
const mostBots = 20;

const listSchema = z.object({ bots: z.array(z.object({ name: z.string(), pid: z.number().nullable() })) });
const used = z.object({ cpuPercent: z.number().nullable(), memoryBytes: z.number().nullable() });
const statusSchema = z.object({ bot: used.optional(), usage: used.optional() });

/** What was used at a moment. */
interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cpuPercent: number;
  readonly memoryBytes: number;
}

/** The samples of an instance. */
export interface Samples {
  /** Shows a page the samples of one bot or process, and each new one. */
  show(stream: EventStream, name: string): Promise<void>;
  stop(): void;
}

/** Takes samples until it is stopped. */
export function takeSamples(dispatcher: Dispatcher, clock: Clock, logger: Logger, timing: Timing): Samples {
  const byName = new Map<string, Sample[]>();
  const ask = (tool: string, input: object) => dispatcher.call(pageOwner, tool, input, { isRepeated: true });
  const take = async (name: string): Promise<Sample | undefined> => {
    const { bot, usage } = statusSchema.parse(await ask('status', { process: name }));
    const { cpuPercent = null, memoryBytes = null } = bot ?? usage ?? {};
    if (memoryBytes === null) return undefined;
    const sample = { at: clock.now(), cpuPercent: cpuPercent ?? 0, memoryBytes };
    const before = byName.get(name) ?? [];
    // The one that was not looked at for longest goes first.
    byName.delete(name);
    byName.set(name, [...before.slice(1 - keptSamples), sample]);
    const [oldest] = byName.keys();
    if (byName.size > mostNames && oldest !== undefined) byName.delete(oldest);
    return sample;
  };
  /** False once it makes no sense to go on. */
  const attempt = async (act: () => Promise<unknown>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      logger.debug({ error: String(error) }, 'no sample for the charts this time');
      return !isLasting(error);
    }
  };
  const takeAll = () =>
    attempt(async () => {
      const { bots } = listSchema.parse(await ask('list', { limit: 1 }));
      for (const { name } of bots.filter(({ pid }) => pid !== null).slice(0, mostBots)) {
        // One that cannot be looked at keeps nobody from seeing the others.
        if (!(await attempt(() => take(name)))) isStopped = true;
        if (isStopped) return;
      }
    });
  let timer: NodeJS.Timeout | undefined;
  const loop = async () => {
    if ((await takeAll()) && !isStopped) timer = setTimeout(() => void loop(), timing.quietSampleMs);
  };
  let isStopped = false;
  timer = setTimeout(() => void loop(), timing.quietSampleMs);
  return {
    async show(stream, name) {
      await stream.send('samples', byName.get(name) ?? []);
      while (!stream.gone.aborted) {
        try {
          const sample = await take(name);
          if (sample) await stream.send('sample', sample);
        } catch (error) {
          // Asked again and again, a refusal would fill the history: the page asks when somebody wants it.
          return stream.send('usage-problem', describeFailure(error));
        }
        await stream.pause(timing.sampleMs);
      }
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
