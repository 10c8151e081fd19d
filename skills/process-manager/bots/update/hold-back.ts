// Holds files back while a step may overwrite them: `held/` appears all at once, with everything in it, and goes all at
// once. Its manifest says from which commit to which the step leads, so that whoever finds it after a kill knows what
// was meant.

import { lstat, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { remove } from 'fs-extra/esm';
import { Failure } from '../../../tool.ts';
import {
  copyExactly,
  filesIn,
  isSame,
  makeParents,
  removeBeside,
  replaceWith,
  statOf,
  synchronize,
  takeAttributes,
} from './copying.ts';
import { some } from './names.ts';
import { createOccupantFinder } from './occupant.ts';
import type { Session } from './options.ts';
import { nextOverwritten, pruneOverwritten, type Store } from './store.ts';

/** What a step is about, and what is held back for it. Paths are relative to the bot's folder. */
export interface Hold {
  /** Where the bot's folder was, seen from the instance root. */
  readonly place: string;
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  readonly keep: readonly string[];
  readonly replaced: readonly string[];
  /** Parts that are in place again, although the step is not undone yet: they are held anew before that is tried. */
  readonly back: readonly Part[];
}

/** The two parts of what is held: what is always put back, and what only when the step is undone. */
export type Part = 'keep' | 'replaced';

/** Copies everything aside and brings it to the disk; from then on nothing of it can get lost. */
export async function holdBack(session: Session, hold: Hold): Promise<void> {
  const { store, step } = session;
  await remove(store.heldNew);
  await mkdir(store.heldNew, { mode: 0o700 });
  for (const part of ['keep', 'replaced'] as const) await holdPart(session, hold, part, store.heldNew);
  await writeManifest(store.heldNew, hold);
  await synchronizeFolders(store.heldNew);
  step('manifest written');
  await rename(store.heldNew, store.held);
  await synchronize(store.folder);
  step('held in place');
}

/** What is held; undefined when nothing is. */
export async function readHold(store: Store): Promise<Hold | undefined> {
  if ((await statOf(store.held)) === undefined) return undefined;
  const path = join(store.held, 'manifest.json');
  const text = await readFile(path, 'utf8').catch(() => '');
  const hold = parseHold(text);
  if (hold !== undefined) return hold;
  throw new Failure(
    'broken_hold',
    `${path} cannot be read, so it is unknown where the files in ${store.held} belong.`,
    `Look at them, copy what you need, and move the folder away: mv ${store.held} ${store.held}.broken`,
  );
}

/** Puts the files of one part back, each all at once. What stays as it is, is not touched. */
export async function putBack(session: Session, hold: Hold, part: Part): Promise<void> {
  if (hold[part].length > 0) session.say(`putting ${some(hold[part])} back`);
  for (const path of hold[part]) {
    const source = join(session.store.held, part);
    if ((await statOf(join(source, path))) === undefined) continue;
    for (const file of await filesIn(source, path)) {
      await putFileBack(session, join(source, file), session.folder, file);
    }
    await putFoldersBack(source, session.folder, path);
  }
}

/** Keeps what a step has replaced, and says where; undefined when it has replaced nothing. */
export async function keepReplaced(session: Session, hold: Hold): Promise<string | undefined> {
  const { store, step } = session;
  const part = join(store.held, 'replaced');
  // It has been moved already when a kill came between this and the end.
  if (hold.replaced.length === 0 || (await statOf(part)) === undefined) return undefined;
  const place = nextOverwritten(store);
  await rename(part, join(store.folder, place));
  step('replaced kept');
  await pruneOverwritten(store);
  return `${store.shownAs}/${place}`;
}

/** Gives up putting anything back, and keeps it all; says where. */
export async function setHoldAside({ store }: Session): Promise<string> {
  const place = nextOverwritten(store);
  await rename(store.held, join(store.folder, place));
  await pruneOverwritten(store);
  return `${store.shownAs}/${place}`;
}

/** Ends the holding: nothing is put back after this. */
export async function release({ store, step }: Session): Promise<void> {
  await remove(store.heldOld);
  await rename(store.held, store.heldOld);
  step('held moved away');
  await remove(store.heldOld);
  step('held removed');
}

/** These parts have been put back, but the step is not undone yet: the next start tries that again. */
export async function letGo({ store }: Session, hold: Hold, parts: readonly Part[]): Promise<void> {
  await writeManifest(store.held, { ...hold, back: parts });
  for (const part of parts) await remove(join(store.held, part));
}

/** Holds what was let go once more, as it is now. */
export async function holdAgain(session: Session, hold: Hold): Promise<Hold> {
  if (hold.back.length === 0) return hold;
  const { held } = session.store;
  for (const part of hold.back) {
    await remove(join(held, part));
    await holdPart(session, hold, part, held);
  }
  await synchronizeFolders(held);
  const again = { ...hold, back: [] };
  await writeManifest(held, again);
  return again;
}

async function holdPart(session: Session, hold: Hold, part: Part, place: string): Promise<void> {
  if (hold[part].length > 0) session.say(`holding back ${some(hold[part])}`);
  await mkdir(join(place, part));
  for (const path of hold[part]) {
    await copyExactly(join(session.folder, path), join(place, part, path));
    session.step(`held ${path}`);
  }
}

async function putFileBack(session: Session, source: string, folder: string, file: string): Promise<void> {
  const target = join(folder, file);
  const place = await createOccupantFinder(folder)(file);
  if (place?.path === file && (await isSame(source, target, true))) return removeBeside(target);
  await makeParents(folder, file);
  await replaceWith(source, target, () => session.step(`copied ${file} beside`));
  session.step(`${file} is back`);
}

/** Folders have a mode and a time as well, and empty ones are no file's parent. */
async function putFoldersBack(source: string, folder: string, path: string): Promise<void> {
  const original = await lstat(join(source, path));
  if (!original.isDirectory()) return;
  for (const name of await readdir(join(source, path)))
    await putFoldersBack(source, folder, `${path}/${name}`);
  const target = join(folder, path);
  await makeParents(folder, `${path}/.`);
  await takeAttributes(original, await lstat(target), target);
}

async function synchronizeFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await synchronizeFolders(join(folder, entry.name));
  }
  await synchronize(folder);
}

async function writeManifest(folder: string, hold: Hold): Promise<void> {
  const path = join(folder, 'manifest.json');
  await writeFile(`${path}.new`, `${JSON.stringify({ version: 1, ...hold }, undefined, 2)}\n`);
  await synchronize(`${path}.new`);
  await rename(`${path}.new`, path);
  await synchronize(folder);
}

function parseHold(text: string): Hold | undefined {
  let found: Partial<Record<keyof Hold | 'version', unknown>> | null;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null || found.version !== 1) return undefined;
  const { place, branch, from, to, keep, replaced, back } = found;
  const areTexts = [place, branch, from, to].every((value) => typeof value === 'string');
  const arePaths = [keep, replaced].every(
    (value) => Array.isArray(value) && value.every((path) => typeof path === 'string' && isInside(path)),
  );
  const areParts = Array.isArray(back) && back.every((part) => part === 'keep' || part === 'replaced');
  return areTexts && arePaths && areParts ? (found as Hold) : undefined;
}

function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
}
