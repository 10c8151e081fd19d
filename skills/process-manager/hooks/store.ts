// Owns the tables of hooks: what was asked for (hooks), how far output was read for it (hook_cursors), and each time
// that a trigger was met (hook_fires). A fire, the count of it and the place in the output that it came from are
// written in one transaction, so a line is matched once however often the supervisor dies.

import type { Database } from 'better-sqlite3';
import type { Actor, Migration } from '../../tool.ts';

export const exitFilters = ['any', 'success', 'failure'] as const;
export const actions = [
  'stop_process',
  'stop_branch',
  'inject_context',
  'spawn_branch',
  'notify_channel',
] as const;
export type HookAction = (typeof actions)[number];
export type Stream = 'stdout' | 'stderr';

/** When a hook fires. */
export type Trigger =
  | { readonly type: 'on_exit'; readonly filter: (typeof exitFilters)[number] }
  | { readonly type: 'on_output_match'; readonly pattern: string }
  | { readonly type: 'on_timeout'; readonly seconds: number };

/** A trigger and an action on one process. */
export interface Hook {
  readonly id: number;
  readonly processId: string;
  readonly trigger: Trigger;
  readonly action: HookAction;
  readonly message: string | null;
  readonly delaySeconds: number;
  /** 0 is unlimited. */
  readonly maxFires: number;
  readonly fireCount: number;
  /** Whoever made it; what it does, it does with their rights. */
  readonly creator: Actor;
  readonly createdAt: string;
  /** True once the output that was there before the hook has been read for it. */
  readonly caughtUp: boolean;
  /** When its last notification went out, and how many were held back since. */
  readonly notifiedAt: string | null;
  readonly heldBack: number;
}

/** A trigger that was met. */
export interface Fire {
  readonly id: number;
  readonly hookId: number;
  readonly processId: string;
  readonly at: string;
  readonly dueAt: string;
  readonly line: string | null;
  readonly stream: Stream | null;
  /** Logical offset of the matched line. */
  readonly offset: number | null;
}

export const hookMigrations: readonly Migration[] = [
  {
    name: 'process-manager/2-hooks',
    sql: `CREATE TABLE hooks (
            id INTEGER PRIMARY KEY,
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            trigger_json TEXT NOT NULL,
            type TEXT NOT NULL,
            action TEXT NOT NULL,
            message TEXT,
            delay_seconds REAL NOT NULL,
            max_fires INTEGER NOT NULL,
            fire_count INTEGER NOT NULL DEFAULT 0,
            creator_json TEXT NOT NULL,
            created_at TEXT NOT NULL,
            caught_up INTEGER NOT NULL DEFAULT 0,
            notified_at TEXT,
            held_back INTEGER NOT NULL DEFAULT 0,
            done INTEGER NOT NULL DEFAULT 0
          ) STRICT;
          CREATE INDEX hooks_active ON hooks (done, type);
          CREATE INDEX hooks_by_process ON hooks (process_id);
          CREATE TABLE hook_cursors (
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            stream TEXT NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (process_id, stream)
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE hook_fires (
            id INTEGER PRIMARY KEY,
            hook_id INTEGER NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            at TEXT NOT NULL,
            due_at TEXT NOT NULL,
            line TEXT,
            stream TEXT,
            position INTEGER,
            state TEXT NOT NULL DEFAULT 'due'
          ) STRICT;
          CREATE INDEX hook_fires_due ON hook_fires (state, due_at);
          CREATE INDEX hook_fires_by_hook ON hook_fires (hook_id);
          CREATE INDEX hook_fires_by_process ON hook_fires (process_id);`,
  },
];

/** What somebody asks for. */
export type NewHook = Pick<
  Hook,
  'processId' | 'trigger' | 'action' | 'message' | 'delaySeconds' | 'maxFires' | 'creator' | 'createdAt'
>;

/** Where a line was when it met a trigger. */
interface MatchedLine {
  readonly text: string;
  readonly stream: Stream;
  readonly offset: number;
}

/** The tables of hooks. */
export interface HookStore {
  insert(hook: NewHook): Hook;
  find(id: number): Hook | undefined;
  ofProcess(processId: string): Hook[];
  /** Hooks that wait for a line, of processes that run or whose last lines were not read yet. */
  waitingForOutput(): Hook[];
  /** Hooks that wait for the end of a process that has ended. */
  waitingForFinished(): Hook[];
  /** Hooks that wait for a moment, or for the end that comes before it. */
  waitingForTimeout(): Hook[];
  /** Records that the trigger was met; nothing when the hook has fired often enough. */
  fire(hook: Hook, at: number, line?: MatchedLine): void;
  /** Nothing can trigger it any more. */
  finish(id: number): void;
  markCaughtUp(id: number): void;
  cursor(processId: string, stream: Stream): number;
  moveCursor(processId: string, stream: Stream, position: number): void;
  due(now: number, limit: number): Fire[];
  /** The moment of the next fire that waits for its delay. */
  nextDue(): number | undefined;
  close(fire: Fire, state: 'done' | 'refused' | 'failed'): void;
  noteSent(hookId: number, at: string): void;
  noteHeldBack(hookId: number): void;
  /** Hooks whose held-back notifications may be told of now. */
  heldBackUntil(moment: string): Hook[];
  /** Runs the writes of `work` all or none. */
  together<T>(work: () => T): T;
}

