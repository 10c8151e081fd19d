// Lets one trimmer at a time work on a log. A lock file bears the PID and the start time of its owner in its name, so
// it belongs to one process for ever: one whose owner is dead may be deleted by anybody, without a race. Of two that
// come at the same moment at least one sees the other and gives way; both may.

import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlive, type ProcessIdentity, startOf } from '../base/index.ts';

/** Runs `work` as the only trimmer of this log; undefined, and nothing is run, while another one works. */
export function whileLocked<Result>(log: string, work: () => Result): Result | undefined {
  const self = { pid: process.pid, start: startOf(process.pid) ?? '' };
  const own = `${lockPrefix(log)}${self.pid}@${encodeURIComponent(self.start)}`;
  const ownPath = join(dirname(log), own);
  if (!createExclusively(ownPath)) return undefined;
  try {
    return isAnotherAtWork(log, own) ? undefined : work();
  } finally {
    rmSync(ownPath, { force: true });
  }
}

/** False when it exists: then another thread of this process is the one at work. */
function createExclusively(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAnotherAtWork(log: string, own: string): boolean {
  const prefix = lockPrefix(log);
  let isAtWork = false;
  for (const name of readdirSync(dirname(log))) {
    if (!name.startsWith(prefix) || name === own) continue;
    const owner = ownerOf(name.slice(prefix.length));
    if (owner !== undefined && isAlive(owner)) isAtWork = true;
    else rmSync(join(dirname(log), name), { force: true });
  }
  return isAtWork;
}

function lockPrefix(log: string): string {
  return `${basename(log)}.trimming.`;
}

function ownerOf(name: string): ProcessIdentity | undefined {
  const [, pid, start] = /^(\d+)@(.+)$/.exec(name) ?? [];
  return pid === undefined || start === undefined
    ? undefined
    : { pid: Number(pid), start: decodeURIComponent(start) };
}
