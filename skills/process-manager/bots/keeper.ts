// The supervisor's part of this room: keeps every bot as it is wanted. It decides from the tables at each look, so it can
// be killed at any moment, and the next one goes on; that is also how bots are adopted that nobody watched.

import { isFailure } from '../../tool.ts';
import { usageOfGroups } from '../base/index.ts';
import type { ProcessRow } from '../processes/index.ts';
import { drive, notice, stepOf } from './drive.ts';
import type { BotPlan } from './plan.ts';
import { wantRestart } from './requests.ts';
import { createSchedules } from './schedule.ts';
import { type BotRow, isLiving, memoryReason, stableMs } from './states.ts';
import { type BotLook, type BotSurroundings, lookAt } from './surroundings.ts';

/** Between two restarts after a crash, whichever bots they are of: a storm of them must not eat the machine. */
const restartPauseMs = 200;
/** Looks that are asked for sooner are one look: a storm of ends would be nothing but looks. */
const lookPauseMs = 50;
/** Bots that are worked on at once; an update or a stubborn process may take a while. */
const mostAtOnce = 16;
const readyPollMs = 200;
const busyMs = 200;
const afterErrorMs = 5_000;

/** Keeps the bots of an instance, as long as its supervisor asks it to look. */
export interface Keeper {
  /**
   * Looks at every bot, and goes on with those that are not as they are wanted. One that nobody has decided about is
   * started if it starts by itself.
   */
  look(): void;
  /** Restarts bots that use more memory than they may. */
  checkMemory(): void;
  /** When to look again although nothing happens. */
  nextMoment(): number | undefined;
  /** Resolves when nothing is under way any more. */
  rest(): Promise<void>;
}

/** `onChange` is called whenever a bot has come to rest: others may have waited for it. */
export function createKeeper(surroundings: BotSurroundings, onChange: () => void): Keeper {
  const { store, processes, clock, logger } = surroundings;
  const schedules = createSchedules();
  const moments = createMoments();
  const workers = createWorkers(surroundings, onChange);
  const plans = () => [...surroundings.plans().values()];
  let lastRestart = Number.NEGATIVE_INFINITY;
  let lastLook = Number.NEGATIVE_INFINITY;
  let met: ReturnType<BotSurroundings['plans']> | undefined;

  const goOn = (look: BotLook) => {
    const { plan } = look;
    const step = stepOf(surroundings, look);
    if (step.kind === 'rest' || !workers.canTake(plan.name)) return;
    const allowedAt = Math.max(
      workers.quietUntil(plan.name),
      step.kind === 'start' && step.isAutomatic ? lastRestart + restartPauseMs : 0,
    );
    if (clock.now() < allowedAt) return moments.wake(allowedAt);
    if (step.kind === 'start' && step.isAutomatic) lastRestart = clock.now();
    workers.take(plan);
  };
  const watchOver = ({ row, run, plan }: BotLook) => {
    if (!isLiving(run) || run.id !== row.runId) return;
    const stableAt = Date.parse(run.startedAt) + stableMs;
    if (row.attempts > 0 && clock.now() < stableAt) moments.wake(stableAt);
    else if (row.attempts > 0) store.noteStable(plan.name, run.id);
    if (plan.ready === undefined || run.status === 'paused') return;
    if (row.readyRun === run.id) return surroundings.readiness.forget(run.id);
    moments.wake(clock.now() + readyPollMs);
    if (surroundings.readiness.isReady(plan, run)) {
      store.noteReady(plan.name, run.id);
      logger.info({ bot: plan.name }, `${plan.name}: ready`);
      onChange();
    } else if (clock.now() - Date.parse(run.startedAt) > plan.readyMs) sayLate(surroundings, plan, row, run);
  };
  /** The plans are another map whenever the configuration has changed. */
  const meet = () => {
    if (!met) store.release('it ran when the manager was stopped');
    met = surroundings.plans();
    const decided = store.decided();
    for (const { name, autostart } of plans()) {
      if (!decided.has(name) && autostart) store.want(name, 'started for the first time', {});
    }
  };
  return {
    look() {
      const now = clock.now();
      if (now >= lastLook && now < lastLook + lookPauseMs) return moments.wake(lastLook + lookPauseMs);
      lastLook = now;
      moments.clear();
      if (surroundings.plans() !== met) meet();
      for (const plan of schedules.due(plans(), now)) {
        const { row, run } = lookAt(surroundings, plan);
        if (isLiving(run) && run.status !== 'paused' && row.desired === 'running')
          wantRestart(surroundings, plan, run, 'its schedule');
      }
      moments.wake(schedules.next());
      // All of them in two statements: this runs whenever anything happens. Ends are settled by who notices them.
      const { rows, lastRuns } = store.atOnce(() => ({
        rows: store.readAll(),
        lastRuns: processes.registry.lastRuns(),
      }));
      const runs = new Map(lastRuns.map((run) => [run.bot, run]));
      for (const plan of plans()) {
        const look = { plan, row: rows.get(plan.name) ?? store.read(plan.name), run: runs.get(plan.name) };
        const retryAt = Date.parse(look.row.retryAt ?? '');
        if (retryAt > now) moments.wake(retryAt);
        watchOver(look);
        goOn(look);
      }
    },
    checkMemory() {
      const limited = plans().filter(({ memoryLimitBytes }) => memoryLimitBytes !== undefined);
      const looks = limited
        .map((plan) => lookAt(surroundings, plan))
        .filter(({ run }) => isLiving(run) && run.status !== 'paused');
      const usage = usageOfGroups(new Set(looks.flatMap(({ run }) => run?.shimPid ?? [])));
      for (const { plan, run } of looks) {
        const used = usage.get(run?.shimPid ?? 0)?.memoryBytes ?? 0;
        if (!run || used <= (plan.memoryLimitBytes ?? Number.POSITIVE_INFINITY)) continue;
        logger.warn({ bot: plan.name, bytes: used }, `${plan.name}: ${memoryReason}`);
        store.wantEnded(plan.name, run.id);
        onChange();
      }
    },
    nextMoment: moments.next,
    rest: workers.rest,
  };
}

