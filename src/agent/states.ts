// The states of a branch and what moves it: the one table. Pure.

/** `waiting`: for a person, a release or a restart; its work goes on by itself when that has come. */
export type BranchStatus = 'running' | 'waiting' | 'idle' | 'completed';

/** What can happen to a branch. */
export type BranchEvent =
  /** There is something for the model. */
  | 'news'
  /** A person is asked, or the work was handed over to the watchdog. */
  | 'paused'
  /** The person has answered while the turn was still there. */
  | 'answered'
  /** The turn is over. */
  | 'rested'
  /** A person stopped the turn. */
  | 'stopped'
  /** A hook ended the branch. */
  | 'ended'
  /** Nobody has said anything for long. */
  | 'aged';

const table: Readonly<Record<BranchStatus, Readonly<Partial<Record<BranchEvent, BranchStatus>>>>> = {
  running: {
    news: 'running',
    paused: 'waiting',
    rested: 'idle',
    stopped: 'idle',
    ended: 'completed',
  },
  waiting: {
    news: 'running',
    answered: 'running',
    stopped: 'idle',
    ended: 'completed',
    aged: 'completed',
  },
  idle: { news: 'running', stopped: 'idle', ended: 'completed', aged: 'completed' },
  // Who replies to an old message goes on with its branch.
  completed: { news: 'running', ended: 'completed' },
};

/**
 * The status after an event; undefined where the event means nothing, and the branch stays as it is. A branch that still
 * awaits what replaces its process, or the answer to a question, does not rest, it waits.
 */
export function nextStatus(
  status: BranchStatus,
  event: BranchEvent,
  isAwaiting = false,
): BranchStatus | undefined {
  const next = table[status][event];
  return next === 'idle' && event === 'rested' && isAwaiting ? 'waiting' : next;
}
