// All bots at once: started in the order in which they need each other, stopped in the opposite one.

import { setTimeout as sleep } from 'node:timers/promises';
import { isFailure } from '../../tool.ts';
import { drive } from './drive.ts';
import type { BotPlan } from './plan.ts';
import { type Asker, untilReady } from './requests.ts';
import { isLiving } from './states.ts';
import { type BotSurroundings, lookAt, noteOf } from './surroundings.ts';

/** Started side by side; those that others need come first, so nobody waits for somebody who has no turn yet. */
const mostAtOnce = 8;
/** Shutdown is quicker with those who do not listen than a stop of one bot is. */
const shutdownGraceMs = 10_000;
const shutdownPatienceMs = 60_000;
const mostStopsAtOnce = 16;
const pollMs = 50;

/** What became of one bot. */
export interface Outcome {
  readonly name: string;
  readonly problem: string | null;
}

/** Starts every bot that should be running: those that were, and those that start by themselves and were never seen. */
export async function startAll(surroundings: BotSurroundings, asker: Asker): Promise<Outcome[]> {
  const { store } = surroundings;
  const decided = store.decided();
  const wanted = inOrder(surroundings).filter(({ name, autostart }) =>
    decided.has(name) ? store.read(name).desired === 'running' : autostart,
  );
  for (const plan of wanted) {
    const { row, run } = lookAt(surroundings, plan);
    // What runs is left alone, and so is what is being started or waits for its turn; a failed one gets another try.
    if (row.isHeld === 1) store.want(plan.name, `start_all by ${asker.who}`, {});
    const isKept = noteOf(surroundings, plan, run)?.isActive === true;
    const isUnderWay = row.activity !== null || row.startReason !== null || row.retryAt !== null || isKept;
    if (!isLiving(run) && !isUnderWay) store.want(plan.name, `start_all by ${asker.who}`, {});
  }
  const waiting = [...wanted];
  const outcomes = new Map<string, Outcome>();
  const worker = async () => {
    for (let plan = waiting.shift(); plan; plan = waiting.shift()) {
      outcomes.set(plan.name, await startOne(surroundings, plan, asker));
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, worker));
  return wanted.map(({ name }) => outcomes.get(name) ?? { name, problem: null });
}

async function startOne(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<Outcome> {
  const tell = (text: string) => asker.tell(`${plan.name}: ${text}`);
  try {
    await untilReady(surroundings, plan, { ...asker, tell });
    const { run } = lookAt(surroundings, plan);
    tell(isLiving(run) ? `running (PID ${run.pid})` : 'has ended with code 0');
    return { name: plan.name, problem: null };
  } catch (error) {
    if (!isFailure(error)) throw error;
    tell(`${error.message}\n-> ${error.hint}`);
    return { name: plan.name, problem: error.message };
  }
}

/**
 * Stops every bot, so that the next supervisor starts those again that are wanted. They are held first, all at once:
 * whoever works on one of them, or waits for one, in whatever process, begins nothing new.
 */
export async function stopAll(surroundings: BotSurroundings, asker: Asker): Promise<void> {
  const { store } = surroundings;
  for (const { name, runner } of surroundings.plans().values()) {
    // A swarm keeps what it has, whoever looks after it.
    if (runner !== 'swarm') store.hold(name);
  }
  for (const level of levels(surroundings).reverse()) {
    const waiting = [...level];
    const worker = async () => {
      for (let plan = waiting.shift(); plan; plan = waiting.shift()) await stopOne(surroundings, plan, asker);
    };
    await Promise.all(Array.from({ length: mostStopsAtOnce }, worker));
  }
}

async function stopOne(surroundings: BotSurroundings, plan: BotPlan, asker: Asker): Promise<void> {
  const tell = (text: string) => asker.tell(`${plan.name}: ${text}`);
  const options = { tell, isWaitedFor: true, graceMs: shutdownGraceMs, hurry: asker.signal };
  const deadline = performance.now() + shutdownPatienceMs;
  try {
    for (;;) {
      const { row, run } = lookAt(surroundings, plan);
      if (!isLiving(run) && row.activity === null) return;
      // Somebody wanted it after all, or works on it without end.
      if (row.isHeld === 0 || performance.now() > deadline) return;
      if (!(await drive(surroundings, plan, options))) await sleep(pollMs);
    }
  } catch (error) {
    if (!isFailure(error)) throw error;
    tell(`${error.message}\n-> ${error.hint}`);
  }
}

/** Those that others need come first. */
function inOrder(surroundings: BotSurroundings): BotPlan[] {
  return levels(surroundings).flat();
}

/** Bots whose needs are met by the levels before theirs. The configuration has no circles. */
function levels(surroundings: BotSurroundings): BotPlan[][] {
  const left = new Map(surroundings.plans());
  const found: BotPlan[][] = [];
  while (left.size > 0) {
    const level = [...left.values()].filter(({ dependsOn }) => dependsOn.every((name) => !left.has(name)));
    const next = level.length === 0 ? [...left.values()] : level;
    for (const { name } of next) left.delete(name);
    found.push(next);
  }
  return found;
}
