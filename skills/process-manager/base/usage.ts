// What process groups use of the machine: one look at all of them together, since a look is a walk through /proc.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What the living members of a process group use. */
export interface Usage {
  /** CPU time that they have used since they started. */
  readonly cpuMs: number;
  /** Resident memory, what they share counted for each of them. */
  readonly memoryBytes: number;
  readonly processes: number;
}

/** Linux counts CPU time in hundredths of a second whatever the machine: USER_HZ is part of its interface. */
const msPerTick = 10;

/** The usage of each of these groups that has living members. */
export function usageOfGroups(groups: ReadonlySet<number>): Map<number, Usage> {
  const found = new Map<number, Usage>();
  if (groups.size === 0) return found;
  for (const { group, cpuMs, memoryBytes } of process.platform === 'linux' ? fromProc(groups) : fromPs()) {
    if (!groups.has(group)) continue;
    const before = found.get(group) ?? { cpuMs: 0, memoryBytes: 0, processes: 0 };
    found.set(group, {
      cpuMs: before.cpuMs + cpuMs,
      memoryBytes: before.memoryBytes + memoryBytes,
      processes: before.processes + 1,
    });
  }
  return found;
}

/** Percent of one core between two looks; null where one of them found nothing. */
export function cpuBetween(
  first: Usage | undefined,
  second: Usage | undefined,
  elapsedMs: number,
): number | null {
  if (!first || !second || elapsedMs <= 0) return null;
  // A child that ended between the two looks took its time with it.
  return Math.max(0, Math.round(((second.cpuMs - first.cpuMs) / elapsedMs) * 1_000) / 10);
}

interface Member {
  readonly group: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

function fromProc(groups: ReadonlySet<number>): Member[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const group = Number(fields[2]);
      if (!groups.has(group) || fields[0] === 'Z') return [];
      const cpuMs = (Number(fields[11]) + Number(fields[12])) * msPerTick;
      // The stat file counts pages, whose size only statm's reader would have to know as well; status says kB.
      const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'));
      return [{ group, cpuMs, memoryBytes: Number(resident?.[1] ?? 0) * 1024 }];
    } catch {
      // It ended between the listing and the look.
      return [];
    }
  });
}

function fromPs(): Member[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,rss=,time='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [group, kilobytes, time] = line.trim().split(/\s+/);
    if (time === undefined) return [];
    const seconds = time.split(/[:-]/).reduce((total, part) => total * 60 + Number(part), 0);
    return [{ group: Number(group), cpuMs: seconds * 1_000, memoryBytes: Number(kilobytes) * 1024 }];
  });
}
