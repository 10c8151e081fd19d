// Bots for tests: small shell programs in a fresh instance, and somebody who asks for them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../skills/process-manager/engine.ts';
import type { Settings } from '../../skills/process-manager/index.ts';
import type { Clock } from '../../skills/tool.ts';
import { makeInstance, until } from './instance.ts';
import { makeEngine } from './manager.ts';

type BotSettings = Partial<Settings['bots'][string]> & { readonly sh?: string };

/** config.json of bots that run shell code. */
export function botConfig(
  bots: Readonly<Record<string, BotSettings>>,
  globalSettings: Partial<Settings['globalSettings']> = {},
): string {
  const entries = Object.entries(bots).map(([name, { sh, ...rest }]) => [
    name,
    { directory: '.', ...(sh === undefined ? {} : { command: ['bash', '-c', sh] }), ...rest },
  ]);
  return JSON.stringify({ bots: Object.fromEntries(entries), globalSettings });
}

/** An instance with these bots, and an engine of the test's own process, which does not supervise. */
export function makeBots(
  bots: Readonly<Record<string, BotSettings>>,
  globalSettings: Partial<Settings['globalSettings']> = {},
  clock?: Clock,
): { engine: Engine; root: string; bots: Engine['bots'] } {
  const root = makeInstance({ 'config.json': botConfig(bots, globalSettings) });
  const { engine } = makeEngine(root, clock);
  return { engine, root, bots: engine.bots };
}

/** Somebody who asks, and what they were told meanwhile. */
export function makeAsker(signal: AbortSignal = new AbortController().signal) {
  const told: string[] = [];
  return { who: 'test:owner', tell: (text: string) => void told.push(text), signal, told };
}

/** A program that runs until it is told to end. */
export const runsOn = 'echo up; while :; do sleep 0.1; done';

/** Crashes that are followed by restarts at once, and soon by failed. */
export const quick = { restart_delay: 0.1, max_restart_attempts: 2 };

/** Waits for a state that somebody else brings about. */
export async function reaches(bots: Engine['bots'], name: string, state: string, deadlineMs = 15_000) {
  let found = await bots.status(name);
  await until(
    `${name} is ${state}`,
    () => {
      void bots.status(name).then((status) => {
        found = status;
      });
      return found.state === state;
    },
    deadlineMs,
  );
  return found;
}

/** How often a program has begun that appends to `starts`. */
export function startsOf(root: string): number {
  const path = join(root, 'starts');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}
