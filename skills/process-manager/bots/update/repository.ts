// The repository in the bot's folder: whose it is, what is checked out, and what differs from it. Nothing here changes
// a file that is checked out.

import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { remove } from 'fs-extra/esm';
import { Failure, isFailure } from '../../../tool.ts';
import { pathsOf } from './git-output.ts';
import { onOneLine } from './names.ts';
import type { Session } from './options.ts';
import { isPreserved } from './preserve.ts';

/** Where git keeps its files; the two differ in a worktree. */
export interface Repository {
  readonly gitFolder: string;
  readonly commonFolder: string;
}

/** What is checked out. */
export interface Checkout {
  /** The commit; null before the first one. */
  readonly head: string | null;
  /** The branch; null when a commit is checked out by itself. */
  readonly branch: string | null;
  /** Tracked files that differ from the commit, in the index or in the folder. */
  readonly changed: readonly string[];
}

/** The repository whose top is this folder; undefined when there is none. Anybody else's is refused. */
export async function findRepository(session: Session): Promise<Repository | undefined> {
  const { folder, name } = session;
  const found = await askRepository(session);
  if (found === undefined) {
    if (!(await exists(join(folder, '.git')))) return undefined;
    throw new Failure(
      'broken_repository',
      `${join(folder, '.git')} is there, but git finds no repository in it, so '${name}' cannot be updated.`,
      `Move it away, and the next update makes a new one: mv ${join(folder, '.git')} ${join(folder, '.git.old')}`,
    );
  }
  const [top = '', gitFolder = '', commonFolder = ''] = found;
  if (top !== folder) {
    throw new Failure(
      'foreign_repository',
      `The folder of '${name}' lies inside another repository, ${onOneLine(top)}, which an update would change.`,
      `Make it a repository of its own: git -C ${folder} init`,
    );
  }
  return { gitFolder: resolve(folder, gitFolder), commonFolder: resolve(folder, commonFolder) };
}

/** Reads what is checked out. Untracked files and submodules are nobody's local changes. */
export async function readCheckout({ git }: Session): Promise<Checkout> {
  const { stdout } = await git(
    [
      'status',
      '--porcelain=v2',
      '--branch',
      '-z',
      '--untracked-files=no',
      '--no-renames',
      '--ignore-submodules=all',
    ],
    { isList: true },
  );
  const records = pathsOf(stdout);
  const header = (name: string) =>
    records.find((record) => record.startsWith(`# ${name} `))?.slice(name.length + 3);
  const oid = header('branch.oid');
  const branch = header('branch.head');
  return {
    head: oid === undefined || oid === '(initial)' ? null : oid,
    branch: branch === undefined || branch === '(detached)' ? null : branch,
    // An ordinary record has eight fields before its path, an unmerged one ten.
    changed: records.flatMap((record) => {
      const [, path] =
        /^1(?: \S+){7} ([\s\S]+)$/.exec(record) ?? /^u(?: \S+){9} ([\s\S]+)$/.exec(record) ?? [];
      return path === undefined ? [] : [path];
    }),
  };
}

/** The changes that are nobody's to keep: those outside preserve_files. */
export function localChanges({ changed }: Checkout, preserve: readonly string[]): string[] {
  return changed.filter((path) => !isPreserved(preserve, path));
}

/** The commit that is checked out. */
export async function readHead({ git }: Session): Promise<string> {
  const { stdout } = await git(['rev-parse', '--verify', 'HEAD'], { mustFinish: true });
  return stdout.toString().trim();
}

/** How many commits each side has that the other lacks. */
export async function compare(
  { git }: Session,
  from: string,
  to: string,
): Promise<{ readonly ahead: number; readonly behind: number }> {
  const { stdout } = await git(['rev-list', '--left-right', '--count', `${from}...${to}`, '--']);
  const [ahead = 0, behind = 0] = stdout.toString().split(/\s+/).map(Number);
  return { ahead, behind };
}

/** Refuses to change anything while the index is locked: somebody's git runs there, or was killed. */
export async function refuseLocked(session: Session, { gitFolder }: Repository): Promise<void> {
  const lock = join(gitFolder, 'index.lock');
  if (!(await exists(lock))) return;
  throw new Failure(
    'git_locked',
    `'${session.name}' was not updated, because its repository is locked by ${lock}.`,
    `When no git command runs there any more, remove the file: rm ${lock}`,
  );
}

/** Removes the locks that git commands of ours left when they were killed: those that are not older than the update. */
export async function removeOwnLocks({ gitFolder, commonFolder }: Repository, since: number): Promise<void> {
  const files = ['index.lock', 'HEAD.lock', 'ORIG_HEAD.lock'].map((file) => join(gitFolder, file));
  files.push(...['config.lock', 'packed-refs.lock', 'shallow.lock'].map((file) => join(commonFolder, file)));
  // No branch can be called so: git keeps this ending for its locks.
  for (const refs of ['refs/heads', 'refs/remotes/origin'].map((path) => join(commonFolder, path))) {
    const names = await readdir(refs, { recursive: true }).catch(() => []);
    files.push(...names.filter((file) => file.endsWith('.lock')).map((file) => join(refs, file)));
  }
  for (const file of files) {
    const found = await lstat(file).catch(() => undefined);
    if (found !== undefined && found.mtimeMs >= since) await remove(file);
  }
}

/** True of anything that has this name, a link that leads nowhere too. */
async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

async function askRepository({ git }: Session): Promise<string[] | undefined> {
  const words = ['rev-parse', '--show-toplevel', '--absolute-git-dir', '--git-common-dir'];
  try {
    const { stdout } = await git(words, { mustFinish: true });
    return stdout.toString().split('\n');
  } catch (error) {
    if (isFailure(error) && error.code === 'not_a_repository') return undefined;
    throw error;
  }
}
