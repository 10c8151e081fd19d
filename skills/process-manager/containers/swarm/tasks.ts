// Turns what a swarm says of the tasks of a bot into rows: each task that ran is a run. Anybody may do this at any time,
// several at once; a task gets one row, and its end is noted once, after its output. Runs of a bot come one after the other,
// as they do everywhere else, so that a log has the lines of each in one piece.

import type Docker from 'dockerode';
import { z } from 'zod';
import { readLogState } from '../../output/index.ts';
import { describeProcess, isFinished, type ProcessRow } from '../../processes/index.ts';
import { isMissing } from '../client.ts';
import { noteEnding } from '../endings.ts';
import { bringOutput, type LogSource } from '../output/bring.ts';
import type { EngineBot, Surroundings } from '../surroundings.ts';

/** Output that cannot be fetched for so long after an end is given up. */
const drainPatienceMs = 20_000;
const drainMs = 5_000;

/** A task, as far as it matters here. */
export interface SwarmTask {
  readonly id: string;
  readonly service: string;
  readonly createdAt: string;
  readonly state: string;
  readonly desired: string;
  readonly at: string;
  /** What it waits for, or what went wrong. */
  readonly text: string | null;
  readonly node: string | null;
  readonly pid: number | null;
  readonly exitCode: number | null;
  readonly containerId: string | null;
}

/** A node of the swarm. */
export interface SwarmNode {
  readonly id: string;
  readonly name: string;
  readonly isUp: boolean;
}

const terminal = ['complete', 'shutdown', 'failed', 'rejected', 'orphaned', 'remove'];
/** States in which a program runs, or is about to. */
const started = ['starting', 'running'];

const taskSchema = z.object({
  ID: z.string(),
  ServiceID: z.string(),
  CreatedAt: z.string(),
  UpdatedAt: z.string(),
  NodeID: z.string().optional(),
  DesiredState: z.string(),
  Status: z.object({
    State: z.string(),
    Timestamp: z.string().optional(),
    Message: z.string().optional(),
    Err: z.string().optional(),
    ContainerStatus: z
      .object({
        ContainerID: z.string().optional(),
        PID: z.number().optional(),
        ExitCode: z.number().optional(),
      })
      .optional(),
  }),
});

/** A task from what the engine says. */
export function readTask(answer: unknown): SwarmTask {
  const { ID, ServiceID, CreatedAt, UpdatedAt, NodeID, DesiredState, Status } = taskSchema.parse(answer);
  const container = Status.ContainerStatus;
  return {
    id: ID,
    service: ServiceID,
    createdAt: CreatedAt,
    state: Status.State,
    desired: DesiredState,
    at: Status.Timestamp ?? UpdatedAt,
    text: Status.Err ?? Status.Message ?? null,
    node: NodeID || null,
    pid: container?.PID || null,
    exitCode: container?.ExitCode ?? null,
    containerId: container?.ContainerID || null,
  };
}

const nodeSchema = z.object({
  ID: z.string(),
  Description: z.object({ Hostname: z.string() }).partial().optional(),
  Status: z.object({ State: z.string() }).partial().optional(),
});

/** A node from what the engine says. */
export function readNode(answer: unknown): SwarmNode {
  const { ID, Description, Status } = nodeSchema.parse(answer);
  return { id: ID, name: Description?.Hostname ?? ID, isUp: Status?.State === 'ready' };
}

/** True while the engine runs it, is about to, or is going to. */
export function isActive({ state, desired }: SwarmTask): boolean {
  return ['running', 'ready'].includes(desired) && !terminal.includes(state);
}

/** The runs whose tasks an answer must know, if it was asked for after this: others may be younger than the answer. */
export function openRuns({ registry }: Surroundings): ReadonlySet<string> {
  return new Set(registry.unfinished().flatMap(({ runner, id }) => (runner === 'swarm' ? [id] : [])));
}

/** Brings the rows of one bot up to date with its tasks, oldest first. `open`: the runs that there were when it was asked. */
export async function noteTasks(
  surroundings: Surroundings,
  bot: EngineBot,
  tasks: readonly SwarmTask[],
  nodes: ReadonlyMap<string, SwarmNode>,
  open: ReadonlySet<string>,
): Promise<void> {
  const { registry } = surroundings;
  const newest = registry.lastRun(bot.name);
  const known = new Set(tasks.map(({ id }) => id));
  // A task that the engine has forgotten: how it ended cannot be known any more.
  if (newest && open.has(newest.id) && !isFinished(newest.status) && !known.has(newest.handle ?? '')) {
    noteEnding(registry, newest, {
      exitCode: null,
      at: new Date(surroundings.clock.now()).toISOString(),
      note: 'the swarm has forgotten it',
    });
  }
  for (const task of tasks) {
    const row = registry.findByHandle(task.id) ?? (await insertRow(surroundings, bot, task, nodes));
    if (row === 'wait') return;
    if (row && !isFinished(row.status) && !(await noteOne(surroundings, row, task, nodes))) return;
  }
}

