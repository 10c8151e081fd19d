// Who a PID is. PIDs come back, so a process is known by its PID and the moment it started; a zombie is not alive.
// Linux answers from /proc; elsewhere `ps` does. Nothing may be signalled without asking here first.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A PID and what tells its owner from any later owner of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot and start time, as `startOf` wrote it down when the process was started. */
  readonly start: string;
}

/** True when that very process exists and has not ended. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.start;
}

/** When a running process started, in words that no other owner of its PID shares; undefined when it has ended. */
export function startOf(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
}

function startFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${startTicks}`;
  } catch {
    return undefined;
  }
}

function startFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [, state, start] = /^(\S+)\s+(.+?)\s*$/m.exec(stdout ?? '') ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : start;
}
