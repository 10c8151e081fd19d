// Files that somebody has written between a kill and the recovery: neither what is held back nor anything that the
// repository has. Putting things in order would overwrite them, so copies of them are kept first.

import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobOf, copyExactly, filesIn, isSame } from './copying.ts';
import { pathsOf } from './git-output.ts';
import type { Hold, Part } from './hold-back.ts';
import { createOccupantFinder } from './occupant.ts';
import type { Session } from './options.ts';
import { createdPaths } from './reach.ts';
import { readCheckout } from './repository.ts';
import { nextOverwritten, pruneOverwritten } from './store.ts';

/** Copies such files aside. `isUndone` says that the step will be undone, which overwrites more. */
export async function keepStrays(session: Session, hold: Hold, isUndone: boolean): Promise<void> {
  const parts: readonly Part[] = isUndone ? ['keep', 'replaced'] : ['keep'];
  const candidates = new Set<string>();
  for (const part of parts) {
    for (const path of await endangeredByPuttingBack(session, hold, part)) candidates.add(path);
  }
  if (isUndone) for (const path of await endangeredByUndoing(session, hold)) candidates.add(path);
  if (candidates.size === 0) return;
  // When git cannot be asked, everything that is not held counts as written since.
  const known = await knownBlobs(session, hold).catch(() => new Map<string, Set<string>>());
  const algorithm = hold.from.length === 64 ? 'sha256' : 'sha1';
  const place = nextOverwritten(session.store);
  for (const path of candidates) {
    const file = join(session.folder, path);
    const blobs = known.get(path) ?? new Set();
    if (blobs.has(await blobOf(file, algorithm)) || (await isCutOff(session, file, blobs))) continue;
    session.say(`keeping a copy of ${path} in ${session.store.shownAs}/${place}, as it was written since`);
    await copyExactly(file, join(session.store.folder, place, path));
    session.step(`kept a copy of ${path}`);
  }
  await pruneOverwritten(session.store);
}

/** Files that stand where something else is put back, or in the way of its folder. */
async function endangeredByPuttingBack(session: Session, hold: Hold, part: Part): Promise<string[]> {
  const source = join(session.store.held, part);
  const occupant = createOccupantFinder(session.folder);
  const endangered: string[] = [];
  for (const path of hold[part]) {
    for (const file of await filesIn(source, path)) {
      const place = await occupant(file);
      if (place === undefined) continue;
      if (await isHeld(session, place.path)) continue;
      endangered.push(...(await filesIn(session.folder, place.path)));
    }
  }
  return endangered;
}

/** Files that going back to the old commit overwrites or removes. */
async function endangeredByUndoing(session: Session, hold: Hold): Promise<string[]> {
  const occupant = createOccupantFinder(session.folder);
  const { changed } = await readCheckout(session);
  const endangered: string[] = [];
  for (const path of [...changed, ...(await createdPaths(session, hold.to))]) {
    const place = await occupant(path);
    if (place === undefined || (await isHeld(session, place.path))) continue;
    endangered.push(...(await filesIn(session.folder, place.path)));
  }
  return endangered;
}

/** True when the very same content is held, so that nothing of it can get lost. */
async function isHeld(session: Session, path: string): Promise<boolean> {
  const file = join(session.folder, path);
  for (const part of ['keep', 'replaced']) {
    if (await isSame(join(session.store.held, part, path), file, false)) return true;
  }
  return false;
}

/** True of the beginning of a file of the repository: git was killed while it wrote it. */
async function isCutOff({ git }: Session, file: string, blobs: ReadonlySet<string>): Promise<boolean> {
  const size = (await lstat(file)).size;
  for (const blob of blobs) {
    const whole = await git(['cat-file', 'blob', blob], { isList: true, mustFinish: true }).catch(
      () => undefined,
    );
    if (whole === undefined || whole.stdout.length <= size) continue;
    if (whole.stdout.subarray(0, size).equals(await readFile(file))) return true;
  }
  return false;
}

/** What the old and the new commit have under each path. */
async function knownBlobs(session: Session, { from, to }: Hold): Promise<Map<string, Set<string>>> {
  const known = new Map<string, Set<string>>();
  for (const commit of new Set([from, to])) {
    const words = ['ls-tree', '-r', '-z', '--full-tree', commit];
    for (const record of pathsOf((await session.git(words, { isList: true, mustFinish: true })).stdout)) {
      const tab = record.indexOf('\t');
      const path = record.slice(tab + 1);
      const blobs = known.get(path) ?? new Set<string>();
      blobs.add(record.slice(0, tab).split(' ')[2] ?? '');
      known.set(path, blobs);
    }
  }
  return known;
}