interface HookRecord {
  readonly [column: string]: string | number | null;
}

/** The hooks in the instance's database. */
export function createHookStore(database: Database): HookStore {
  const read = (rest: string) => database.prepare<unknown[], HookRecord>(`SELECT * FROM hooks ${rest}`);
  const run = (sql: string, values: object) => database.prepare(sql).run(values);
  return {
    insert: (hook) => {
      const { lastInsertRowid } = run(
        `INSERT INTO hooks (process_id, trigger_json, type, action, message, delay_seconds, max_fires, creator_json,
           created_at)
         VALUES (@processId, @trigger, @type, @action, @message, @delaySeconds, @maxFires, @creator, @createdAt)`,
        {
          ...hook,
          trigger: JSON.stringify(hook.trigger),
          type: hook.trigger.type,
          creator: JSON.stringify(hook.creator),
        },
      );
      return asHook(read('WHERE id = ?').get(lastInsertRowid) as HookRecord);
    },
    find: (id) => {
      const found = read('WHERE id = ?').get(id);
      return found && asHook(found);
    },
    ofProcess: (processId) => read('WHERE process_id = ? ORDER BY id').all(processId).map(asHook),
    waitingForOutput: () => read(`WHERE done = 0 AND type = 'on_output_match' ORDER BY id`).all().map(asHook),
    waitingForFinished: () =>
      read(
        `WHERE done = 0 AND type = 'on_exit' AND process_id IN
           (SELECT id FROM processes WHERE status NOT IN ('running', 'paused')) ORDER BY id`,
      )
        .all()
        .map(asHook),
    waitingForTimeout: () => read(`WHERE done = 0 AND type = 'on_timeout' ORDER BY id`).all().map(asHook),
    fire: (hook, at, line) => {
      const counted = run(
        `UPDATE hooks SET fire_count = fire_count + 1, done = (max_fires > 0 AND fire_count + 1 >= max_fires)
         WHERE id = @id AND done = 0 AND (max_fires = 0 OR fire_count < max_fires)`,
        { id: hook.id },
      );
      if (counted.changes === 0) return;
      run(
        `INSERT INTO hook_fires (hook_id, process_id, at, due_at, line, stream, position)
         VALUES (@hookId, @processId, @at, @dueAt, @line, @stream, @position)`,
        {
          hookId: hook.id,
          processId: hook.processId,
          at: iso(at),
          dueAt: iso(at + (line ? hook.delaySeconds * 1_000 : 0)),
          line: line?.text ?? null,
          stream: line?.stream ?? null,
          position: line?.offset ?? null,
        },
      );
    },
    finish: (id) => void run('UPDATE hooks SET done = 1 WHERE id = @id', { id }),
    markCaughtUp: (id) => void run('UPDATE hooks SET caught_up = 1 WHERE id = @id', { id }),
    cursor: (processId, stream) =>
      database
        .prepare<unknown[], number>('SELECT position FROM hook_cursors WHERE process_id = ? AND stream = ?')
        .pluck()
        .get(processId, stream) ?? 0,
    moveCursor: (processId, stream, position) =>
      void run(
        `INSERT INTO hook_cursors (process_id, stream, position) VALUES (@processId, @stream, @position)
         ON CONFLICT DO UPDATE SET position = @position`,
        { processId, stream, position },
      ),
    due: (now, limit) =>
      database
        .prepare<unknown[], Fire>(
          `SELECT id, hook_id AS hookId, process_id AS processId, at, due_at AS dueAt, line, stream,
             position AS offset FROM hook_fires WHERE state = 'due' AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
        )
        .all(iso(now), limit),
    nextDue: () => {
      const next = database
        .prepare<[], string | null>(`SELECT min(due_at) FROM hook_fires WHERE state = 'due'`)
        .pluck()
        .get();
      return next ? Date.parse(next) : undefined;
    },
    close: ({ id }, state) => void run('UPDATE hook_fires SET state = @state WHERE id = @id', { id, state }),
    noteSent: (id, at) =>
      void run('UPDATE hooks SET notified_at = @at, held_back = 0 WHERE id = @id', { id, at }),
    noteHeldBack: (id) => void run('UPDATE hooks SET held_back = held_back + 1 WHERE id = @id', { id }),
    heldBackUntil: (moment) =>
      read('WHERE held_back > 0 AND notified_at <= ? ORDER BY id').all(moment).map(asHook),
    together: (work) => database.transaction(work).immediate(),
  };
}

function asHook(record: HookRecord): Hook {
  return {
    id: Number(record.id),
    processId: String(record.process_id),
    trigger: JSON.parse(String(record.trigger_json)) as Trigger,
    action: String(record.action) as HookAction,
    message: record.message === null ? null : String(record.message),
    delaySeconds: Number(record.delay_seconds),
    maxFires: Number(record.max_fires),
    fireCount: Number(record.fire_count),
    creator: JSON.parse(String(record.creator_json)) as Actor,
    createdAt: String(record.created_at),
    caughtUp: record.caught_up === 1,
    notifiedAt: record.notified_at === null ? null : String(record.notified_at),
    heldBack: Number(record.held_back),
  };
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
