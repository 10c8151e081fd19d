// Where an update keeps what outlives a kill: `backups/bots/<bot>/`. `updating` stands there while an update runs,
// `held` while a step of it may leave the bot's folder half changed, and `overwritten-<stamp>` holds what a forced
// update has replaced.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { remove } from 'fs-extra/esm';

/** The places of one bot. */
export interface Store {
  readonly folder: string;
  /** Where the folder lies, as people write it: below the instance root. */
  readonly shownAs: string;
  /** What is held back, complete. */
  readonly held: string;
  /** The same while it is written; worth nothing. */
  readonly heldNew: string;
  /** The same while it is removed; worth nothing. */
  readonly heldOld: string;
  readonly marker: string;
}

/** Says that an update runs, or was killed. */
export interface Marker {
  /** What its git processes carry. */
  readonly mark: string;
  /** Locks of git that are older are somebody else's; milliseconds since 1970. */
  readonly since: number;
}

const mostOverwritten = 5;
const overwrittenPrefix = 'overwritten-';

/** The places of a bot; nothing is created. */
export function openStore(root: string, name: string): Store {
  const safe = safeName(name);
  const folder = join(root, 'backups', 'bots', safe);
  return {
    folder,
    shownAs: `backups/bots/${safe}`,
    held: join(folder, 'held'),
    heldNew: join(folder, 'held.new'),
    heldOld: join(folder, 'held.old'),
    marker: join(folder, 'updating'),
  };
}

/** True when an update was killed, or runs. */
export function hasTraces(store: Store): boolean {
  const places = [store.held, store.heldNew, store.heldOld, store.marker, `${store.marker}.new`];
  const traces = places.map((path) => basename(path));
  return entriesOf(store).some((entry) => traces.includes(entry));
}

/** Creates the folder for its owner alone, since it may come to hold passwords, and the marker in it. */
export async function writeMarker(store: Store, marker: Marker): Promise<void> {
  mkdirSync(join(store.folder, '..'), { recursive: true });
  mkdirSync(store.folder, { recursive: true, mode: 0o700 });
  await writeFile(`${store.marker}.new`, JSON.stringify(marker));
  await rename(`${store.marker}.new`, store.marker);
}

/** What the marker says; undefined when there is none, or none that can be read. */
export function readMarker(store: Store): Marker | undefined {
  try {
    const { mark, since } = JSON.parse(readFileSync(store.marker, 'utf8')) as Partial<Marker>;
    return typeof mark === 'string' && typeof since === 'number' ? { mark, since } : undefined;
  } catch {
    // Only a power cut leaves a marker that is cut off, and then no git of it runs either.
    return undefined;
  }
}

/** Removes the marker and whatever is worth nothing, and the folder when nothing else is in it. */
export async function clear(store: Store): Promise<void> {
  // The marker goes last: as long as it stands there, a kill leaves the rest to the next start.
  for (const path of [store.heldNew, store.heldOld, `${store.marker}.new`, store.marker]) await remove(path);
  try {
    rmdirSync(store.folder);
  } catch (error) {
    // What earlier updates have overwritten stays.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

/** A name below the store's folder that nothing has yet, for files that were replaced; later names sort later. */
export function nextOverwritten(store: Store): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const taken = entriesOf(store);
  for (let number = 1; ; number++) {
    const name = `${overwrittenPrefix}${stamp}${number === 1 ? '' : `-${number}`}`;
    if (!taken.includes(name)) return name;
  }
}

/** Keeps the newest of them. */
export async function pruneOverwritten(store: Store): Promise<void> {
  const names = entriesOf(store).filter((entry) => entry.startsWith(overwrittenPrefix));
  for (const name of names.sort().slice(0, -mostOverwritten)) await remove(join(store.folder, name));
}

function entriesOf(store: Store): string[] {
  try {
    return readdirSync(store.folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A file name for any name of a bot, and never the same for two. */
function safeName(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N} ._-]|^\./gu, (letter) => `%${Buffer.from(letter).toString('hex')}`);
  if (safe !== '' && Buffer.byteLength(safe) <= 200) return safe;
  return `%${createHash('sha256').update(name).digest('hex')}`;
}
