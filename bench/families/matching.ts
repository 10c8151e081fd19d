// What one watched pattern costs: the writer with and without a hook on its output, whether the hook saw every line
// that it should, and how fast the matcher is by itself.

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  compilePattern,
  createBlockReader,
  createFollower,
  createMatcher,
} from '../../skills/process-manager/output/index.ts';
import { type Ours, startOurs } from '../managers/ours.ts';
import type { Family, Row, Surroundings } from '../report.ts';
import { until } from '../support/bench.ts';
import { alternate, duration, median, ratiosOf, spread, times } from '../support/numbers.ts';
import { errorEvery, lineBytes, type Mode, type Writer } from '../support/writer.ts';

const pattern = String.raw`ERROR worker-\d+`;
const writerAim = 1.05;
const speedAim = 100;
const chunkBytes = 1024 * 1024;

/** What is written, how often; at a given rate the writer's own time says nothing. */
interface Load {
  readonly mode: Mode;
  readonly lines: number;
  readonly what: string;
  readonly rounds: number;
}

const loads: readonly Load[] = [
  { mode: 'block', lines: 2_000_000, what: '2,000,000 lines in block writes', rounds: 7 },
  { mode: 'line', lines: 2_000_000, what: '2,000,000 lines, a flush for each', rounds: 5 },
  { mode: 200_000, lines: 1_000_000, what: '200,000 lines a second for 5 s', rounds: 1 },
  { mode: 500_000, lines: 3_000_000, what: '500,000 lines a second for 6 s', rounds: 1 },
];

/** Hooks on output. */
export const matching: Family = {
  name: 'matching',
  measure: async (surroundings) => {
    const ours = startOurs(surroundings.bench);
    await ours.supervise();
    const rows: Row[] = [];
    for (const load of loads) rows.push(...(await measureWatched(surroundings, ours, load)));
    await ours.end();
    rows.push(await measureMatcher(surroundings));
    return rows;
  },
};

/** A writer without and with a hook. */
async function measureWatched(surroundings: Surroundings, ours: Ours, load: Load): Promise<Row[]> {
  const folder = surroundings.bench.makeFolder('matching');
  const complaintsBefore = ours.complaints().length;
  const watched: { lost: number; lagMs: number }[] = [];
  const values = await alternate(load.rounds, [
    {
      name: 'watched',
      measure: async () => {
        const { ms, ...rest } = await runOnce(surroundings.writer, ours, load, folder, true);
        watched.push(rest);
        return ms;
      },
    },
    {
      name: 'unwatched',
      rounds: typeof load.mode === 'number' ? 0 : load.rounds,
      measure: async () => (await runOnce(surroundings.writer, ours, load, folder, false)).ms,
    },
  ]);
  const lost = watched.reduce((sum, run) => sum + run.lost, 0);
  const trimmed = ours
    .complaints()
    .slice(complaintsBefore)
    .filter((line) => line.includes('trimmed away')).length;
  const seen: Row = {
    what: `matching lines that a hook did not see: ${load.what}`,
    ours: `${lost} of ${(load.rounds * load.lines) / errorEvery}; all read ${duration(median(watched.map(({ lagMs }) => lagMs)))} after the writer ended`,
    peers: [],
    result: `${lost} lost`,
    aim: '0 lost',
    holds: lost === 0,
    why: `The supervisor said ${trimmed} times that output was trimmed away unread: beyond mostBytes (supervisor/upkeep.ts) a log is trimmed although its hooks have not read it.`,
  };
  if (typeof load.mode === 'number') return [seen];
  const ratios = ratiosOf(values.get('watched'), values.get('unwatched'));
  const ratio = median(ratios);
  return [
    {
      what: `writer with a pattern watching: ${load.what}`,
      ours: duration(median(values.get('watched'))),
      peers: [`ours unwatched ${duration(median(values.get('unwatched')))}`],
      result: times(ratio),
      aim: `unchanged: ≤ ${times(writerAim)}`,
      holds: ratio <= writerAim,
      why: `${spread(ratios)} The supervisor reads and matches at the same time, and takes one of the ${availableParallelism()} processors.`,
    },
    seen,
  ];
}

async function runOnce(writer: Writer, ours: Ours, load: Load, folder: string, isWatched: boolean) {
  const { hooks, processes } = ours.engine;
  const [result, go] = [join(folder, 'took'), join(folder, 'go')];
  rmSync(go, { force: true });
  const { argv, took } = writer.job(load.mode, load.lines, result, go);
  const row = await ours.spawn(argv);
  if (isWatched) {
    hooks.add({
      processId: row.id,
      trigger: { type: 'on_output_match', pattern },
      action: 'inject_context',
      message: null,
      delaySeconds: 0,
      maxFires: 0,
      creator: { id: 'bench', name: 'bench', surface: 'system', rights: ['operate'] },
    });
    // The supervisor begins to follow it before it writes.
    await sleep(300);
  }
  writeFileSync(go, '');
  const ms = await took();
  const endedAt = performance.now();
  await processes.waitForEnd(row, 60_000);
  await until('all output was matched', () => !hooks.watched().includes(row.id), 120_000);
  const lagMs = performance.now() - endedAt;
  const fires = hooks.ofProcess(row.id)[0]?.fireCount ?? 0;
  rmSync(row.stdoutLog, { force: true });
  return { ms, lagMs, lost: load.lines / errorEvery - fires };
}

/** The matcher alone, from memory and from a file, against grep. */
async function measureMatcher({ bench, writer }: Surroundings): Promise<Row> {
  const folder = bench.makeFolder('matcher');
  const path = join(folder, 'log');
  const lines = 2_000_000;
  const { argv } = writer.job('block', lines, join(folder, 'took'));
  spawnSync('sh', ['-c', 'log=$1; shift; exec "$@" >"$log"', 'sh', path, ...argv]);
  const bytes = readFileSync(path);
  const matcher = createMatcher([{ id: 1, pattern: compilePattern(pattern) }]);
  const check = (found: number) => {
    if (found !== lines / errorEvery) throw new Error(`${found} lines matched`);
  };
  const values = await alternate(5, [
    {
      name: 'memory',
      measure: async () =>
        timeOf(() => {
          const reader = createBlockReader(0);
          let found = 0;
          for (let from = 0; from < bytes.length; from += chunkBytes)
            for (const block of reader.push(bytes.subarray(from, from + chunkBytes)))
              found += matcher.match(block).length;
          check(found);
        }),
    },
    {
      name: 'file',
      measure: async () =>
        timeOf(() => {
          const follower = createFollower(path, 0);
          let found = 0;
          for (let more = true; more; ) {
            const read = follower.read({ maxBytes: chunkBytes });
            for (const block of read.blocks) found += matcher.match(block).length;
            ({ more } = read);
          }
          check(found);
        }),
    },
    {
      name: 'grep',
      measure: async () =>
        timeOf(() => check(Number(spawnSync('grep', ['-cE', 'ERROR worker-[0-9]+', path]).stdout))),
    },
  ]);
  const speed = (name: string) => (lines * lineBytes) / median(values.get(name)) / 1_000;
  return {
    what: 'speed of the matcher with one pattern',
    ours: `${speed('memory').toFixed(0)} MB/s; with reading the file ${speed('file').toFixed(0)} MB/s`,
    peers: [`\`grep -cE\` ${speed('grep').toFixed(0)} MB/s`],
    result: `${speed('memory').toFixed(0)} MB/s`,
    aim: `≥ ${speedAim} MB/s`,
    holds: speed('memory') >= speedAim,
  };
}

function timeOf(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
