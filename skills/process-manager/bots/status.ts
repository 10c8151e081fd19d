// How a bot is, for people and scripts: its state, its newest run, and what that uses of the machine.

import { setTimeout as sleep } from 'node:timers/promises';
import { cpuBetween, type Usage } from '../base/index.ts';
import { lastLines } from '../output/index.ts';
import type { EngineNote, ProcessRow } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';
import { type BotState, isLiving } from './states.ts';
import {
  type BotLook,
  type BotSurroundings,
  describeEnd,
  lookAt,
  noteOf,
  refresh,
  stateNow,
} from './surroundings.ts';

/** Between the two looks that tell how busy a bot is. */
const sampleMs = 200;

/** A bot as outsiders see it; scripts rely on the first seven keys. */
export interface BotStatus {
  readonly name: string;
  readonly desired: 'running' | 'stopped';
  readonly state: BotState;
  readonly pid: number | null;
  /** Times that it was started again by itself since somebody asked for it. */
  readonly restarts: number;
  readonly startCount: number;
  readonly lastStartAt: string | null;
  readonly uptimeSeconds: number | null;
  readonly memoryBytes: number | null;
  /** Of one core, over the last moment; null where it was not measured. */
  readonly cpuPercent: number | null;
  /** The id of its newest run: what hooks are attached to. */
  readonly process: string | null;
  readonly exitCode: number | null;
  readonly retryAt: string | null;
  /** Why it is as it is. */
  readonly detail: string | null;
  readonly description: string | null;
  readonly log: string;
  readonly runner: BotPlan['runner'];
  /** The node of a swarm that it runs on, or ran on last. */
  readonly node: string | null;
}

/** The status of several bots, their memory measured at one look, and with `withCpu` their CPU at two. */
export async function statusesOf(
  surroundings: BotSurroundings,
  plans: readonly BotPlan[],
  { withCpu = false } = {},
): Promise<BotStatus[]> {
  await refresh(surroundings);
  const { processes } = surroundings;
  const looks = plans.map((plan) => lookAt(surroundings, plan));
  const living = looks.flatMap(({ run }) => (isLiving(run) ? [run] : []));
  const first = await processes.usageOf(living);
  const startedAt = performance.now();
  if (withCpu && living.length > 0) await sleep(sampleMs);
  const second = withCpu ? await processes.usageOf(living) : first;
  const elapsedMs = performance.now() - startedAt;
  const isSupervised = surroundings.isSupervised();
  return looks.map((look) => {
    const id = look.run?.id ?? '';
    const cpu = withCpu ? cpuBetween(first.get(id), second.get(id), elapsedMs) : null;
    return describe(surroundings, look, isSupervised, second.get(id), cpu);
  });
}

/** The last lines of a bot's log. */
export function tailOf(plan: BotPlan, count: number): string[] {
  return lastLines(plan.log, count).map(({ text }) => text);
}

function describe(
  surroundings: BotSurroundings,
  look: BotLook,
  isSupervised: boolean,
  usage: Usage | undefined,
  cpuPercent: number | null,
): BotStatus {
  const { plan, row, run } = look;
  const living = isLiving(run) ? run : undefined;
  const uptimeMs = living ? surroundings.clock.now() - Date.parse(living.startedAt) : null;
  return {
    name: plan.name,
    desired: row.desired,
    state: stateNow(surroundings, look, isSupervised),
    pid: living?.pid ?? null,
    restarts: row.restarts,
    startCount: row.startCount,
    lastStartAt: row.lastStartAt,
    uptimeSeconds: uptimeMs === null ? null : Math.max(0, Math.round(uptimeMs / 1_000)),
    memoryBytes: usage?.memoryBytes ?? null,
    cpuPercent: living ? cpuPercent : null,
    process: run?.id ?? null,
    exitCode: living ? null : (run?.exitCode ?? null),
    retryAt: row.retryAt,
    detail: detailOf(surroundings, look),
    description: plan.description ?? null,
    log: plan.log,
    runner: living?.runner ?? plan.runner,
    node: run?.node ?? null,
  };
}

function detailOf(surroundings: BotSurroundings, { plan, row, run }: BotLook): string | null {
  if (row.activityText !== null) return row.activityText;
  const runner = isLiving(run) ? run.runner : plan.runner;
  const trouble = runner === 'local' ? undefined : surroundings.processes.troubleOf(runner);
  if (trouble !== undefined) return `this is what was last seen of it: ${trouble}`;
  const note = noteOf(surroundings, plan, run);
  if (isLiving(run)) {
    const isLate = row.lateRun === run.id && row.readyRun !== run.id;
    return isLate ? 'not ready in time' : (run.note ?? rollbackOf(note, run));
  }
  if (note?.isActive) return note.text ?? (run ? `${describeEnd(run)}; the swarm starts it again` : null);
  if (row.detail !== null) return row.detail;
  return run ? describeEnd(run) : null;
}

/** A run that goes on because the change after it was taken back. */
function rollbackOf(note: EngineNote | undefined, run: ProcessRow): string | null {
  if (!note?.rollback || note.rolledBackAt === null || note.rolledBackAt > run.startedAt) return null;
  return `an update was rolled back: ${note.rollback}`;
}
