// Takes out of a copy what commands put into it, so that a release is its candidate and nothing else.

import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import { nameSome } from './copy.ts';
import { removeTree } from './files.ts';
import type { Hashes } from './hash.ts';
import type { Pace } from './pace.ts';
import { differences, type Items, walkTree } from './tree.ts';

/**
 * Makes the copy what it was before a command ran in it: what the command added is removed, and a candidate that it
 * changed is refused, since what was tried would not be what has that hash. Packages are the installation's own.
 */
export async function restore(
  next: string,
  before: Items,
  contents: ReadonlyMap<string, string>,
  hashes: Hashes,
  { what, hasPackages }: { readonly what: string; readonly hasPackages: boolean },
  pace: Pace,
): Promise<Items> {
  const skip = hasPackages ? isPackages : () => false;
  const now = (await walkTree(next, skip, pace)).items;
  const changed: string[] = [];
  for (const path of differences(before, now)) {
    const [old, item] = [before.get(path), now.get(path)];
    if (old === undefined) await removeTree(join(next, path), pace);
    else if (item?.kind !== old.kind || item.mode !== old.mode) changed.push(path);
    else if (old.kind !== 'folder' && contents.get(path) !== (await hashes.of(next, path, item, pace)))
      changed.push(path);
  }
  if (changed.length === 0) return now;
  throw new Failure(
    'candidate_changed_by_gates',
    `The candidate was changed by ${what}: ${nameSome(changed)}. What was tried is not what would go live.`,
    'Let gates only look, or run in staging/ what changes files (a formatter, a build), then promote again.',
  );
}

function isPackages(path: string): boolean {
  return path === 'node_modules' || path === 'package-lock.json';
}
