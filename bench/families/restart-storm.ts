// What a supervisor uses while fifty bots crash again and again: whoever looks after the others must not be the one who
// eats the machine.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { processorSeconds } from '../support/memory.ts';

const bots = 50;
const lookSeconds = 20;
const aim = 0.1;

/** Fifty bots that crash at once, with hardly a delay between two restarts. */
export const restartStorm: Family = {
  name: 'restart-storm',
  measure: async ({ bench }) => {
    const ours = startOurs(bench);
    const bot = { directory: '.', command: ['sh', '-c', 'exit 1'] };
    const config = {
      bots: Object.fromEntries(Array.from({ length: bots }, (_, index) => [`bot-${index}`, bot])),
      globalSettings: { restart_delay: 0.1, max_restart_attempts: 1_000 },
    };
    writeFileSync(join(ours.root, 'config.json'), JSON.stringify(config));
    await ours.supervise();
    const before = { seconds: processorSeconds(ours.daemon()), starts: startsIn(ours.root) };
    await sleep(lookSeconds * 1_000);
    const busy = (processorSeconds(ours.daemon()) - before.seconds) / lookSeconds;
    const restarts = (startsIn(ours.root) - before.starts) / lookSeconds;
    await ours.end();
    return [
      {
        what: `a storm: ${bots} bots that crash at once, restart_delay 0.1 s`,
        ours: `${(busy * 100).toFixed(1)} % of a core, ${restarts.toFixed(1)} restarts/s`,
        peers: [],
        result: `${(busy * 100).toFixed(1)} %`,
        aim: `< ${aim * 100} % of a core`,
        holds: busy < aim,
      },
    ];
  },
};

function startsIn(root: string): number {
  const database = new Sqlite(join(root, 'memory', 'understudy.db'), { readonly: true });
  return Number(database.prepare('SELECT coalesce(sum(start_count), 0) FROM bots').pluck().get());
}
