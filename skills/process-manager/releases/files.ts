// Acts on files that staging and reverting share: removing what was built, forcing it to the disk, and saying what is
// wrong when the disk refuses.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure, isFailure } from '../../tool.ts';
import type { Pace } from './pace.ts';

/** Removes a tree, link by link, so that others of this process run on meanwhile; nothing there is nothing to do. */
export async function removeTree(path: string, pace: Pace): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    unlinkSync(path);
    return;
  }
  if ((stats.mode & 0o700) !== 0o700) chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (pace.isDue()) await pace.rest();
    const child = join(path, entry.name);
    if (entry.isDirectory()) await removeTree(child, pace);
    else unlinkSync(child);
  }
  rmdirSync(path);
}

/** Forces everything below a folder to the disk: the whole file system at once where that can be asked for. */
export async function syncTree(path: string): Promise<void> {
  // One call for ten thousand files; each file by itself would cost a journal commit.
  if (process.platform === 'linux' && (await succeeds('sync', ['-f', path]))) return;
  syncEach(path);
}

/** The Failure that an error of the file system is for the person who asked; other errors as they are. */
export function explainFileError(error: unknown, folder: string): unknown {
  if (isFailure(error)) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Failure(
      'disk_full',
      `There is not enough space for another copy in ${folder}; nothing was changed.`,
      'Free some space (df -h .), or keep fewer old releases: "releases": {"keep": 3} in config.json',
      { cause: error },
    );
  }
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new Failure(
      'not_writable',
      `${(error as NodeJS.ErrnoException).path ?? folder} cannot be read or written (${code}); nothing was changed.`,
      `Let this user read and write it; see: ls -ld ${folder}`,
      { cause: error },
    );
  }
  return error;
}

function succeeds(program: string, words: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

function syncEach(path: string): void {
  const stats = lstatSync(path);
  if (stats.isDirectory()) for (const name of readdirSync(path)) syncEach(join(path, name));
  else if (!stats.isFile()) return;
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
