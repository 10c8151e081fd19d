// Forgets processes that ended long ago, so that neither the registry nor logs/processes grows without end.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeIfThere } from '../base/index.ts';
import type { Registry } from './registry.ts';
import { endingsFolder } from './spawn.ts';

const keptDays = 7;
const keptEnded = 1_000;
const dayMs = 86_400_000;

/** Removes rows and run folders that are too old or too many; returns how many rows went. */
export function forgetOld(registry: Registry, folder: string, now: number): number {
  const outdated = registry.outdated(new Date(now - keptDays * dayMs).toISOString(), keptEnded);
  for (const row of outdated) {
    // The folder first: a kill between the two leaves a row, and the row is found again.
    removeIfThere(row.runFolder);
    removeIfThere(join(endingsFolder(folder), row.id));
    registry.remove(row.id);
  }
  return outdated.length;
}

/** Removes run folders that have no row: their spawner died before it wrote one. */
export function forgetOrphans(registry: Registry, folder: string, now: number): void {
  for (const name of listOrEmpty(folder)) {
    const path = join(folder, name);
    if (name.startsWith('.') || registry.find(name)) continue;
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() && now - found.mtimeMs > dayMs) removeIfThere(path);
  }
}

function listOrEmpty(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
