// Owns the table of processes: one row for each run of a program, whoever started it. A row is written before the
// program starts, and a status only changes along the table in states.ts, in the statement itself, so that a
// supervisor and any number of command lines can act on one row at once and exactly one of them wins.

import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';
import type { ProcessIdentity } from '../base/index.ts';
import type { ProcessRow, RunnerName } from './row.ts';
import { nextState, type ProcessEvent, statesBefore } from './states.ts';

const columns = `id, name, pid, pid_start AS pidStart, shim_pid AS shimPid, shim_start AS shimStart, command, directory,
  status, exit_code AS exitCode, signal, stop_reason AS stopReason, forced, started_at AS startedAt,
  ended_at AS endedAt, agent, type, run_folder AS runFolder, stdout_log AS stdoutLog, stderr_log AS stderrLog, branch,
  hook_depth AS hookDepth, context, hook_model AS hookModel, discord_message AS discordMessage,
  peak_memory_bytes AS peakMemoryBytes, bot, log_from AS logFrom, log_until AS logUntil, runner, handle, node, note`;

export const processMigrations: readonly Migration[] = [
  {
    name: 'process-manager/1-processes',
    sql: `CREATE TABLE processes (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            pid INTEGER,
            pid_start TEXT,
            shim_pid INTEGER,
            shim_start TEXT,
            command TEXT NOT NULL,
            directory TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'running',
            exit_code INTEGER,
            signal TEXT,
            stop_reason TEXT,
            forced INTEGER NOT NULL DEFAULT 0,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            agent TEXT,
            type TEXT NOT NULL,
            run_folder TEXT NOT NULL,
            stdout_log TEXT NOT NULL,
            stderr_log TEXT NOT NULL,
            branch TEXT,
            hook_depth INTEGER NOT NULL DEFAULT 0,
            context TEXT,
            hook_model TEXT,
            discord_message TEXT,
            peak_memory_bytes INTEGER
          ) STRICT;
          CREATE INDEX processes_by_status ON processes (status, started_at);
          CREATE INDEX processes_by_name ON processes (name, started_at);`,
  },
  {
    name: 'process-manager/4-runs-of-bots',
    sql: `ALTER TABLE processes ADD COLUMN bot TEXT;
          ALTER TABLE processes ADD COLUMN log_from INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE processes ADD COLUMN log_until INTEGER;
          CREATE INDEX processes_by_bot ON processes (bot) WHERE bot IS NOT NULL;`,
  },
  {
    name: 'process-manager/8-runners',
    sql: `ALTER TABLE processes ADD COLUMN runner TEXT NOT NULL DEFAULT 'local';
          ALTER TABLE processes ADD COLUMN handle TEXT;
          ALTER TABLE processes ADD COLUMN node TEXT;
          ALTER TABLE processes ADD COLUMN note TEXT;
          CREATE UNIQUE INDEX processes_by_handle ON processes (handle) WHERE handle IS NOT NULL;`,
  },
];

/** What is known of a process before it starts. */
export type NewProcess = Pick<
  ProcessRow,
  | 'id'
  | 'name'
  | 'command'
  | 'directory'
  | 'startedAt'
  | 'agent'
  | 'type'
  | 'runFolder'
  | 'stdoutLog'
  | 'stderrLog'
  | 'branch'
  | 'hookDepth'
  | 'context'
  | 'bot'
  | 'logFrom'
  | 'runner'
  | 'handle'
  | 'node'
  | 'note'
>;

/** What is known of a process when it has ended. */
export interface Ending {
  readonly event: Extract<ProcessEvent, 'exit' | 'kill' | 'vanish'>;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly endedAt: string;
}

/** Where the output of a process goes. */
export type ProcessLogs = Pick<ProcessRow, 'id' | 'stdoutLog' | 'stderrLog'>;

/** Rows are never reused, so the newest run of a bot is its last row. */
const isLastRun = `rowid IN (SELECT max(rowid) FROM processes WHERE bot IS NOT NULL GROUP BY bot)`;

/** The rows, read and changed. */
export interface Registry {
  insert(process: NewProcess): void;
  /** Forgets a row whose program could not be started at all. */
  remove(id: string): void;
  identify(id: string, identity: { shim: ProcessIdentity; command: ProcessIdentity }): void;
  /** Notes where an engine runs it. */
  place(id: string, place: { pid: number | null; node: string | null; note?: string }): void;
  /** False when the row was not in a state in which this can happen: somebody else was first. */
  change(id: string, event: 'pause' | 'resume'): boolean;
  requestStop(id: string, reason: string): void;
  noteForced(id: string): void;
  /** False when it had ended before. */
  end(id: string, ending: Ending): boolean;
  notePeakMemory(id: string, bytes: number): void;
  find(id: string): ProcessRow | undefined;
  /** The row of what an engine calls so. */
  findByHandle(handle: string): ProcessRow | undefined;
  /** Runs the writes of `work` all or none, and nobody else's in between. */
  together<T>(work: () => T): T;
  unfinished(): ProcessRow[];
  /** Who carries what has not ended. */
  runnersInUse(): RunnerName[];
  /** The newest run of a bot. */
  lastRun(bot: string): ProcessRow | undefined;
  /** The newest run of each bot. */
  lastRuns(): ProcessRow[];
  /** Newest first; those that run come before those that ended. */
  recent(query: { since: string; agent?: string | undefined; limit: number }): ProcessRow[];
  /** The logs of what runs, and of what ended after a moment: asked for every second, so no more than is needed. */
  logs(endedAfter: string): ProcessLogs[];
  /** The candidates for what somebody typed: an id, a name, or the PID of one that runs. */
  search(word: string): ProcessRow[];
  /** Rows that ended before a moment, or are more than `keep` endings old, oldest first. */
  outdated(before: string, keep: number): ProcessRow[];
}

