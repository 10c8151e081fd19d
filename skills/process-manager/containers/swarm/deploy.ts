// Gives a bot to a swarm, or changes what the swarm has of it, and waits until the swarm has made up its mind.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceSpec } from 'dockerode';
import { Failure } from '../../../tool.ts';
import {
  type ContainerPlan,
  type EngineNote,
  isFinished,
  type ProcessRow,
  type SpawnOptions,
} from '../../processes/index.ts';
import { asFailure, isConflict } from '../client.ts';
import { argvFor, imageFor, stoppedMeanwhile } from '../image/image.ts';
import { labels } from '../names.ts';
import { forgetSecrets, partSecrets, provideSecrets } from '../secrets.ts';
import type { Surroundings } from '../surroundings.ts';
import { look, tasksOf } from './look.ts';
import { changeService, findService, type Service, type UpdateStatus } from './service.ts';
import { forced, isEnded, serviceSpec } from './spec.ts';
import { isActive } from './tasks.ts';

const pollMs = 300;
/** A change that has not begun by then never will. */
const beginMs = 10_000;
/** What the run before may take to end. */
const endMs = 20_000;

/** Gives it to the swarm, and returns the row of the run that came of it. */
export async function deploy(surroundings: Surroundings, options: SpawnOptions): Promise<ProcessRow> {
  const { client, instance, registry } = surroundings;
  const plan = options.container;
  const bot = options.bot;
  if (!plan || bot === undefined) throw new Error('a service needs a plan and a bot');
  const tell = options.tell ?? (() => {});
  const image = await imageFor(surroundings, options);
  const parted = partSecrets(plan.environment, options.directory);
  if (!image.hasShell && Object.keys(parted.secret).length > 0) {
    tell(
      `its image has no shell, so its secrets are files only: ${Object.keys(parted.secret)
        .map((name) => `${name}_FILE`)
        .join(', ')}`,
    );
  }
  const secrets = await provideSecrets(client, instance, bot, parted, image.workFolder);
  const onlyNode = image.isOnlyHere ? await onlyNodeOf(surroundings, tell) : undefined;
  const spec = serviceSpec(instance, {
    bot,
    plan,
    image,
    argv: argvFor(plan, image),
    parted,
    secrets,
    onlyNode,
  });
  const runBefore = registry.lastRun(bot)?.id;
  const before = await findService(surroundings, bot);
  const isSame = before?.spec.Labels?.[labels.spec] === spec.Labels?.[labels.spec];
  // Whoever began this very change was killed meanwhile. Begun again, it would be itself what the swarm goes back to.
  const isUnderWay = isSame && before?.update?.state === 'updating';
  const isAdopted =
    isUnderWay || (isSame && options.isReplacing !== true && (await isKept(surroundings, before)));
  if (options.signal?.aborted) throw stoppedMeanwhile(bot);
  if (isUnderWay) tell('the swarm is replacing it already');
  else if (!before) await createService(surroundings, bot, spec, image.credentials);
  else if (!isAdopted) {
    tell('the swarm replaces it');
    await changeService(surroundings, bot, (now) => forced(spec, now.spec), image.credentials);
  }
  // A service that was ended is begun rather than changed: there is nothing to go back to.
  const isChange = before !== undefined && (!isAdopted || isUnderWay) && !isEnded(before.spec);
  const row = await settleDown(surroundings, options, {
    bot,
    plan,
    isChange,
    changedBefore: isUnderWay ? undefined : before?.update?.startedAt,
    runBefore: isAdopted ? undefined : runBefore,
  });
  await forgetSecrets(client, instance, bot, secrets).catch(() => {});
  return row;
}

/** Without a registry, an image that was built here is nowhere else; a bot whose node has it not would never start. */
async function onlyNodeOf(
  { client }: Surroundings,
  tell: (text: string) => void,
): Promise<string | undefined> {
  const [nodes, info] = await Promise.all([client.docker.listNodes(), client.docker.info()]);
  if (nodes.length <= 1) return undefined;
  tell(
    `its image was built on ${info.Name} and no registry is configured, so it stays on that node; "docker": {"registry": …} lets it move`,
  );
  return info.Swarm?.NodeID as string;
}

/** True while the engine still starts it by itself. */
async function isKept(surroundings: Surroundings, service: Service | undefined): Promise<boolean> {
  if (!service || isEnded(service.spec)) return false;
  const tasks = (await tasksOf(surroundings, [service])).get(service.id) ?? [];
  return tasks.some(isActive);
}

async function createService(
  surroundings: Surroundings,
  bot: string,
  spec: ServiceSpec,
  authconfig: object | undefined,
): Promise<void> {
  const { client } = surroundings;
  try {
    if (authconfig) await client.acting.createService(authconfig as never, spec as never);
    else await client.acting.createService(spec as never);
  } catch (error) {
    // Another manager of this instance was faster, and wants the same.
    if (isConflict(error) && (await changeService(surroundings, bot, () => spec, authconfig))) return;
    throw asFailure(error, client, `'${bot}' cannot be given to the swarm`);
  }
}

