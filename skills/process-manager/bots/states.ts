// The life of a bot as pure functions over its row and its newest run: which step leads towards what is wanted, how an
// end is judged, and which of the states people read it is in. Nothing here acts; `drive.ts` does.

import { type EngineNote, isFinished, type ProcessRow } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';

/** Every state that people and scripts read. */
export const botStates = [
  'stopped',
  'waiting',
  'updating',
  'starting',
  'running',
  'paused',
  'stopping',
  'backoff',
  'finished',
  'failed',
] as const;
export type BotState = (typeof botStates)[number];

/** What is being done to a bot right now, by whoever holds the claim on it. */
export type Activity = 'updating' | 'starting' | 'stopping';

/** What is kept of a bot. Its runs are rows of the processes. */
export interface BotRow {
  readonly name: string;
  readonly desired: 'running' | 'stopped';
  /** Why it is to be started now; null when it is not. */
  readonly startReason: string | null;
  /** The run that has to end, though the bot is wanted: of a restart. */
  readonly endRun: string | null;
  /** Its manager has stopped it in order to end: it is wanted, and the next supervisor lets it go on. */
  readonly isHeld: 0 | 1;
  /** The newest run that was noted here. */
  readonly runId: string | null;
  /** The newest run whose end was judged. */
  readonly judgedRun: string | null;
  readonly readyRun: string | null;
  /** The run of which was said that it is not ready in time. */
  readonly lateRun: string | null;
  /** How it ended for good, though it is wanted. */
  readonly outcome: 'finished' | 'failed' | null;
  readonly detail: string | null;
  /** Crashes in a row. */
  readonly attempts: number;
  /** Times that it was started again by itself since somebody asked for it. */
  readonly restarts: number;
  readonly startCount: number;
  readonly lastStartAt: string | null;
  readonly retryAt: string | null;
  readonly activity: Activity | null;
  readonly activityText: string | null;
}

/** What comes next for a bot. */
export type Step =
  | { readonly kind: 'rest' }
  /** A run is there that the row does not know: its starter died before it could write it down. */
  | { readonly kind: 'note' }
  | { readonly kind: 'stop' }
  /** Nothing runs, and its engine still has it. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'judge' }
  | { readonly kind: 'clear' }
  | { readonly kind: 'start'; readonly isAutomatic: boolean };

/** The next step towards what is wanted. `isReady` tells of other bots; `now` in milliseconds. */
export function nextStep(
  row: BotRow,
  run: ProcessRow | undefined,
  plan: Pick<BotPlan, 'dependsOn' | 'runner'>,
  now: number,
  isReady: (name: string) => boolean,
  note?: EngineNote,
): Step {
  const isKept = note?.isActive === true;
  if (run && run.id !== row.runId) return { kind: 'note' };
  if (isLiving(run)) {
    const isUnwanted = row.desired === 'stopped' || row.isHeld === 1;
    // A swarm ends the old run itself, and has it to go back to when the new one fails.
    const isReplaced = run.runner === 'swarm' && plan.runner === 'swarm' && run.stopReason === null;
    if (!isUnwanted && row.endRun === run.id && isReplaced) return { kind: 'start', isAutomatic: false };
    if (isUnwanted || row.endRun === run.id) return { kind: 'stop' };
    // Whoever asked it to end may have been killed meanwhile, and it may take a while to obey.
    if (run.stopReason !== null) return { kind: 'stop' };
    return row.startReason === null ? { kind: 'rest' } : { kind: 'clear' };
  }
  if (row.desired === 'stopped' || row.isHeld === 1) return { kind: note?.isThere ? 'retire' : 'rest' };
  if (note?.isThere && plan.runner !== 'swarm') return { kind: 'retire' };
  const start = (isAutomatic: boolean): Step =>
    plan.dependsOn.every(isReady) ? { kind: 'start', isAutomatic } : { kind: 'rest' };
  if (row.startReason !== null) return start(false);
  // Whether and when it is started again is the swarm's.
  if (isKept) return { kind: 'rest' };
  if (run && row.judgedRun !== run.id) return { kind: 'judge' };
  if (row.outcome !== null) return { kind: 'rest' };
  if (row.retryAt !== null) return now >= Date.parse(row.retryAt) ? start(true) : { kind: 'rest' };
  return start(true);
}

/** True of a run that has not ended. */
export function isLiving(run: ProcessRow | undefined): run is ProcessRow & { readonly endedAt: null } {
  return run !== undefined && !isFinished(run.status);
}

/** True when the newest run does what it is there for. */
export function isReady(row: BotRow, run: ProcessRow | undefined, plan: Pick<BotPlan, 'ready'>): boolean {
  if (!isLiving(run) || run.id !== row.runId || run.status === 'paused') return false;
  return plan.ready === undefined || row.readyRun === run.id;
}

