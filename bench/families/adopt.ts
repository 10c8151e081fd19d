// A supervisor that was killed with -9, and its successor that finds 1,000 running processes: from the start of the new
// program until it is elected and every row is settled. And `understudy list` with as many rows.

import { spawnSync } from 'node:child_process';
import type { Peer } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import { pm2, pm2Command, pm2Environment } from '../managers/pm2.ts';
import type { Family, Row } from '../report.ts';
import { type Bench, until } from '../support/bench.ts';
import { duration, median } from '../support/numbers.ts';
import { timeOf } from './command-line.ts';

const count = 1_000;
const pm2Count = 50;
const rounds = 5;
const aimMs = 1_000;
const program = { name: 'idle', argv: ['sleep', '1000'] };

/** Adoption at start. */
export const adopt: Family = {
  name: 'adopt',
  measure: async ({ bench, peers }) => {
    const ours = startOurs(bench);
    await ours.supervise();
    await ours.define({ ...program, copies: count });
    await ours.up(program.name);
    const started: number[] = [];
    const settled: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await ours.killSupervisor();
      const { startedMs, settledMs } = await ours.supervise();
      if (!ours.engine.isSupervised()) throw new Error('the new supervisor was not elected at once');
      const kept = ours.engine.processes.registry.unfinished().length;
      if (kept !== count) throw new Error(`${kept} of ${count} processes were adopted`);
      started.push(startedMs);
      settled.push(settledMs);
    }
    const list = ['src/cli/understudy.js', '--root', ours.root, 'list'];
    const listed = median(Array.from({ length: rounds }, () => timeOf(list)));
    await ours.end();
    const [total, own] = [median(started), median(settled)];
    const rows: Row[] = [
      {
        what: 'adopt 1,000 processes at start',
        ours: `${duration(total)}, of which ${duration(total - own)} are the start of Node and of our code`,
        peers: await measurePm2(bench, peers),
        result: duration(total),
        aim: `≤ ${duration(aimMs)}`,
        holds: total <= aimMs,
        why: `Settling takes ${duration(own)}, the start of Node, tsx and our code ${duration(total - own)}.`,
      },
      {
        what: '`understudy list` with 1,000 running processes',
        ours: duration(listed),
        peers: [],
        result: duration(listed),
        aim: '',
      },
    ];
    return rows;
  },
};

/** It starts everything anew; there is nothing that it adopts. */
async function measurePm2(bench: Bench, peers: readonly Peer[]): Promise<string[]> {
  if (!peers.includes(pm2)) return [];
  const manager = await pm2.start(bench);
  await manager.define({ ...program, copies: pm2Count });
  await manager.up(program.name);
  await manager.save();
  const options = {
    env: { ...manager.mark.environment, ...pm2Environment(manager.home) },
    stdio: 'ignore',
  } as const;
  spawnSync(process.execPath, [pm2Command, 'kill'], options);
  const startedAt = performance.now();
  spawnSync(process.execPath, [pm2Command, 'resurrect'], options);
  const running = () => manager.mark.pids().length - manager.helpers().length;
  await until('pm2 has started them again', () => running() === pm2Count);
  const ms = performance.now() - startedAt;
  await manager.end();
  return [
    `\`pm2 resurrect\` of ${pm2Count}, which starts them anew: ${duration(ms)}; scaled to 1,000: about ${duration((ms * count) / pm2Count)}`,
  ];
}
