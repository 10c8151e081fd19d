// What both ways of trimming share: the sidecar's atomic replacement, the random mark, and the looks at a log that
// decide where it may be cut. Only the holder of the log's lock calls any of it.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MARK_BYTES, type Sidecar, sidecarPath } from './log-state.ts';

/** A log that is being trimmed. */
export interface TrimTarget {
  readonly path: string;
  /** Open for reading and writing, not for appending. */
  readonly fd: number;
  readonly sidecar: Sidecar;
  /** Holds the writers; what it returns lets them go on. */
  readonly pauseWriters: () => () => void;
  /** Called between any two steps, so that tests can kill the trimmer there. */
  readonly step: (name: string) => void;
}

/** Replaces the sidecar; afterwards the old one or this one is on the disk, whatever happens. */
export function writeSidecar(target: TrimTarget, sidecar: Sidecar): void {
  const path = sidecarPath(target.path);
  writeFileSync(`${path}.new`, `${JSON.stringify(sidecar)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
  // Without this a power cut could bring back the intent of a step that has been taken since.
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The sidecar when a trim is over. */
export function settled({ file }: Sidecar, removed: number, startsWhole: boolean): Sidecar {
  return { file, removed, startsWhole };
}

/** A mark that no program prints. */
export function newMark(): string {
  return randomBytes(MARK_BYTES).toString('hex');
}

/** Puts a mark into bytes that are given up, and onto the disk. */
export function writeMark(fd: number, position: number, mark: string): void {
  writeSync(fd, Buffer.from(mark, 'hex'), 0, MARK_BYTES, position);
  fsyncSync(fd);
}

/** True when a line ends right before this position. */
export function isLineStart(fd: number, position: number): boolean {
  const byte = Buffer.alloc(1);
  return position === 0 || (readSync(fd, byte, 0, 1, position - 1) === 1 && byte[0] === 10);
}

/** The present size of an open file. */
export function sizeOf(fd: number): number {
  return fstatSync(fd).size;
}

/** Copies within and between files in bounded memory; positions of one file must not overlap. */
export function copyBytes(
  from: { readonly fd: number; readonly position: number },
  to: { readonly fd: number; readonly position: number },
  length: number,
): void {
  const buffer = Buffer.allocUnsafe(Math.min(length, 1024 * 1024));
  for (let done = 0; done < length; ) {
    const count = readSync(from.fd, buffer, 0, Math.min(buffer.length, length - done), from.position + done);
    if (count === 0) throw new Error(`a file ended ${length - done} bytes early while it was copied`);
    let written = 0;
    while (written < count)
      written += writeSync(to.fd, buffer, written, count - written, to.position + done + written);
    done += count;
  }
}