/** The row of a task that has none yet; nothing for one that never ran, and `wait` where the run before has not ended. */
async function insertRow(
  surroundings: Surroundings,
  bot: EngineBot,
  task: SwarmTask,
  nodes: ReadonlyMap<string, SwarmNode>,
): Promise<ProcessRow | undefined | 'wait'> {
  const { registry, events, folder } = surroundings;
  const before = registry.lastRun(bot.name);
  // What was over before the newest run began is history from before this database.
  if (before && task.createdAt < before.startedAt && terminal.includes(task.state)) return undefined;
  if (!started.includes(task.state) && !(await hasRun(surroundings, task))) return undefined;
  if (before && !isFinished(before.status)) return 'wait';
  if (before) await events.settleEnd(before);
  const node = nodes.get(task.node ?? '')?.name ?? task.node;
  return registry.together(() => {
    const meanwhile = registry.findByHandle(task.id);
    if (meanwhile) return meanwhile;
    const described = describeProcess(
      folder,
      {
        argv: [],
        command: bot.command,
        name: bot.name,
        bot: bot.name,
        directory: bot.directory,
        environment: {},
        type: 'background',
        agent: undefined,
        takesInput: false,
        logs: { stdout: bot.log, stderr: bot.log, from: readLogState(bot.log)?.end ?? 0 },
      },
      Date.parse(started.includes(task.state) ? task.at : task.createdAt),
    );
    registry.insert({
      ...described,
      runner: 'swarm',
      handle: task.id,
      node,
      note: noteOf(before, node),
    });
    const row = registry.find(described.id);
    if (!row) throw new Error(`the row of task ${task.id} could not be written`);
    if (before) events.succeeded(before, row);
    return row;
  });
}

function noteOf(before: ProcessRow | undefined, node: string | null): string | null {
  if (before?.node == null || before.node === node || before.note !== wentDown(before.node)) return null;
  return `moved here from ${before.node}, which went down`;
}

function wentDown(node: string): string {
  return `its node ${node} went down`;
}

/** A task that is shut down before it began has exit code 0 too, and that was no run. */
async function hasRun(surroundings: Surroundings, task: SwarmTask): Promise<boolean> {
  if (!terminal.includes(task.state) || task.exitCode === null || task.containerId === null) return false;
  if (task.state !== 'shutdown' || task.exitCode !== 0) return true;
  const question = { stdout: true, stderr: true, timestamps: true, follow: false, tail: 1 };
  const answer = await askTask(surroundings.client.docker, task.id, question).catch(() => undefined);
  return Buffer.isBuffer(answer) && answer.length > 0;
}

/** Brings one row up to date; false while its end is not settled. */
async function noteOne(
  surroundings: Surroundings,
  row: ProcessRow,
  task: SwarmTask,
  nodes: ReadonlyMap<string, SwarmNode>,
): Promise<boolean> {
  const { registry, clock } = surroundings;
  const node = nodes.get(task.node ?? '');
  if (!terminal.includes(task.state)) {
    // Its node cannot be asked any more, and the swarm has given it up: the replacement runs elsewhere.
    if (node && !node.isUp && !isActive(task)) {
      noteEnding(registry, row, {
        exitCode: null,
        at: new Date(clock.now()).toISOString(),
        note: wentDown(node.name),
      });
      return true;
    }
    registry.place(row.id, { pid: task.pid, node: node?.name ?? row.node });
    // Where nobody follows its log, this look brings what is new in it.
    if (!surroundings.isFollowed(row.id) && started.includes(task.state) && node?.isUp !== false) {
      await withTimeout(bringOutput(taskLog(surroundings, row)), drainMs).catch(() => {});
    }
    return false;
  }
  if (node?.isUp !== false && !(await drain(surroundings, row, task))) return false;
  noteEnding(registry, row, {
    // A task that failed before its program began has no code.
    exitCode: task.containerId === null ? null : task.exitCode,
    at: new Date(task.at).toISOString(),
    ...(task.state === 'orphaned' ? { note: 'its node was away for too long' } : {}),
  });
  return true;
}

/** Brings what it has printed last; false when that has to be tried again. */
async function drain(surroundings: Surroundings, row: ProcessRow, task: SwarmTask): Promise<boolean> {
  try {
    await withTimeout(bringOutput(taskLog(surroundings, row)), drainMs);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (surroundings.clock.now() - Date.parse(task.at) < drainPatienceMs) return false;
    surroundings.events.missed(row);
    return true;
  }
}

/** The log of the task of a row. */
export function taskLog({ client, database, events }: Surroundings, row: ProcessRow): LogSource {
  return {
    database,
    row,
    ask: (question) => askTask(client.patient, row.handle ?? '', question),
    onGap: () => events.missed(row),
  };
}

/** The library has this, and its types do not. */
function askTask(docker: Docker, id: string, question: object): Promise<Buffer | NodeJS.ReadableStream> {
  const task = docker.getTask(id) as unknown as {
    logs(question: object): Promise<Buffer | NodeJS.ReadableStream>;
  };
  return task.logs(question);
}

async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the output of a task does not come')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