/** The earliest of the moments at which something is to be looked at again. */
function createMoments() {
  let next: number | undefined;
  return {
    next: () => next,
    wake: (at: number | undefined) => {
      if (at !== undefined) next = Math.min(next ?? at, at);
    },
    clear: () => {
      next = undefined;
    },
  };
}

/** Works on bots side by side, each by one worker at a time, and leaves one alone for a while that cannot be helped. */
function createWorkers(surroundings: BotSurroundings, onChange: () => void) {
  const { clock, logger } = surroundings;
  const underWay = new Map<string, Promise<void>>();
  const quiet = new Map<string, number>();
  const leaveAlone = (name: string, ms: number) => quiet.set(name, clock.now() + ms);
  return {
    canTake: (name: string) => !underWay.has(name) && underWay.size < mostAtOnce,
    quietUntil: (name: string) => quiet.get(name) ?? 0,
    take(plan: BotPlan) {
      quiet.delete(plan.name);
      const tell = (text: string) => logger.debug({}, `${plan.name}: ${text}`);
      const working = drive(surroundings, plan, { tell, isWaitedFor: false })
        .then((done) => {
          // Somebody else is at it, and tells nobody in this process when it is done.
          if (!done) leaveAlone(plan.name, busyMs);
        })
        .catch((error) => {
          leaveAlone(plan.name, afterErrorMs);
          // A start that failed was judged like a crash, and is told like one.
          if (isFailure(error) && error.code !== 'will_not_die') return;
          logger.error({ bot: plan.name }, `${plan.name}: ${error instanceof Error ? error.message : error}`);
        })
        .then(() => {
          underWay.delete(plan.name);
          onChange();
        });
      underWay.set(plan.name, working);
    },
    rest: async () => {
      await Promise.all(underWay.values());
    },
  };
}

function sayLate(surroundings: BotSurroundings, plan: BotPlan, row: BotRow, run: ProcessRow): void {
  if (row.lateRun === run.id || !surroundings.store.noteLate(plan.name, run.id)) return;
  const waiting = [...surroundings.plans().values()].filter(({ dependsOn }) => dependsOn.includes(plan.name));
  const others =
    waiting.length === 0 ? '' : ` These wait for it: ${waiting.map(({ name }) => name).join(', ')}.`;
  notice(
    surroundings,
    run,
    `Bot '${plan.name}' runs, but is not ready after ${plan.readyMs / 1_000} s.${others} See: understudy logs ${plan.name}`,
  );
}
