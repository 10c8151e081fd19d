// Ends, stops and continues processes: the whole family, those who left the group too, and nobody else.

import type { Clock } from '../../tool.ts';
import { findByVariable, groupMembers, isStopped, waitUntil } from '../base/index.ts';
import type { ProcessRow, Registry } from './registry.ts';
import { livingShim, processVariable, settle } from './settle.ts';
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
  if (isFinished(before.status)) return before;
  registry.requestStop(row.id, reason);
  sendToFamily(before, 'SIGTERM');
  // A stopped process takes its SIGTERM when it goes on.
  if (before.status === 'paused') sendToFamily(before, 'SIGCONT');
  if (!(await waitUntil(() => hasGone(before), graceMs, signal))) {
    registry.noteForced(row.id);
    sendToFamily(before, 'SIGKILL');
    await waitUntil(() => {
      // Whoever was born between two looks is ended too.
      if (hasGone(before)) return true;
      sendToFamily(before, 'SIGKILL');
      return false;
    }, afterForceMs);
  }
  await waitUntil(() => isFinished(settleNow(registry, row.id, clock).status), 1_000);
  return settleNow(registry, row.id, clock);
}

/** Stops a process where it is. False when it does not run. */
export function pause(registry: Registry, row: ProcessRow): boolean {
  if (!registry.change(row.id, 'pause')) return false;
  sendToFamily(row, 'SIGSTOP');
  return true;
}

/** Lets a paused process go on. False when it is not paused. */
export function resume(registry: Registry, row: ProcessRow): boolean {
  if (!registry.change(row.id, 'resume')) return false;
  sendToFamily(row, 'SIGCONT');
  return true;
}

/** Stops the family for a moment, and returns once every member has really stopped. */
export function holdStill(row: ProcessRow): void {
  sendToFamily(row, 'SIGSTOP');
  const deadline = performance.now() + holdMs;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  while (!isStill(row) && performance.now() < deadline) Atomics.wait(clock, 0, 0, 1);
}

function isStill(row: ProcessRow): boolean {
  const shim = livingShim(row);
  const members = [...(shim ? groupMembers(shim.pid) : []), ...findByVariable(processVariable, row.id)];
  return members.every(isStopped);
}

/** Sends a signal to every living member of the process's family. */
export function sendToFamily(row: ProcessRow, signal: NodeJS.Signals): void {
  const shim = livingShim(row);
  if (shim) send(-shim.pid, signal);
  for (const pid of strays(row)) send(pid, signal);
}

/** Members of the family that the group signal does not reach: those that left it, or all once the shim has ended. */
function strays(row: ProcessRow): number[] {
  const carriers = findByVariable(processVariable, row.id);
  if (carriers.length === 0) return [];
  const shim = livingShim(row);
  if (!shim) return carriers;
  const members = new Set(groupMembers(shim.pid));
  return carriers.filter((pid) => !members.has(pid));
}

function hasGone(row: ProcessRow): boolean {
  return livingShim(row) === undefined && findByVariable(processVariable, row.id).length === 0;
}

function settleNow(registry: Registry, id: string, clock: Clock): ProcessRow {
  const row = registry.find(id);
  if (!row) throw new Error(`the row of process ${id} was removed while it was killed`);
  return settle(registry, row, clock);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in the meantime, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
