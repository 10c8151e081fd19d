// `npm run bench [-- FAMILY…] [--long]`: measures what users feel, side by side with peers in the same run, because
// machines are noisy. Each file in families/ makes some rows of one table. The table of a whole run, with the machine
// and the versions, becomes bench/results.md; a run of some families is only printed.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adopt } from './families/adopt.ts';
import { capture } from './families/capture.ts';
import { commandLine } from './families/command-line.ts';
import { exitToHook } from './families/exit-to-hook.ts';
import { idleMemory } from './families/idle-memory.ts';
import { lastLines } from './families/last-lines.ts';
import { loadMemory } from './families/load-memory.ts';
import { managerMemory } from './families/manager-memory.ts';
import { matching } from './families/matching.ts';
import { registrySize } from './families/registry-size.ts';
import { releases } from './families/releases.ts';
import { restartStorm } from './families/restart-storm.ts';
import { spawn } from './families/spawn.ts';
import { switching } from './families/switching.ts';
import { trimming } from './families/trimming.ts';
import { findPeers } from './managers/peers.ts';
import { type Family, pageOf, type Row } from './report.ts';
import { startBench } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import { makeWriter } from './support/writer.ts';

const families: readonly Family[] = [
  commandLine,
  capture,
  matching,
  trimming,
  lastLines,
  spawn,
  exitToHook,
  adopt,
  registrySize,
  releases,
  switching,
  idleMemory,
  managerMemory,
  restartStorm,
  loadMemory,
];

const words = process.argv.slice(2).filter((word) => word !== '--long');
const unknown = words.filter((word) => !families.some(({ name }) => name === word));
if (unknown.length > 0) {
  process.stderr.write(
    `No such family: ${unknown.join(', ')}. There are: ${families.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

const isLong = process.argv.includes('--long');
const patienceMs = isLong ? 2 * 3_600_000 : 240_000;
const bench = startBench({ isLong });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    bench.end();
    process.exit(130);
  });
}
try {
  const page = await measureAll(families.filter(({ name }) => words.length === 0 || words.includes(name)));
  if (words.length === 0) writeFileSync(join(import.meta.dirname, 'results.md'), page);
  process.stdout.write(page);
} finally {
  bench.end();
}
// Whatever of a family that hung would hold it open.
process.exit();

async function measureAll(chosen: readonly Family[]): Promise<string> {
  const machine = describeMachine();
  const peers = findPeers();
  const writer = makeWriter(bench);
  const rows: Row[] = [];
  const failures: string[] = [];
  const beganAt = performance.now();
  for (const family of chosen) {
    const startedAt = performance.now();
    try {
      rows.push(...(await inTime(family.measure({ bench, peers: peers.present, writer }))));
    } catch (error) {
      failures.push(`${family.name}: ${error instanceof Error ? error.message : String(error)}`);
      bench.say(error instanceof Error ? String(error.stack) : String(error));
    }
    bench.say(`${family.name}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  }
  const seconds = ((performance.now() - beganAt) / 1_000).toFixed(0);
  return pageOf({
    rows,
    failures,
    machine,
    notes: [
      `Peers: ${peers.notes.join('; ')}.`,
      `Everybody is measured in turns; figures are medians. The lines come from ${writer.kind}. All of it took ${seconds} s.`,
    ],
  });
}

/** Nobody waits for ever for a peer that hangs. */
async function inTime<T>(measured: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const give = () => reject(new Error(`it did not end within ${patienceMs / 1_000} s`));
    timer = setTimeout(give, patienceMs);
  });
  try {
    return await Promise.race([measured, late]);
  } finally {
    clearTimeout(timer);
  }
}
