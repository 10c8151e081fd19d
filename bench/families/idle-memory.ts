// What one idle process costs beside its own memory: everything that a manager adds for 50 of `sleep 1000`, its own
// growth included, divided by 50. Output is captured by everybody (s6-log and svlogd for s6 and runit).

import { setTimeout as sleep } from 'node:timers/promises';
import type { Manager } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { pssOf } from '../support/memory.ts';
import { median } from '../support/numbers.ts';

const copies = 50;
const aimMB = 0.15;

/** PSS for each idle process. */
export const idleMemory: Family = {
  name: 'idle-memory',
  measure: async ({ bench, peers }) => {
    const ours = startOurs(bench);
    await ours.supervise();
    const mine = await measure(ours);
    await ours.end();
    const others: string[] = [];
    for (const peer of peers) {
      const manager = await peer.start(bench);
      others.push(`${peer.name} ${(await measure(manager)).total.toFixed(2)} MB`);
      await manager.end();
    }
    return [
      {
        what: `memory (PSS) added by one idle process, of ${copies}`,
        ours: `${mine.total.toFixed(3)} MB (shim ${mine.beside.toFixed(3)}, share of the supervisor ${mine.daemon.toFixed(3)})`,
        peers: others,
        result: `${mine.total.toFixed(3)} MB`,
        aim: `≤ ${aimMB} MB`,
        holds: mine.total <= aimMB,
        why: `The shim takes ${mine.beside.toFixed(3)} MB of it; the rest is growth of the supervisor's heap, garbage that is not collected yet included.`,
      },
    ];
  },
};

/** MB for each process: in the manager itself, in the processes beside it, and both. */
async function measure(manager: Manager) {
  const before = await settled(() => pssOf([manager.daemon()]));
  const helpersBefore = new Set(manager.helpers());
  const besideBefore = pssOf([...helpersBefore].filter((pid) => pid !== manager.daemon()));
  await manager.define({ name: 'idle', argv: ['sleep', '1000'], copies });
  await manager.up('idle');
  const after = await settled(() => pssOf([manager.daemon()]));
  const besideAfter = pssOf(manager.helpers().filter((pid) => pid !== manager.daemon()));
  const each = (bytes: number) => bytes / copies / 1024 ** 2;
  const daemon = each(after - before);
  const beside = each(besideAfter - besideBefore);
  return { daemon, beside, total: daemon + beside };
}

/** The middle of several looks, for collections of garbage come and go. */
async function settled(look: () => number): Promise<number> {
  const looks: number[] = [];
  for (let index = 0; index < 8; index++) {
    await sleep(500);
    looks.push(look());
  }
  return median(looks);
}