/** The registry in the instance's database. */
export function createRegistry(database: Database): Registry {
  const select = (rest: string) =>
    database.prepare<unknown[], ProcessRow>(`SELECT ${columns} FROM processes ${rest}`);
  const isUnfinished = `status IN ('running', 'paused')`;
  const write = (sql: string, values: object) => database.prepare(sql).run(values).changes === 1;
  return {
    insert: (row) => {
      database
        .transaction(() => {
          if (row.bot !== null)
            write('UPDATE processes SET log_until = @logFrom WHERE bot = @bot AND log_until IS NULL', row);
          write(
            `INSERT INTO processes (id, name, command, directory, started_at, agent, type, run_folder, stdout_log,
               stderr_log, branch, hook_depth, context, bot, log_from, runner, handle, node, note)
             VALUES (@id, @name, @command, @directory, @startedAt, @agent, @type, @runFolder, @stdoutLog,
               @stderrLog, @branch, @hookDepth, @context, @bot, @logFrom, @runner, @handle, @node, @note)`,
            row,
          );
        })
        .immediate();
    },
    remove: (id) => {
      write('DELETE FROM processes WHERE id = @id', { id });
    },
    identify: (id, { shim, command }) => {
      write(
        `UPDATE processes SET pid = @pid, pid_start = @pidStart, shim_pid = @shimPid, shim_start = @shimStart
         WHERE id = @id`,
        { id, pid: command.pid, pidStart: command.start, shimPid: shim.pid, shimStart: shim.start },
      );
    },
    place: (id, { pid, node, note }) => {
      write(
        `UPDATE processes SET pid = @pid, node = coalesce(@node, node), note = coalesce(@note, note)
         WHERE id = @id AND (pid IS NOT @pid OR node IS NOT coalesce(@node, node) OR @note IS NOT NULL)`,
        { id, pid, node, note: note ?? null },
      );
    },
    change: (id, event) =>
      statesBefore(event).some((from) =>
        write('UPDATE processes SET status = @to WHERE id = @id AND status = @from', {
          id,
          from,
          to: nextState(from, event),
        }),
      ),
    requestStop: (id, reason) => {
      write(`UPDATE processes SET stop_reason = @reason WHERE id = @id AND ${isUnfinished}`, { id, reason });
    },
    noteForced: (id) => {
      write(`UPDATE processes SET forced = 1 WHERE id = @id AND ${isUnfinished}`, { id });
    },
    end: (id, { event, exitCode, signal, endedAt }) =>
      statesBefore(event).some((from) =>
        write(
          `UPDATE processes SET status = @to, exit_code = @exitCode, signal = @signal, ended_at = @endedAt
           WHERE id = @id AND status = @from`,
          { id, from, to: nextState(from, event), exitCode, signal, endedAt },
        ),
      ),
    notePeakMemory: (id, bytes) => {
      write(
        `UPDATE processes SET peak_memory_bytes = @bytes
         WHERE id = @id AND coalesce(peak_memory_bytes, 0) < @bytes`,
        { id, bytes },
      );
    },
    find: (id) => select('WHERE id = ?').get(id),
    findByHandle: (handle) => select('WHERE handle = ?').get(handle),
    together: (work) => database.transaction(work).immediate(),
    lastRun: (bot) => select('WHERE bot = ? ORDER BY rowid DESC LIMIT 1').get(bot),
    lastRuns: () => select(`WHERE ${isLastRun}`).all(),
    unfinished: () => select(`WHERE ${isUnfinished} ORDER BY started_at, id`).all(),
    runnersInUse: () =>
      database
        .prepare<[], RunnerName>(`SELECT DISTINCT runner FROM processes WHERE ${isUnfinished}`)
        .pluck()
        .all(),
    recent: ({ since, agent, limit }) =>
      select(
        `WHERE (${isUnfinished} OR ended_at >= @since) AND (@agent IS NULL OR agent = @agent)
         ORDER BY ${isUnfinished} DESC, started_at DESC, rowid DESC LIMIT @limit`,
      ).all({ since, agent: agent ?? null, limit }),
    logs: (endedAfter) =>
      database
        .prepare<unknown[], ProcessLogs>(
          `SELECT id, stdout_log AS stdoutLog, stderr_log AS stderrLog FROM processes
           WHERE ${isUnfinished} OR ended_at >= ?`,
        )
        .all(endedAfter),
    search: (word) =>
      select(
        `WHERE id = @word OR name = @word OR (pid = @pid AND runner = 'local' AND ${isUnfinished})
         ORDER BY id = @word DESC, ${isUnfinished} DESC, started_at DESC, rowid DESC LIMIT 20`,
      ).all({ word, pid: /^\d{1,10}$/.test(word) ? Number(word) : null }),
    outdated: (before, keep) =>
      select(
        `WHERE NOT ${isUnfinished} AND (ended_at < @before OR rowid NOT IN
           (SELECT rowid FROM processes WHERE NOT ${isUnfinished} ORDER BY ended_at DESC LIMIT @keep))
         ORDER BY ended_at LIMIT 200`,
      ).all({ before, keep }),
  };
}
