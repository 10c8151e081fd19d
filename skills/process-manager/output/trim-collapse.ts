// Trims by letting the file system drop whole blocks from the front of the file (`fallocate --collapse-range`; ext4 and
// xfs). The kernel does that in one step between two writes, so the writers run on and nothing of theirs is touched.
//
// A crash: the sidecar is `marking` until the mark is on the disk, so nothing was collapsed: put the head back. It is
// `collapsing` afterwards: the mark still being there says the same, its absence that all is done. A trimmer that is
// killed may leave its `fallocate` behind, so that runs on a hard link of its own: deleting the link stops one that
// has not opened it, and one that has is killed before the mark is believed.

import { spawnSync } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, readSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { Failure } from '../../tool.ts';
import { hasHappened, MARK_BYTES, type Pending } from './log-state.ts';
import {
  isLineStart,
  newMark,
  settled,
  sizeOf,
  type TrimTarget,
  writeMark,
  writeSidecar,
} from './trim-record.ts';

/** Looks for what a killed trimmer left, a millisecond apart. */
const MOST_ATTEMPTS = 2_000;

type Collapse = Extract<Pending, { method: 'collapse' }>;

/** The largest cut up to `limit` that can be collapsed; 0 when none can. */
export function collapsibleCut(target: TrimTarget, limit: number): number {
  if (process.platform !== 'linux') return 0;
  const { bsize } = statfsSync(target.path);
  const cut = Math.floor(limit / bsize) * bsize;
  return cut < sizeOf(target.fd) ? cut : 0;
}

/** Removes `cut` bytes from the front; false when the file system cannot, and then all is as it was. */
export function collapse(target: TrimTarget, cut: number): boolean {
  const { fd, sidecar, step } = target;
  const head = Buffer.alloc(MARK_BYTES);
  readSync(fd, head, 0, MARK_BYTES, 0);
  const pending: Collapse = {
    method: 'collapse',
    phase: 'marking',
    cut,
    startsWhole: isLineStart(fd, cut),
    mark: newMark(),
    head: head.toString('hex'),
  };
  step('collapse: about to record');
  writeSidecar(target, { ...sidecar, pending });
  step('collapse: recorded');
  writeMark(fd, 0, pending.mark);
  step('collapse: marked');
  const collapsing: Collapse = { ...pending, phase: 'collapsing' };
  writeSidecar(target, { ...sidecar, pending: collapsing });
  step('collapse: about to collapse');
  runFallocate(target, collapsing);
  step('collapse: collapsed');
  return settleCollapse(target, collapsing);
}

/** Ends a collapse that was cut off; true when the bytes are gone, false when all is as it was. */
export function repairCollapse(target: TrimTarget, pending: Collapse): boolean {
  rmSync(linkPath(target, pending), { force: true });
  endOrphans(pending.mark);
  return settleCollapse(target, pending);
}

function settleCollapse(target: TrimTarget, pending: Collapse): boolean {
  const { fd, sidecar, step } = target;
  if (hasHappened(fd, pending)) {
    writeSidecar(target, settled(sidecar, sidecar.removed + pending.cut, pending.startsWhole));
    step('collapse: settled');
    return true;
  }
  // The phase goes back first: while it says `collapsing`, a head without the mark would mean that it happened.
  if (pending.phase === 'collapsing')
    writeSidecar(target, { ...sidecar, pending: { ...pending, phase: 'marking' } });
  step('collapse: undoing');
  writeSync(fd, Buffer.from(pending.head, 'hex'), 0, MARK_BYTES, 0);
  step('collapse: undone');
  writeSidecar(target, settled(sidecar, sidecar.removed, sidecar.startsWhole));
  return false;
}

function runFallocate(target: TrimTarget, pending: Collapse): void {
  const link = linkPath(target, pending);
  try {
    linkSync(target.path, link);
    // Whether it worked is read from the mark alone.
    spawnSync('fallocate', ['--collapse-range', '--offset', '0', '--length', String(pending.cut), link]);
  } catch {
    // A file system without hard links: then there is no collapse either.
  } finally {
    rmSync(link, { force: true });
  }
}

function linkPath({ path }: TrimTarget, { mark }: Collapse): string {
  return `${path}.collapse-${mark}`;
}

/** Ends every process that has this mark among its arguments, and returns when none is left. */
function endOrphans(mark: string): void {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const orphans = readdirSync('/proc').filter(
      (pid) => /^\d+$/.test(pid) && argumentsOf(pid).includes(mark),
    );
    if (orphans.length === 0) return;
    for (const pid of orphans) {
      try {
        // The mark is random and younger than any reuse of a PID could be: nothing else can bear it.
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  const hint = 'The disk may hang; the log is whole, and trimming it is tried again later.';
  throw new Failure('trim_unfinished', 'A fallocate of a trimmer that was killed does not end.', hint);
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
