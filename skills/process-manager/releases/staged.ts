// Finds a release that was staged without a switch and is just what would be staged now, and makes sure that it still is.

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../../tool.ts';
import { contentsOf } from './changes.ts';
import { hashTree, openHashes } from './hash.ts';
import type { Release } from './list.ts';
import { createPace, type Pace } from './pace.ts';
import type { Candidate } from './stage.ts';
import { walkTree } from './tree.ts';
import { isBelow, watchdogFile } from './what-moves.ts';

/** A release that was staged before without a switch, if it is just this candidate and passed these gates. */
export async function findStaged(
  releases: readonly Release[],
  { hash, prepared, changes, gates }: Candidate,
  version: string | undefined,
  request: { readonly force: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Release | undefined> {
  const found = releases.find(({ state, record }) => state === 'staged' && record?.hash === hash);
  const record = found?.record;
  if (found === undefined || record === undefined) return undefined;
  if (version !== undefined && version !== found.version) return undefined;
  const own = record.entries.filter(({ path }) => path !== 'node_modules' && path !== 'package-lock.json');
  const isSame =
    isDeepStrictEqual(own, prepared.entries) &&
    isDeepStrictEqual(record.changes, changes) &&
    isDeepStrictEqual(
      record.gates.map(({ command }) => command),
      gates,
    );
  if (!isSame) return undefined;
  if ((await hashOfStaged(found, createPace(request.signal))) === hash) return found;
  if (request.force) return undefined;
  throw new Failure(
    'hash_mismatch',
    `${found.version} is staged, and its files in ${found.folder} are not what they were when its gates passed.`,
    'Stage it anew: understudy promote --force',
  );
}

/** Read from the disk itself: what counts is what is there now. */
async function hashOfStaged({ folder, record }: Release, pace: Pace): Promise<string> {
  const tops = new Set(record?.entries.flatMap(({ path, next }) => (next ? [path] : [])) ?? []);
  for (const packages of ['node_modules', 'package-lock.json']) tops.delete(packages);
  if (record?.watchdog === 'pending') tops.add(watchdogFile);
  const next = join(folder, 'next');
  const { items } = await walkTree(next, (path) => !path.includes('/') && path === 'node_modules', pace);
  const own = new Map([...items].filter(([path]) => isBelow(path, tops)));
  return hashTree(own, await contentsOf({ root: next, items: own }, openHashes(''), pace));
}
