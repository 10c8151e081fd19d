// The looks at both trees with which promote and revert begin: what is there, in which units it moves, and what would
// change. Nothing is written.

import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../tool.ts';
import type { Changes, Entry } from '../watchdog/index.ts';
import { compareTrees, type Side } from './changes.ts';
import { nameSome } from './copy.ts';
import { type Hashes, tickMs } from './hash.ts';
import type { Pace } from './pace.ts';
import { type Items, walkTree } from './tree.ts';
import { forsakenSkills, isBelow, isSkillData, planEntries, staysWithInstance } from './what-moves.ts';

/** What one direction of moving comes to. */
export interface Prepared {
  readonly source: Side;
  readonly destination: Side;
  readonly entries: readonly Entry[];
  readonly changes: Changes;
  /** Looks at the source once more, by the same rules. */
  lookAgain(): Promise<Items>;
}

/** Looks at both. */
export async function prepare(options: {
  readonly source: string;
  readonly destination: string;
  readonly exclude: readonly string[];
  readonly hashes: Hashes;
  readonly pace: Pace;
}): Promise<Prepared> {
  const { source, destination, exclude, hashes, pace } = options;
  const there = await walkTree(
    destination,
    (path) => staysWithInstance(path, exclude) || isSkillData(path),
    pace,
  );
  const kept = new Set(there.skipped.filter((path) => path.includes('/')));
  const lookAgain = async () => {
    const skip = (path: string) => staysWithInstance(path, exclude) || kept.has(path);
    const { items } = await walkTree(source, skip, pace);
    const forsaken = new Set(forsakenSkills(items));
    return new Map([...items].filter(([path]) => !isBelow(path, forsaken)));
  };
  const here = await lookAgain();
  await waitForNextTick(here);
  const { entries, conflicts } = planEntries(here, there.items, [...kept]);
  if (conflicts.length > 0) {
    throw new Failure(
      'path_conflict',
      `${nameSome(conflicts)}: a folder in ${destination} with something that has to stay there, and no folder in ${source}.`,
      'Make it a folder on both sides, or move what has to stay elsewhere.',
    );
  }
  const sides = {
    source: { root: source, items: here },
    destination: { root: destination, items: there.items },
  };
  const changes = await compareTrees(sides.source, sides.destination, hashes, pace);
  return { ...sides, entries, changes, lookAgain };
}

/**
 * A file that is written to twice within one tick of the clock looks the same before and after the second time. So
 * nothing is read within the tick of the last write: any later one shows.
 */
async function waitForNextTick(items: Items): Promise<void> {
  let newest = 0;
  for (const { ctimeMs } of items.values()) newest = Math.max(newest, ctimeMs);
  const leftMs = newest + tickMs - Date.now();
  if (leftMs > 0) await sleep(Math.min(leftMs, tickMs));
}

/** Refuses a folder that is not there. */
export function requireFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Failure(
    'no_candidate',
    `There is no folder ${path}.`,
    'Make it, and fill it from live with: understudy revert',
  );
}
