// Finds out what became of a process, from what it left on disk and from whether it is alive. Anybody may do this at
// any time: a supervisor that starts, one that was woken, or a command that wants to answer with the truth.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../tool.ts';
import { findByVariable, isAlive, type ProcessIdentity, parentOf, startOf } from '../base/index.ts';
import type { Ending, Registry } from './registry.ts';
import type { ProcessRow } from './row.ts';

/** The variable that every managed process and its descendants carry. */
export const processVariable = 'UNDERSTUDY_PROCESS';

/** How long a row may wait for the PID of a program whose spawner has gone. */
const spawnPatienceMs = 10_000;

/** Brings a row up to date. Returns the row as it is now. */
export function settle(registry: Registry, row: ProcessRow, clock: Clock): ProcessRow {
  // What an engine carries ends in its row when the engine is asked; here is nothing to be seen of it.
  if (row.runner !== 'local') return registry.find(row.id) ?? row;
  const ending = endingOf(registry, row, clock);
  if (!ending) return row;
  registry.end(row.id, ending);
  return registry.find(row.id) ?? row;
}

/** The shim, while it lives. */
export function livingShim(row: ProcessRow): ProcessIdentity | undefined {
  return living(row.shimPid, row.shimStart);
}

/** The command, while it lives. */
export function livingCommand(row: ProcessRow): ProcessIdentity | undefined {
  return living(row.pid, row.pidStart);
}

/** How the process ended, or undefined while it runs. */
function endingOf(registry: Registry, row: ProcessRow, clock: Clock): Ending | undefined {
  const noted = readExit(row);
  if (noted) return noted;
  if (row.shimPid === null) return endingOfUnidentified(registry, row, clock);
  if (livingShim(row) || livingCommand(row)) return undefined;
  // It may have written its status between the first look and the last.
  const late = readExit(row);
  if (late) return late;
  const endedAt = new Date(clock.now()).toISOString();
  if (row.stopReason !== null && row.forced === 1) {
    return { event: 'kill', exitCode: null, signal: 'SIGKILL', endedAt };
  }
  return { event: 'vanish', exitCode: null, signal: null, endedAt };
}

/** A row whose spawner died between writing the row and noting the PID: the program may run, or never have started. */
function endingOfUnidentified(registry: Registry, row: ProcessRow, clock: Clock): Ending | undefined {
  const pid = readPid(row);
  const start = pid === undefined ? undefined : startOf(pid);
  const shimPid = pid === undefined ? undefined : parentOf(pid);
  const shimStart = shimPid === undefined ? undefined : startOf(shimPid);
  const carriers = findByVariable(processVariable, row.id);
  if (pid !== undefined && start && shimPid !== undefined && shimStart && carriers.includes(shimPid)) {
    registry.identify(row.id, { shim: { pid: shimPid, start: shimStart }, command: { pid, start } });
    return undefined;
  }
  const ageMs = clock.now() - Date.parse(row.startedAt);
  if (carriers.length > 0 || ageMs < spawnPatienceMs) return undefined;
  return { event: 'vanish', exitCode: null, signal: null, endedAt: new Date(clock.now()).toISOString() };
}

function readExit(row: ProcessRow): Ending | undefined {
  const path = join(row.runFolder, 'exit');
  // Asked of every process that runs, again and again: an error each time would be a lot of garbage.
  if (!existsSync(path)) return undefined;
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (!/^\d{1,3}$/.test(text)) return undefined;
    const exitCode = Number(text);
    return {
      event: row.stopReason === null ? 'exit' : 'kill',
      exitCode,
      signal: row.stopReason !== null && row.forced === 1 ? 'SIGKILL' : signalOf(exitCode),
      endedAt: statSync(path).mtime.toISOString(),
    };
  } catch (error) {
    // Not there, or something that is no status: then there is none yet.
    if (['ENOENT', 'EISDIR', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

function readPid(row: ProcessRow): number | undefined {
  try {
    const text = readFileSync(join(row.runFolder, 'pid'), 'utf8');
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function living(pid: number | null, start: string | null): ProcessIdentity | undefined {
  if (pid === null || start === null) return undefined;
  const identity = { pid, start };
  return isAlive(identity) ? identity : undefined;
}

/** Shells report a death by signal as 128 and its number. */
function signalOf(exitCode: number): string | null {
  if (exitCode <= 128) return null;
  const found = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128);
  return found?.[0] ?? null;
}
