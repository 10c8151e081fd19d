// What a project that develops its own runner (`projectType: "runner-dev"`) has to show besides its gates: an
// EVIDENCE.md that says something and was written since the last release, and a clean tree where there is a repository.

import { spawnSync } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import { nameSome } from './copy.ts';
import { staysWithInstance } from './what-moves.ts';

const leastBytes = 100;

/** Refuses a candidate without evidence. */
export function requireEvidence(candidate: string, lastReleaseAt: string | undefined): void {
  const path = join(candidate, 'EVIDENCE.md');
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size <= leastBytes) {
    throw new Failure(
      'evidence_missing',
      stats
        ? `${path} has ${stats.size} bytes; evidence takes more than ${leastBytes}.`
        : `There is no ${path}.`,
      'Write down there what was changed and how it was tested.',
    );
  }
  if (lastReleaseAt !== undefined && stats.mtimeMs <= Date.parse(lastReleaseAt)) {
    throw new Failure(
      'evidence_stale',
      `${path} is older than the last release (${lastReleaseAt}), so it says nothing about this one.`,
      'Write down there what was changed since, and how it was tested.',
    );
  }
}

/** Refuses a candidate with changes that are not committed; where it is no repository of its own there are none. */
export function requireCleanTree(candidate: string, exclude: readonly string[]): void {
  if (!isRepository(candidate)) return;
  const status = git(candidate, ['status', '--porcelain', '-z', '--untracked-files=all', '--no-renames']);
  if (status === undefined) {
    throw new Failure(
      'git_failed',
      `git cannot say whether ${candidate} has uncommitted changes.`,
      `See: git -C ${candidate} status`,
    );
  }
  const changed = status
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => line.slice(3))
    .filter((path) => !belongsToInstance(path, exclude));
  if (changed.length === 0) return;
  throw new Failure(
    'uncommitted_changes',
    `${candidate} has changes that are not committed: ${nameSome(changed)}.`,
    'Commit them, or take them back; then try again.',
  );
}

/** The commit that a candidate stands at, where it is a repository of its own. */
export function commitOf(candidate: string): string | null {
  return isRepository(candidate) ? (git(candidate, ['rev-parse', 'HEAD'])?.trim() ?? null) : null;
}

/** A folder inside somebody else's repository is not meant: git would speak of that one. */
function isRepository(candidate: string): boolean {
  const top = git(candidate, ['rev-parse', '--show-toplevel'])?.replace(/\n$/, '');
  return top !== undefined && top !== '' && realpathSync(top) === realpathSync(candidate);
}

function git(folder: string, words: readonly string[]): string | undefined {
  // A repository may name programs in its configuration; looking at it must not run them.
  const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const { status, stdout } = spawnSync('git', [...safe, '-C', folder, ...words], {
    encoding: 'utf8',
    env: Object.fromEntries(environment),
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
  });
  return status === 0 ? stdout : undefined;
}

function belongsToInstance(path: string, exclude: readonly string[]): boolean {
  const parts = path.split('/');
  return parts.some((_, index) => staysWithInstance(parts.slice(0, index + 1).join('/'), exclude));
}
