// What runs of a swarm use, as far as they are on the node that is being asked: a manager has no eyes on the others.

import type { Usage } from '../../base/index.ts';
import type { ProcessRow } from '../../processes/index.ts';
import { usageOf } from '../docker/look.ts';
import type { Surroundings } from '../surroundings.ts';
import { readTask } from './tasks.ts';

/** The usage of those that are here, by the ids of their rows. */
export async function usageHere(
  { client }: Surroundings,
  rows: readonly ProcessRow[],
): Promise<Map<string, Usage>> {
  const info = await client.docker.info();
  const found = await Promise.all(
    rows.map(async ({ id, handle }): Promise<[string, Usage][]> => {
      try {
        const task = readTask(await client.docker.getTask(handle ?? '').inspect());
        if (task.node !== info.Swarm?.NodeID || task.containerId === null) return [];
        return [[id, await usageOf(client.docker.getContainer(task.containerId))]];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    }),
  );
  return new Map(found.flat());
}
