// Waits for what the watchdog makes of a release, and says how to go on where nobody is there to do it.

import { join } from 'node:path';
import { z } from 'zod';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { backupsFolder } from '../releases/index.ts';
import { findWatchdog, followRelease, type Outcome, readRecord } from '../watchdog/index.ts';

/** Stopping the old one and starting the new one, twice, on a slow machine. */
const marginSeconds = 120;
const liveSchema = z.object({ readySeconds: z.number().catch(60), trialSeconds: z.number().catch(30) });

/** Said when nobody is there who could switch. */
const noWatchdog =
  'No watchdog runs, so nothing is switched yet. Start it (node watchdog.js), or make the switch now: node watchdog.js --apply';

/**
 * The verdict; undefined when it is not waited for: nobody is there to give one, or whoever asks may be the very bot
 * that is replaced, and must not wait for its own end. Only the command line surely is not.
 */
export async function awaitVerdict(
  { engine, actor, signal, progress, notify, handOver }: ToolContext<Engine>,
  name: string,
  action: 'promote' | 'rollback',
): Promise<Outcome | undefined> {
  if (findWatchdog(engine.root) === undefined) {
    notify(noWatchdog);
    return undefined;
  }
  handOver?.(action === 'rollback' ? 'rollback' : `release:${name}`);
  if (actor.surface !== 'cli') return undefined;
  const { live = {} } = readRecord(join(backupsFolder(engine.root), name)) ?? {};
  const { readySeconds, trialSeconds } = liveSchema.parse(live);
  const { idleDeadlineSeconds } = engine.settings.releases;
  const deadlineMs = (idleDeadlineSeconds + 2 * (readySeconds + trialSeconds) + marginSeconds) * 1_000;
  const outcome = await followRelease({
    root: engine.root,
    name,
    action,
    deadlineMs,
    signal,
    progress: (message) => progress({ message }),
  });
  if (outcome.state === 'unknown') notify(`${outcome.detail}; look later: understudy releases`);
  return outcome;
}
