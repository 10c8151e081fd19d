// Brings a step to its end, whatever became of it: the folder is a checkout of the new commit or of the old one, and
// what was held back is in its place. The same act ends an ordinary update, a failed one, and one that was killed. Git
// moves HEAD last, so HEAD on the new commit means that every file has been written.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, isFailure } from '../../../tool.ts';
import { expectedFailure } from './file-failures.ts';
import { pathsOf } from './git-output.ts';
import {
  type Hold,
  holdAgain,
  keepReplaced,
  letGo,
  type Part,
  putBack,
  readHold,
  release,
  setHoldAside,
} from './hold-back.ts';
import { createOccupantFinder } from './occupant.ts';
import type { Session } from './options.ts';
import { type Repository, readHead } from './repository.ts';
import { keepStrays } from './strays.ts';

/** How far the step has come: git has finished it, refused it, or failed in it; or the manager was killed in it. */
export type StepState = 'applied' | 'refused' | 'failed' | 'killed';

/**
 * Ends a step; where it kept what the step replaced, or undefined. `trouble` is why git cannot be asked: then at least
 * what is preserved is put back, as it is when anything else fails.
 */
export async function settle(
  session: Session,
  hold: Hold,
  state: StepState,
  trouble?: Failure,
): Promise<string | undefined> {
  const { isDone, failure } = trouble
    ? { isDone: false, failure: trouble }
    : await finish(session, hold, state);
  if (failure !== undefined && state === 'killed') await keepStrays(session, hold, false);
  const parts: readonly Part[] = isDone || failure !== undefined ? ['keep'] : ['replaced', 'keep'];
  for (const part of parts) await putBack(session, hold, part);
  session.step('all is back');
  if (failure !== undefined) {
    await letGo(session, hold, parts);
    throw notUndone(session, hold, failure);
  }
  const keptIn = isDone ? await keepReplaced(session, hold) : undefined;
  await release(session);
  return keptIn;
}

/** Ends the step of an update that was killed, if there is one. */
export async function settleKilled(
  session: Session,
  repository: Repository | undefined | Failure,
): Promise<void> {
  const found = await readHold(session.store);
  if (found === undefined) return;
  session.say('an update was cut off; putting everything in order');
  if (found.place !== session.place && !(await isItsRepository(session, found, repository))) {
    const place = await setHoldAside(session);
    session.say(`what was held back for ${found.place}, where the bot was before, is in ${place}`);
    return;
  }
  const hold = await holdAgain(session, found);
  if (repository === undefined) {
    // Without a repository there is nothing to undo, but the files are the person's.
    await keepStrays(session, hold, false);
    await settle(session, hold, 'refused');
    return;
  }
  const keptIn = await settle(session, hold, 'killed', isFailure(repository) ? repository : undefined);
  if (keptIn !== undefined) session.say(`what the update has replaced is in ${keptIn}`);
}

/** Makes the folder a whole checkout again. A failure means that it may not be one, or that nobody knows. */
async function finish(
  session: Session,
  hold: Hold,
  state: StepState,
): Promise<{ readonly isDone: boolean; readonly failure?: Failure }> {
  if (state === 'applied' || state === 'refused') return { isDone: state === 'applied' };
  try {
    const isDone = await hasArrived(session, hold);
    if (state === 'killed') await keepStrays(session, hold, !isDone);
    if (isDone) return { isDone };
    await undo(session, hold);
    // Where both commits are the same, doing away with local changes is all that the step was for.
    return { isDone: state === 'killed' && hold.from === hold.to };
  } catch (error) {
    const failure = expectedFailure(session.name, error);
    if (failure === undefined) throw error;
    return { isDone: false, failure };
  }
}

/** Neither of the two commits means that somebody has worked here since, and what they made is not ours to undo. */
async function hasArrived(session: Session, { from, to }: Hold): Promise<boolean> {
  return from !== to && (await readHead(session)) !== from;
}

/** Goes back to the old commit. What is in the way of it, or only looks so, has been held or kept aside. */
async function undo(session: Session, { from, to }: Hold): Promise<void> {
  const { folder, git, say } = session;
  say('undoing what was half done');
  // On a full disk git can do nothing before there is room, and what it has created last may be what fills it.
  const words = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--diff-filter=A', from, to, '--'];
  const occupant = createOccupantFinder(folder);
  for (const path of pathsOf((await git(words, { isList: true, mustFinish: true })).stdout)) {
    const place = await occupant(path);
    if (place?.path === path && !place.isFolder) await unlink(join(folder, path));
  }
  // With the new commit in the index, git knows which files of it to remove, and which folders. No reference is touched:
  // one that is locked must not stand in the way.
  await git(['read-tree', '--reset', to], { mustFinish: true });
  await git(['read-tree', '--reset', '-u', from], { mustFinish: true });
}

/** True when the bot's folder has only been moved since. */
async function isItsRepository(
  session: Session,
  { from, to }: Hold,
  repository: Repository | undefined | Failure,
): Promise<boolean> {
  if (repository === undefined || isFailure(repository)) return false;
  return [from, to].includes(await readHead(session));
}

function notUndone({ name, folder }: Session, { from }: Hold, cause: Error): Failure {
  return new Failure(
    'update_not_undone',
    `The update of '${name}' failed half-way and could not be undone: ${cause.message}`,
    `preserve_files are back in place. The next start tries again; by hand: git -C ${folder} reset --hard ${from.slice(0, 7)}`,
    { cause },
  );
}
