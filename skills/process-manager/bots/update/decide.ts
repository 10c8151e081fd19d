// Decides what an update does: nothing, a step forward, a reset, or leaving it to a person, and says so in a sentence.

import { isFailure } from '../../../tool.ts';
import { adopt, bootstrap } from './bootstrap.ts';
import { onOneLine, some } from './names.ts';
import type { Session, UpdateResult, Wanted } from './options.ts';
import { askRemote, claimOrigin, fetchBranch, type Remote, readConfig } from './remote.ts';
import {
  type Checkout,
  compare,
  findRepository,
  localChanges,
  type Repository,
  readCheckout,
} from './repository.ts';
import { takeStep } from './take-step.ts';

/** A repository whose remote has answered. */
interface Situation {
  readonly session: Session;
  readonly wanted: Wanted;
  readonly repository: Repository;
  readonly checkout: Checkout;
  readonly remote: Remote;
  /** The commit of the remote's branch, which is here now. */
  readonly to: string;
}

type Way = 'none' | 'forward' | 'reset' | 'diverged' | 'ahead';

/** Updates the bot's folder, or says why not. */
export async function decide(session: Session, wanted: Wanted): Promise<UpdateResult> {
  const repository = await findRepository(session);
  const config = await readConfig(session);
  if (repository === undefined) {
    const remote = await askRemote(session, config, wanted, wanted.repoUrl);
    await bootstrap(session, config, wanted, remote);
    return afterFilling(session, wanted, remote);
  }
  const problem = await claimOrigin(session, config, wanted);
  if (problem !== undefined) return skipped(null, null, problem);
  const checkout = await readCheckout(session);
  const changes = checkout.head === null ? [] : localChanges(checkout, wanted.preserve);
  // Asking the remote would change nothing about it, and a bot that starts waits for it.
  if (changes.length > 0 && !wanted.forceSync) return skipped(checkout.head, null, leaveChanges(changes));
  const remote = await askRemote(session, config, wanted, 'origin');
  const { branch, commit } = remote;
  if (checkout.head === null) {
    await adopt(session, branch, await fetchBranch(session, config, branch));
    return afterFilling(session, wanted, remote);
  }
  if (checkout.branch !== branch && !wanted.forceSync) {
    return skipped(checkout.head, commit, otherBranch(session, checkout, branch));
  }
  const isKnown = commit === checkout.head;
  const to = isKnown ? commit : await fetchBranch(session, config, branch);
  // Somebody may have gone on working while git fetched.
  const current = isKnown ? checkout : await readCheckout(session);
  return act({ session, wanted, repository, checkout: current, remote, to });
}

async function act(situation: Situation): Promise<UpdateResult> {
  const { session, wanted, checkout, remote, to } = situation;
  const { head } = checkout;
  const changes = localChanges(checkout, wanted.preserve);
  if (head === null)
    return skipped(null, to, 'somebody else works in the repository; the next start tries again');
  const way = await wayTo(situation, head, changes);
  if (way === 'none')
    return { outcome: 'current', ...hashes(head, to), detail: `${remote.branch} is up to date` };
  if (way === 'ahead') {
    return {
      outcome: 'current',
      ...hashes(head, to),
      detail: `local commits: the folder is ahead of origin/${remote.branch}`,
    };
  }
  if (way !== 'forward' && !wanted.forceSync) {
    return skipped(head, to, way === 'diverged' ? diverged(session, remote) : leaveChanges(changes));
  }
  return take(situation, head, way === 'forward');
}

/** Which way leads from what is checked out to the remote's commit. */
async function wayTo(
  { session, checkout, remote, to }: Situation,
  head: string,
  changes: readonly string[],
): Promise<Way> {
  if (checkout.branch !== remote.branch) return 'reset';
  if (to === head) return changes.length > 0 ? 'reset' : 'none';
  const { ahead, behind } = await compare(session, head, to);
  if (behind > 0 && ahead > 0) return 'diverged';
  if (changes.length > 0) return 'reset';
  return behind === 0 ? 'ahead' : 'forward';
}

async function take(situation: Situation, from: string, isForward: boolean): Promise<UpdateResult> {
  const { session, wanted, repository, checkout, remote, to } = situation;
  const changes = localChanges(checkout, wanted.preserve);
  const result = await takeStep(session, repository, {
    branch: remote.branch,
    ...{ from, to, isForward, changes },
    mayReplace: wanted.forceSync,
    hasPreservedChanges: checkout.changed.length > changes.length,
    preserve: wanted.preserve,
  });
  if (result.outcome === 'blocked') return skipped(from, to, inTheWay(result.untracked));
  await tidy(session);
  const how = isForward
    ? `updated to the newest commit of ${remote.branch}`
    : `reset to the newest commit of ${remote.branch}`;
  const kept = result.keptIn === undefined ? '' : `; what it replaced is in ${result.keptIn}`;
  return { outcome: 'updated', ...hashes(from, to), detail: how + kept };
}

/** Every fetch adds to the repository, and nobody else may ever tidy it. */
async function tidy({ git }: Session): Promise<void> {
  try {
    await git(['gc', '--auto', '--quiet'], { tidies: true });
  } catch (error) {
    // The update itself is done; the next one tidies again.
    if (!isFailure(error)) throw error;
  }
}

/** A folder that has just got its history: files that differ from it are local changes. */
async function afterFilling(session: Session, wanted: Wanted, remote: Remote): Promise<UpdateResult> {
  const repository = await findRepository(session);
  const checkout = await readCheckout(session);
  const { head } = checkout;
  if (repository === undefined || head === null) throw new Error('a bootstrap left no commit behind');
  const changes = localChanges(checkout, wanted.preserve);
  if (changes.length === 0) {
    const detail = `made a repository of the folder, following ${remote.branch}; nothing was overwritten`;
    return { outcome: 'updated', ...hashes(null, head), detail };
  }
  if (!wanted.forceSync) return skipped(null, head, leaveChanges(changes));
  const result = await take({ session, wanted, repository, checkout, remote, to: head }, head, false);
  return { ...result, from: null };
}

function skipped(from: string | null, to: string | null, detail: string): UpdateResult {
  return { outcome: 'skipped', ...hashes(from, to), detail };
}

function hashes(from: string | null, to: string | null) {
  return { from: from?.slice(0, 7) ?? null, to: to?.slice(0, 7) ?? null };
}

function leaveChanges(changes: readonly string[]): string {
  return `local changes in ${some(changes)}; commit or revert them, or set force_sync to true to replace them`;
}

function inTheWay(paths: readonly string[]): string {
  return `untracked files that the update would overwrite: ${some(paths)}; move them away, add them to preserve_files, or set force_sync to true to replace them`;
}

function diverged({ folder }: Session, { branch }: Remote): string {
  return `local commits and origin/${branch} have diverged; bring them together with git -C ${folder} pull --rebase, or set force_sync to true to drop the local ones`;
}

function otherBranch({ folder }: Session, { branch, head }: Checkout, wanted: string): string {
  const what =
    branch === null
      ? `no branch is checked out, but commit ${head?.slice(0, 7)} by itself`
      : `branch ${onOneLine(branch, 100)} is checked out, not ${wanted}`;
  return `${what}; switch with git -C ${folder} switch ${wanted}, or set repo_branch, or set force_sync to true`;
}
