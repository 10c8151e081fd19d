// What a swarm is told of a bot: one service with one task at a time. Placement, restarts and taking an update back are the
// engine's; this file only says what is wanted. Equal specs have equal hashes, so that whoever comes later, this manager
// or another one that takes over, sees that nothing has to be changed.

import type { ServiceSpec } from 'dockerode';
import type { ContainerPlan } from '../../processes/index.ts';
import type { Image } from '../image/image.ts';
import { volumesFor } from '../mounts.ts';
import { hashOf, type Instance, labels } from '../names.ts';
import {
  fileVariables,
  type Parted,
  type SecretReference,
  secretNames,
  withSecretVariables,
} from '../secrets.ts';

const nsPerMs = 1_000_000;
const stopGraceMs = 15_000;
/** Crashes further apart than this are not in a row. */
const windowMs = 60_000;
const rollbackMonitorMs = 5_000;
const logLimits = { 'max-size': '10m', 'max-file': '3' };
/** No node is ever called so: with this the engine ends a task and keeps how it has ended. */
const nowhere = 'node.id==understudy-stopped';

/** What a service is made from. */
export interface SpecOptions {
  readonly bot: string;
  readonly plan: ContainerPlan;
  readonly image: Image;
  readonly argv: readonly string[] | undefined;
  readonly parted: Parted;
  readonly secrets: readonly SecretReference[];
  /** The only node that has the image, where that is so. */
  readonly onlyNode: string | undefined;
}

/** The spec of a bot's service. */
export function serviceSpec(instance: Instance, options: SpecOptions): ServiceSpec {
  const { bot, plan, image, argv, parted, secrets, onlyNode } = options;
  // Sorted: the order in which somebody wrote them down changes nothing.
  const names = image.hasShell ? Object.keys(parted.secret).sort() : [];
  const run = argv ?? image.argv;
  const variables = { ...parted.plain, ...fileVariables(parted.secret), ...secretNames(names) };
  // To the engine, no attempts at all are as many as it likes.
  const isRestarted = plan.restart !== 'no' && plan.mostRestarts > 0;
  const own = { [labels.instance]: instance.id, [labels.bot]: bot };
  const spec = {
    Name: instance.nameFor(bot),
    Mode: { Replicated: { Replicas: 1 } },
    TaskTemplate: {
      ContainerSpec: {
        Image: image.name,
        // What the image runs by itself is only named where something has to stand in front of it.
        ...(argv === undefined && names.length === 0 ? {} : { Command: withSecretVariables(names, run) }),
        Env: Object.entries(variables)
          .map(([name, value]) => `${name}=${value}`)
          .sort(),
        Labels: own,
        Init: true,
        StopGracePeriod: stopGraceMs * nsPerMs,
        Mounts: volumesFor(instance, bot, plan, image.workFolder),
        Secrets: [...secrets].sort((one, other) => (one.SecretName < other.SecretName ? -1 : 1)),
      },
      Resources: {
        Limits: resources(plan.cpus, plan.memoryBytes),
        Reservations: resources(plan.reserve.cpus, plan.reserve.memoryBytes),
      },
      RestartPolicy: {
        Condition: isRestarted ? conditions[plan.restart] : 'none',
        Delay: Math.round(plan.restartDelayMs) * nsPerMs,
        ...(!isRestarted ? {} : { MaxAttempts: plan.mostRestarts, Window: windowMs * nsPerMs }),
      },
      Placement: {
        Constraints: [...plan.constraints, ...(onlyNode === undefined ? [] : [`node.id==${onlyNode}`])],
      },
      LogDriver: { Name: 'json-file', Options: logLimits },
      ...(plan.network === undefined ? {} : { Networks: [{ Target: plan.network }] }),
    },
    // The old run has to be gone before the new one begins: two with the same token would both answer.
    UpdateConfig: {
      Parallelism: 1,
      Delay: 0,
      FailureAction: 'rollback',
      Monitor: Math.round(plan.trialMs) * nsPerMs,
      MaxFailureRatio: 0,
      Order: 'stop-first',
    },
    RollbackConfig: {
      Parallelism: 1,
      Delay: 0,
      FailureAction: 'pause',
      Monitor: rollbackMonitorMs * nsPerMs,
      MaxFailureRatio: 0,
      Order: 'stop-first',
    },
  };
  return { ...spec, Labels: { ...own, [labels.spec]: hashOf(JSON.stringify(spec)) } } as ServiceSpec;
}

const conditions = { 'on-failure': 'on-failure', always: 'any', no: 'none' } as const;

function resources(cpus: number | undefined, memoryBytes: number | undefined) {
  return {
    ...(cpus === undefined ? {} : { NanoCPUs: Math.round(cpus * 1e9) }),
    ...(memoryBytes === undefined ? {} : { MemoryBytes: memoryBytes }),
  };
}

/**
 * The same service, ended: its task is shut down and stays known with its exit code, which it would not if the service
 * were scaled down or removed.
 */
export function endedSpec(spec: ServiceSpec): ServiceSpec {
  const template = spec.TaskTemplate as { Placement?: object };
  return {
    ...spec,
    Labels: { ...spec.Labels, [labels.spec]: 'ended' },
    TaskTemplate: { ...template, Placement: { ...template.Placement, Constraints: [nowhere] } },
  } as ServiceSpec;
}

/** True of a service that is being ended, or has been. */
export function isEnded(spec: ServiceSpec | undefined): boolean {
  const template = spec?.TaskTemplate as { Placement?: { Constraints?: string[] } } | undefined;
  return template?.Placement?.Constraints?.includes(nowhere) ?? false;
}

/** The same service, to be begun anew. */
export function forced(spec: ServiceSpec, before: ServiceSpec | undefined): ServiceSpec {
  const count = (before?.TaskTemplate as { ForceUpdate?: number } | undefined)?.ForceUpdate ?? 0;
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ForceUpdate: count + 1 } } as ServiceSpec;
}
