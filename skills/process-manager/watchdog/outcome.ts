// Follows what the watchdog does with a release or a rollback, from the marker to the verdict, by looking at the files
// that it leaves. Nothing is asked of the watchdog itself, so it may die and come back meanwhile.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findWatchdog } from './lock.ts';
import { readDeployInProgress, readDeployReady, readDeployReverted, readHeartbeat } from './markers.ts';
import { type ReleaseRecord, type ReleaseState, readRecord } from './release-record.ts';

const lookEveryMs = 100;
/** So long may the watchdog be gone while an operating system starts it again. */
const mostAbsenceMs = 30_000;

/** How it ended. `unknown`: nobody is there any more to bring it to an end, or it takes longer than it may. */
export interface Outcome {
  readonly state: Extract<ReleaseState, 'good' | 'reverted' | 'failed'> | 'unknown';
  readonly detail: string | null;
}

export interface FollowOptions {
  readonly root: string;
  /** The name of the release's folder; of a rollback, that of the last release to be taken back. */
  readonly name: string;
  readonly action: 'promote' | 'rollback';
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (message: string) => void;
}

/** Waits for the verdict. */
export async function followRelease(options: FollowOptions): Promise<Outcome> {
  const { root, name, action, deadlineMs, signal, progress } = options;
  const folder = join(root, 'backups', name);
  const deadline = performance.now() + deadlineMs;
  let seenAt = performance.now();
  let told = '';
  for (;;) {
    const record = readRecord(folder);
    const outcome = outcomeOf(root, name, action, record);
    if (outcome !== undefined) return outcome;
    if (findWatchdog(root) !== undefined) seenAt = performance.now();
    if (signal?.aborted) return { state: 'unknown', detail: 'nobody waited for the verdict' };
    if (performance.now() - seenAt > mostAbsenceMs)
      return { state: 'unknown', detail: 'the watchdog ended before there was a verdict' };
    if (performance.now() > deadline) return { state: 'unknown', detail: 'there is no verdict yet' };
    const now = describe(root, record);
    if (now !== told) progress(now);
    told = now;
    await sleep(lookEveryMs);
  }
}

function outcomeOf(
  root: string,
  name: string,
  action: 'promote' | 'rollback',
  record: ReleaseRecord | undefined,
): Outcome | undefined {
  const reverted = readDeployReverted(root);
  if (reverted?.state === 'inconsistent' && reverted.release === name)
    return { state: 'failed', detail: reverted.reason ?? 'taking it back failed too' };
  if (record === undefined) return undefined;
  const isWaiting = readDeployReady(root) !== undefined || readDeployInProgress(root) !== undefined;
  // A rollback is over when nothing is under way any more: until then older releases, and the start, are still to come.
  if (action === 'rollback' && isWaiting) return undefined;
  const { state, detail } = record;
  if (state === 'good' || state === 'reverted' || state === 'failed') return { state, detail };
  return undefined;
}

function describe(root: string, record: ReleaseRecord | undefined): string {
  if (readDeployInProgress(root) === undefined) {
    const busy = readHeartbeat(root)?.busy ?? 0;
    return busy > 0
      ? `waiting until the bot is idle: ${busy} ${busy === 1 ? 'branch is' : 'branches are'} at work`
      : 'waiting for the watchdog';
  }
  if (record?.state === 'trial') return `trying ${record.version}: it has to be ready, and to stay up`;
  if (record?.state === 'reverting') return `taking ${record.version} back`;
  return 'switching';
}
