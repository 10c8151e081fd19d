// From the last thing that a program does to the notice of its on-exit hook. No peer has hooks.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { duration, median } from '../support/numbers.ts';

const rounds = 40;
const aimMs = 20;

/** Exit to hook fired. */
export const exitToHook: Family = {
  name: 'exit-to-hook',
  measure: async ({ bench }) => {
    const ours = startOurs(bench);
    const folder = bench.makeFolder('ends');
    await ours.supervise();
    const values: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const end = join(folder, String(round));
      // bash knows microseconds by itself, so that nothing has to be started in between.
      const row = await ours.spawn(['bash', '-c', 'sleep 0.15; echo $EPOCHREALTIME >"$1"', 'bash', end]);
      ours.engine.hooks.add({
        processId: row.id,
        trigger: { type: 'on_exit', filter: 'any' },
        action: 'notify_channel',
        message: `round-${round}-of-the-bench`,
        delaySeconds: 0,
        maxFires: 1,
        creator: { id: 'bench', name: 'bench', surface: 'system', rights: ['operate'] },
      });
      const noticedAt = await ours.noticed(`round-${round}-of-the-bench`);
      values.push(noticedAt - Number(readFileSync(end, 'utf8').replace(',', '.')) * 1_000);
    }
    await ours.end();
    const mine = median(values);
    return [
      {
        what: 'exit to hook fired, p50',
        ours: `${duration(mine)} (slowest of ${rounds}: ${duration(Math.max(...values))})`,
        peers: [],
        result: duration(mine),
        aim: `≤ ${aimMs} ms`,
        holds: mine <= aimMs,
      },
    ];
  },
};
