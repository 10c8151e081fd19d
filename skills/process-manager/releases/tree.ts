// Reads what a tree consists of: every path that may move, with what tells one state of a file from another.

import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import type { Pace } from './pace.ts';

/** What a path is. `exec` is a file that somebody may execute. */
type Kind = 'file' | 'exec' | 'link' | 'folder' | 'special';

/** One path. Size, both times, device and inode together change whenever a file's content does. */
export interface Item {
  readonly kind: Kind;
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly dev: number;
  readonly ino: number;
  /** Where a link points to. */
  readonly target?: string;
}

/** Paths relative to the tree's root, with `/`, folders before what they hold. */
export type Items = ReadonlyMap<string, Item>;

/** What was found, and which of the skipped paths exist. */
export interface Walked {
  readonly items: Items;
  readonly skipped: readonly string[];
}

/** Walks a tree; a tree that is not there is empty. Links are not followed. */
export async function walkTree(root: string, skip: (path: string) => boolean, pace: Pace): Promise<Walked> {
  const items = new Map<string, Item>();
  const skipped: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (pace.isDue()) await pace.rest();
    for (const name of namesIn(root, folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (skip(path)) {
        skipped.push(path);
        continue;
      }
      const item = lookAt(root, path);
      if (item === undefined) continue;
      items.set(path, item);
      if (item.kind === 'folder') folders.push(path);
    }
  }
  return { items, skipped };
}

/** One path; undefined when there is nothing. */
function lookAt(root: string, path: string): Item | undefined {
  const full = join(root, path);
  const stats = lstatSync(full, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const kind = kindOf(stats);
  const { size, mode, mtimeMs, ctimeMs, dev, ino } = stats;
  const item = { kind, size, mode: mode & 0o7777, mtimeMs, ctimeMs, dev, ino };
  return kind === 'link' ? { ...item, target: readlinkSync(full) } : item;
}

/** The paths in which two looks at one tree differ. */
export function differences(before: Items, after: Items): string[] {
  const differing: string[] = [];
  for (const [path, item] of before) {
    const now = after.get(path);
    if (now === undefined || !isSameState(item, now)) differing.push(path);
  }
  for (const path of after.keys()) if (!before.has(path)) differing.push(path);
  return differing;
}

/** True when nothing has been written to it in between. A folder's times change with what it holds: that is looked at itself. */
function isSameState(one: Item, other: Item): boolean {
  if (one.kind !== other.kind || one.mode !== other.mode) return false;
  if (one.kind === 'folder') return true;
  return (
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs &&
    one.ino === other.ino &&
    one.dev === other.dev
  );
}

function namesIn(root: string, folder: string): string[] {
  try {
    const names = readdirSync(join(root, folder)).sort();
    const unreadable = names.find((name) => name.includes('\ufffd'));
    if (unreadable === undefined) return names;
    throw new Failure(
      'unreadable_name',
      `The name of ${join(root, folder, unreadable)} is not valid UTF-8.`,
      'Rename it; names that cannot be written down cannot be promoted or brought back.',
    );
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // A folder that vanished while it was looked at: whoever compares two looks will see it.
    if (code === 'ENOENT' || (code === 'ENOTDIR' && folder !== '')) return [];
    throw error;
  }
}

function kindOf(stats: Stats): Kind {
  if (stats.isFile()) return (stats.mode & 0o111) === 0 ? 'file' : 'exec';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'link' : 'special';
}
