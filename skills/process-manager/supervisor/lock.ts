// Elects the one supervisor of an instance. The lock is an exclusive SQLite transaction on a file of its own: the
// operating system drops it with the process that holds it, so no death leaves a stale one.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type DatabaseConstructor from 'better-sqlite3';
import type { Database } from 'better-sqlite3';

/** Held until it is released or its process ends. */
export interface SupervisorLock {
  release(): void;
}

/** Takes the lock, or returns nothing when somebody has it. */
export function takeSupervisorLock(root: string): SupervisorLock | undefined {
  const database = open(root);
  try {
    database.exec('BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

/** True while somebody supervises this instance. */
export function isSupervised(root: string): boolean {
  if (!existsSync(lockPath(root))) return false;
  const lock = takeSupervisorLock(root);
  lock?.release();
  return lock === undefined;
}

function open(root: string): Database {
  const Constructor: typeof DatabaseConstructor = createRequire(import.meta.url)('better-sqlite3');
  return new Constructor(lockPath(root), { timeout: 0 });
}

function lockPath(root: string): string {
  return join(root, 'memory', 'supervisor.lock');
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED)/.test(String(error.code));
}
