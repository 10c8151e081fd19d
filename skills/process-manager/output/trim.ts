// Keeps a log small: beyond the limit, only its newest half is kept, while programs go on writing to it. No line that
// is written meanwhile is lost or torn, logical offsets stay what they were, and a trimmer that is killed at any step
// leaves a log that readers still understand and that the next call puts in order.
//
// How: the file system drops the front by itself (trim-collapse.ts), or the writers are held while the kept half is
// copied down (trim-copy.ts). Both record their intent in the sidecar (log-state.ts) before each step.

import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { isMissing, MARK_BYTES, readSidecar, type TrimMethod, tailPath } from './log-state.ts';
import { collapse, collapsibleCut, repairCollapse } from './trim-collapse.ts';
import { copyDown, repairCopy } from './trim-copy.ts';
import { whileLocked } from './trim-lock.ts';
import { sizeOf, type TrimTarget } from './trim-record.ts';

/** Where trimming begins. */
const TRIM_LIMIT_BYTES = 512 * 1024;

export interface TrimOptions {
  /** Size beyond which the log is trimmed to half of it. */
  readonly limit?: number;
  /** Nothing at or behind this logical offset is removed: a follower's `position`, once its offset is stored. */
  readonly keepFrom?: number;
  /**
   * Holds every process that writes to this log, and returns what lets them go. It must return only when each of them
   * has really stopped (state T), for a signal takes a moment; and it must not let go whom the user has paused. After
   * a trimmer was killed it is called again just to let them go.
   */
  readonly pauseWriters: () => () => void;
  /** Insists on one way; else the better one that works here is taken. */
  readonly method?: TrimMethod;
  /** Called between any two steps, so that tests can kill the trimmer there. */
  readonly step?: (name: string) => void;
}

export interface TrimResult {
  readonly removedBytes: number;
  /**
   * `trimmed` by the way named in `method`; `fits`: not over the limit; `held`: `keepFrom` leaves too little to remove;
   * `busy`: another trimmer is at work; `unsupported`: only with `method: 'collapse'`.
   */
  readonly outcome: 'trimmed' | 'fits' | 'held' | 'busy' | 'unsupported';
  readonly method?: TrimMethod;
}

/** Trims the log if it is over its limit; first ends a trim that was cut off, whatever the size. */
export function trimLog(path: string, options: TrimOptions): TrimResult {
  const { limit = TRIM_LIMIT_BYTES } = options;
  if (!needsWork(path, limit)) return { removedBytes: 0, outcome: 'fits' };
  return whileLocked(path, () => trimLocked(path, limit, options)) ?? { removedBytes: 0, outcome: 'busy' };
}

/** Two cheap looks, since this is asked of every log every second. */
function needsWork(path: string, limit: number): boolean {
  try {
    if (statSync(path).size > limit) return true;
    return withLog(path, 'r', (fd) => readSidecar(path, fd).sidecar.pending !== undefined);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function trimLocked(path: string, limit: number, options: TrimOptions): TrimResult {
  const { pauseWriters, step = () => {} } = options;
  return withLog(path, 'r+', (fd) => {
    const target = (): TrimTarget => {
      return { path, fd, pauseWriters, step, sidecar: readSidecar(path, fd).sidecar };
    };
    const repairedBytes = repair(target());
    // Left by a trimmer that was killed right before it would have deleted it.
    rmSync(tailPath(path), { force: true });
    const result = trimTarget(target(), limit, options);
    return { ...result, removedBytes: repairedBytes + result.removedBytes };
  });
}

function repair(target: TrimTarget): number {
  const { pending } = target.sidecar;
  if (pending === undefined) return 0;
  if (pending.method === 'copy') return repairCopy(target, pending);
  return repairCollapse(target, pending) ? pending.cut : 0;
}

function trimTarget(target: TrimTarget, limit: number, { keepFrom, method }: TrimOptions): TrimResult {
  const size = sizeOf(target.fd);
  if (size <= limit) return { removedBytes: 0, outcome: 'fits' };
  const removable = Math.min(size, (keepFrom ?? Number.POSITIVE_INFINITY) - target.sidecar.removed);
  const cut = Math.min(size - Math.floor(limit / 2), removable);
  // Cutting off a little at each call would cost more than it frees.
  if (cut < Math.max(limit / 4, MARK_BYTES)) return { removedBytes: 0, outcome: 'held' };
  if (method !== 'copy') {
    const blocks = collapsibleCut(target, cut);
    if (blocks > 0 && collapse(target, blocks)) {
      return { removedBytes: blocks, outcome: 'trimmed', method: 'collapse' };
    }
    if (method === 'collapse') return { removedBytes: 0, outcome: 'unsupported' };
  }
  // The writers stand still for as long as it takes to copy what is kept; that must not be more than is gained.
  if (size - cut > Math.max(cut, limit)) return { removedBytes: 0, outcome: 'held' };
  return { removedBytes: copyDown(target, cut, removable), outcome: 'trimmed', method: 'copy' };
}

function withLog<Result>(path: string, flags: 'r' | 'r+', use: (fd: number) => Result): Result {
  const fd = openSync(path, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
