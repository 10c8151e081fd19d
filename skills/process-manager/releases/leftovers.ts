// What killed promotions and reverts left behind. Removed by the next one, which holds the lock, so that nobody else is
// at work; and what they had started is ended first.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isAbandoned, isAlive, startOf } from '../base/index.ts';
import { sweepTemporaryMarkers } from '../watchdog/index.ts';
import { endMarked } from './command.ts';
import { removeTree } from './files.ts';
import { listReleases } from './list.ts';
import type { Pace } from './pace.ts';

/** What a folder is called while a release is built in it. */
export const stagingPrefix = '.staging-';
/** Says whose it is. */
export const holderFile = 'holder.json';

const keptFailures = 5;
const holderSchema = z.object({ pid: z.number().int().positive(), start: z.string() });

/** Writes into a folder whose it is. */
export function writeHolder(folder: string): void {
  writeFileSync(join(folder, holderFile), JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
}

/** Puts root and backups/ in order. */
export async function removeLeftovers(root: string, backups: string, pace: Pace): Promise<void> {
  sweepTemporaryMarkers(root);
  for (const name of readdirSync(backups)) {
    if (isAbandoned(name)) await removeTree(join(backups, name), pace);
    if (!name.startsWith(stagingPrefix) || isHeldByAnother(join(backups, name))) continue;
    await endMarked(name);
    await removeTree(join(backups, name), pace);
  }
  for (const { folder } of listReleases(root)) {
    for (const name of readdirSync(folder)) {
      if (isAbandoned(name)) await removeTree(join(folder, name), pace);
    }
  }
  await forgetFailures(root, pace);
}

/** Candidates that failed their gates are kept for their logs, a few of them. */
async function forgetFailures(root: string, pace: Pace): Promise<void> {
  const failures = listReleases(root).filter(({ state }) => state === 'failed');
  for (const { folder } of failures.slice(keptFailures)) {
    // With a `previous` it had begun to be switched: then it is the watchdog's to judge.
    if (!readdirSync(folder).includes('previous')) await removeTree(folder, pace);
  }
}

function isHeldByAnother(folder: string): boolean {
  try {
    const holder = holderSchema.parse(JSON.parse(readFileSync(join(folder, holderFile), 'utf8')));
    return holder.pid !== process.pid && isAlive(holder);
  } catch {
    // It was killed before it could say whose it is; the lock says that nobody is at work now.
    return false;
  }
}
