// The last 50 lines of a log of 1 GB, against `tail -n 50`.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { lastLines as readLastLines } from '../../skills/process-manager/output/index.ts';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { alternate, duration, median, times } from '../support/numbers.ts';
import { lineBytes } from '../support/writer.ts';
import { timeOf } from './command-line.ts';

const count = 50;
const lines = 1_000_000_000 / lineBytes;
const aim = 2;

/** Reading the end of a large log. */
export const lastLines: Family = {
  name: 'last-lines',
  measure: async ({ bench, writer }) => {
    // Nobody supervises this instance, so the log is not trimmed.
    const ours = startOurs(bench);
    const { argv, took } = writer.job('block', lines, join(bench.makeFolder('last-lines'), 'took'));
    const row = await ours.spawn(argv);
    await took();
    await ours.engine.processes.waitForEnd(row, 60_000);
    const command = ['src/cli/understudy.js', '--root', ours.root, 'logs', row.id, '--lines', String(count)];
    const values = await alternate(15, [
      {
        name: 'ours',
        measure: async () => {
          const startedAt = performance.now();
          if (readLastLines(row.stdoutLog, count).length !== count) throw new Error('lines are missing');
          return performance.now() - startedAt;
        },
      },
      {
        name: 'tail',
        measure: async () => {
          const startedAt = performance.now();
          spawnSync('tail', ['-n', String(count), row.stdoutLog]);
          return performance.now() - startedAt;
        },
      },
      { name: 'command', rounds: 5, measure: async () => timeOf(command) },
    ]);
    await ours.end();
    const [mine, tail] = [median(values.get('ours')), median(values.get('tail'))];
    return [
      {
        what: 'last 50 lines of a log of 1 GB',
        ours: `${duration(mine)}; the whole command \`understudy logs\` ${duration(median(values.get('command')))}`,
        peers: [`\`tail -n 50\`, its start included, ${duration(tail)}`],
        result: `${times(mine / tail)} of tail`,
        aim: `≤ ${aim} ×`,
        holds: mine <= aim * tail,
      },
    ];
  },
};
