// The swap at the end of a revert, as renames along a journal. `staging/.revert/` holds `next/` (complete, when the
// journal is written), `journal.json`, and `previous/`, which receives what was there. Without a journal nothing has been
// swapped and the folder is garbage; with one, the swap is gone on with, whoever comes next. Each rename can be done
// again without harm, so a kill at any instant leads to the old tree or to the new one.

import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../tool.ts';
import { replaceDurably, syncFolder } from '../base/index.ts';
import type { Entry } from '../watchdog/index.ts';
import { removeTree, syncTree } from './files.ts';
import type { Pace } from './pace.ts';
import { revertFolder } from './what-moves.ts';

const journalSchema = z.object({
  format: z.literal(1),
  entries: z.array(z.object({ path: z.string(), live: z.boolean(), next: z.boolean() })),
});

/** Where a revert builds. */
export function workFolder(staging: string): string {
  return join(staging, revertFolder);
}

/** Swaps what was built into place. From the moment the journal is written it will come to its end. */
export async function swap(staging: string, entries: readonly Entry[], pace: Pace): Promise<void> {
  const work = workFolder(staging);
  await syncTree(work);
  replaceDurably(join(work, 'journal.json'), JSON.stringify({ format: 1, entries }));
  await finishRevert(staging, pace);
}

/** Goes on with a revert that was cut off, or clears away one that had not begun to swap. */
export async function finishRevert(staging: string, pace: Pace): Promise<void> {
  const work = workFolder(staging);
  const journal = join(work, 'journal.json');
  if (existsSync(journal)) {
    const { entries } = journalSchema.parse(JSON.parse(readFileSync(journal, 'utf8')));
    for (const entry of entries) swapOne(staging, work, entry);
    syncFolder(staging);
    await syncTree(work);
    // Without the journal the rest is garbage, however much of it a kill leaves.
    unlinkSync(journal);
    syncFolder(work);
  }
  await removeTree(work, pace);
}

/** Refuses to look at a tree that is half swapped. */
export function refuseUnfinishedRevert(staging: string): void {
  if (!existsSync(join(workFolder(staging), 'journal.json'))) return;
  throw new Failure(
    'revert_unfinished',
    `A revert of ${staging} was cut off before its end.`,
    'Run understudy revert once more: it goes on where the other one stopped.',
  );
}

function swapOne(staging: string, work: string, { path, live, next }: Entry): void {
  const [here, old, fresh] = [join(staging, path), join(work, 'previous', path), join(work, 'next', path)];
  if (live && !isThere(old)) {
    mkdirSync(dirname(old), { recursive: true });
    if (isThere(here)) renameSync(here, old);
  }
  if (next && isThere(fresh)) {
    mkdirSync(dirname(here), { recursive: true });
    renameSync(fresh, here);
  }
  // A skill whose last file went is gone.
  if (!next) removeIfEmpty(dirname(here), staging);
}

function removeIfEmpty(folder: string, root: string): void {
  if (folder === root) return;
  try {
    rmdirSync(folder);
    removeIfEmpty(dirname(folder), root);
  } catch {
    // Something is left in it, such as a skill's data; or it went before.
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
