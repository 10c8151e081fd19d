// Takes one bot towards what is wanted of it, step by step, under its claim. The supervisor does this for every bot, and
// a command line does it for the bot that it was asked about: whoever has the claim works, the other one waits.

import { Failure } from '../../tool.ts';
import { isFromEarlierBoot } from '../base/index.ts';
import type { NewMessage } from '../hooks/index.ts';
import { lastLines } from '../output/index.ts';
import type { ProcessRow } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';
import { noteRun, startRun } from './start.ts';
import { type BotRow, isLiving, judge, memoryReason, nextStep, type Verdict } from './states.ts';
import type { Claim } from './store.ts';
import {
  type BotLook,
  type BotSurroundings,
  describeEnd,
  isBotReady,
  lookAt,
  noteOf,
  type Tell,
} from './surroundings.ts';

/** Bots get this long between SIGTERM and SIGKILL. */
const stopGraceMs = 15_000;
/** No bot needs nearly as many steps to come to rest. */
const mostSteps = 50;
const linesOfNotice = 20;

/** The step that a bot needs now. */
export function stepOf(surroundings: BotSurroundings, { row, run, plan }: BotLook) {
  const { clock } = surroundings;
  const isOtherReady = (name: string) => isBotReady(surroundings, name);
  return nextStep(row, run, plan, clock.now(), isOtherReady, noteOf(surroundings, plan, run));
}

/** How a bot is worked on. */
export interface DriveOptions {
  readonly tell: Tell;
  /** True when somebody waits for the outcome, who is told of a failure without a notice. */
  readonly isWaitedFor: boolean;
  readonly graceMs?: number;
  /** Aborted when whoever waits for a stop is in a hurry. */
  readonly hurry?: AbortSignal;
}

/** Works on a bot until it rests; false when somebody else is at it. Fails when it cannot be started or stopped. */
export async function drive(
  surroundings: BotSurroundings,
  plan: BotPlan,
  options: DriveOptions,
): Promise<boolean> {
  const claim = surroundings.store.claim(plan.name);
  if (!claim) return false;
  try {
    for (let left = mostSteps; left > 0; left--) {
      const look = lookAt(surroundings, plan);
      const step = stepOf(surroundings, look);
      if (step.kind === 'rest') return true;
      await take(surroundings, look, step, claim, options);
    }
    throw new Error(`bot '${plan.name}' does not come to rest`);
  } finally {
    claim.release();
  }
}

async function take(
  surroundings: BotSurroundings,
  look: BotLook,
  step: ReturnType<typeof stepOf>,
  claim: Claim,
  options: DriveOptions,
): Promise<void> {
  const { plan, row, run } = look;
  switch (step.kind) {
    case 'note':
      if (run) noteRun(surroundings, plan.name, run, row.startReason === null && isAutomaticRun(row, run));
      return;
    case 'clear':
      if (run) surroundings.store.clearWish(plan.name, run.id);
      return;
    case 'stop':
      if (run) await stopRun(surroundings, look, run, claim, options);
      return;
    case 'retire':
      claim.say('stopping', 'giving it up in the swarm');
      await surroundings.processes.retire('swarm', plan.name);
      return;
    case 'judge':
      if (run) pronounce(surroundings, plan, run, describeEnd(run), options);
      return;
    case 'start':
      await start(surroundings, look, step.isAutomatic, claim, options);
      return;
    case 'rest':
      return;
  }
}

/** True of a run that nobody has asked for: after a crash, or because a swarm has begun it anew. */
function isAutomaticRun(row: BotRow, run: ProcessRow): boolean {
  return row.retryAt !== null || (run.runner === 'swarm' && row.runId !== null);
}

/** What went wrong with a change that the swarm has seen to: there is nothing to be tried again by us. */
const settledBySwarm = ['update_rolled_back', 'update_paused', 'not_placed', 'stopped_meanwhile'];

async function start(
  surroundings: BotSurroundings,
  { plan, run }: BotLook,
  isAutomatic: boolean,
  claim: Claim,
  options: DriveOptions,
): Promise<void> {
  try {
    const isReplacing = isLiving(run);
    await startRun(surroundings, {
      plan,
      previous: run,
      isAutomatic,
      isReplacing,
      claim,
      tell: options.tell,
    });
  } catch (error) {
    if (error instanceof Failure && settledBySwarm.includes(error.code)) {
      surroundings.store.dropWish(plan.name);
      throw error;
    }
    // A folder that is gone or a disk that is full may be mended: that counts like a crash, and is tried again.
    if (error instanceof Failure) {
      const isEngineAway = error.code === 'engine_unreachable';
      pronounce(surroundings, plan, undefined, firstLine(error.message), { ...options, isEngineAway });
    }
    throw error;
  }
}

