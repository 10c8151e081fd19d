// Small acts on files that several rooms need.

import { rmSync } from 'node:fs';

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
