// What a promotion or a revert would add, change and remove. Size and kind are compared first. Two files of the same
// size are only ever called equal when their contents are: equal times prove nothing, since archives, checkouts and
// copies set them. So contents are compared by hash, and hash.ts sees to it that few files are read twice.

import type { Changes } from '../watchdog/index.ts';
import type { Hashes } from './hash.ts';
import type { Pace } from './pace.ts';
import type { Item, Items } from './tree.ts';

/** A tree on disk, and what was seen there. */
export interface Side {
  readonly root: string;
  readonly items: Items;
}

/** What makes the destination equal to the source, in the order of paths. */
export async function compareTrees(
  source: Side,
  destination: Side,
  hashes: Hashes,
  pace: Pace,
): Promise<Changes> {
  const changes: Changes = { added: [], changed: [], removed: [] };
  for (const [path, item] of files(source.items)) {
    if (pace.isDue()) await pace.rest();
    const other = destination.items.get(path);
    const change = { path, bytes: item.size };
    if (other === undefined || other.kind === 'folder') changes.added.push(change);
    else if (isKnownEqual(item, other, hashes)) continue;
    else if (!(await isEqual(path, source, item, destination, other, hashes, pace)))
      changes.changed.push(change);
  }
  for (const [path, item] of files(destination.items)) {
    const other = source.items.get(path);
    if (other === undefined || other.kind === 'folder') changes.removed.push({ path, bytes: item.size });
  }
  return changes;
}

/** True when nothing would be added, changed or removed. */
export function isNothing({ added, changed, removed }: Changes): boolean {
  return added.length + changed.length + removed.length === 0;
}

/** The contents of a tree's files and links, as hashes. */
export async function contentsOf(
  { root, items }: Side,
  hashes: Hashes,
  pace: Pace,
): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  for (const [path, item] of files(items)) {
    if (pace.isDue()) await pace.rest();
    contents.set(path, hashes.known(item) ?? (await hashes.of(root, path, item, pace)));
  }
  return contents;
}

/** Without waiting for anything: for most of ten thousand files. */
function isKnownEqual(item: Item, other: Item, hashes: Hashes): boolean {
  if (item.kind !== other.kind || item.size !== other.size) return false;
  const hash = hashes.known(item);
  return hash !== undefined && hash === hashes.known(other);
}

async function isEqual(
  path: string,
  source: Side,
  item: Item,
  destination: Side,
  other: Item,
  hashes: Hashes,
  pace: Pace,
): Promise<boolean> {
  if (item.kind !== other.kind || item.size !== other.size) return false;
  if (item.dev === other.dev && item.ino === other.ino) return true;
  const [one, two] = [
    await hashes.of(source.root, path, item, pace),
    await hashes.of(destination.root, path, other, pace),
  ];
  return one === two;
}

function files(items: Items): [string, Item][] {
  return [...items]
    .filter(([, { kind }]) => kind !== 'folder')
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
