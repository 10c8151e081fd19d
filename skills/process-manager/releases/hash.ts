// What files contain, as hashes, and one hash for a whole candidate: sha256 over the sorted lines
// `path NUL file|exec|link NUL sha256(content or target) LF`.
//
// A hash that was computed once is not computed again while device, inode, size, mtime and ctime stay the same. The
// ctime makes that sound: it moves with every write and every rename onto the name, and nobody can set it back, unlike
// the mtime. Clocks tick in steps of milliseconds, so a file that changed only just now is always read.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pace } from './pace.ts';
import type { Item, Items } from './tree.ts';

/** Longer than a tick of any kernel's clock. */
export const tickMs = 50;
const chunkBytes = 1024 * 1024;

/** Hashes of contents, remembered in one file. */
export interface Hashes {
  /** The hash of a file that is the very one that was read before. */
  known(item: Item): string | undefined;
  /** The hash of a file's content or a link's target, read where it is not known. */
  of(root: string, path: string, item: Item, pace: Pace): Promise<string>;
  /** Notes the hash of a file that was copied from a known one. */
  note(item: Item, hash: string): void;
  /** Keeps what was asked for or noted, for the next time; a cache that cannot be written is no fault. */
  save(): void;
}

/** Opens the cache. One that is missing or torn is empty. */
export function openHashes(file: string): Hashes {
  const before = readCache(file);
  const used = new Map<string, string>();
  const note = (item: Item, hash: string) => {
    if (Date.now() - item.ctimeMs > tickMs) used.set(keyOf(item), hash);
  };
  const known = (item: Item) => {
    const key = keyOf(item);
    const hash = used.get(key) ?? before.get(key);
    if (hash !== undefined) used.set(key, hash);
    return hash;
  };
  return {
    note,
    known,
    async of(root, path, item, pace) {
      if (item.target !== undefined) return createHash('sha256').update(item.target).digest('hex');
      const before = known(item);
      if (before !== undefined) return before;
      const startedAt = Date.now();
      const hash = await hashFile(join(root, path), item.size, pace);
      if (startedAt - item.ctimeMs > tickMs) used.set(keyOf(item), hash);
      return hash;
    },
    save() {
      try {
        // Not forced to the disk: what a power cut tears is not believed.
        writeFileSync(`${file}.${process.pid}.new`, JSON.stringify({ format: 1, hashes: [...used] }));
        renameSync(`${file}.${process.pid}.new`, file);
      } catch {
        // The next release reads the files instead.
      }
    },
  };
}

/** The hash of a candidate: of its files and links, without folders. */
export function hashTree(items: Items, contents: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const path of [...contents.keys()].sort()) {
    hash.update(`${path}\0${items.get(path)?.kind}\0${contents.get(path)}\n`);
  }
  return hash.digest('hex');
}

async function hashFile(path: string, size: number, pace: Pace): Promise<string> {
  const hash = createHash('sha256');
  if (size <= chunkBytes) return hash.update(readFileSync(path)).digest('hex');
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let count = -1; count !== 0; ) {
      if (pace.isDue()) await pace.rest();
      count = readSync(file, chunk, 0, chunk.length, null);
      hash.update(chunk.subarray(0, count));
    }
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
}

function keyOf({ dev, ino, size, mtimeMs, ctimeMs }: Item): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}

function readCache(file: string): Map<string, string> {
  try {
    const { format, hashes } = JSON.parse(readFileSync(file, 'utf8')) as { format: number; hashes: unknown };
    if (format !== 1 || !Array.isArray(hashes)) return new Map();
    const pairs = hashes.filter(
      (pair): pair is [string, string] => Array.isArray(pair) && /^[0-9a-f]{64}$/.test(String(pair[1])),
    );
    return new Map(pairs);
  } catch {
    return new Map();
  }
}
