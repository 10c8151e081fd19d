// The table of processes: one row for each run of a program, whoever started it.

import type { Database } from 'better-sqlite3';

const endedLatelyMs = 24 * 3_600_000;

/** Every state that a process can be in. */
export const processStates = ['running', 'paused', 'exited', 'killed', 'lost'] as const;

/** How outsiders see a process: the element of `list`. */
export interface ProcessRow {
  readonly id: string;
  readonly name: string;
  readonly pid: number | null;
  readonly command: string;
  readonly status: (typeof processStates)[number];
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly agent: string | null;
  readonly type: 'background' | 'concurrent';
}

export const processMigrations = [
  {
    name: 'process-manager/1-processes',
    sql: `CREATE TABLE processes (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            pid INTEGER,
            command TEXT NOT NULL,
            status TEXT NOT NULL,
            exit_code INTEGER,
            signal TEXT,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            agent TEXT,
            type TEXT NOT NULL
          ) STRICT;
          CREATE INDEX processes_by_status ON processes (status, started_at);`,
  },
] as const;

/** What runs, and what ended lately; the newest first. */
export function listProcesses(
  database: Database,
  now: number,
  { agent, limit }: { agent?: string | undefined; limit: number },
): ProcessRow[] {
  return database
    .prepare<unknown[], ProcessRow>(
      `SELECT id, name, pid, command, status, exit_code AS exitCode, signal, started_at AS startedAt,
              ended_at AS endedAt, agent, type
       FROM processes
       WHERE (status IN ('running', 'paused') OR ended_at >= @since) AND (@agent IS NULL OR agent = @agent)
       ORDER BY status IN ('running', 'paused') DESC, started_at DESC, id LIMIT @limit`,
    )
    .all({ since: new Date(now - endedLatelyMs).toISOString(), agent: agent ?? null, limit });
}
