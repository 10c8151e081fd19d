// Looks at everything of ours in a swarm, and notes it: runs in the registry, and of each bot what the swarm is about to do.

import { isFinished, type ProcessRow } from '../../processes/index.ts';
import { forgetSecrets } from '../secrets.ts';
import type { EngineBot, Surroundings } from '../surroundings.ts';
import { findService, listServices, removeService, type Service } from './service.ts';
import { isEnded } from './spec.ts';
import {
  isActive,
  noteTasks,
  openRuns,
  readNode,
  readTask,
  type SwarmNode,
  type SwarmTask,
} from './tasks.ts';

/** Bots that are looked at side by side: each may have output to be fetched. */
const mostAtOnce = 8;

/** Brings everything that is in the swarm up to date, in three questions however many bots there are. */
export async function look(surroundings: Surroundings, only?: string): Promise<void> {
  const { client, registry, notes } = surroundings;
  // Before the questions: whoever looks at the same time may write down what these answers are too old to know.
  const open = openRuns(surroundings);
  const there = (name: string) => notes.find(name)?.isThere === true;
  const known = new Map(surroundings.bots().map((bot) => [bot.name, bot]));
  const thereBefore = [...known.keys()].filter(
    (name) => (only === undefined || name === only) && there(name),
  );
  const services = (await listServices(surroundings)).filter(({ bot }) => only === undefined || bot === only);
  const byService = await tasksOf(surroundings, services);
  const nodes =
    services.length === 0
      ? new Map<string, SwarmNode>()
      : new Map((await client.docker.listNodes()).map(readNode).map((node) => [node.id, node]));
  await forEach(services, async (service) => {
    const bot = known.get(service.bot) ?? fromRow(registry.lastRun(service.bot));
    if (!bot) return;
    const tasks = byService.get(service.id) ?? [];
    await noteTasks(surroundings, bot, tasks, nodes, open);
    noteService(surroundings, service, tasks);
    if (isEnded(service.spec)) await sweepEnded(surroundings, service, tasks);
  });
  const isGone = (name: string | null) => !services.some(({ bot }) => bot === name);
  for (const bot of thereBefore) if (isGone(bot)) notes.noteGone(bot);
  for (const id of open) {
    const row = registry.find(id);
    if (!row || row.bot === null || (only !== undefined && row.bot !== only) || !isGone(row.bot)) continue;
    const nameless = { name: row.bot, log: row.stdoutLog, directory: '', command: '' };
    await noteTasks(surroundings, fromRow(row) ?? nameless, [], nodes, open);
    notes.noteGone(row.bot);
  }
}

/** What goes wrong with one of them keeps nobody from the others, and is told at the end. */
async function forEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const errors: unknown[] = [];
  const worker = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      await work(one).catch((error) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(mostAtOnce, all.length) }, worker));
  if (errors.length > 0) throw errors[0];
}

export async function tasksOf(
  { client }: Surroundings,
  services: readonly Service[],
): Promise<Map<string, SwarmTask[]>> {
  const found = new Map<string, SwarmTask[]>();
  if (services.length === 0) return found;
  const filters = JSON.stringify({ service: services.map(({ id }) => id) });
  for (const answer of await client.docker.listTasks({ filters })) {
    const task = readTask(answer);
    const tasks = found.get(task.service) ?? [];
    found.set(task.service, tasks);
    tasks.push(task);
  }
  for (const tasks of found.values()) {
    tasks.sort((first, second) => (first.createdAt < second.createdAt ? -1 : 1));
  }
  return found;
}

/** What the engine is about to do with a bot, for those who decide what comes next. */
function noteService(
  { registry, notes, events }: Surroundings,
  service: Service,
  tasks: readonly SwarmTask[],
): void {
  const active = isEnded(service.spec) ? undefined : tasks.filter(isActive).at(-1);
  notes.note(service.bot, {
    isActive: active !== undefined,
    isThere: true,
    text: active ? waitingFor(active, tasks) : null,
  });
  const { update } = service;
  if (update?.state === 'completed') notes.forgetRollback(service.bot);
  if (update && ['rollback_completed', 'rollback_paused'].includes(update.state)) {
    registry.together(() => {
      const reason = reasonOf(tasks) ?? update.message;
      if (!notes.noteRollback(service.bot, update.startedAt, reason)) return;
      events.rolledBack(service.bot, registry.lastRun(service.bot), reason);
    });
  }
}

/** What keeps a task from running, where that is worth saying; a pause before it is begun again is not. */
function waitingFor({ state, text }: SwarmTask, tasks: readonly SwarmTask[]): string | null {
  if (state === 'pending') return `waits for a node: ${text ?? state}`;
  if (state === 'preparing') return 'its image is being fetched';
  const refused = tasks.at(-2);
  return refused?.state === 'rejected' ? `cannot be started: ${refused.text ?? refused.state}` : null;
}

/** Why the engine took an update back: the newest task that failed. */
function reasonOf(tasks: readonly SwarmTask[]): string | undefined {
  const failed = tasks.filter(({ state }) => ['failed', 'rejected'].includes(state)).at(-1);
  if (!failed) return undefined;
  return failed.exitCode === null || failed.containerId === null
    ? (failed.text ?? failed.state)
    : `it ended with code ${failed.exitCode}`;
}

/** Whoever ended a service may have died before they could remove it. */
async function sweepEnded(
  surroundings: Surroundings,
  service: Service,
  tasks: readonly SwarmTask[],
): Promise<void> {
  const { registry, client, instance } = surroundings;
  const run = registry.lastRun(service.bot);
  const runs = tasks.some(({ state }) => ['starting', 'running'].includes(state));
  if (runs || (run && run.runner === 'swarm' && !isFinished(run.status))) return;
  // It may have been begun anew since it was listed; one that was made anew has another id.
  const now = await findService(surroundings, service.bot);
  if (now?.id !== service.id || !isEnded(now.spec)) return;
  await removeService(surroundings, service.bot, service.id);
  surroundings.notes.noteGone(service.bot);
  await forgetSecrets(client, instance, service.bot, []).catch(() => {});
}

function fromRow(row: ProcessRow | undefined): EngineBot | undefined {
  if (!row || row.bot === null) return undefined;
  return { name: row.bot, log: row.stdoutLog, directory: row.directory, command: row.command };
}