/** A change of a bot's service that is under way. */
interface Deployment {
  readonly bot: string;
  readonly plan: ContainerPlan;
  /** True where there is a version before, to which the swarm goes back when this one fails. */
  readonly isChange: boolean;
  /** When the change before this one began. */
  readonly changedBefore: string | undefined;
  /** The newest run before, which is none that came of it. */
  readonly runBefore: string | undefined;
}

/** What the swarm says of it now. */
interface Outlook {
  readonly run: ProcessRow | undefined;
  readonly note: EngineNote | undefined;
  readonly service: Service;
  readonly elapsedMs: number;
}

/** Waits until the swarm has made up its mind: it runs, it has ended, the change is through, or it was taken back. */
async function settleDown(
  surroundings: Surroundings,
  { signal, tell = () => {} }: SpawnOptions,
  deployment: Deployment,
): Promise<ProcessRow> {
  const { registry, notes } = surroundings;
  const { bot, plan } = deployment;
  const startedAt = performance.now();
  let said = '';
  for (;;) {
    await look(surroundings, bot);
    const service = await findService(surroundings, bot);
    if (!service || isEnded(service.spec)) throw stoppedMeanwhile(bot);
    const newest = registry.lastRun(bot);
    const outlook: Outlook = {
      run: newest?.runner === 'swarm' && newest.id !== deployment.runBefore ? newest : undefined,
      note: notes.find(bot),
      service,
      elapsedMs: performance.now() - startedAt,
    };
    const settled = settledRun(deployment, outlook);
    if (settled) return settled;
    const words = wordsOf(deployment, outlook);
    if (words !== null && words !== said) tell(words);
    said = words ?? said;
    // Nobody is kept from trying something else by a change that finds no node.
    const isWaiting = !outlook.run || (isFinished(outlook.run.status) && isUpdating(deployment, outlook));
    const isTooLate = isWaiting && outlook.elapsedMs > plan.readyMs + (deployment.isChange ? endMs : 0);
    if (signal?.aborted) throw stoppedMeanwhile(bot);
    if (isTooLate) throw notWanted(bot, outlook.note?.text ?? '');
    await sleep(pollMs);
  }
}

/** The run that came of it, once that is certain. Fails where the swarm did not let it be. */
function settledRun(deployment: Deployment, outlook: Outlook): ProcessRow | undefined {
  const { bot, isChange } = deployment;
  const { run, note, elapsedMs } = outlook;
  const change = changeOf(deployment, outlook);
  if (change && ['rollback_completed', 'rollback_paused'].includes(change.state)) {
    // The next look notes why.
    if (note?.rolledBackAt !== change.startedAt) return undefined;
    throw takenBack(bot, note.rollback ?? change.message);
  }
  if (change?.state === 'paused') throw stuck(bot, change.message);
  const isThrough = !isChange || change?.state === 'completed' || (!change && elapsedMs > beginMs);
  if (!isThrough) return undefined;
  if (run && (!isFinished(run.status) || note?.isActive === false)) return run;
  // A new service has no tasks for a moment. One that still has none, or whose tasks never began, never will.
  if (note?.isActive === false && elapsedMs > beginMs) throw neverBegan(bot, note.text ?? '');
  return undefined;
}

function wordsOf(deployment: Deployment, outlook: Outlook): string | null {
  const { run, note } = outlook;
  const change = changeOf(deployment, outlook);
  if (change?.state !== 'updating' || !run || isFinished(run.status)) return note?.text ?? null;
  const where = run.node === null ? '' : ` on ${run.node}`;
  return `runs${where}; the swarm watches it for ${deployment.plan.trialMs / 1_000} s`;
}

function isUpdating(deployment: Deployment, outlook: Outlook): boolean {
  return changeOf(deployment, outlook)?.state === 'updating';
}

function changeOf({ changedBefore }: Deployment, { service }: Outlook): UpdateStatus | undefined {
  return service.update?.startedAt === changedBefore ? undefined : service.update;
}

function takenBack(bot: string, reason: string): Failure {
  return new Failure(
    'update_rolled_back',
    `'${bot}' did not stay up: ${reason}. The swarm has gone back to the version before.`,
    `See what the new one printed: understudy logs ${bot}. What is tried next is up to you.`,
  );
}

function stuck(bot: string, message: string): Failure {
  return new Failure(
    'update_paused',
    `The swarm has paused the change of '${bot}': ${message}`,
    `See: understudy status ${bot}, and try again: understudy restart ${bot}`,
  );
}

function neverBegan(bot: string, text: string): Failure {
  return new Failure(
    'not_placed',
    `The swarm could not start '${bot}'${text === '' ? '' : `: ${text}`}.`,
    `See: understudy status ${bot}. Its image and its command have to be there on every node that may take it.`,
  );
}

function notWanted(bot: string, text: string): Failure {
  return new Failure(
    'not_placed',
    `'${bot}' has not been started by the swarm yet${text === '' ? '' : `: it ${text}`}.`,
    `The swarm goes on trying; see: understudy status ${bot}`,
  );
}
