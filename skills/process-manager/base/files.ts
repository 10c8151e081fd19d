// Small acts on files that several rooms need.

import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes a file or a folder; true when it was there. */
export function removeIfThere(path: string): boolean {
  try {
    rmSync(path, { recursive: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Whether some process can still write to a file, as far as the system tells. */
export function isOpen(path: string): boolean {
  if (process.platform !== 'linux') return false;
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const folder = `/proc/${pid}/fd`;
      return readdirSync(folder).some((descriptor) => linkOf(join(folder, descriptor)) === path);
    } catch {
      // It has ended, or belongs to another user.
      return false;
    }
  });
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
