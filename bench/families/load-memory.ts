// Memory of the manager while a process prints 10,000 lines a second, a flush for each: a minute, or an hour with
// `--long`. Ours has a pattern that watches; everybody runs at the same time, for memory does not mind.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manager } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { pssOf } from '../support/memory.ts';
import { median, megabytes } from '../support/numbers.ts';

const perSecond = 10_000;
/** A heap grows at first, whatever runs in it. */
const warmUpMs = 20_000;
/** Flat: the last third may be so much above the first. */
const aimGrowth = 1.1;

/** Under load. */
export const loadMemory: Family = {
  name: 'load-memory',
  measure: async ({ bench, peers, writer }) => {
    const seconds = bench.isLong ? 3_600 : 60;
    const ours = startOurs(bench);
    await ours.supervise();
    const managers = new Map<string, Manager>([['ours', ours]]);
    for (const peer of peers.filter(({ name }) => name === 'pm2' || name === 'supervisord'))
      managers.set(peer.name, await peer.start(bench));
    const folder = bench.makeFolder('load');
    for (const [name, manager] of managers) {
      // Longer than the samples are taken.
      const { argv } = writer.job(perSecond, perSecond * (seconds + 90), join(folder, name));
      await manager.define({ name: 'load', argv });
      await manager.up('load');
    }
    for (const { id } of ours.engine.processes.registry.unfinished()) watch(ours.engine.hooks, id);
    await sleep(warmUpMs);
    const samples = await sample(managers, seconds);
    for (const manager of managers.values()) await manager.end();
    const describe = (name: string) => {
      const { start, end, most } = summary(samples.get(name));
      return `${megabytes(start)} to ${megabytes(end)}, at most ${megabytes(most)}`;
    };
    const mine = summary(samples.get('ours'));
    return [
      {
        what: `memory of the manager (PSS) during ${seconds} s of 10,000 lines a second, first and last third`,
        ours: describe('ours'),
        peers: [...managers.keys()]
          .filter((name) => name !== 'ours')
          .map((name) => `${name} ${describe(name)}`),
        result: `${(mine.end / mine.start).toFixed(2)} ×`,
        aim: `flat: ≤ ${aimGrowth} ×`,
        holds: mine.end / mine.start <= aimGrowth,
        why: bench.isLong
          ? 'Why is not known yet.'
          : 'In a minute a heap may not have come to rest: see --long.',
      },
    ];
  },
};

function watch(hooks: ReturnType<typeof startOurs>['engine']['hooks'], processId: string): void {
  hooks.add({
    processId,
    trigger: { type: 'on_output_match', pattern: 'FATAL' },
    action: 'inject_context',
    message: null,
    delaySeconds: 0,
    maxFires: 0,
    creator: { id: 'bench', name: 'bench', surface: 'system', rights: ['operate'] },
  });
}

async function sample(managers: ReadonlyMap<string, Manager>, seconds: number) {
  const samples = new Map<string, number[]>([...managers.keys()].map((name) => [name, []]));
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    await sleep(1_000);
    for (const [name, manager] of managers) samples.get(name)?.push(pssOf([manager.daemon()]));
  }
  return samples;
}

function summary(samples: readonly number[] = []) {
  const third = Math.floor(samples.length / 3);
  return {
    start: median(samples.slice(0, third)),
    end: median(samples.slice(-third)),
    most: Math.max(...samples),
  };
}
