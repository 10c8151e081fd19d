// Takes the bot's folder from one commit to another, with everything that a person may miss held back meanwhile. Where
// git's own fast-forward will do, it is used: it refuses to overwrite what somebody has changed a moment ago.

import { isFailure } from '../../../tool.ts';
import { type Hold, holdBack } from './hold-back.ts';
import type { Session } from './options.ts';
import { type Reach, reachOf } from './reach.ts';
import { type Repository, refuseLocked, removeOwnLocks } from './repository.ts';
import { settle } from './settle.ts';

/** Where a step leads. */
export interface StepPlan {
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  /** True when the new commit follows the old one, on the branch that is checked out. */
  readonly isForward: boolean;
  readonly mayReplace: boolean;
  /** Tracked files that differ and are not preserved. */
  readonly changes: readonly string[];
  /** True when preserved files differ from what is checked out. */
  readonly hasPreservedChanges: boolean;
  readonly preserve: readonly string[];
}

/** What came of a step. */
export type StepResult =
  | { readonly outcome: 'taken'; readonly keptIn: string | undefined }
  | { readonly outcome: 'blocked'; readonly untracked: readonly string[] };

/** Takes the step, or none of it. */
export async function takeStep(
  session: Session,
  repository: Repository,
  plan: StepPlan,
): Promise<StepResult> {
  await refuseLocked(session, repository);
  const reach = await reachOf(session, plan);
  if (reach.untracked.length > 0 && !plan.mayReplace) {
    return { outcome: 'blocked', untracked: reach.untracked };
  }
  const { branch, from, to } = plan;
  const { keep, replaced } = reach;
  const hold: Hold = { place: session.place, branch, from, to, keep, replaced, back: [] };
  await holdBack(session, hold);
  try {
    await apply(session, plan, reach);
  } catch (error) {
    session.step('step failed');
    if (!isUntouched(error)) await removeOwnLocks(repository, session.since);
    await settle(session, hold, isUntouched(error) ? 'refused' : 'failed');
    throw error;
  }
  const keptIn = await settle(session, hold, 'applied');
  return { outcome: 'taken', keptIn };
}

/** Git that refuses, or that finds the index locked by somebody, has not touched anything. */
function isUntouched(error: unknown): boolean {
  if (!isFailure(error)) return false;
  return (
    error.code === 'git_refused' || (error.code === 'git_locked' && error.message.includes('index.lock'))
  );
}

async function apply(session: Session, plan: StepPlan, reach: Reach): Promise<void> {
  const { branch, to } = plan;
  session.say(`checking out ${to.slice(0, 7)}`);
  const isPlain =
    plan.isForward && !plan.hasPreservedChanges && !reach.isKeptInTheWay && reach.replaced.length === 0;
  const forward = ['merge', '--ff-only', '--no-overwrite-ignore', '--no-autostash', '--no-stat', '--quiet'];
  await session.git(
    isPlain
      ? [...forward, '--progress', to]
      : ['checkout', '--force', '--no-track', '--progress', '-B', branch, to, '--'],
  );
}
