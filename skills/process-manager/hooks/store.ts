// Owns the tables of hooks: what was asked for (hooks), how far output was read for it (hook_cursors), and each time
// that a trigger was met (hook_fires). A fire, the count of it and the place in the output that it came from are
// written in one transaction, so a line is matched once however often the supervisor dies.

import type { Database } from 'better-sqlite3';
import type { Actor } from '../../tool.ts';
import type { Fire, Hook, HookAction, Stream, Trigger } from './hook.ts';

/** Fires of one hook that wait to be carried out: what comes beyond is counted and passed over. */
const mostWaiting = 1_000;
/** Fires that were carried out are kept for a while, to be looked at. */
const keptFires = 1_000;

/** What somebody asks for. */
export type NewHook = Pick<
  Hook,
  'processId' | 'trigger' | 'action' | 'message' | 'delaySeconds' | 'maxFires' | 'creator' | 'createdAt'
> &
  Partial<Pick<Hook, 'branch' | 'depth'>>;

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
  /** Hooks of a process that wait for a line. */
  waitingForOutput(processId: string): Hook[];
  /** Processes that run, or whose last lines were not read yet, and whose output somebody waits for. */
  watchedProcesses(): string[];
  /** Hooks that wait for the end of a process that has ended. */
  waitingForFinished(): Hook[];
  /** Hooks that wait for a moment, or for the end that comes before it. */
  waitingForTimeout(): Hook[];
  /** Records that an end or a moment was met; nothing when the hook has fired often enough. */
  fire(hook: Hook, at: number): void;
  /** Records that lines were met: all are counted, and as many wait to be carried out as there is room for. */
  fireForLines(hook: Hook, at: number, lines: readonly MatchedLine[]): void;
  /** Nothing can trigger it any more. */
  finish(id: number): void;
  /** Gives the next run of a bot the hooks that its run before has not used up. */
  carryOver(fromProcess: string, toProcess: string, at: string): void;
  markCaughtUp(id: number): void;
  cursor(processId: string, stream: Stream): number;
  /** Fails, and with it the transaction, when somebody else has moved it meanwhile. */
  moveCursor(processId: string, stream: Stream, from: number, to: number): void;
  due(now: number, limit: number): Fire[];
  /** The moment of the next fire that waits for its delay and is due after the given moment. */
  nextDue(after: number): number | undefined;
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
           created_at, branch, depth)
         VALUES (@processId, @trigger, @type, @action, @message, @delaySeconds, @maxFires, @creator, @createdAt,
           @branch, @depth)`,
        {
          branch: null,
          depth: 0,
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
    waitingForOutput: (processId) =>
      read(`WHERE process_id = ? AND done = 0 AND type = 'on_output_match' ORDER BY id`)
        .all(processId)
        .map(asHook),
    watchedProcesses: () =>
      database
        .prepare<[], string>(
          `SELECT DISTINCT process_id FROM hooks WHERE done = 0 AND type = 'on_output_match'`,
        )
        .pluck()
        .all(),
    waitingForFinished: () =>
      read(
        `WHERE done = 0 AND type = 'on_exit' AND process_id IN
           (SELECT id FROM processes WHERE status NOT IN ('running', 'paused')) ORDER BY id`,
      )
        .all()
        .map(asHook),
    waitingForTimeout: () => read(`WHERE done = 0 AND type = 'on_timeout' ORDER BY id`).all().map(asHook),
    fire: (hook, at) => {
      if (count(database, hook, 1) === 1) insertFire(database, hook, at, at, undefined);
    },
    fireForLines: (hook, at, lines) => {
      const counted = count(database, hook, lines.length);
      const kept = Math.min(counted, mostWaiting - waitingOf(database, hook));
      for (const line of lines.slice(0, Math.max(0, kept))) {
        insertFire(database, hook, at, at + hook.delaySeconds * 1_000, line);
      }
      const passedOver = counted - Math.max(0, kept);
      if (passedOver > 0 && hook.action === 'notify_channel') {
        run('UPDATE hooks SET held_back = held_back + @passedOver WHERE id = @id', {
          id: hook.id,
          passedOver,
        });
      }
    },
    finish: (id) => void run('UPDATE hooks SET done = 1 WHERE id = @id', { id }),
    carryOver: (from, to, at) =>
      void run(
        `INSERT INTO hooks (process_id, trigger_json, type, action, message, delay_seconds, max_fires, creator_json,
           created_at, notified_at, branch, depth)
         SELECT @to, trigger_json, type, action, message, delay_seconds,
           CASE max_fires WHEN 0 THEN 0 ELSE max_fires - fire_count END, creator_json, @at, notified_at,
           branch, depth
         FROM hooks WHERE process_id = @from AND (max_fires = 0 OR fire_count < max_fires) ORDER BY id`,
        { from, to, at },
      ),
    markCaughtUp: (id) => void run('UPDATE hooks SET caught_up = 1 WHERE id = @id', { id }),
    cursor: (processId, stream) =>
      database
        .prepare<unknown[], number>('SELECT position FROM hook_cursors WHERE process_id = ? AND stream = ?')
        .pluck()
        .get(processId, stream) ?? logFrom(database, processId),
    moveCursor: (processId, stream, from, to) => {
      run(
        `INSERT OR IGNORE INTO hook_cursors (process_id, stream, position)
         VALUES (@processId, @stream, @logFrom)`,
        { processId, stream, logFrom: logFrom(database, processId) },
      );
      const { changes } = run(
        `UPDATE hook_cursors SET position = @to
         WHERE process_id = @processId AND stream = @stream AND position = @from`,
        { processId, stream, from, to },
      );
      if (changes !== 1) throw new Error(`somebody else reads the ${stream} of process ${processId}`);
    },
    due: (now, limit) =>
      database
        .prepare<unknown[], Fire>(
          `SELECT id, hook_id AS hookId, process_id AS processId, at, due_at AS dueAt, line, stream,
             position AS offset FROM hook_fires WHERE state = 'due' AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
        )
        .all(iso(now), limit),
    nextDue: (after) => {
      const next = database
        .prepare<[string], string | null>(
          `SELECT min(due_at) FROM hook_fires WHERE state = 'due' AND due_at > ?`,
        )
        .pluck()
        .get(iso(after));
      return next ? Date.parse(next) : undefined;
    },
    close: ({ id, hookId }, state) => {
      run(`UPDATE hook_fires SET state = @state WHERE id = @id AND state = 'due'`, { id, state });
      run(`DELETE FROM hook_fires WHERE hook_id = @hookId AND state <> 'due' AND id <= @id - @keptFires`, {
        hookId,
        id,
        keptFires,
      });
    },
    noteSent: (id, at) =>
      void run('UPDATE hooks SET notified_at = @at, held_back = 0 WHERE id = @id', { id, at }),
    noteHeldBack: (id) => void run('UPDATE hooks SET held_back = held_back + 1 WHERE id = @id', { id }),
    heldBackUntil: (moment) =>
      read('WHERE held_back > 0 AND notified_at <= ? ORDER BY id').all(moment).map(asHook),
    together: (work) => database.transaction(work).immediate(),
  };
}

