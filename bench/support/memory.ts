// How much memory processes take, and how busy they are. PSS shares the pages that several processes use among them; RSS counts them for each.

import { readFileSync } from 'node:fs';

/** The sum of what is really added by these processes. */
export function pssOf(pids: readonly number[]): number {
  return sum(pids, 'smaps_rollup', /^Pss:\s+(\d+) kB$/m);
}

/** The sum of what tools such as `top` show. */
export function rssOf(pids: readonly number[]): number {
  return sum(pids, 'status', /^VmRSS:\s+(\d+) kB$/m);
}

/** Seconds of processor time that a process has used so far. */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // User and system time, in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sum(pids: readonly number[], file: string, pattern: RegExp): number {
  let total = 0;
  for (const pid of pids) {
    try {
      total += Number(pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0) * 1024;
    } catch {
      // It ended meanwhile.
    }
  }
  return total;
}
