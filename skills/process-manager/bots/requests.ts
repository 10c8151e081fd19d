// What people, models and scripts ask of a bot. Each request is written down first and then carried out by whoever gets
// the bot's claim, the supervisor or the asking process; so it is carried out also when either dies half-way. The asking
// process waits for the outcome and passes on what it sees.

import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../tool.ts';
import type { ProcessRow } from '../processes/index.ts';
import { drive, stepOf } from './drive.ts';
import {
  crashed,
  givenUp,
  managerStopped,
  notPlaced,
  notReady,
  rolledBack,
  startedMeanwhile,
  stoppedMeanwhile,
} from './failures.ts';
import type { BotPlan } from './plan.ts';
import { prepareRun, requireStartable, updateCode } from './start.ts';
import { isLiving, isReady } from './states.ts';
import { type BotLook, type BotSurroundings, lookAt, noteOf, refresh, type Tell } from './surroundings.ts';
import type { UpdateResult } from './update/update.ts';

const pollMs = 50;
/** Engines are asked over a network, and those in them are not in a hurry. */
const enginePollMs = 300;
/** A bot without a ready check that lives for so long has not crashed at its start. */
const firstMomentMs = 1_000;
/** Updates and stubborn processes are bounded by themselves; nobody waits for longer than this. */
const mostPatienceMs = 30 * 60_000;

/** Who asks, and how they learn what is being done. */
export interface Asker {
  readonly who: string;
  readonly tell: Tell;
  readonly signal: AbortSignal;
}

