// What the parts of this room work with, and how they look at a bot.

import type { Clock, History, Logger } from '../../tool.ts';
import type { Hooks } from '../hooks/index.ts';
import type { EngineName, EngineNote, Processes, ProcessRow } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';
import type { Readiness } from './ready.ts';
import { type BotRow, type BotState, isReady, stateOf } from './states.ts';
import type { BotStore } from './store.ts';

/** How many crashes in a row, and how long between them. */
interface Limits {
  readonly max_restart_attempts: number;
  readonly restart_delay: number;
}

/** Handed to every part of this room. */
export interface BotSurroundings {
  readonly root: string;
  readonly store: BotStore;
  readonly processes: Processes;
  readonly hooks: Hooks;
  readonly history: History;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly readiness: Readiness;
  /** As the configuration is now. */
  plans(): ReadonlyMap<string, BotPlan>;
  limits(): Limits;
  isSupervised(): boolean;
}

/** Tells whoever waits what is being done. */
export type Tell = (message: string) => void;

/** A bot at one instant. */
export interface BotLook {
  readonly plan: BotPlan;
  readonly row: BotRow;
  readonly run: ProcessRow | undefined;
}

/** Looks at one bot, its newest run brought up to date. */
export function lookAt({ store, processes }: BotSurroundings, plan: BotPlan): BotLook {
  const { row, run } = store.atOnce(() => ({
    row: store.read(plan.name),
    run: processes.registry.lastRun(plan.name),
  }));
  return { plan, row, run: run && processes.settle(run) };
}

/** Whether another bot does what it is there for; one that is not configured never does. */
export function isBotReady(surroundings: BotSurroundings, name: string): boolean {
  const plan = surroundings.plans().get(name);
  if (!plan) return false;
  const { row, run } = lookAt(surroundings, plan);
  return isReady(row, run, plan);
}

/** The state that people read. */
export function stateNow(
  surroundings: BotSurroundings,
  { plan, row, run }: BotLook,
  isSupervised: boolean,
): BotState {
  const isOtherReady = (name: string) => isBotReady(surroundings, name);
  return stateOf(row, run, plan, isOtherReady, isSupervised, noteOf(surroundings, plan, run));
}

/** What the swarm said of a bot that it keeps, or has kept. */
export function noteOf(
  { processes }: BotSurroundings,
  plan: Pick<BotPlan, 'name' | 'runner'>,
  run: ProcessRow | undefined,
): EngineNote | undefined {
  // Whoever has no swarm asks for nothing.
  return plan.runner === 'swarm' || run?.runner === 'swarm' ? processes.engineNote(plan.name) : undefined;
}

/** The engines that carry bots, or are to. */
export function enginesInUse({ plans, processes }: BotSurroundings): Set<EngineName> {
  const names = new Set<EngineName>();
  for (const { runner } of plans().values()) if (runner !== 'local') names.add(runner);
  for (const runner of processes.registry.runnersInUse()) if (runner !== 'local') names.add(runner);
  // A bot that was taken out of the configuration between two runs of it.
  if (!names.has('swarm') && processes.isAnyKept()) names.add('swarm');
  return names;
}

/** Asks the engines how things are, where nobody does it all the time. */
export async function refresh(surroundings: BotSurroundings): Promise<void> {
  const engines = enginesInUse(surroundings);
  if (engines.size > 0 && !surroundings.isSupervised()) await surroundings.processes.ask(engines);
}

/** How a run ended, in words. */
export function describeEnd(run: ProcessRow): string {
  const because = run.note === null || run.status === 'running' ? '' : ` (${run.note})`;
  return `${wordsForEnd(run)}${because}`;
}

function wordsForEnd(run: ProcessRow): string {
  if (run.stopReason !== null && run.status === 'killed') return `it was ended: ${run.stopReason}`;
  if (run.exitCode === null) return run.status === 'lost' ? 'it vanished' : `it was ${run.status}`;
  return `it ended with code ${run.exitCode}${run.signal === null ? '' : ` (${run.signal})`}`;
}
