// Work that the clock begins (agent.cycles). A moment is skipped, and that is said, while a cycle was active lately or
// when the last ones failed; one that passed while the bot was away is not made up for.

import { createRequire } from 'node:module';
import type { Actor } from '../../skills/tool.ts';
import type { Branches } from './branches.ts';
import type { AgentOptions } from './surroundings.ts';
import type { Talk } from './talk.ts';
import type { Work } from './work.ts';

const activeMs = 10 * 60_000;
/** So many errors within so long: the model is away, or something else is wrong that the next one would only repeat. */
export const errorsMs = 30 * 60_000;
export const mostErrors = 3;
/** Clocks may be set, and a timer cannot be longer than 24 days: look again at least so often. */
const longestSleepMs = 30_000;

/** The clock asks with the rights of the owner, who wrote the configuration. */
const clockActor: Actor = {
  id: 'system:clock',
  name: 'the clock',
  surface: 'system',
  rights: ['read', 'operate', 'deploy'],
};

/** What it works with. */
export interface CycleOptions {
  readonly options: AgentOptions;
  readonly branches: Branches;
  readonly talk: Talk;
  readonly work: Work;
  /** Why nothing may be spent on the clock's work at present. */
  obstacle(): string | undefined;
}

interface Cycle {
  readonly index: number;
  readonly prompt: string;
  readonly channel?: string | undefined;
}

/** Starts the clock. */
export function startCycles(surroundings: CycleOptions): { stop(): void } {
  const { config, clock, logger } = surroundings.options;
  const cycles = config.agent.cycles.map((cycle, index) => ({
    ...cycle,
    index,
    at: nextOf(cycle.schedule, clock.now()),
    skippedBecause: '',
  }));
  // A staging bot has live's config.json, and must not do live's work a second time.
  if (cycles.length === 0 || config.environment.role === 'staging') return { stop: () => {} };
  let timer: NodeJS.Timeout | undefined;
  let before = clock.now();
  const look = () => {
    const now = clock.now();
    // Somebody has put the clock back: the next moments are earlier than they were.
    if (now < before) for (const cycle of cycles) cycle.at = nextOf(cycle.schedule, now);
    before = now;
    for (const cycle of cycles) {
      if (cycle.at === undefined || cycle.at > now) continue;
      const { at } = cycle;
      cycle.at = nextOf(cycle.schedule, now);
      try {
        const why = obstacle(surroundings, now);
        if (why === undefined) begin(surroundings, cycle, at);
        else if (why.kind !== cycle.skippedBecause) skip(surroundings, cycle, why.text);
        cycle.skippedBecause = why?.kind ?? '';
      } catch (error) {
        logger.error({ error: String(error), cycle: cycle.prompt }, 'a cycle could not be begun');
      }
    }
    const next = Math.min(...cycles.flatMap(({ at }) => at ?? []), now + longestSleepMs);
    timer = setTimeout(look, Math.max(0, next - clock.now()));
  };
  look();
  return { stop: () => clearTimeout(timer) };
}

function begin(
  { options, branches, talk, work }: CycleOptions,
  { index, prompt, channel }: Cycle,
  at: number,
): void {
  const target = channel ?? options.usualChannel;
  talk.together(() => {
    const key = `cycle:${index}:${new Date(at).toISOString()}`;
    const { id } = branches.begin({
      key,
      origin: 'cycle',
      title: prompt.slice(0, 80),
      channel: target ?? null,
      depth: 0,
      actor: clockActor,
    });
    if (talk.put(id, { key, text: prompt, actor: clockActor })) branches.move(id, 'news');
  });
  work.kick();
}

/** Said once for each reason: a schedule of every minute would say it every minute. */
function skip({ options }: CycleOptions, { prompt, channel }: Cycle, why: string): void {
  const target = channel ?? options.usualChannel;
  const text = `The cycle "${prompt.slice(0, 80)}" was skipped: ${why}. It is not said again for the same reason until it has run.`;
  options.notify(target === undefined ? { text } : { text, channel: target });
}

/** Why no cycle should begin now. */
function obstacle(
  { branches, obstacle: why }: CycleOptions,
  now: number,
): { kind: 'active' | 'failed' | 'spent'; text: string } | undefined {
  const since = (ms: number) => branches.activeSince('cycle', now - ms);
  // One that failed at once did nothing that another could disturb; the errors have a rule of their own.
  const active =
    since(activeMs).find(({ error }) => error === null) ??
    branches.withStatus('running').find(({ origin }) => origin === 'cycle');
  if (active) return { kind: 'active', text: `one was active in the last 10 minutes (${active.id})` };
  const failed = since(errorsMs).filter(({ error }) => error !== null);
  if (failed.length >= mostErrors) {
    const text = `${failed.length} failed in the last 30 minutes (${failed[0]?.error})`;
    return { kind: 'failed', text };
  }
  const spent = why();
  return spent === undefined ? undefined : { kind: 'spent', text: spent };
}

function nextOf(expression: string, after: number): number | undefined {
  const { Cron }: typeof import('croner') = createRequire(import.meta.url)('croner');
  return new Cron(expression, { paused: true }).nextRun(new Date(after))?.getTime();
}
