// Files that have to be whole after a power cut: written beside their place, forced to the disk, renamed, and the
// rename forced too. Whoever reads finds the old content or the new one, never a part.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { startOf } from './identity.ts';

/** True of a temporary file whose writer was killed before its rename: its PID stands in the name. */
export function isAbandoned(name: string): boolean {
  const pid = Number(/\.(\d+)\.new$/.exec(name)?.[1] ?? Number.NaN);
  return !Number.isNaN(pid) && (pid === process.pid || startOf(pid) === undefined);
}

/** Replaces a file, or makes it. */
export function replaceDurably(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    writeFileSync(temporary, content, { flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Renames within one file system, for good. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) syncFolder(dirname(from));
}

/** Forces the names in a folder to the disk. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
