// What a step from one commit to another would overwrite. Git touches a file when the index or the new commit has its
// name, or when it stands where a folder of such a name has to be; everything else stays as it is, whatever git does.

import { filesIn } from './copying.ts';
import { pathsOf } from './git-output.ts';
import { createOccupantFinder } from './occupant.ts';
import type { Session } from './options.ts';
import { isPreserved, withoutNested } from './preserve.ts';

/** What stands in the reach of a step. */
export interface Reach {
  /** In preserve_files: put back whatever comes of the step. */
  readonly keep: readonly string[];
  /** Local changes and files in the way: put back when the step fails, kept aside when it succeeds. */
  readonly replaced: readonly string[];
  /** Those of them that git does not track. */
  readonly untracked: readonly string[];
  /** True when git by itself would refuse the step because of what is kept. */
  readonly isKeptInTheWay: boolean;
}

/** A step, as far as its reach depends on it. */
export interface StepGoal {
  readonly to: string;
  /** Tracked files that differ and are not preserved. */
  readonly changes: readonly string[];
  readonly preserve: readonly string[];
}

interface Finding {
  readonly keep: Set<string>;
  readonly replaced: Set<string>;
  readonly untracked: Set<string>;
  isKeptInTheWay: boolean;
}

/** Looks at everything that the step would write, and at what stands there. */
export async function reachOf(session: Session, goal: StepGoal): Promise<Reach> {
  const found: Finding = {
    keep: new Set(),
    replaced: new Set(),
    untracked: new Set(),
    isKeptInTheWay: false,
  };
  const occupant = createOccupantFinder(session.folder);
  let names: Set<string> | undefined;
  const isTracked = async (path: string) => {
    names ??= new Set(await list(session, ['ls-files', '-z']));
    return names.has(path);
  };
  for (const path of await preservedPaths(session, goal)) {
    const place = await occupant(path);
    if (place === undefined) continue;
    if (isPreserved(goal.preserve, place.path)) found.keep.add(place.path);
    // A file where the folder of a preserved one was.
    else if (!(await isTracked(place.path))) note(found, goal, place.path, true);
  }
  const changes = new Set(goal.changes);
  for (const path of [...(await createdPaths(session, goal.to)), ...changes]) {
    const place = await occupant(path);
    if (place === undefined) continue;
    if (place.isFolder) {
      for (const file of await filesIn(session.folder, place.path)) {
        if (!(await isTracked(file))) note(found, goal, file, true);
      }
    } else if (!(await isTracked(place.path))) note(found, goal, place.path, true);
    else if (changes.has(path)) note(found, goal, place.path, false);
  }
  return {
    ...found,
    keep: withoutNested(found.keep),
    replaced: withoutNested(found.replaced),
    untracked: [...found.untracked],
  };
}

/** Paths of a commit that the index lacks: the files that checking it out creates. Submodules are folders already. */
export async function createdPaths(session: Session, commit: string): Promise<string[]> {
  const words = ['diff-index', '--cached', '--raw', '-z', '--no-renames', '--diff-filter=D', commit, '--'];
  const records = await list(session, words);
  const paths: string[] = [];
  for (let index = 0; index + 1 < records.length; index += 2) {
    if (!records[index]?.startsWith(':160000 ')) paths.push(records[index + 1] ?? '');
  }
  return paths;
}

function note(found: Finding, { preserve }: StepGoal, path: string, isUntracked: boolean): void {
  if (isPreserved(preserve, path)) {
    found.keep.add(path);
    found.isKeptInTheWay = true;
    return;
  }
  found.replaced.add(path);
  if (isUntracked) found.untracked.add(path);
}

/** Paths below the entries of preserve_files that the index or the new commit has. */
async function preservedPaths(session: Session, { preserve, to }: StepGoal): Promise<string[]> {
  if (preserve.length === 0) return [];
  const now = await list(session, ['--literal-pathspecs', 'ls-files', '-z', '--', ...preserve]);
  const next = await list(session, [
    ...['--literal-pathspecs', 'ls-tree', '-r', '-z', '--name-only', '--full-tree', to, '--'],
    ...preserve,
  ]);
  return [...new Set([...now, ...next])];
}

async function list(session: Session, words: readonly string[]): Promise<string[]> {
  return pathsOf((await session.git(words, { isList: true })).stdout);
}
