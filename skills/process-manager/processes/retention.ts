// Forgets processes that ended long ago, so that neither the registry nor logs/processes grows without end.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeIfThere } from '../base/index.ts';
import type { Registry } from './registry.ts';
import type { ProcessRow } from './row.ts';
import { endingsFolder } from './spawn.ts';

const keptDays = 7;
const keptEnded = 1_000;
const dayMs = 86_400_000;

/** Removes rows and run folders that are too old or too many; returns how many rows went. */
export function forgetOld(registry: Registry, folder: string, now: number): number {
  let removed = 0;
  for (;;) {
    const outdated = registry.outdated(new Date(now - keptDays * dayMs).toISOString(), keptEnded);
    const before = removed;
    for (const row of outdated) if (forget(registry, folder, row)) removed++;
    if (removed === before) return removed;
  }
}

function forget(registry: Registry, folder: string, row: ProcessRow): boolean {
  try {
    // The folder first: a kill between the two leaves a row, and the row is found again.
    removeIfThere(row.runFolder);
    removeIfThere(join(endingsFolder(folder), row.id));
  } catch {
    // One folder that cannot be removed must not keep the others.
    return false;
  }
  registry.remove(row.id);
  return true;
}

/** Removes run folders that have no row: their spawner died before it wrote one. */
export function forgetOrphans(registry: Registry, folder: string, now: number): void {
  for (const name of listOrEmpty(folder)) {
    const path = join(folder, name);
    if (name.startsWith('.') || registry.find(name)) continue;
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() && now - found.mtimeMs > dayMs) {
      try {
        removeIfThere(path);
      } catch {
        // It is tried again in an hour.
      }
    }
  }
}

function listOrEmpty(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