/** Words of a stop reason that make it the bot's own fault. */
export const memoryReason = 'it used more memory than it may';

/** A bot that stayed up for so long did not crash at its start. */
export const stableMs = 60_000;
const longestDelayMs = 300_000;
const leastDelayMs = 100;
/** Between two tries while an engine does not answer. */
const engineAwayMs = 10_000;
const jitter = 0.25;

/** What becomes of a bot whose run has ended although it is wanted. */
export type Verdict =
  | { readonly kind: 'finished'; readonly detail: string }
  | { readonly kind: 'failed'; readonly detail: string; readonly attempts: number }
  | { readonly kind: 'again'; readonly detail: string; readonly attempts: number; readonly delayMs: number };

/** How a run ended, as far as the judgement goes. `run` is undefined when it could not even be started. */
export interface Ending {
  readonly run: ProcessRow | undefined;
  readonly how: string;
  readonly isFromEarlierBoot: boolean;
  /** Its engine does not answer, so it could not even be tried. */
  readonly isEngineAway?: boolean;
}

/** Judges the end of a run that nobody who wants the bot to run has asked for. */
export function judge(
  { run, how, isFromEarlierBoot, isEngineAway = false }: Ending,
  attemptsBefore: number,
  restart: BotPlan['restart'],
  limits: { readonly max_restart_attempts: number; readonly restart_delay: number },
  random: () => number,
): Verdict {
  // The machine went down, not the bot.
  if (isFromEarlierBoot) return { kind: 'again', detail: how, attempts: attemptsBefore, delayMs: 0 };
  // That is no fault of the bot either, and may last.
  if (isEngineAway) return { kind: 'again', detail: how, attempts: attemptsBefore, delayMs: engineAwayMs };
  const usedTooMuch = run?.stopReason === memoryReason;
  const wasAskedFor = run !== undefined && run.stopReason !== null && !usedTooMuch;
  // One that was ended for its memory may still say goodbye with code 0.
  const succeeded = wasAskedFor || (run?.exitCode === 0 && !usedTooMuch);
  if (succeeded && restart !== 'always') return { kind: 'finished', detail: how };
  // It was the swarm's to start it again, and it has given it up.
  if (run?.runner === 'swarm') {
    return {
      kind: 'failed',
      detail: `${how}, and the swarm does not start it again`,
      attempts: attemptsBefore,
    };
  }
  const crashesBefore = run && upTime(run) >= stableMs ? 0 : attemptsBefore;
  const attempts = wasAskedFor ? crashesBefore : crashesBefore + 1;
  if (restart === 'no') return { kind: 'failed', detail: `${how}, and its restart policy is "no"`, attempts };
  if (attempts > limits.max_restart_attempts) {
    return {
      kind: 'failed',
      detail: `${how}, after ${limits.max_restart_attempts} restarts in a row`,
      attempts,
    };
  }
  return { kind: 'again', detail: how, attempts, delayMs: delayOf(attempts, limits.restart_delay, random) };
}

/** Doubles with each crash in a row; the jitter keeps bots that crashed together from coming back together. */
function delayOf(attempts: number, restartDelaySeconds: number, random: () => number): number {
  const first = restartDelaySeconds * 1_000;
  const longest = Math.max(first, longestDelayMs);
  const doubled = Math.min(longest, first * 2 ** Math.min(Math.max(attempts - 1, 0), 30));
  return Math.max(leastDelayMs, Math.round(doubled * (1 + jitter * random())));
}

function upTime(run: ProcessRow): number {
  return run.endedAt === null ? 0 : Date.parse(run.endedAt) - Date.parse(run.startedAt);
}

/** The state that people read. */
export function stateOf(
  row: BotRow,
  run: ProcessRow | undefined,
  plan: Pick<BotPlan, 'ready' | 'dependsOn'>,
  isOtherReady: (name: string) => boolean,
  isSupervised: boolean,
  note?: EngineNote,
): BotState {
  if (row.activity !== null) return row.activity;
  if (isLiving(run)) {
    if (run.status === 'paused') return 'paused';
    return isReady(row, run, plan) ? 'running' : 'starting';
  }
  if (row.desired === 'stopped' || row.isHeld === 1) return 'stopped';
  if (note?.isActive) return note.text === null ? 'backoff' : 'waiting';
  if (row.startReason === null && row.outcome !== null) return row.outcome;
  // What is to be started is started at once, unless it waits for another bot, or nobody is there to do it.
  if (!isSupervised && row.retryAt === null) return 'stopped';
  if (!plan.dependsOn.every(isOtherReady)) return 'waiting';
  if (row.startReason !== null) return 'starting';
  return 'backoff';
}