/** What a build printed is for whoever waits, and no state of a bot. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

async function stopRun(
  { processes, logger }: BotSurroundings,
  { plan, row }: BotLook,
  run: ProcessRow,
  claim: Claim,
  { tell, graceMs = stopGraceMs, hurry }: DriveOptions,
): Promise<void> {
  claim.say('stopping', 'stopping');
  tell('stopping');
  const reason = run.stopReason ?? reasonToStop(row);
  const ended = await processes.kill(run, { reason, graceMs, signal: hurry });
  if (isLiving(ended)) {
    throw new Failure(
      'will_not_die',
      `Even SIGKILL did not end '${plan.name}' (PID ${ended.pid}).`,
      'It is stuck in the kernel, as on a dead network disk; see: ps -o pid,stat,wchan -p PID',
    );
  }
  logger.info({ bot: plan.name }, `${plan.name}: stopped (${reason})`);
}

function reasonToStop({ desired, isHeld, startReason }: BotRow): string {
  if (desired === 'stopped') return 'a stop was asked for';
  return isHeld === 1 ? 'the manager was stopped' : (startReason ?? memoryReason);
}

/** Decides what becomes of a bot whose run has ended, or could not be started, and tells people if that is the end. */
function pronounce(
  surroundings: BotSurroundings,
  plan: BotPlan,
  run: ProcessRow | undefined,
  how: string,
  { isWaitedFor, isEngineAway = false }: DriveOptions & { readonly isEngineAway?: boolean },
): void {
  const { store, history, clock, logger } = surroundings;
  store.together(() => {
    const { attempts, detail } = store.read(plan.name);
    const ending = { run, how, isFromEarlierBoot: isFromEarlierBoot(run?.pidStart ?? ''), isEngineAway };
    const verdict = judge(ending, attempts, plan.restart, surroundings.limits(), Math.random);
    if (!store.noteVerdict(plan.name, run?.id, verdict, clock.now())) return;
    // An engine may be away for days, and one entry says it.
    if (isEngineAway && detail === verdict.detail) return;
    const id = history.begin({ actor: 'supervisor', action: 'restart', subject: plan.name, isRead: false });
    history.finish(id, verdict.kind === 'failed' ? 'failed' : 'ok', inWords(verdict));
    logger.info({ bot: plan.name }, `${plan.name}: ${inWords(verdict)}`);
    if (verdict.kind === 'failed' && !isWaitedFor) announce(surroundings, plan, run, verdict.detail);
  });
}

function inWords(verdict: Verdict): string {
  if (verdict.kind !== 'again') return `${verdict.detail}; it is not started again`;
  const delay = verdict.delayMs === 0 ? 'at once' : `in ${(verdict.delayMs / 1_000).toFixed(1)} s`;
  const attempt = verdict.attempts === 0 ? '' : ` (attempt ${verdict.attempts})`;
  return `${verdict.detail}; it is started again ${delay}${attempt}`;
}

/** Puts a notice for people where hooks put theirs: it is kept until somebody can take it to them. */
function announce(
  surroundings: BotSurroundings,
  plan: BotPlan,
  run: ProcessRow | undefined,
  what: string,
): void {
  const lines = run ? lastLinesOf(plan, run) : [];
  const tail = lines.length === 0 ? 'It has printed nothing.' : `Its last lines:\n${lines.join('\n')}`;
  notice(
    surroundings,
    run,
    `Bot '${plan.name}' failed: ${what}. Start it again: understudy start ${plan.name}\n${tail}`,
  );
}

/** A notice of this room. */
export function notice({ hooks, clock }: BotSurroundings, run: ProcessRow | undefined, text: string): void {
  const message: NewMessage = {
    action: 'notify_channel',
    hookId: null,
    processId: run?.id ?? null,
    at: new Date(clock.now()).toISOString(),
    text,
    branch: null,
    depth: 0,
    creator: { id: 'supervisor', name: 'supervisor', surface: 'system', rights: [] },
  };
  hooks.outbox.put(message);
}

/** The last lines of one run in the log that it shares with others. */
export function lastLinesOf(plan: BotPlan, run: ProcessRow, count = linesOfNotice): string[] {
  const lines = lastLines(plan.log, count, run.logUntil === null ? {} : { before: run.logUntil });
  return lines.filter(({ start }) => start >= run.logFrom).map(({ text }) => text);
}
