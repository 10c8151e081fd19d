// Owns the table of bots: what is wanted of each, what became of its runs, and who is working on it right now. Every
// decision about a run is one guarded statement that names the run, so a late decision about an old run changes
// nothing of the new one, and each is made once however many supervisors and command lines look at the same bot.

import { randomUUID } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';
import { isAlive, startOf } from '../base/index.ts';
import type { Activity, BotRow, Verdict } from './states.ts';

export const botMigrations: readonly Migration[] = [
  {
    name: 'process-manager/5-bots',
    sql: `CREATE TABLE bots (
            name TEXT PRIMARY KEY,
            desired TEXT NOT NULL DEFAULT 'stopped',
            is_decided INTEGER NOT NULL DEFAULT 0,
            start_reason TEXT,
            end_run TEXT,
            is_held INTEGER NOT NULL DEFAULT 0,
            run_id TEXT,
            judged_run TEXT,
            ready_run TEXT,
            late_run TEXT,
            outcome TEXT,
            detail TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            restarts INTEGER NOT NULL DEFAULT 0,
            start_count INTEGER NOT NULL DEFAULT 0,
            last_start_at TEXT,
            retry_at TEXT,
            activity TEXT,
            activity_text TEXT,
            claim_token TEXT,
            claim_pid INTEGER,
            claim_start TEXT
          ) STRICT;`,
  },
];

/** The right to act on one bot. */
export interface Claim {
  /** Says what is being done, for everybody who waits for the bot. */
  say(activity: Activity, text: string): void;
  release(): void;
}

/** The rows, read and changed. */
export interface BotStore {
  /** The row of a bot; one that was never seen is there as if it had always been stopped. */
  read(name: string): BotRow;
  readAll(): Map<string, BotRow>;
  /** Bots of which somebody has decided whether they are to run. */
  decided(): Set<string>;
  want(name: string, startReason: string, options: { readonly endRun?: string | undefined }): void;
  /** A wish to stop: it wins over a start, a restart and a delay that are under way. */
  wantStopped(name: string): void;
  /** Stops it although it is wanted: its manager is about to end. */
  hold(name: string): void;
  /** Lets all go on that a manager before has held. */
  release(reason: string): void;
  /** Ends one run, which is then judged. */
  wantEnded(name: string, run: string): void;
  /** True for the one who notes it first. */
  noteRun(name: string, run: string, startedAt: string, isAutomatic: boolean): boolean;
  /** It runs, and that is all that was wanted; a restart that was asked for meanwhile stays wanted. */
  clearWish(name: string, run: string): void;
  /** What was asked for cannot be, and is not tried again by itself. */
  dropWish(name: string): void;
  /** True for the one who judges it first. `run` is undefined when it could not be started: that settles the run before. */
  noteVerdict(name: string, run: string | undefined, verdict: Verdict, now: number): boolean;
  noteReady(name: string, run: string): void;
  /** True for the one who notes it first. */
  noteLate(name: string, run: string): boolean;
  /** It was up for so long that its crashes before are forgotten. */
  noteStable(name: string, run: string): void;
  /** The right to act on a bot, unless somebody who lives has it. */
  claim(name: string): Claim | undefined;
  together<T>(work: () => T): T;
  /** Reads of one moment: what others write in between is not seen by half. */
  atOnce<T>(look: () => T): T;
}

const columns = `name, desired, start_reason AS startReason, end_run AS endRun, is_held AS isHeld, run_id AS runId,
  judged_run AS judgedRun, ready_run AS readyRun, late_run AS lateRun, outcome, detail, attempts, restarts,
  start_count AS startCount, last_start_at AS lastStartAt, retry_at AS retryAt,
  activity, activity_text AS activityText, claim_token AS claimToken, claim_pid AS claimPid,
  claim_start AS claimStart`;

interface Claimed {
  readonly claimToken: string | null;
  readonly claimPid: number | null;
  readonly claimStart: string | null;
}

