// Gets the image of a bot: the one that its settings name, or one that is built from its folder and, where the settings
// name a registry, pushed there for all nodes. An image is named after its content, so what is there is not built again.

import type { ImageInspectInfo } from 'dockerode';
import { Failure } from '../../../tool.ts';
import type { ContainerPlan, SpawnOptions } from '../../processes/index.ts';
import { asFailure, type Client, isMissing, reasonOf } from '../client.ts';
import { type Instance, labels, slugOf } from '../names.ts';
import type { Surroundings } from '../surroundings.ts';
import { readContext } from './context.ts';
import { type Credentials, credentialsFor, follow, push } from './registry.ts';

/** The newest images of a bot that stay: what runs, and what it may be rolled back to. */
const keptImages = 3;

/** An image, and what must be known to run something in it. */
export interface Image {
  readonly name: string;
  readonly workFolder: string;
  /** What it runs by itself. */
  readonly argv: readonly string[];
  readonly hasShell: boolean;
  /** True when no other node can get it. */
  readonly isOnlyHere: boolean;
  /** Lets other nodes pull it. */
  readonly credentials: Credentials | undefined;
}

/** What an image is wanted for. */
interface ImageOptions {
  readonly bot: string;
  readonly directory: string;
  readonly argv: readonly string[];
  readonly plan: ContainerPlan;
  readonly registry: string | undefined;
  readonly tell: (text: string) => void;
  /** Aborted when nobody wants it any more. */
  readonly signal: AbortSignal | undefined;
}

/** The image of what is to be started. */
export async function imageFor(
  { client, instance, settings }: Surroundings,
  { container: plan, bot, name, directory, argv, tell = () => {}, signal }: SpawnOptions,
): Promise<Image> {
  if (!plan) throw new Error('what an engine is to run needs a plan');
  return provideImage(client, instance, {
    bot: bot ?? name ?? 'bot',
    directory,
    argv: plan.command === 'image' ? argv : plan.command,
    plan,
    registry: settings().registry,
    tell,
    signal,
  });
}

async function provideImage(client: Client, instance: Instance, options: ImageOptions): Promise<Image> {
  const { plan } = options;
  const given = plan.image;
  const { name, isOnlyHere } =
    given === undefined ? await buildImage(client, instance, options) : { name: given, isOnlyHere: false };
  const credentials = credentialsFor(name);
  const found = await inspectOrPull(client, name, credentials, options);
  const config = found?.Config;
  return {
    name,
    isOnlyHere,
    credentials,
    workFolder: config?.WorkingDir || '/',
    argv: [...([config?.Entrypoint ?? []].flat() as string[]), ...(config?.Cmd ?? [])],
    hasShell: found !== undefined && (await hasShell(client, instance, name)),
  };
}

async function buildImage(
  client: Client,
  instance: Instance,
  { bot, directory, argv, plan, registry, tell, signal }: ImageOptions,
): Promise<{ name: string; isOnlyHere: boolean }> {
  const context = await readContext({
    bot,
    directory,
    argv,
    keep: plan.keep,
    dockerfile: plan.dockerfile,
  });
  const repository = [
    ...(registry === undefined ? [] : [registry]),
    `understudy-${instance.id}`,
    slugOf(bot),
  ].join('/');
  const name = `${repository}:${context.hash}`;
  const known = await client.docker
    .getImage(name)
    .inspect()
    .catch((error) => {
      if (isMissing(error)) return undefined;
      throw asFailure(error, client, `The image of '${bot}' cannot be looked for`);
    });
  if (!known) {
    tell(`building the image ${name}`);
    const stream = await client.patient
      .buildImage(context.pack(), {
        t: name,
        dockerfile: context.dockerfile,
        forcerm: true,
        labels: { [labels.instance]: instance.id, [labels.bot]: bot },
        ...(plan.network === 'host' || plan.network === 'none' ? { networkmode: plan.network } : {}),
        // The engine ends a build that nobody listens to.
        ...(signal ? { abortSignal: signal } : {}),
      })
      .catch((error) => {
        if (signal?.aborted) throw stoppedMeanwhile(bot);
        throw asFailure(error, client, `The image of '${bot}' cannot be built`);
      });
    await follow(client, stream, tell, (said) =>
      signal?.aborted ? stoppedMeanwhile(bot) : buildFailed(bot, said),
    );
  }
  if (registry !== undefined) await push(client, bot, name, tell);
  await forgetOldImages(client, instance, bot, name);
  return { name, isOnlyHere: registry === undefined };
}