/** Starts a bot, and first what it depends on; resolves when it is ready. One that runs stays as it is. */
export async function startBot(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<void> {
  const look = lookAt(surroundings, plan);
  const { row, run } = look;
  if (isLiving(run) && row.desired === 'running' && row.isHeld === 0 && !isEnding(look)) {
    if (run.status === 'paused') await surroundings.processes.resume(run);
    if (run.pid !== null)
      asker.tell(run.status === 'paused' ? 'was paused, and runs again' : `runs already (PID ${run.pid})`);
    return untilReady(surroundings, plan, asker);
  }
  requireStartable(plan);
  await requireEngine(surroundings, plan);
  await startDependencies(surroundings, plan, asker);
  surroundings.store.want(plan.name, `started by ${asker.who}`, {});
  await untilReady(surroundings, plan, asker);
}

/** Ends its run, if there is one, and starts a new one. */
export async function restartBot(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<void> {
  const { run } = lookAt(surroundings, plan);
  requireStartable(plan);
  await requireEngine(surroundings, plan);
  await prepareRun(surroundings, plan, asker.tell);
  await startDependencies(surroundings, plan, asker);
  wantRestart(surroundings, plan, run, `restarted by ${asker.who}`);
  await untilReady(surroundings, plan, asker);
}

/** Writes down that a bot is to be started anew. */
export function wantRestart(
  { store }: BotSurroundings,
  { name }: BotPlan,
  run: ProcessRow | undefined,
  reason: string,
): void {
  store.want(name, reason, { endRun: isLiving(run) ? run.id : undefined });
}

/** Stops a bot and what its last run left behind; false when it did not run. */
export async function stopBot(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<boolean> {
  const { store, processes } = surroundings;
  const before = lookAt(surroundings, plan);
  const isKept = noteOf(surroundings, plan, before.run)?.isActive === true;
  const ran = isLiving(before.run) || isKept || before.row.desired === 'running';
  store.wantStopped(plan.name);
  await until(surroundings, plan, asker, ({ row, run }) => {
    if (row.desired === 'running') throw startedMeanwhile(plan);
    return !isLiving(run) && row.activity === null && noteOf(surroundings, plan, run)?.isThere !== true;
  });
  const { run } = lookAt(surroundings, plan);
  if (run && processes.leftovers(run).length > 0) {
    await processes.kill(run, { reason: `stopped by ${asker.who}` });
    return true;
  }
  return ran;
}

/** Stops a bot where it is. */
export async function pauseBot(surroundings: BotSurroundings, plan: BotPlan): Promise<void> {
  await surroundings.processes.pause(requireRun(surroundings, plan));
}

/** Lets it go on. */
export async function resumeBot(surroundings: BotSurroundings, plan: BotPlan): Promise<void> {
  await surroundings.processes.resume(requireRun(surroundings, plan));
}

/** Updates a bot's code from git; one that runs is started anew when something has changed. */
export async function updateBot(
  surroundings: BotSurroundings,
  plan: BotPlan,
  asker: Asker,
  { restart }: { readonly restart: boolean },
): Promise<UpdateResult> {
  const { store } = surroundings;
  if (!plan.update) {
    throw new Failure(
      'no_repository',
      `'${plan.name}' has no repository to be updated from.`,
      "Give its 'repo_url' in the configuration.",
    );
  }
  requireStartable(plan);
  let claim = store.claim(plan.name);
  const deadline = performance.now() + mostPatienceMs;
  while (!claim && !asker.signal.aborted && performance.now() < deadline) {
    await sleep(pollMs);
    claim = store.claim(plan.name);
  }
  if (!claim) throw givenUp(plan);
  let result: UpdateResult | Failure | undefined;
  try {
    result = await updateCode(surroundings, { plan, claim, tell: asker.tell, purpose: 'update' });
  } finally {
    claim.release();
  }
  if (result instanceof Failure) throw result;
  if (!result) throw givenUp(plan);
  const { run } = lookAt(surroundings, plan);
  if (restart && result.outcome === 'updated' && isLiving(run)) {
    await prepareRun(surroundings, plan, asker.tell);
    wantRestart(surroundings, plan, run, `updated by ${asker.who}`);
    await untilReady(surroundings, plan, asker);
  }
  return result;
}

/** Waits until what was asked for has come about; fails when it will not, or not by itself. */
export async function untilReady(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<void> {
  const { store, readiness, clock, processes } = surroundings;
  const askedAt = clock.now();
  const rolledBackBefore = processes.engineNote(plan.name)?.rolledBackAt;
  await until(surroundings, plan, asker, (look) => {
    const { row, run } = look;
    const note = noteOf(surroundings, plan, run);
    if (note?.rollback && note.rolledBackAt !== rolledBackBefore) throw rolledBack(plan, note.rollback);
    if (row.isHeld === 1) throw managerStopped(plan);
    if (row.startReason !== null || row.activity !== null || isEnding(look)) {
      requireHope(surroundings, look);
      return false;
    }
    if (row.desired === 'stopped') throw stoppedMeanwhile(plan);
    if (!isLiving(run)) {
      if (note?.isActive) {
        if (clock.now() - askedAt > plan.readyMs) throw notPlaced(plan, note.text);
        return false;
      }
      if (row.outcome === 'finished') return true;
      throw crashed(look);
    }
    // Somebody has paused it, and then it stays so.
    if (run.status === 'paused') return true;
    const ageMs = clock.now() - Date.parse(run.startedAt);
    if (plan.ready === undefined) return ageMs >= firstMomentMs;
    if (isReady(row, run, plan)) return true;
    if (readiness.isReady(plan, run)) store.noteReady(plan.name, run.id);
    if (ageMs > plan.readyMs) throw notReady(look);
    return false;
  });
}

/** The run of a restart that is to end, or one whose end nobody has judged yet. */
function isEnding({ row, run }: BotLook): boolean {
  if (isLiving(run)) return row.endRun === run.id || run.stopReason !== null;
  return run !== undefined && run.id === row.runId && row.judgedRun !== run.id && row.desired === 'running';
}

/** Looks at a bot, and works on it when nobody else does, until `holds` says that it is enough. */
async function until(
  surroundings: BotSurroundings,
  plan: BotPlan,
  { tell, signal }: Asker,
  holds: (look: BotLook) => boolean,
): Promise<void> {
  const deadline = performance.now() + mostPatienceMs;
  let said = '';
  const pass = (text: string) => {
    if (text !== said) tell(text);
    said = text;
  };
  for (;;) {
    const step = stepOf(surroundings, lookAt(surroundings, plan));
    // Somebody else may be at it: then what they say is passed on.
    if (step.kind !== 'rest' && !(await drive(surroundings, plan, { tell: pass, isWaitedFor: true }))) {
      const { activityText } = surroundings.store.read(plan.name);
      if (activityText !== null) pass(activityText);
    }
    if (plan.runner !== 'local') await refresh(surroundings);
    if (holds(lookAt(surroundings, plan))) return;
    if (signal.aborted || performance.now() > deadline) throw givenUp(plan);
    await sleep(plan.runner === 'local' ? pollMs : enginePollMs);
  }
}

async function startDependencies(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<void> {
  for (const name of plan.dependsOn) {
    const other = surroundings.plans().get(name);
    if (!other) continue;
    const look = lookAt(surroundings, other);
    if (isReady(look.row, look.run, other)) continue;
    asker.tell(`needs '${name}' first`);
    const tell = (text: string) => asker.tell(`${name}: ${text}`);
    if (isLiving(look.run) && look.run.status !== 'paused' && look.row.desired === 'running')
      await untilReady(surroundings, other, { ...asker, tell });
    else await startBot(surroundings, other, { ...asker, tell });
  }
}

/** Whoever asks is told at once that there is nobody to run it. */
async function requireEngine({ processes }: BotSurroundings, { runner }: BotPlan): Promise<void> {
  if (runner === 'local') return;
  const problem = await processes.problemOf(runner);
  if (problem) throw problem;
}

/** A bot waits for those that it depends on as long as one may hope that they come. */
function requireHope(surroundings: BotSurroundings, { plan, row }: BotLook): void {
  if (row.activity !== null) return;
  for (const name of plan.dependsOn) {
    const other = surroundings.plans().get(name);
    if (!other) continue;
    const look = lookAt(surroundings, other);
    const isGone = !isLiving(look.run) && look.row.startReason === null && look.row.retryAt === null;
    const isStuck =
      isLiving(look.run) && look.row.lateRun === look.run.id && !isReady(look.row, look.run, other);
    if ((isGone && look.row.activity === null) || isStuck) {
      throw new Failure(
        'dependency_not_ready',
        `'${plan.name}' waits for '${name}', which ${isStuck ? 'is not ready' : 'does not run'}.`,
        `See why: understudy status ${name}. It starts by itself as soon as '${name}' is ready.`,
      );
    }
  }
}

function requireRun(surroundings: BotSurroundings, plan: BotPlan): ProcessRow {
  const { run } = lookAt(surroundings, plan);
  if (isLiving(run)) return run;
  throw new Failure('not_running', `'${plan.name}' does not run.`, `Start it: understudy start ${plan.name}`);
}
