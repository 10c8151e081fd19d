// What is kept of the way of a log from an engine to us. Offsets count the bytes that were ever brought, so they stay
// true when somebody empties the log: what was taken out is counted apart.

import type { Database } from 'better-sqlite3';
import type { Migration } from '../../../tool.ts';
import type { ProcessRow } from '../../processes/index.ts';

export const relayMigrations: readonly Migration[] = [
  {
    name: 'process-manager/10-relays',
    sql: `CREATE TABLE relays (
            process_id TEXT PRIMARY KEY REFERENCES processes (id) ON DELETE CASCADE,
            since TEXT,
            log_offset INTEGER NOT NULL,
            first_at TEXT,
            newest_at TEXT,
            newest_offset INTEGER NOT NULL,
            reached INTEGER NOT NULL,
            emptied INTEGER NOT NULL,
            jumps INTEGER NOT NULL
          ) STRICT;`,
  },
];

/** How far a log has been brought. */
export interface RelayState {
  /** The moment from which the log is to be asked for; null: from its beginning. */
  readonly since: string | null;
  /** Where what is served from that moment on begins. */
  readonly offset: number;
  /** The moment of the very first piece. */
  readonly firstAt: string | null;
  /** The newest line that was brought whole, in one piece, and where it begins. */
  readonly newestAt: string | null;
  readonly newestOffset: number;
  /** The offset behind everything that was brought. */
  readonly reached: number;
  /** Bytes that somebody has taken out of the log since. */
  readonly emptied: number;
  /** How often moments went back behind `since`, or output was lost: what was asked before is of no use then. */
  readonly jumps: number;
}

/** Undefined when the log is not this run's to write any more: it was forgotten, or the next run has begun. */
export function readState(database: Database, { id, logFrom }: ProcessRow): RelayState | undefined {
  const found = database
    .prepare<unknown[], RelayState>(
      `SELECT since, coalesce(log_offset, @logFrom) AS offset, first_at AS firstAt, newest_at AS newestAt,
         coalesce(newest_offset, @logFrom) AS newestOffset, coalesce(reached, @logFrom) AS reached,
         coalesce(emptied, 0) AS emptied, coalesce(jumps, 0) AS jumps
       FROM processes LEFT JOIN relays ON process_id = id WHERE id = @id AND log_until IS NULL`,
    )
    .get({ id, logFrom });
  return found;
}

/** Writes it; in the transaction that read it. */
export function writeState(database: Database, { id }: ProcessRow, state: RelayState): void {
  database
    .prepare(
      `INSERT OR REPLACE INTO relays
         (process_id, since, log_offset, first_at, newest_at, newest_offset, reached, emptied, jumps)
       VALUES (@id, @since, @offset, @firstAt, @newestAt, @newestOffset, @reached, @emptied, @jumps)`,
    )
    .run({ id, ...state });
}
