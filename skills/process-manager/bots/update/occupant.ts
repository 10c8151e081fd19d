// What stands in a place where a file is to be written. Nothing is looked at through a symbolic link: a link on the way is
// itself what stands there, wherever it leads.

import { join } from 'node:path';
import { statOf } from './copying.ts';

/**
 * Makes the function that tells what stands where git wants to write a path: something of that name, or a parent that
 * is no folder; undefined when the place is free.
 */
export function createOccupantFinder(folder: string) {
  const folders = new Set<string>();
  return async (path: string): Promise<{ readonly path: string; readonly isFolder: boolean } | undefined> => {
    const parts = path.split('/');
    for (let count = 1; count <= parts.length; count++) {
      const part = parts.slice(0, count).join('/');
      const isWhole = count === parts.length;
      if (!isWhole && folders.has(part)) continue;
      const found = await statOf(join(folder, part));
      if (found === undefined) return undefined;
      if (isWhole || !found.isDirectory()) return { path: part, isFolder: found.isDirectory() };
      folders.add(part);
    }
    return undefined;
  };
}
