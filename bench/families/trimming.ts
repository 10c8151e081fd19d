// Lines that are lost while a log is trimmed under full load: every line is numbered, and every number is looked for.
// Ours by both of its ways; against `copytruncate` as logrotate does it, with a copy and a truncate.

import { copyFileSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFollower, trimLog } from '../../skills/process-manager/output/index.ts';
import type { ProcessRow } from '../../skills/process-manager/processes/index.ts';
import { type Ours, startOurs } from '../managers/ours.ts';
import type { Family, Row } from '../report.ts';
import { lineBytes, type Writer } from '../support/writer.ts';

const lines = 2_000_000;
const limit = 512 * 1024;

/** Lines that are lost. */
export const trimming: Family = {
  name: 'trimming',
  measure: async ({ bench, writer }) => {
    const ours = startOurs(bench);
    const folder = bench.makeFolder('trimming');
    const rows: Row[] = [];
    const rotated = await underLoad(ours, writer, folder, copyTruncate);
    for (const method of ['collapse', 'copy'] as const) {
      const mine = await underLoad(ours, writer, folder, (row) => trimAndRead(ours, row, method));
      rows.push({
        what: `lines lost of ${lines.toLocaleString('en')} while the log is trimmed under full load, by ${method === 'copy' ? 'copying' : 'collapsing'}`,
        ours: `${mine.lost} (trimmed ${mine.trims} times)`,
        peers: [`copytruncate by hand ${rotated.lost} (${rotated.trims} times)`],
        result: `${mine.lost} lost`,
        aim: '0 lost',
        holds: mine.lost === 0 && mine.trims > 0,
        why:
          mine.trims > 0
            ? 'Why is not known yet.'
            : 'The file system cannot do this, so nothing was trimmed.',
      });
    }
    await ours.end();
    return rows;
  },
};

/** Looks at a log once: how many lines were new and in order, and whether it was trimmed. */
type Look = () => { readonly seen: number; readonly trimmed: boolean };

async function underLoad(ours: Ours, writer: Writer, folder: string, begin: (row: ProcessRow) => Look) {
  const go = join(folder, 'go');
  rmSync(go, { force: true });
  const { argv } = writer.job('line', lines, join(folder, 'took'), go);
  const row = await ours.spawn(argv);
  const look = begin(row);
  copyFileSync('/dev/null', go);
  let [seen, trims] = [0, 0];
  for (let isLast = false; ; ) {
    const found = look();
    seen += found.seen;
    trims += Number(found.trimmed);
    if (isLast && found.seen === 0 && !found.trimmed) break;
    isLast = ours.engine.processes.settle(row).status !== 'running';
    await sleep(1);
  }
  rmSync(row.stdoutLog, { force: true });
  return { lost: lines - seen, trims };
}

/** Follows the log as a hook does, and trims what has been read. */
function trimAndRead(ours: Ours, row: ProcessRow, method: 'collapse' | 'copy'): Look {
  const follower = createFollower(row.stdoutLog, 0);
  const numbers = countInOrder();
  return () => {
    const { blocks } = follower.read();
    const seen = blocks.reduce((sum, { bytes }) => sum + numbers(bytes), 0);
    const { outcome } = trimLog(row.stdoutLog, {
      limit,
      method,
      keepFrom: follower.position,
      pauseWriters: () => ours.engine.processes.holdStill(row),
    });
    return { seen, trimmed: outcome === 'trimmed' };
  };
}

function copyTruncate(row: ProcessRow): Look {
  const numbers = countInOrder();
  const copy = `${row.stdoutLog}.1`;
  return () => {
    if (statSync(row.stdoutLog).size === 0) return { seen: 0, trimmed: false };
    copyFileSync(row.stdoutLog, copy);
    truncateSync(row.stdoutLog);
    return { seen: numbers(readFileSync(copy)), trimmed: true };
  };
}

/** Counts whole lines whose number is higher than that of all lines before. */
function countInOrder(): (bytes: Buffer) => number {
  let highest = 0;
  return (bytes) => {
    let counted = 0;
    for (let from = 0; from + lineBytes <= bytes.length; from += lineBytes) {
      const number = numberAt(bytes, from);
      if (bytes[from + lineBytes - 1] !== 10 || !(number > highest)) continue;
      highest = number;
      counted += 1;
    }
    return counted;
  };
}

function numberAt(bytes: Buffer, from: number): number {
  let number = 0;
  for (let index = from; index < from + 10; index++) number = number * 10 + (bytes[index] ?? 0) - 48;
  return number;
}
