// Memory of the manager itself, and the processor time that it takes: with nothing to do, with 50 and with 1,000 idle
// processes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Manager } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { processorSeconds, pssOf, rssOf } from '../support/memory.ts';
import { megabytes } from '../support/numbers.ts';

const argv = ['sleep', '1000'];
const few = 50;
const many = 1_000;
const lookSeconds = 8;
/** Flat: a thousand processes may cost the manager itself so much. */
const aimGrowth = 1.25;

/** With many children. */
export const managerMemory: Family = {
  name: 'manager-memory',
  measure: async ({ bench, peers }) => {
    const ours = startOurs(bench);
    await ours.supervise();
    const mine = await measure(ours, true);
    await ours.end();
    const others: string[] = [];
    for (const peer of peers.filter(({ name }) => name === 'pm2' || name === 'supervisord')) {
      const manager = await peer.start(bench);
      // pm2 takes minutes to start a thousand.
      const takesAll = peer.name !== 'pm2' || bench.isLong;
      const found = await measure(manager, takesAll);
      others.push(`${peer.name} ${describe(found)}${takesAll ? '' : ' (1,000 only with --long)'}`);
      await manager.end();
    }
    const growth = (mine.at(-1)?.pss ?? Number.NaN) / (mine[1]?.pss ?? Number.NaN);
    return [
      {
        what: `memory of the manager with 0, ${few} and ${many.toLocaleString('en')} processes (PSS)`,
        ours: describe(mine),
        peers: others,
        result: `${growth.toFixed(2)} × from ${few} to ${many.toLocaleString('en')}`,
        aim: `flat: ≤ ${aimGrowth} ×`,
        holds: growth <= aimGrowth,
        why: 'What is alive in the heap hardly grows (12.3 to 12.6 MB when seen with --trace-gc); the rest is room for garbage, which V8 extends because looking after every log once a second makes so much of it. With --max-semi-space-size=2 it was 60 instead of 96 MB.',
      },
    ];
  },
};

async function measure(manager: Manager, takesAll: boolean) {
  const found = [await look(manager)];
  await manager.define({ name: 'few', argv, copies: few });
  await manager.up('few');
  found.push(await look(manager));
  if (!takesAll) return found;
  await manager.define({ name: 'many', argv, copies: many - few });
  await manager.up('many');
  found.push(await look(manager));
  return found;
}

/** After a while, so that what starting took has been given back. */
async function look(manager: Manager) {
  await sleep(3_000);
  const pid = manager.daemon();
  const before = processorSeconds(pid);
  await sleep(lookSeconds * 1_000);
  const busy = (processorSeconds(pid) - before) / lookSeconds;
  return { pss: pssOf([pid]), rss: rssOf([pid]), busy };
}

function describe(found: readonly { pss: number; rss: number; busy: number }[]): string {
  return found
    .map(
      ({ pss, rss, busy }) => `${megabytes(pss)} (RSS ${megabytes(rss)}, ${(busy * 100).toFixed(1)} % CPU)`,
    )
    .join('; ');
}
