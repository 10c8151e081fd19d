// Makes staging/ what live is, by the rules of a promotion the other way round. What has changed is built completely
// beside it, then swapped in by renames. What belongs to the staging bot itself stays as it is.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Changes } from '../watchdog/index.ts';
import { isNothing } from './changes.ts';
import { copyTree, refuseChanged, refuseUnmovable } from './copy.ts';
import { explainFileError, removeTree } from './files.ts';
import { openHashes } from './hash.ts';
import { removeLeftovers } from './leftovers.ts';
import { backupsFolder, hashesFile, listReleases, refuseWhileInProgress } from './list.ts';
import { whileLocked } from './lock.ts';
import { createPace, throwIfAborted } from './pace.ts';
import { type Prepared, prepare } from './prepare.ts';
import { finishRevert, refuseUnfinishedRevert, swap, workFolder } from './revert-journal.ts';
import type { Caller, Surroundings } from './surroundings.ts';
import { isBelow, watchdogFile } from './what-moves.ts';

/** What is asked for. */
export interface RevertRequest extends Caller {
  readonly dryRun: boolean;
  /** Ends the staging bot, and returns when it has ended: it must not run on from a tree that is being swapped. */
  readonly stopStaging: () => Promise<void>;
}

/** Reverts; the answer is what it changed, or would change. */
export async function revert(surroundings: Surroundings, request: RevertRequest): Promise<Changes> {
  const { root, staging } = surroundings;
  const backups = backupsFolder(root);
  if (request.dryRun) {
    refuseUnfinishedRevert(staging);
    return (await look(surroundings, request)).changes;
  }
  try {
    return await whileLocked(backups, () => revertAlone(surroundings, request, backups));
  } catch (error) {
    throw explainFileError(error, staging);
  }
}

async function revertAlone(
  surroundings: Surroundings,
  request: RevertRequest,
  backups: string,
): Promise<Changes> {
  const { root, staging } = surroundings;
  const pace = createPace(request.signal);
  await removeLeftovers(root, backups, pace);
  // While a release is switched, live is neither the old tree nor the new one.
  refuseWhileInProgress(root, listReleases(root));
  request.progress({ message: 'stopping the staging bot' });
  await request.stopStaging();
  mkdirSync(staging, { recursive: true });
  await finishRevert(staging, createPace());
  request.progress({ message: 'comparing live with staging' });
  const prepared = await look(surroundings, request);
  if (isNothing(prepared.changes)) return prepared.changes;
  refuseUnmovable(root, prepared.source.items);
  await build(staging, prepared, request);
  return prepared.changes;
}

async function build(staging: string, prepared: Prepared, request: RevertRequest): Promise<void> {
  const pace = createPace(request.signal);
  const { source, changes } = prepared;
  const touched = touchedEntries(prepared, changes);
  const tops = new Set(touched.map(({ path }) => path));
  const work = workFolder(staging);
  try {
    // One after the other: making both at once would hide why a disk refuses.
    mkdirSync(work);
    mkdirSync(join(work, 'next'));
    await copyTree({
      from: source.root,
      to: join(work, 'next'),
      items: new Map([...source.items].filter(([path]) => isBelow(path, tops))),
      pace,
      signal: request.signal,
      onProgress: (done, total) =>
        request.progress({ message: `copying live: ${done} of ${total} files`, fraction: done / total }),
    });
    refuseChanged(source.root, source.items, await prepared.lookAgain());
    throwIfAborted(request.signal);
  } catch (error) {
    await removeTree(work, createPace());
    throw error;
  }
  await swap(staging, touched, createPace());
}

/** What has not changed need not be moved; what is left of folders without files is not worth it either. */
function touchedEntries({ entries }: Prepared, changes: Changes): Prepared['entries'] {
  const paths = [...changes.added, ...changes.changed, ...changes.removed].map(({ path }) => path);
  return entries.filter(({ path }) =>
    paths.some((changed) => changed === path || changed.startsWith(`${path}/`)),
  );
}

async function look({ root, staging, settings }: Surroundings, { signal }: RevertRequest): Promise<Prepared> {
  const prepared = await prepare({
    source: root,
    destination: staging,
    exclude: settings.exclude,
    hashes: openHashes(hashesFile(backupsFolder(root))),
    pace: createPace(signal),
  });
  // Nothing watches over staging, so its watchdog.js is a file like any other.
  const live = prepared.destination.items.has(watchdogFile);
  const next = prepared.source.items.has(watchdogFile);
  if (!live && !next) return prepared;
  return { ...prepared, entries: [...prepared.entries, { path: watchdogFile, live, next }] };
}
