// What became of the run of a bot in a container, and what it uses. A container stays until its output and its exit code
// are ours.

import type Docker from 'dockerode';
import type { Usage } from '../../base/index.ts';
import { isFinished, type ProcessRow } from '../../processes/index.ts';
import { asFailure, isMissing } from '../client.ts';
import { noteEnding } from '../endings.ts';
import { bringOutput, type LogSource } from '../output/bring.ts';
import type { Surroundings } from '../surroundings.ts';

/** How long a row may wait for a container whose spawner has gone. */
export const spawnPatienceMs = 60_000;

/** Brings one row up to date with its container. */
export async function inspectRow(surroundings: Surroundings, row: ProcessRow): Promise<void> {
  const { client, registry, clock } = surroundings;
  const container = client.docker.getContainer(row.handle ?? row.id);
  const found = await container.inspect().catch((error) => {
    if (isMissing(error)) return undefined;
    throw asFailure(error, client, `'${row.name}' cannot be looked at`);
  });
  const latest = registry.find(row.id);
  if (!latest || isFinished(latest.status)) return;
  const now = new Date(clock.now()).toISOString();
  if (!found) {
    if (clock.now() - Date.parse(row.startedAt) < spawnPatienceMs && row.pid === null) return;
    noteEnding(registry, row, { exitCode: null, at: now, note: 'its container was removed' });
    return;
  }
  const { State } = found;
  if (State.Running) {
    registry.place(row.id, { pid: State.Pid, node: null });
    if (State.Paused !== (latest.status === 'paused'))
      registry.change(row.id, State.Paused ? 'pause' : 'resume');
    // Where nobody follows its log, this look brings what is new in it.
    if (!surroundings.isFollowed(row.id)) await bringRest(surroundings, row);
    return;
  }
  if (State.Status === 'created') {
    if (clock.now() - Date.parse(row.startedAt) < spawnPatienceMs) return;
    await container.remove({ force: true }).catch(() => {});
    noteEnding(registry, row, { exitCode: null, at: now, note: 'it was never started' });
    return;
  }
  await bringRest(surroundings, row);
  noteEnding(registry, row, {
    exitCode: State.ExitCode,
    at: new Date(State.FinishedAt).toISOString(),
    ...(State.OOMKilled ? { note: 'it used more memory than it may' } : {}),
  });
  await container.remove({ force: true }).catch(() => {});
}

/** Brings what there is; whoever has removed the container meanwhile has done that first. */
async function bringRest(surroundings: Surroundings, row: ProcessRow): Promise<void> {
  await bringOutput(logOf(surroundings, row)).catch((error) => {
    if (!isMissing(error) && error.statusCode !== 409) throw error;
  });
}

/** Ends a run whose starter has not come to starting anything; false when there is more than that. */
export async function endUnstarted(
  { client, registry, clock }: Surroundings,
  row: ProcessRow,
): Promise<boolean> {
  const container = client.docker.getContainer(row.handle ?? row.id);
  const found = await container.inspect().catch((error) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (row.pid !== null || (found && found.State.Status !== 'created')) return false;
  await container.remove({ force: true }).catch(() => {});
  const at = new Date(clock.now()).toISOString();
  noteEnding(registry, row, { exitCode: null, at, note: 'it was never started' });
  return true;
}

/** The log of the container of a row. */
export function logOf({ client, database, events }: Surroundings, row: ProcessRow): LogSource {
  const container = client.patient.getContainer(row.handle ?? row.id);
  return {
    database,
    row,
    ask: (question) =>
      question.follow
        ? (container.logs({ ...question, follow: true } as never) as never)
        : (container.logs({ ...question, follow: false } as never) as never),
    onGap: () => events.missed(row),
  };
}

/** What a container uses now. */
export async function usageOf(container: Docker.Container): Promise<Usage> {
  const { cpu_stats, memory_stats, pids_stats } = await container.stats({ stream: false, 'one-shot': true });
  // Pages of files that the kernel can take back at any time are not used.
  const cache = memory_stats.stats?.total_inactive_file ?? memory_stats.stats?.inactive_file ?? 0;
  return {
    cpuMs: cpu_stats.cpu_usage.total_usage / 1e6,
    memoryBytes: Math.max(0, (memory_stats.usage ?? 0) - cache),
    processes: pids_stats?.current ?? 1,
  };
}
