// Ends, stops and continues processes: the whole family, those who left the group too, and nobody else.

import type { Clock } from '../../tool.ts';
import { isStopped, waitUntil } from '../base/index.ts';
import { createFamily } from './family.ts';
import type { Registry } from './registry.ts';
import type { ProcessRow } from './row.ts';
import { settle } from './settle.ts';
import { isFinished } from './states.ts';

const defaultGraceMs = 5_000;
/** SIGKILL is not asked for twice, but a kernel that is busy needs a moment to carry it out. */
const afterForceMs = 5_000;
/** A stop takes effect within microseconds, unless a member is deep in the kernel. */
const holdMs = 1_000;

/** How a process is ended. */
export interface KillOptions {
  readonly reason: string;
  readonly graceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks politely, waits, forces, and writes down which of them it took. The intent is in the row before the first
 * signal, so that a killer that dies half-way leaves no riddle.
 */
export async function kill(
  registry: Registry,
  row: ProcessRow,
  clock: Clock,
  { reason, graceMs = defaultGraceMs, signal }: KillOptions,
): Promise<ProcessRow> {
  const before = settleNow(registry, row.id, clock);
  const family = createFamily(before);
  // Of a process that has ended there may be children left, and then it is they who are meant.
  if (isFinished(before.status) && family.living().length === 0) return before;
  registry.requestStop(row.id, reason);
  family.send('SIGTERM');
  // A stopped process takes its SIGTERM when it goes on.
  if (before.status === 'paused') family.send('SIGCONT');
  if (!(await waitUntil(() => family.isGone(), graceMs, signal))) {
    registry.noteForced(row.id);
    family.send('SIGKILL');
    await waitUntil(() => {
      // Whoever was born between two looks is ended too.
      if (family.isGone()) return true;
      family.send('SIGKILL');
      return false;
    }, afterForceMs);
  }
  await waitUntil(() => isFinished(settleNow(registry, row.id, clock).status), 1_000);
  return settleNow(registry, row.id, clock);
}

/** Stops a process where it is. False when it does not run. */
export function pause(registry: Registry, row: ProcessRow): boolean {
  if (!registry.change(row.id, 'pause')) return false;
  createFamily(row).send('SIGSTOP');
  return true;
}

/** Lets a paused process go on. False when it is not paused. */
export function resume(registry: Registry, row: ProcessRow): boolean {
  if (!registry.change(row.id, 'resume')) return false;
  createFamily(row).send('SIGCONT');
  return true;
}

/** Stops the family for a moment, returns once every member has really stopped, and gives what lets them go on. */
export function holdStill(row: ProcessRow): () => void {
  const family = createFamily(row);
  family.send('SIGSTOP');
  const deadline = performance.now() + holdMs;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  while (!family.living().every(isStopped) && performance.now() < deadline) Atomics.wait(clock, 0, 0, 1);
  return () => family.send('SIGCONT');
}

function settleNow(registry: Registry, id: string, clock: Clock): ProcessRow {
  const row = registry.find(id);
  if (!row) throw new Error(`the row of process ${id} was removed while it was killed`);
  return settle(registry, row, clock);
}