function buildFailed(bot: string, [said, ...lines]: string[]): Failure {
  return new Failure(
    'image_not_built',
    `The image of '${bot}' could not be built: ${said}\n${lines.map((line) => `  | ${line}`).join('\n')}`,
    'Mend its Dockerfile or what it installs, then start it again. What runs was left alone.',
  );
}

async function inspectOrPull(
  client: Client,
  name: string,
  authconfig: Credentials | undefined,
  { bot, tell }: ImageOptions,
): Promise<ImageInspectInfo | undefined> {
  const inspect = () => client.docker.getImage(name).inspect();
  try {
    return await inspect();
  } catch (error) {
    if (!isMissing(error)) throw asFailure(error, client, `The image of '${bot}' cannot be looked for`);
  }
  tell(`pulling ${name}`);
  try {
    const stream = await client.patient.pull(name, authconfig ? { authconfig } : {});
    await follow(
      client,
      stream,
      () => {},
      ([said = '']) => new Failure('image_missing', said, ''),
    );
    return await inspect();
  } catch (error) {
    throw new Failure(
      'image_missing',
      `The image ${name} of '${bot}' is not here and cannot be pulled: ${reasonOf((error as Error).message)}`,
      'Correct "image" in the configuration of the bot, log in to its registry (docker login), or build it.',
      { cause: error },
    );
  }
}

/** Whether /bin/sh is in it: looked at in a container that is never started. */
async function hasShell(client: Client, instance: Instance, name: string): Promise<boolean> {
  const container = await client.docker.createContainer({
    Image: name,
    Cmd: ['-'],
    // Whoever is killed here leaves something that is known to be ours.
    Labels: { [labels.instance]: instance.id, [labels.process]: 'probe' },
  });
  try {
    // An answer that nobody reads would keep its connection.
    (await container.infoArchive({ path: '/bin/sh' })).resume();
    return true;
  } catch {
    return false;
  } finally {
    await container.remove({ force: true });
  }
}

async function forgetOldImages(client: Client, instance: Instance, bot: string, name: string): Promise<void> {
  try {
    const filters = JSON.stringify({ label: [`${labels.instance}=${instance.id}`, `${labels.bot}=${bot}`] });
    const images = await client.docker.listImages({ filters });
    const old = images
      .filter(({ RepoTags }) => !RepoTags?.includes(name))
      .sort((first, second) => second.Created - first.Created)
      .slice(keptImages - 1);
    for (const { RepoTags, Id } of old) {
      // One that is in use stays; the next start tries again.
      for (const tag of RepoTags ?? [Id])
        await client.docker
          .getImage(tag)
          .remove()
          .catch(() => {});
    }
  } catch {
    // Space that is not freed now is freed at the next start.
  }
}

/** What is run; undefined where the image knows better. */
export function argvFor(plan: ContainerPlan, image: Image): readonly string[] | undefined {
  if (plan.command === 'image') return undefined;
  return plan.isCommandGuessed && image.argv.length > 0 ? undefined : plan.command;
}

/** A stop met a start. */
export function stoppedMeanwhile(bot: string): Failure {
  return new Failure(
    'stopped_meanwhile',
    `Somebody stopped '${bot}' while it was started.`,
    'See who: understudy history',
  );
}
