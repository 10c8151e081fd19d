// Trims where the file system cannot: the writers are held, the kept half is copied to `<log>.tail`, from there to the
// front of the same file, and the rest is cut off. The file stays the same inode, so whoever has it open writes on at
// its end.
//
// A crash: the sidecar says `pausing` before the writers are held and `resuming` until they are let go, so the next
// call knows to let them go. At `copying` the kept half is safe in `<log>.tail` and everything is done once more from
// there. At `truncating` a mark stands behind the new front; if it is still there, the end was not cut off and the
// same is done again; if it is gone, only the record is missing. Bytes that somebody wrote behind the size in the
// record are added to the kept half first, so they survive too.

import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { Failure } from '../../tool.ts';
import { hasHappened, type Pending, tailPath } from './log-state.ts';
import {
  copyBytes,
  isLineStart,
  newMark,
  settled,
  sizeOf,
  type TrimTarget,
  writeMark,
  writeSidecar,
} from './trim-record.ts';

type Copy = Extract<Pending, { method: 'copy' }>;

/** Writers that are held write nothing; this many rounds of catching up mean that they are not held. */
const MOST_ROUNDS = 20;

/** Removes at least `cut` bytes from the front, up to the next line start before `limit`; the number removed. */
export function copyDown(target: TrimTarget, cut: number, limit: number): number {
  const { fd, step } = target;
  const exact = nextLineStart(fd, cut, limit) ?? cut;
  const pausing: Copy = {
    method: 'copy',
    phase: 'pausing',
    cut: exact,
    startsWhole: isLineStart(fd, exact),
    mark: newMark(),
    size: sizeOf(fd),
  };
  record(target, pausing);
  step('copy: about to pause');
  const resume = target.pauseWriters();
  try {
    step('copy: paused');
    const pending: Copy = { ...pausing, phase: 'copying', size: sizeOf(fd) };
    extendTail(target, pending, 0);
    step('copy: tail saved');
    record(target, pending);
    step('copy: recorded');
    finishCopy(target, pending);
  } finally {
    resume();
  }
  settle(target, pausing);
  return exact;
}

/** Ends a copy that was cut off, and lets the writers go. */
export function repairCopy(target: TrimTarget, pending: Copy): number {
  const resume = target.pauseWriters();
  const isUnderWay = pending.phase === 'copying' || pending.phase === 'truncating';
  try {
    if (isUnderWay) finishCopy(target, pending);
  } finally {
    resume();
  }
  if (pending.phase !== 'pausing') {
    settle(target, pending);
    return pending.cut;
  }
  writeSidecar(target, settled(target.sidecar, target.sidecar.removed, target.sidecar.startsWhole));
  return 0;
}

/** From the saved tail to a shortened log; what it finds done already is not done again. */
function finishCopy(target: TrimTarget, start: Copy): void {
  const { fd, step } = target;
  const truncating = hasHappened(fd, start) ? start : moveDown(target, start);
  if (truncating !== start) {
    ftruncateSync(fd, truncating.size - truncating.cut);
    step('copy: truncated');
  }
  fsyncSync(fd);
  const { sidecar } = target;
  const removed = sidecar.removed + truncating.cut;
  // `removed` and `phase` change together, in one file: a reader never counts the cut twice.
  writeSidecar(target, {
    ...settled(sidecar, removed, truncating.startsWhole),
    pending: { ...truncating, phase: 'resuming' },
  });
  step('copy: about to resume');
}

/** Copies the tail to the front and marks what is behind it, until nothing has been added meanwhile. */
function moveDown(target: TrimTarget, start: Copy): Copy {
  const { fd, path, step } = target;
  let pending: Copy = { ...start, phase: 'copying' };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const size = sizeOf(fd);
    if (size > pending.size || start.phase === 'truncating') {
      const saved = pending.size - pending.cut;
      pending = { ...pending, size };
      extendTail(target, pending, saved);
      record(target, pending);
    }
    const length = pending.size - pending.cut;
    const tail = openSync(tailPath(path), 'r');
    try {
      const half = Math.floor(length / 2);
      copyBytes({ fd: tail, position: 0 }, { fd, position: 0 }, half);
      step('copy: half moved');
      copyBytes({ fd: tail, position: half }, { fd, position: half }, length - half);
    } finally {
      closeSync(tail);
    }
    step('copy: moved');
    writeMark(fd, length, pending.mark);
    step('copy: marked');
    const truncating: Copy = { ...pending, phase: 'truncating' };
    record(target, truncating);
    step('copy: about to truncate');
    if (sizeOf(fd) === pending.size) return truncating;
    record(target, pending);
  }
  const hint = 'Hand in a pauseWriters that stops every process that writes to this log before it returns.';
  throw new Failure(
    'writers_not_paused',
    `${target.path} kept growing although its writers were held.`,
    hint,
  );
}

/** Saves the bytes from `cut + saved` to `size` in `<log>.tail`, behind those that are there. */
function extendTail({ path, fd }: TrimTarget, { cut, size }: Copy, saved: number): void {
  const tail = openSync(tailPath(path), saved === 0 ? 'w' : 'r+');
  try {
    copyBytes({ fd, position: cut + saved }, { fd: tail, position: saved }, size - cut - saved);
    fsyncSync(tail);
  } finally {
    closeSync(tail);
  }
}

function settle(target: TrimTarget, { cut, startsWhole }: Copy): void {
  const { sidecar } = target;
  const removed = sidecar.pending?.phase === 'resuming' ? sidecar.removed : sidecar.removed + cut;
  target.step('copy: resumed');
  writeSidecar(target, settled(sidecar, removed, startsWhole));
  target.step('copy: settled');
  rmSync(tailPath(target.path), { force: true });
}

function record(target: TrimTarget, pending: Copy): void {
  writeSidecar(target, { ...target.sidecar, pending });
}

/** The first line start from `from` on and before `limit`. */
function nextLineStart(fd: number, from: number, limit: number): number | undefined {
  const block = Buffer.alloc(64 * 1024);
  for (let position = from - 1; position < limit - 1; ) {
    const count = readSync(fd, block, 0, Math.min(block.length, limit - 1 - position), position);
    if (count === 0) return undefined;
    const newline = block.subarray(0, count).indexOf(10);
    if (newline >= 0) return position + newline + 1;
    position += count;
  }
  return undefined;
}
