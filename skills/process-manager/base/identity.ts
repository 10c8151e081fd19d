// Who a PID is. PIDs come back, so a process is known by its PID and the moment it started; a zombie is not alive.
// Linux answers from /proc; elsewhere `ps` does. Nothing may be signalled without asking here first.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Where /proc/PID/stat has the number of threads, counted from the state on. */
const threadsField = 17;

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

/** True of a start that was written down before the machine was started the last time, where that can be told. */
export function isFromEarlierBoot(start: string): boolean {
  return process.platform === 'linux' && start.includes(':') && !start.startsWith(`${bootId()}:`);
}

/** The living processes of a process group. */
export function groupMembers(group: number): number[] {
  if (process.platform !== 'linux') {
    return psTable(['pgid=', 'pid=', 'state='])
      .filter(([pgid, , state]) => Number(pgid) === group && !state?.startsWith('Z'))
      .map(([, pid]) => Number(pid));
  }
  return allPids().filter((pid) => {
    const fields = statOf(pid);
    return fields !== undefined && Number(fields[2]) === group && !isDead(fields);
  });
}

/** The living processes that have a variable with this value in their environment, wherever they moved to. */
export function findByVariable(name: string, value: string): number[] {
  return carriersOf(name).get(value) ?? [];
}

/** Every value that a variable has in the environment of a living process, and the processes that carry it. */
export function carriersOf(name: string): Map<string, number[]> {
  const carriers = new Map<string, number[]>();
  for (const [pid, environment] of environments()) {
    const entry = environment.find((text) => text.startsWith(`${name}=`));
    if (entry === undefined) continue;
    const value = entry.slice(name.length + 1);
    carriers.set(value, [...(carriers.get(value) ?? []), pid]);
  }
  return carriers;
}

function environments(): (readonly [number, string[]])[] {
  if (process.platform !== 'linux') {
    return psTable(['pid=', 'state=', 'command='], 'Eww')
      .filter(([, state]) => !state?.startsWith('Z'))
      .map(([pid, , ...words]) => [Number(pid), words]);
  }
  return allPids().map((pid) => {
    try {
      return [pid, readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')];
    } catch {
      // It has ended meanwhile, or belongs to another user: not one of ours.
      return [pid, []];
    }
  });
}

/** True of a process that was stopped, or has ended: in either case it does nothing now. */
export function isStopped(pid: number): boolean {
  const state =
    process.platform === 'linux'
      ? statOf(pid)?.[0]
      : psTable(['pid=', 'state=']).find(([own]) => Number(own) === pid)?.[1];
  return state === undefined || /^[TtZXx]/.test(state);
}

/** The process that started this one; undefined when it has ended. */
export function parentOf(pid: number): number | undefined {
  if (process.platform !== 'linux') {
    const found = psTable(['pid=', 'ppid=']).find(([own]) => Number(own) === pid);
    return found ? Number(found[1]) : undefined;
  }
  const fields = statOf(pid);
  return fields ? Number(fields[1]) : undefined;
}

function startFromProc(pid: number): string | undefined {
  const fields = statOf(pid);
  if (!fields || isDead(fields)) return undefined;
  return `${bootId()}:${fields[19]}`;
}

/** The fields of /proc/PID/stat from the state on: state, parent, group, … start time at 19. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A process whose first thread has ended lives on in the others, and so do the ports and files that it holds. */
function isDead([state, ...rest]: readonly (string | undefined)[]): boolean {
  if (state === 'X' || state === 'x') return true;
  return state === 'Z' && Number(rest[threadsField - 1]) <= 1;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function allPids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function startFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [, state, start] = /^(\S+)\s+(.+?)\s*$/m.exec(stdout ?? '') ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : start;
}

function psTable(columns: readonly string[], flags = ''): string[][] {
  const { stdout } = spawnSync('ps', [`-A${flags}`, '-o', columns.join(',')], { encoding: 'utf8' });
  return (stdout ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.length >= columns.length);
}
