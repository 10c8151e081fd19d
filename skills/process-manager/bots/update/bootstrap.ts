// Gives a folder that is no repository, or one without a commit, the history of its remote. Nothing that is there is
// overwritten: only missing files are filled in, each by one rename. A new repository grows in a hidden folder and moves
// into place as the last act, so a kill leaves either none or a whole one.

import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { remove } from 'fs-extra/esm';
import { Failure } from '../../../tool.ts';
import { makeParents, statOf } from './copying.ts';
import type { GitOptions } from './git.ts';
import { pathsOf } from './git-output.ts';
import { createOccupantFinder } from './occupant.ts';
import type { Session, Wanted } from './options.ts';
import type { Remote, RemoteConfig } from './remote.ts';

const temporaryName = '.understudy-bootstrap';

/** Clones beside the files that are there, fills in those that are missing, and moves the metadata into place. */
export async function bootstrap(
  session: Session,
  config: RemoteConfig,
  { repoUrl }: Wanted,
  { branch }: Remote,
): Promise<void> {
  const { folder, git, say, step } = session;
  const temporary = await makeTemporary(folder);
  try {
    say(`cloning ${branch}`);
    const clone = join(temporary, 'clone');
    await git(
      [
        ...['clone', '--progress', '--no-checkout', '--template=', '--no-recurse-submodules'],
        ...['--origin', 'origin', '--branch', branch, '--', repoUrl, clone],
      ],
      { environment: config.environment },
    );
    const gitFolder = join(clone, '.git');
    const environment = { GIT_DIR: gitFolder, GIT_WORK_TREE: folder };
    // Git writes the address of a local repository down in its own way.
    await git(['remote', 'set-url', '--', 'origin', repoUrl], { environment });
    await git(['read-tree', 'HEAD'], { environment });
    await fillIn(session, temporary, { environment });
    step('filled in');
    await rename(gitFolder, join(folder, '.git'));
    step('metadata in place');
  } finally {
    await remove(temporary);
  }
  await git(['update-index', '-q', '--refresh'], { accept: [1] });
}

/** Makes a fetched commit the first one of a repository that has none. */
export async function adopt(session: Session, branch: string, commit: string): Promise<void> {
  const { folder, git, name } = session;
  const { exitCode } = await git(['rev-parse', '--quiet', '--verify', `refs/heads/${branch}`], {
    accept: [1],
  });
  if (exitCode === 0) {
    throw new Failure(
      'nothing_checked_out',
      `Nothing is checked out in the folder of '${name}', although its repository has a branch ${branch}.`,
      `Check it out: git -C ${folder} switch ${branch}`,
    );
  }
  const temporary = await makeTemporary(folder);
  try {
    await git(['read-tree', commit]);
    await fillIn(session, temporary, {});
  } finally {
    await remove(temporary);
  }
  // The commit comes last: until then the repository has none, and a kill leaves all of this to be done again.
  await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  await git(['update-ref', `refs/heads/${branch}`, commit]);
  await git(['update-index', '-q', '--refresh'], { accept: [1] });
}

/** Removes what a bootstrap that was killed has left. */
export async function removeTemporary(folder: string): Promise<void> {
  await remove(join(folder, temporaryName));
}

async function makeTemporary(folder: string): Promise<string> {
  await removeTemporary(folder);
  const temporary = join(folder, temporaryName);
  await mkdir(temporary, { mode: 0o700 });
  return temporary;
}

/** Checks the missing files out elsewhere and renames them into place, so that none is ever there in part. */
async function fillIn(session: Session, temporary: string, options: GitOptions): Promise<void> {
  const { folder, git, say, step } = session;
  const { stdout } = await git(['ls-files', '-z', '--stage'], { ...options, isList: true });
  const occupant = createOccupantFinder(folder);
  const missing: string[] = [];
  for (const record of pathsOf(stdout)) {
    const path = record.slice(record.indexOf('\t') + 1);
    if (!record.startsWith('160000 ') && (await occupant(path)) === undefined) missing.push(path);
  }
  if (missing.length === 0) return;
  say(`filling in ${missing.length} missing files`);
  const files = join(temporary, 'files');
  await git(['checkout-index', '-q', '-z', '--stdin', `--prefix=${files}/`], {
    ...options,
    input: missing.map((path) => `${path}\0`).join(''),
  });
  for (const path of missing) {
    const target = join(folder, path);
    if ((await statOf(target)) !== undefined) continue;
    await makeParents(folder, path);
    await rename(join(files, path), target);
    step(`filled in ${path}`);
  }
}
