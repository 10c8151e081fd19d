// One Docker engine as a runner, for isolation: each run of a bot is a container of its own, which stays until its output
// and its exit code are ours. Starting it again is not left to the engine, which forgets how the runs before have ended.

import { Failure } from '../../../tool.ts';
import { type Usage, waitUntil } from '../../base/index.ts';
import { type EngineRunner, isFinished, type ProcessRow } from '../../processes/index.ts';
import { attend } from '../attendance.ts';
import { asFailure, isMissing } from '../client.ts';
import { imageFor } from '../image/image.ts';
import { labels } from '../names.ts';
import { followOutput } from '../output/bring.ts';
import type { Surroundings } from '../surroundings.ts';
import { endUnstarted, inspectRow, logOf, spawnPatienceMs, usageOf } from './look.ts';
import { runContainer } from './run.ts';

const lookMs = 2_000;
const pollMs = 100;
const afterForceMs = 10_000;
const defaultGraceMs = 5_000;

/** The runner of one engine. */
export function createDockerRunner(surroundings: Surroundings): EngineRunner {
  const { client, registry, clock } = surroundings;
  const containerOf = (row: ProcessRow) => client.acting.getContainer(row.handle ?? row.id);
  const inspectOne = (row: ProcessRow) => inspectRow(surroundings, row);
  const fresh = (row: ProcessRow) => registry.find(row.id) ?? row;
  const inspect: EngineRunner['inspect'] = async (rows) => {
    // What cannot be seen of one of them keeps nobody from the others.
    const looks = await Promise.allSettled(rows.map(inspectOne));
    for (const look of looks) if (look.status === 'rejected') throw look.reason;
  };
  const rows = () => registry.unfinished().filter(({ runner }) => runner === 'docker');
  return {
    spawn: (options) => runContainer(surroundings, options),
    prepare: async (options) => void (await imageFor(surroundings, options)),
    async kill(row, { reason, graceMs = defaultGraceMs, signal }) {
      await inspectOne(row);
      if (isFinished(fresh(row).status)) return fresh(row);
      registry.requestStop(row.id, reason);
      if (await endUnstarted(surroundings, fresh(row))) return fresh(row);
      const container = containerOf(row);
      const send = async (name: string) => {
        await container.kill({ signal: name }).catch((error) => {
          // It has ended meanwhile.
          if (!isMissing(error) && error.statusCode !== 409) {
            throw asFailure(error, client, `'${row.name}' cannot be ended`);
          }
        });
      };
      const hasEnded = async (patienceMs: number, hurry?: AbortSignal) => {
        const deadline = performance.now() + patienceMs;
        do {
          await inspectOne(row);
          if (isFinished(fresh(row).status)) return true;
          await waitUntil(() => false, pollMs, hurry);
        } while (performance.now() < deadline && !hurry?.aborted);
        return false;
      };
      // What is paused takes no signal.
      if (fresh(row).status === 'paused') await container.unpause().catch(() => {});
      await send('SIGTERM');
      if (await hasEnded(graceMs, signal)) return fresh(row);
      registry.noteForced(row.id);
      await send('SIGKILL');
      await hasEnded(afterForceMs);
      return fresh(row);
    },
    async pause(row) {
      if (!registry.change(row.id, 'pause')) return false;
      await containerOf(row)
        .pause()
        .catch((error) => {
          registry.change(row.id, 'resume');
          throw asFailure(error, client, `'${row.name}' cannot be paused`);
        });
      return true;
    },
    async resume(row) {
      if (!registry.change(row.id, 'resume')) return false;
      await containerOf(row)
        .unpause()
        .catch((error) => {
          registry.change(row.id, 'pause');
          throw asFailure(error, client, `'${row.name}' cannot be resumed`);
        });
      return true;
    },
    async send(row, text) {
      const { Config } = await containerOf(row).inspect();
      if (!Config.OpenStdin) throw noInput(row);
      const stream = await containerOf(row).attach({ stream: true, stdin: true, hijack: true });
      await new Promise<void>((resolve, reject) => {
        stream.once('error', reject);
        stream.end(text, () => resolve());
      });
      return Buffer.byteLength(text);
    },
    inspect,
    usage: async (asked) => {
      const found = await Promise.all(
        asked.map(async (row): Promise<[string, Usage][]> => {
          const usage = await usageOf(client.docker.getContainer(row.handle ?? row.id)).catch((error) => {
            // It has ended meanwhile.
            if (error.statusCode !== undefined) return undefined;
            throw error;
          });
          return usage ? [[row.id, usage]] : [];
        }),
      );
      return new Map(found.flat());
    },
    attend: (onChange, onTrouble) =>
      attend({
        rows,
        follow: async (row, signal, onOutput) => {
          await surroundings.following(row.id, () =>
            followOutput(logOf(surroundings, row), signal, onOutput),
          );
          if (!signal.aborted) await inspectOne(row);
          onOutput();
        },
        inspect: async () => {
          await inspect(rows());
          await removeLeftovers(surroundings);
        },
        lookMs,
        onChange,
        onTrouble,
      }),
    // Without a container there is nothing that the engine would start again.
    retire: async () => {},
    problem: async () => {
      try {
        await client.docker.ping();
        return undefined;
      } catch (error) {
        return asFailure(error, client, 'Bots with "runner": "docker" cannot be run');
      }
    },
  };

  async function removeLeftovers({ instance }: Surroundings): Promise<void> {
    const filters = JSON.stringify({ label: [`${labels.instance}=${instance.id}`, labels.process] });
    for (const { Id, Labels, Created } of await client.docker.listContainers({ all: true, filters })) {
      const row = registry.find(Labels[labels.process] ?? '');
      // Nobody waits for what has ended, nor for what was made and never started.
      // One that runs although its run is over would be there twice.
      const isLeft = row ? isFinished(row.status) : clock.now() - Created * 1_000 > spawnPatienceMs;
      if (!isLeft) continue;
      await client.docker
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => {});
    }
  }
}

function noInput(row: ProcessRow): Failure {
  return new Failure(
    'no_input',
    `'${row.name}' was started without an input.`,
    `Give it one: "input": true in its configuration, then: understudy restart ${row.name}`,
  );
}
