// What the tools of this skill work with: the folder of an instance's memory, and a lock that two writers never share.

import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Clock, Host } from '../tool.ts';

/** Handed to every handler as `context.engine`. */
export interface Memory {
  /** The folder memory/ of the instance. */
  readonly folder: string;
  readonly clock: Clock;
  /** Values that must neither be remembered nor told. */
  readonly secrets: readonly string[];
  database(): Database;
  /** Runs one change at a time, over all processes of the instance. It must not wait for anything. */
  exclusively<T>(act: () => T): T;
}

/** A shorter value is a word such as `true`. */
const shortestSecret = 6;

/** The memory of one instance. */
export function createMemory(host: Host<unknown>): Memory {
  return {
    folder: join(host.root, 'memory'),
    clock: host.clock,
    secrets: host.secrets.filter((secret) => secret.length >= shortestSecret),
    database: host.database,
    // A transaction is a lock that dies with its holder.
    exclusively: (act) => host.database().transaction(act).immediate(),
  };
}
