// One update or recovery from beginning to end: the folder is checked, what a kill left is put in order, the marker is
// set, the update decides, and the marker goes.

import { randomUUID } from 'node:crypto';
import { relative } from 'node:path';
import { isFailure } from '../../../tool.ts';
import { removeTemporary } from './bootstrap.ts';
import { decide } from './decide.ts';
import { endGit } from './ending.ts';
import { expectedFailure } from './file-failures.ts';
import { checkFolder, type Place } from './folder.ts';
import { createGit, type Step } from './git.ts';
import { readHold } from './hold-back.ts';
import { checkBranch, checkUrl, createUrlMask, onOneLine, withoutCredentials } from './names.ts';
import type { RecoveryOptions, Session, UpdateOptions, UpdateResult } from './options.ts';
import { checkPreserve } from './preserve.ts';
import { findRepository, removeOwnLocks } from './repository.ts';
import { settleKilled } from './settle.ts';
import { clear, hasTraces, openStore, readMarker, type Store, writeMarker } from './store.ts';

const defaultSilenceMs = 30_000;
const defaultMostMs = 600_000;
/** After these git has not ended by itself, and may have left its locks. */
const endedGit = ['git_timeout', 'update_cancelled', 'git_output_too_long', 'git_killed'];
/** File systems write times down a little late. */
const slackMs = 100;

/** Updates one bot; `step` is told what a kill may cut off. */
export async function runUpdate(options: UpdateOptions, step: Step): Promise<UpdateResult> {
  return withFailures(options, () => update(options, step));
}

/** Puts in order what an update that was killed has left. True when there was something. */
export async function runRecovery(options: RecoveryOptions, step: Step): Promise<boolean> {
  return withFailures(options, () => recover(options, step));
}

async function update(options: UpdateOptions, step: Step): Promise<UpdateResult> {
  const { name } = options;
  await recover(options, step);
  checkUrl(name, options.repoUrl);
  if (options.branch !== undefined) checkBranch(name, options.branch);
  const cloneFrom = createUrlMask(options.repoUrl)(withoutCredentials(options.repoUrl));
  const place = await checkFolder(options, cloneFrom);
  const preserve = await checkPreserve(name, place.folder, options.preserveFiles);
  const store = openStore(place.root, name);
  const session = await openSession(options, store, place, options.signal, step);
  const { repoUrl, branch, forceSync } = options;
  try {
    return await decide(session, { repoUrl, branch, forceSync, preserve });
  } catch (error) {
    if (isFailure(error) && endedGit.includes(error.code)) await removeLocks(session);
    throw error;
  } finally {
    // A step that could not be undone stays on record for the next start.
    if ((await readHold(store)) === undefined) await clear(store);
  }
}

async function recover(
  options: RecoveryOptions & { readonly repoUrl?: string },
  step: Step,
): Promise<boolean> {
  const store = openStore(options.root, options.name);
  if (!hasTraces(store)) return false;
  const before = readMarker(store);
  if (before !== undefined) await endGit(before.mark);
  step('git ended');
  const place = await checkFolder(options);
  // Nobody may cut a recovery short, so it has no signal of its own.
  const session = await openSession(options, store, place, new AbortController().signal, step, before?.since);
  await removeTemporary(place.folder);
  const repository = await findRepository(session).catch((error) => {
    if (isFailure(error)) return error;
    throw error;
  });
  if (repository !== undefined && !isFailure(repository)) await removeOwnLocks(repository, session.since);
  await settleKilled(session, repository);
  await clear(store);
  step('recovered');
  return true;
}

async function openSession(
  options: RecoveryOptions & Partial<UpdateOptions>,
  store: Store,
  { root, folder }: Place,
  signal: AbortSignal,
  step: Step,
  since = Date.now() - slackMs,
): Promise<Session> {
  const { name, silenceMs = defaultSilenceMs, mostMs = defaultMostMs } = options;
  const mask = createUrlMask(options.repoUrl ?? '');
  const say = (message: string) => options.onProgress(onOneLine(mask(message)));
  // A new mark each time: what a hook of the repository started earlier, and left running, is not ours to end.
  const mark = `${encodeURI(store.folder)}#${randomUUID()}`;
  await writeMarker(store, { mark, since });
  step('marker written');
  const git = createGit({ name, folder, mark, silenceMs, mostMs, signal, say, mask, step });
  return { name, folder, place: relative(root, folder), store, since, git, say, mask, step };
}

async function withFailures<Result>({ name }: RecoveryOptions, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw expectedFailure(name, error) ?? error;
  }
}

async function removeLocks(session: Session): Promise<void> {
  try {
    const repository = await findRepository(session);
    if (repository !== undefined) await removeOwnLocks(repository, session.since);
  } catch (error) {
    // The failure that led here says more than that git cannot be asked either.
    if (!isFailure(error)) throw error;
  }
}
