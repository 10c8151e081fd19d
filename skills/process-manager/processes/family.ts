// Everybody who belongs to a process: its command, its group, and those who carry its mark wherever they moved to. A
// family is remembered from look to look, by PID and start, since a member that threw its mark away can be told from a
// stranger only as long as somebody who is certainly ours lives in its group.

import { findByVariable, groupMembers, startOf } from '../base/index.ts';
import type { ProcessRow } from './row.ts';
import { livingCommand, livingShim, processVariable } from './settle.ts';

/** The family of one process. */
export interface Family {
  /** PIDs of all members that live, newly found ones too. */
  living(): number[];
  /** True when nobody is left. While somebody known lives, that is answered without a look at every process. */
  isGone(): boolean;
  /** Sends a signal to every member; to the group at once where that is possible. */
  send(signal: NodeJS.Signals): void;
}

/** Looks for the family of a process; what it finds it remembers. */
export function createFamily(row: ProcessRow): Family {
  const known = new Map<number, string>();
  const add = (pid: number) => {
    const start = startOf(pid);
    if (start !== undefined) known.set(pid, start);
  };
  const living = () => {
    for (const [pid, start] of known) if (startOf(pid) !== start) known.delete(pid);
    for (const identity of [livingShim(row), livingCommand(row)]) if (identity) add(identity.pid);
    for (const pid of findByVariable(processVariable, row.id)) add(pid);
    if (row.shimPid !== null) {
      const group = groupMembers(row.shimPid);
      if (group.some((pid) => known.has(pid))) group.forEach(add);
    }
    return [...known.keys()];
  };
  return {
    living,
    isGone: () => [...known].every(([pid, start]) => startOf(pid) !== start) && living().length === 0,
    send(signal) {
      const members = living();
      // The group first, and at once: nobody in it can fork away between two signals. It is ours also when the shim has
      // gone, as long as somebody lives in it who is certainly ours: until then nobody else can get its number.
      const group = row.shimPid === null ? [] : groupMembers(row.shimPid);
      const isOurs = livingShim(row) !== undefined || group.some((pid) => known.has(pid));
      const reached = new Set(isOurs ? group : []);
      if (isOurs && row.shimPid !== null) sendSignal(-row.shimPid, signal);
      for (const pid of members) if (!reached.has(pid)) sendSignal(pid, signal);
    },
  };
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in the meantime, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
