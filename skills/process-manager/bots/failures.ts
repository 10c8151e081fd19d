// What is said to whoever asked something of a bot and did not get it: what happened, and the next step.

import { Failure } from '../../tool.ts';
import { lastLinesOf } from './drive.ts';
import type { BotPlan } from './plan.ts';
import type { BotLook } from './surroundings.ts';

const linesOfFailure = 10;

/** It ended although it is wanted. */
export function crashed({ plan, row, run }: BotLook): Failure {
  const lines = run && row.judgedRun === run.id ? lastLinesOf(plan, run, linesOfFailure) : [];
  const next = row.retryAt === null ? '' : ` The next try is at ${row.retryAt}.`;
  const tail = lines.length === 0 ? '' : `\n${lines.map((line) => `  | ${line}`).join('\n')}`;
  return new Failure(
    'bot_crashed',
    `'${plan.name}' does not stay up: ${row.detail ?? 'it ended'}.${next}${tail}`,
    `Its output: understudy logs ${plan.name}. When it is mended: understudy start ${plan.name}`,
  );
}

/** It runs, and nobody can use it yet. */
export function notReady({ plan }: BotLook): Failure {
  return new Failure(
    'not_ready',
    `'${plan.name}' runs, but was not ready within ${plan.readyMs / 1_000} s.`,
    `See what it prints: understudy logs ${plan.name}. The check stands under 'ready' in its configuration.`,
  );
}

/** Its engine has taken a change back. */
export function rolledBack({ name }: BotPlan, reason: string): Failure {
  return new Failure(
    'update_rolled_back',
    `'${name}' did not stay up: ${reason}. The swarm has gone back to the version before.`,
    `See what the new one printed: understudy logs ${name}. What is tried next is up to you.`,
  );
}

/** Its engine has nowhere to run it. */
export function notPlaced({ name }: BotPlan, text: string | null): Failure {
  return new Failure(
    'not_placed',
    `'${name}' has not been started by the swarm yet${text === null ? '' : `: it ${text}`}.`,
    `The swarm goes on trying; see: understudy status ${name}`,
  );
}

/** A stop met a start. */
export function startedMeanwhile({ name }: BotPlan): Failure {
  return new Failure(
    'started_meanwhile',
    `Somebody started '${name}' while it was stopped.`,
    'See who: understudy history',
  );
}

/** All bots were stopped together. */
export function managerStopped({ name }: BotPlan): Failure {
  return new Failure(
    'manager_stopped',
    `The manager ended, and stopped '${name}' with all its bots.`,
    `It is started with them: understudy start_all, or npm start. Alone: understudy start ${name}`,
  );
}

/** A start met a stop. */
export function stoppedMeanwhile({ name }: BotPlan): Failure {
  return new Failure(
    'stopped_meanwhile',
    `Somebody stopped '${name}' while it was started.`,
    'See who: understudy history',
  );
}

/** Whoever asked waits no longer. */
export function givenUp({ name }: BotPlan): Failure {
  return new Failure(
    'gave_up_waiting',
    `The outcome for '${name}' was not waited for.`,
    `It goes on without you; see: understudy status ${name}`,
  );
}
