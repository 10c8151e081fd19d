// Starts one run of a bot in a container of its own.

import type Docker from 'dockerode';
import { Failure } from '../../../tool.ts';
import {
  type ContainerPlan,
  describeProcess,
  isFinished,
  type ProcessRow,
  type SpawnOptions,
} from '../../processes/index.ts';
import { asFailure, reasonOf } from '../client.ts';
import { argvFor, type Image, imageFor, stoppedMeanwhile } from '../image/image.ts';
import { volumesFor } from '../mounts.ts';
import { labels } from '../names.ts';
import { partSecrets } from '../secrets.ts';
import type { Surroundings } from '../surroundings.ts';
import { inspectRow } from './look.ts';

/** What an engine keeps of an output that nobody fetches. */
const logLimits = { 'max-size': '10m', 'max-file': '3' };

/** Starts it, and returns its row once it runs or has ended. */
export async function runContainer(surroundings: Surroundings, options: SpawnOptions): Promise<ProcessRow> {
  const { registry, instance, clock } = surroundings;
  const plan = options.container;
  if (!plan) throw new Error('a container needs a plan');
  const bot = options.bot ?? options.name ?? 'bot';
  const image = await imageFor(surroundings, options);
  if (options.signal?.aborted) throw stoppedMeanwhile(bot);
  const described = describeProcess(surroundings.folder, options, clock.now());
  const handle = instance.nameFor(bot, described.id);
  registry.insert({ ...described, runner: 'docker', handle });
  const container = await create(surroundings, options, plan, image, { handle, bot, id: described.id }).catch(
    (error) => {
      registry.remove(described.id);
      throw error;
    },
  );
  if (isFinished(registry.find(described.id)?.status ?? 'lost')) {
    await container.remove({ force: true }).catch(() => {});
    throw stoppedMeanwhile(bot);
  }
  try {
    await container.start();
  } catch (error) {
    await container.remove({ force: true }).catch(() => {});
    registry.remove(described.id);
    throw cannotRun(bot, image, error);
  }
  const row = registry.find(described.id);
  if (!row) throw new Error(`the row of process ${described.id} was removed while it started`);
  await inspectRow(surroundings, row);
  return registry.find(described.id) ?? row;
}

async function create(
  { client, instance }: Surroundings,
  options: SpawnOptions,
  plan: ContainerPlan,
  image: Image,
  { handle, bot, id }: { handle: string; bot: string; id: string },
): Promise<Docker.Container> {
  const { plain, secret, dotEnv } = partSecrets(plan.environment, options.directory);
  const argv = argvFor(plan, image);
  try {
    const container = await client.acting.createContainer({
      name: handle,
      Image: image.name,
      Env: Object.entries({ ...plain, ...secret }).map(([name, value]) => `${name}=${value}`),
      ...(argv === undefined ? {} : { Entrypoint: [...argv], Cmd: [] }),
      Labels: { [labels.instance]: instance.id, [labels.bot]: bot, [labels.process]: id },
      OpenStdin: options.takesInput,
      HostConfig: {
        Init: true,
        LogConfig: { Type: 'json-file', Config: logLimits },
        Mounts: volumesFor(instance, bot, plan, image.workFolder),
        ...(plan.network === undefined ? {} : { NetworkMode: plan.network }),
        ...(plan.memoryBytes === undefined ? {} : { Memory: plan.memoryBytes, MemorySwap: plan.memoryBytes }),
        ...(plan.cpus === undefined ? {} : { NanoCpus: Math.round(plan.cpus * 1e9) }),
      },
    });
    // The .env of a bot goes into its container, and never into its image.
    if (dotEnv) await container.putArchive(await packDotEnv(options.directory), { path: image.workFolder });
    return container;
  } catch (error) {
    throw asFailure(error, client, `The container of '${bot}' cannot be made`);
  }
}

async function packDotEnv(directory: string): Promise<NodeJS.ReadableStream> {
  const { default: tar } = await import('tar-fs');
  return tar.pack(directory, {
    entries: ['.env'],
    // A link would lead nowhere there.
    dereference: true,
    map: (header) => ({ ...header, uid: 1000, gid: 1000, mode: 0o644 }),
  });
}

function cannotRun(bot: string, image: Image, error: unknown): Failure {
  return new Failure(
    'spawn_failed',
    `'${bot}' could not be started in ${image.name}: ${reasonOf((error as Error).message)}`,
    `What is run has to be in the image: correct 'command', or say "container": {"command": "image"} for what the image runs by itself.`,
    { cause: error },
  );
}