/** Where in its logs the output of a process begins. */
function logFrom(database: Database, processId: string): number {
  return (
    database
      .prepare<unknown[], number>('SELECT log_from FROM processes WHERE id = ?')
      .pluck()
      .get(processId) ?? 0
  );
}

/** Counts triggers that were met, at most as many as the hook may still fire; returns how many it took. */
function count(database: Database, hook: Hook, times: number): number {
  const row = database
    .prepare<[number], { fire_count: number; max_fires: number }>(
      'SELECT fire_count, max_fires FROM hooks WHERE id = ? AND done = 0',
    )
    .get(hook.id);
  if (!row) return 0;
  const left = row.max_fires === 0 ? times : Math.min(times, row.max_fires - row.fire_count);
  database
    .prepare(
      `UPDATE hooks SET fire_count = fire_count + @left,
         done = (max_fires > 0 AND fire_count + @left >= max_fires) WHERE id = @id`,
    )
    .run({ id: hook.id, left });
  return left;
}

function waitingOf(database: Database, hook: Hook): number {
  return Number(
    database
      .prepare<unknown[], number>(`SELECT count(*) FROM hook_fires WHERE hook_id = ? AND state = 'due'`)
      .pluck()
      .get(hook.id),
  );
}

function insertFire(
  database: Database,
  hook: Hook,
  at: number,
  dueAt: number,
  line: MatchedLine | undefined,
): void {
  database
    .prepare(
      `INSERT INTO hook_fires (hook_id, process_id, at, due_at, line, stream, position)
       VALUES (@hookId, @processId, @at, @dueAt, @line, @stream, @position)`,
    )
    .run({
      hookId: hook.id,
      processId: hook.processId,
      at: iso(at),
      dueAt: iso(dueAt),
      line: line?.text ?? null,
      stream: line?.stream ?? null,
      position: line?.offset ?? null,
    });
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
    branch: record.branch === null ? null : String(record.branch),
    depth: Number(record.depth),
    createdAt: String(record.created_at),
    caughtUp: record.caught_up === 1,
    notifiedAt: record.notified_at === null ? null : String(record.notified_at),
    heldBack: Number(record.held_back),
  };
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
