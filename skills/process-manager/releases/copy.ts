// Copies a tree as it is: modes, times, links. What a copy of a moving target would be is found out and refused: the
// source is looked at before and after, and every file has to be the same both times.

import { chmodSync, constants, lutimesSync, mkdirSync, realpathSync, symlinkSync, utimesSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix, relative, sep } from 'node:path';
import { Failure } from '../../tool.ts';
import { type Pace, throwIfAborted } from './pace.ts';
import { differences, type Item, type Items } from './tree.ts';
import { staysWithInstance } from './what-moves.ts';

/** Enough to keep the threads behind the copies busy. */
const copiesAtOnce = 16;
const shownPaths = 5;

export interface CopyOptions {
  readonly from: string;
  /** A folder that exists and is empty. */
  readonly to: string;
  readonly items: Items;
  readonly pace: Pace;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Copies; files share their blocks with the source where the file system can. */
export async function copyTree({ from, to, items, pace, signal, onProgress }: CopyOptions): Promise<void> {
  const folders = [...items].filter(([, { kind }]) => kind === 'folder');
  const files = [...items].filter(([, { kind }]) => kind === 'file' || kind === 'exec');
  for (const path of parentsOf(items)) mkdirSync(join(to, path), { recursive: true });
  for (const [path, { mode }] of folders) {
    if (pace.isDue()) await pace.rest();
    mkdirSync(join(to, path), { recursive: true });
    chmodSync(join(to, path), mode | 0o700);
  }
  await copyFiles(files, { from, to, signal, onProgress });
  for (const [path, { kind, target, mtimeMs }] of items) {
    if (kind !== 'link' || target === undefined) continue;
    symlinkSync(target, join(to, path));
    lutimesSync(join(to, path), mtimeMs / 1_000, mtimeMs / 1_000);
  }
  // From the inside out: writing into a folder changes its times, and some are not for writing.
  for (const [path, { mode, mtimeMs }] of folders.reverse()) {
    utimesSync(join(to, path), mtimeMs / 1_000, mtimeMs / 1_000);
    if ((mode & 0o700) !== 0o700) chmodSync(join(to, path), mode);
  }
}

/** Refuses what cannot be moved: links that leave the tree, and what is neither file, folder nor link. */
export function refuseUnmovable(root: string, items: Items): void {
  const special = [...items].filter(([, { kind }]) => kind === 'special').map(([path]) => path);
  if (special.length > 0) {
    throw new Failure(
      'special_file',
      `${nameSome(special)} in ${root}: neither file, folder nor link, so it cannot be copied.`,
      'Remove it (a socket, pipe or device), or keep it out with "releases": {"exclude": […]} in config.json',
    );
  }
  const leaving = [...items].filter(([path, item]) => leaves(root, path, item)).map(([path]) => path);
  if (leaving.length > 0) {
    throw new Failure(
      'link_leaves_tree',
      `${nameSome(leaving)} in ${root}: a symbolic link to something outside, which would mean something else after the move.`,
      'Replace the link with a file, or with a relative link to something inside.',
    );
  }
}

/** Refuses a copy whose source was edited meanwhile. */
export function refuseChanged(root: string, before: Items, after: Items): void {
  const changed = differences(before, after);
  if (changed.length === 0) return;
  throw new Failure(
    'candidate_changed',
    `${root} was edited while it was copied: ${nameSome(changed)}. Nothing was changed.`,
    'Wait until nobody edits it, then try again.',
  );
}

/** A few of many paths, in words. */
export function nameSome(paths: readonly string[]): string {
  const shown = paths.slice(0, shownPaths).join(', ');
  return paths.length > shownPaths ? `${shown} and ${paths.length - shownPaths} more` : shown;
}

/** Several at once; when one fails, no further one is begun, and none is under way any more when this throws. */
async function copyFiles(
  files: readonly [string, Item][],
  { from, to, signal, onProgress }: Pick<CopyOptions, 'from' | 'to' | 'signal' | 'onProgress'>,
): Promise<void> {
  let [started, done, hasFailed] = [0, 0, false];
  const work = async () => {
    for (let file = files[started++]; file !== undefined && !hasFailed; file = files[started++]) {
      try {
        throwIfAborted(signal);
        await copyOne(from, to, file);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
      done += 1;
      if (done % 500 === 0) onProgress?.(done, files.length);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: copiesAtOnce }, work));
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
}

async function copyOne(from: string, to: string, [path, item]: [string, Item]): Promise<void> {
  const destination = join(to, path);
  try {
    await copyFile(join(from, path), destination, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    utimesSync(destination, item.mtimeMs / 1_000, item.mtimeMs / 1_000);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Failure(
      'candidate_changed',
      `${join(from, path)} vanished while it was copied. Nothing was changed.`,
      'Wait until nobody edits it, then try again.',
    );
  }
}

/** Folders above the copied paths that are not copied themselves. */
function parentsOf(items: Items): string[] {
  const parents = new Set<string>();
  for (const path of items.keys()) {
    const parent = posix.dirname(path);
    if (parent !== '.' && !items.has(parent)) parents.add(parent);
  }
  return [...parents].sort();
}

function leaves(root: string, path: string, { target }: Item): boolean {
  if (target === undefined) return false;
  if (isAbsolute(target)) return true;
  const named = posix.normalize(posix.join(posix.dirname(path), target));
  if (named === '..' || named.startsWith('../')) return true;
  // Below a folder that stays behind there may be anything; after the move it is another one.
  if (staysWithInstance(named.split('/')[0] ?? '', [])) return false;
  try {
    const real = realpathSync(root);
    // The kernel's own answer, of the words as they stand: `link/..` is not where the words alone would lead.
    const way = relative(real, realpathSync.native(`${real}/${dirname(path)}/${target}`));
    return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
  } catch {
    // It points at nothing yet, inside.
    return false;
  }
}
