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

/**
 * One connection to each lock file, never closed: it is asked again and again, and an object of better-sqlite3 must not
 * be garbage collected (see `keepObjects` in src/database.ts).
 */
const connections = new Map<string, Database>();
/** The locks that this process itself holds. */
const held = new Set<string>();

/** Takes the lock, or returns nothing when somebody has it. */
export function takeSupervisorLock(root: string): SupervisorLock | undefined {
  const path = lockPath(root);
  if (held.has(path)) return undefined;
  const connection = connect(path);
  try {
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    if (isBusy(error)) return undefined;
    throw error;
  }
  held.add(path);
  return {
    release: () => {
      held.delete(path);
      connection.exec('ROLLBACK');
    },
  };
}

/** True while somebody supervises this instance. */
export function isSupervised(root: string): boolean {
  const path = lockPath(root);
  if (held.has(path)) return true;
  if (!existsSync(path)) return false;
  try {
    // Reading asks for no more than others who read, so two who ask at once do not take each other for a supervisor.
    connect(path).prepare('SELECT count(*) FROM sqlite_master').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  }
}

function connect(path: string): Database {
  const known = connections.get(path);
  if (known) return known;
  const Constructor: typeof DatabaseConstructor = createRequire(import.meta.url)('better-sqlite3');
  const made = new Constructor(path, { timeout: 0 });
  connections.set(path, made);
  return made;
}

function lockPath(root: string): string {
  return join(root, 'memory', 'supervisor.lock');
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED)/.test(String(error.code));
}
