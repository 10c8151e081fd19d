// Ends the processes of git: politely, then by force, and returns when none of them lives. Whoever is signalled is the
// leader of the group that we started, lives in that group, or carries the mark of this very update.

import { Failure } from '../../../tool.ts';
import {
  findByVariable,
  groupMembers,
  isAlive,
  type ProcessIdentity,
  startOf,
  waitUntil,
} from '../../base/index.ts';
import { updateVariable } from './environment.ts';

const graceMs = 2_000;
/** SIGKILL is not asked for twice, but a kernel that is busy needs a moment to carry it out. */
const afterForceMs = 5_000;

/** Ends what carries the mark, and the group of the leader. True when there was something. */
export async function endGit(mark: string, leader?: ProcessIdentity): Promise<boolean> {
  const look = () => livingOf(mark, leader);
  if (look().length === 0) return false;
  send(look(), leader, 'SIGTERM');
  if (await waitUntil(() => look().length === 0, graceMs)) return true;
  const hasEnded = await waitUntil(() => {
    // Whoever was born between two looks is ended too.
    const living = look();
    send(living, leader, 'SIGKILL');
    return living.length === 0;
  }, afterForceMs);
  if (hasEnded) return true;
  const pids = look().map(({ pid }) => pid);
  throw new Failure(
    'git_still_runs',
    `Git could not be ended: PID ${pids.join(', ')}.`,
    'It waits for a disk or a network drive. Mend that, or restart the machine.',
  );
}

function livingOf(mark: string, leader: ProcessIdentity | undefined): ProcessIdentity[] {
  const carriers = findByVariable(updateVariable, mark);
  const group = leader === undefined ? [] : groupMembers(leader.pid);
  // A group's number may belong to strangers once everybody of ours has left it.
  const isOurs = (leader !== undefined && isAlive(leader)) || group.some((pid) => carriers.includes(pid));
  return [...new Set([...carriers, ...(isOurs ? group : [])])].flatMap((pid) => {
    const start = startOf(pid);
    return start === undefined ? [] : [{ pid, start }];
  });
}

function send(
  living: readonly ProcessIdentity[],
  leader: ProcessIdentity | undefined,
  signal: NodeJS.Signals,
): void {
  // The group first, and at once: nobody in it can fork away between two signals.
  if (leader !== undefined && isAlive(leader)) sendTo(-leader.pid, signal);
  for (const identity of living) if (isAlive(identity)) sendTo(identity.pid, signal);
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in the meantime, or is another user's, which shows when it is waited for.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