/** The bots in the instance's database. */
export function createBotStore(database: Database): BotStore {
  /** Claims of this process that are still held: one that could not be written away is nobody's. */
  const held = new Set<string>();
  const select = (rest: string) =>
    database.prepare<unknown[], BotRow & Claimed>(`SELECT ${columns} FROM bots ${rest}`);
  const write = (sql: string, values: object) => database.prepare(sql).run(values).changes === 1;
  const ensure = (name: string) => write('INSERT OR IGNORE INTO bots (name) VALUES (@name)', { name });
  const isHeld = ({ claimToken, claimPid, claimStart }: Claimed) =>
    claimToken !== null &&
    claimPid !== null &&
    (held.has(claimToken) ||
      (claimPid !== process.pid && isAlive({ pid: claimPid, start: claimStart ?? '' })));
  /** What somebody was doing who has died is not being done. */
  const truthful = (row: BotRow & Claimed): BotRow =>
    row.activity === null || isHeld(row) ? row : { ...row, activity: null, activityText: null };
  const find = (name: string) => select('WHERE name = ?').get(name);
  return {
    read: (name) => {
      const row = find(name);
      return row ? truthful(row) : { ...neverSeen, name };
    },
    readAll: () =>
      new Map(
        select('')
          .all()
          .map((row) => [row.name, truthful(row)]),
      ),
    decided: () =>
      new Set(database.prepare<[], string>('SELECT name FROM bots WHERE is_decided = 1').pluck().all()),
    want: (name, startReason, { endRun }) => {
      ensure(name);
      write(
        `UPDATE bots SET desired = 'running', is_decided = 1, is_held = 0, start_reason = @startReason, end_run = @endRun, outcome = NULL,
           detail = NULL, attempts = 0, restarts = 0, retry_at = NULL WHERE name = @name`,
        { name, startReason, endRun: endRun ?? null },
      );
    },
    wantStopped: (name) => {
      ensure(name);
      write(
        `UPDATE bots SET desired = 'stopped', is_decided = 1, is_held = 0, start_reason = NULL, end_run = NULL, outcome = NULL, detail = NULL,
           attempts = 0, retry_at = NULL WHERE name = @name`,
        { name },
      );
    },
    hold: (name) =>
      void write(`UPDATE bots SET is_held = 1, end_run = NULL WHERE name = @name AND desired = 'running'`, {
        name,
      }),
    release: (reason) =>
      void write(
        `UPDATE bots SET is_held = 0,
           start_reason = CASE WHEN outcome IS NULL THEN coalesce(start_reason, @reason) ELSE start_reason END
         WHERE is_held = 1`,
        { reason },
      ),
    wantEnded: (name, run) =>
      void write(
        `UPDATE bots SET end_run = @run WHERE name = @name AND run_id = @run AND desired = 'running'`,
        { name, run },
      ),
    noteRun: (name, run, startedAt, isAutomatic) => {
      ensure(name);
      return write(
        `UPDATE bots SET run_id = @run, start_count = start_count + 1, last_start_at = @startedAt,
           start_reason = NULL, retry_at = NULL, restarts = restarts + @isAutomatic,
           end_run = CASE WHEN end_run = @run THEN end_run ELSE NULL END
         WHERE name = @name AND run_id IS NOT @run`,
        { name, run, startedAt, isAutomatic: isAutomatic ? 1 : 0 },
      );
    },
    clearWish: (name, run) =>
      void write(
        'UPDATE bots SET start_reason = NULL WHERE name = @name AND run_id = @run AND end_run IS NOT @run',
        { name, run },
      ),
    dropWish: (name) =>
      void write('UPDATE bots SET start_reason = NULL, end_run = NULL WHERE name = @name', { name }),
    noteVerdict: (name, run, verdict, now) =>
      write(
        `UPDATE bots SET judged_run = coalesce(@run, run_id), end_run = NULL, start_reason = NULL,
           outcome = @outcome, detail = @detail, attempts = @attempts, retry_at = @retryAt
         WHERE name = @name AND desired = 'running'
           AND (@run IS NULL OR (run_id = @run AND judged_run IS NOT @run AND start_reason IS NULL))`,
        {
          name,
          run: run ?? null,
          outcome: verdict.kind === 'again' ? null : verdict.kind,
          detail: verdict.detail,
          attempts: verdict.kind === 'finished' ? 0 : verdict.attempts,
          retryAt: verdict.kind === 'again' ? new Date(now + verdict.delayMs).toISOString() : null,
        },
      ),
    noteReady: (name, run) =>
      void write('UPDATE bots SET ready_run = @run WHERE name = @name AND run_id = @run', { name, run }),
    noteLate: (name, run) =>
      write(
        'UPDATE bots SET late_run = @run WHERE name = @name AND run_id = @run AND late_run IS NOT @run AND ready_run IS NOT @run',
        { name, run },
      ),
    noteStable: (name, run) =>
      void write('UPDATE bots SET attempts = 0 WHERE name = @name AND run_id = @run', { name, run }),
    claim: (name) => {
      ensure(name);
      const before = find(name);
      if (!before || isHeld(before)) return undefined;
      const token = randomUUID();
      const taken = write(
        `UPDATE bots SET claim_token = @token, claim_pid = @pid, claim_start = @start, activity = NULL,
           activity_text = NULL WHERE name = @name AND claim_token IS @before`,
        { name, token, pid: process.pid, start: startOf(process.pid) ?? '', before: before.claimToken },
      );
      if (!taken) return undefined;
      held.add(token);
      return {
        say: (activity, text) =>
          void write(
            'UPDATE bots SET activity = @activity, activity_text = @text WHERE claim_token = @token',
            { token, activity, text },
          ),
        release: () => {
          held.delete(token);
          write(
            `UPDATE bots SET claim_token = NULL, activity = NULL, activity_text = NULL
             WHERE claim_token = @token`,
            { token },
          );
        },
      };
    },
    together: (work) => database.transaction(work).immediate(),
    atOnce: (look) => database.transaction(look).deferred(),
  };
}

const neverSeen: Omit<BotRow, 'name'> = {
  desired: 'stopped',
  startReason: null,
  endRun: null,
  isHeld: 0,
  runId: null,
  judgedRun: null,
  readyRun: null,
  lateRun: null,
  outcome: null,
  detail: null,
  attempts: 0,
  restarts: 0,
  startCount: 0,
  lastStartAt: null,
  retryAt: null,
  activity: null,
  activityText: null,
};
