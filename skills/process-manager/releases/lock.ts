// Lets one at a time read or write the trees: staging and reverting exclude each other. The lock file bears the PID and
// the start time of its holder in its name, so one whose holder is dead may be removed by anybody. Of two that come at
// the same moment at least one sees the other and gives way; both may, and then try again.

import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../tool.ts';
import { isAlive, type ProcessIdentity, startOf } from '../base/index.ts';

const prefix = '.lock.';
const attempts = 4;

/** Runs `work` as the only one; a Failure when another is at it. */
export async function whileLocked<Result>(backups: string, work: () => Promise<Result>): Promise<Result> {
  mkdirSync(backups, { recursive: true });
  const own = `${prefix}${process.pid}@${encodeURIComponent(startOf(process.pid) ?? '')}`;
  for (let attempt = 1; ; attempt++) {
    const holder = take(backups, own);
    if (holder === undefined) break;
    if (attempt === attempts) {
      throw new Failure(
        'staging_in_progress',
        `Another promotion or revert is under way, in the process ${holder.pid}.`,
        'Wait until it is done; see: understudy releases',
      );
    }
    await sleep(10 + Math.random() * 40);
  }
  try {
    return await work();
  } finally {
    rmSync(join(backups, own), { force: true });
  }
}

/** Takes the lock; the one that holds it when it cannot be had. */
function take(backups: string, own: string): ProcessIdentity | undefined {
  try {
    closeSync(openSync(join(backups, own), 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { pid: process.pid, start: '' };
  }
  for (const name of readdirSync(backups)) {
    if (!name.startsWith(prefix) || name === own) continue;
    const holder = holderOf(name);
    if (holder !== undefined && isAlive(holder)) {
      rmSync(join(backups, own), { force: true });
      return holder;
    }
    rmSync(join(backups, name), { force: true });
  }
  return undefined;
}

function holderOf(name: string): ProcessIdentity | undefined {
  const [, pid, start] = /^(\d+)@(.+)$/.exec(name.slice(prefix.length)) ?? [];
  return pid === undefined || start === undefined
    ? undefined
    : { pid: Number(pid), start: decodeURIComponent(start) };
}
