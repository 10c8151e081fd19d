// The service of a bot in a swarm: found, made, changed and removed. A change that somebody else was faster with is made again
// on what they left.

import type { ServiceSpec } from 'dockerode';
import { z } from 'zod';
import { asFailure, type Client, isConflict, isMissing } from '../client.ts';
import { type Instance, labels } from '../names.ts';
import type { Surroundings } from '../surroundings.ts';

const mostAttempts = 10;

/** A service as the engine has it. */
export interface Service {
  readonly id: string;
  readonly bot: string;
  readonly version: number;
  readonly spec: ServiceSpec;
  readonly update: UpdateStatus | undefined;
}

/** How a change of a service is getting on. */
export interface UpdateStatus {
  readonly state: string;
  /** Tells one change from another. */
  readonly startedAt: string;
  readonly message: string;
}

/** The services of this instance. */
export async function listServices({ client, instance }: Pick<Surroundings, 'client' | 'instance'>) {
  const filters = JSON.stringify({ label: [`${labels.instance}=${instance.id}`] });
  try {
    return (await client.docker.listServices({ filters })).map((found) => readService(found));
  } catch (error) {
    throw asFailure(error, client, 'The bots in the swarm cannot be looked at');
  }
}

/** The service of a bot; undefined when it has none. */
export async function findService(
  { client, instance }: { client: Client; instance: Instance },
  bot: string,
): Promise<Service | undefined> {
  try {
    return readService(await client.docker.getService(instance.nameFor(bot)).inspect());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asFailure(error, client, `The service of '${bot}' cannot be looked at`);
  }
}

/** Changes a service; `change` gets it as it is now, and gives what it is to be. False when there is none. */
export async function changeService(
  surroundings: { client: Client; instance: Instance },
  bot: string,
  change: (service: Service) => ServiceSpec,
  authconfig?: object,
): Promise<boolean> {
  const { client } = surroundings;
  for (let attempt = 1; ; attempt++) {
    const service = await findService(surroundings, bot);
    if (!service) return false;
    try {
      const options = { version: service.version, ...change(service), ...(authconfig ? { authconfig } : {}) };
      await client.acting.getService(service.id).update(options as never);
      return true;
    } catch (error) {
      if (attempt < mostAttempts && isConflict(error)) continue;
      throw asFailure(error, client, `The service of '${bot}' cannot be changed`);
    }
  }
}

/** Removes the service of a bot, or only this very one; what it runs is shut down. */
export async function removeService(
  { client, instance }: { client: Client; instance: Instance },
  bot: string,
  id?: string,
) {
  await client.docker
    .getService(id ?? instance.nameFor(bot))
    .remove()
    .catch((error) => {
      if (!isMissing(error)) throw asFailure(error, client, `The service of '${bot}' cannot be removed`);
    });
}

const serviceSchema = z.object({
  ID: z.string(),
  Version: z.object({ Index: z.number() }),
  // What it is made of goes back to the engine as it came.
  Spec: z.looseObject({ Labels: z.record(z.string(), z.string()).optional() }),
  UpdateStatus: z
    .object({ State: z.string(), StartedAt: z.string(), Message: z.string() })
    .partial()
    .nullish(),
});

function readService(answer: unknown): Service {
  const { ID, Version, Spec, UpdateStatus } = serviceSchema.parse(answer);
  return {
    id: ID,
    bot: Spec.Labels?.[labels.bot] ?? '',
    version: Version.Index,
    spec: Spec as ServiceSpec,
    update:
      UpdateStatus?.State === undefined || UpdateStatus.StartedAt === undefined
        ? undefined
        : {
            state: UpdateStatus.State,
            startedAt: UpdateStatus.StartedAt,
            message: UpdateStatus.Message ?? '',
          },
  };
}
