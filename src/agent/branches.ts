// The branches of an instance: one row for each thread of work, its status, who it serves, what it has cost.

import type { Database } from 'better-sqlite3';
import type { Actor, Clock } from '../../skills/tool.ts';
import type { Asker } from './allowance.ts';
import type { Usage } from './model/index.ts';
import { type BranchEvent, type BranchStatus, nextStatus } from './states.ts';

/** Where a branch comes from. */
type Origin = 'person' | 'hook' | 'cycle';

/** One thread of the agent's work. */
export interface Branch {
  readonly id: string;
  readonly origin: Origin;
  /** How it began, in a few words. */
  readonly title: string;
  /** Where it talks; null where nobody reads it. */
  readonly channel: string | null;
  /** How many hooks led to it. */
  readonly depth: number;
  /** Whose rights its tools have at present. */
  readonly actor: Actor;
  readonly status: BranchStatus;
  /** What it waits for from a person: `confirmation: …`, or `answer: …` with its question. */
  readonly waitsFor: string | null;
  /** What replaces its process, and then wakes it: `release:NAME`, `rollback` or `restart`. */
  readonly awaits: string | null;
  /** Who asked for the turn that is under way. */
  readonly asker: Asker;
  /** What stands for the messages that were folded away. */
  readonly summary: string | null;
  /** The end of an answer that people may not have seen yet. */
  readonly unsaid: string | null;
  readonly error: string | null;
  readonly createdAt: string;
  readonly activeAt: string;
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  /** US dollars; null where no price is known. */
  readonly cost: number | null;
}

/** The branches in the instance's database. */
export interface Branches {
  /** The branch with this key, made now unless there is one: whoever asks twice gets the same. */
  begin(branch: Pick<Branch, 'origin' | 'title' | 'channel' | 'depth' | 'actor'> & { key: string }): Branch;
  find(id: string): Branch | undefined;
  hasKey(key: string): boolean;
  /** Those with one of these states, the longest at rest first. */
  withStatus(...statuses: readonly BranchStatus[]): Branch[];
  /** The newest that this person has open in the channel. */
  openIn(channel: string, actorId: string): Branch | undefined;
  /** The newest of all in the channel, whoever began it. */
  newestIn(channel: string): Branch | undefined;
  /** Those of the clock, or of hooks, that were active since then. */
  activeSince(origin: Origin, since: number): Branch[];
  /** How many are to be worked on. */
  countRunning(): number;
  /** Those that are not over and have something to say that people may not have seen. */
  withUnsaid(): Branch[];
  /** The branch that a message of ours belongs to. */
  ofPost(messageId: string): Branch | undefined;
  /** Moves it along the table of states; false where the event means nothing now. */
  move(id: string, event: BranchEvent, waitsFor?: string): boolean;
  /** Its process is to be replaced; it is woken by what becomes of that. */
  await(id: string, subject: string): void;
  /** What replaced its process has come. */
  satisfy(id: string): void;
  /** Whom it serves from now on, and who asked for that. */
  serve(id: string, actor: Actor, asker: Asker): void;
  /** A person has said something, which answers its question. */
  answer(id: string): void;
  /** A turn begins, or goes on in another process: how many processes have begun it by now. */
  enter(id: string): number;
  /** Its turn is over, or, with `goesOn`, left to the next process in order. */
  leave(id: string, goesOn?: boolean): void;
  fold(id: string, summary: string): void;
  spend(id: string, usage: Usage, cost: number | undefined): void;
  fail(id: string, error: string | null): void;
  /** Notes an answer that is to be shown; null when it has been. */
  owe(id: string, text: string | null): void;
  posted(id: string, messageIds: readonly string[]): void;
  /** Ends what nobody has touched since then, or answered for very long, and forgets what is too old or too much. */
  tidy(idleSince: string): void;
}

const keptBranches = 500;
const keptPosts = 20_000;
/** A question that nobody has answered for so long is none any more. */
const patienceMs = 30 * 86_400_000;
const columns = `id, origin, title, channel, depth, actor_json AS actorJson, status, waits_for AS waitsFor, awaits, asker,
  summary, unsaid, error, created_at AS createdAt, active_at AS activeAt, steps, input_tokens AS inputTokens, output_tokens AS outputTokens,
  cached_tokens AS cachedTokens, cost`;

type Row = Omit<Branch, 'actor'> & { readonly actorJson: string };

/** Opens them. */
export function createBranches(database: Database, clock: Clock): Branches {
  const now = () => new Date(clock.now()).toISOString();
  const read = (where: string, ...values: readonly unknown[]): Branch[] =>
    database
      .prepare<unknown[], Row>(`SELECT ${columns} FROM agent_branches ${where}`)
      .all(...values)
      .map(({ actorJson, ...row }) => ({ ...row, actor: JSON.parse(actorJson) as Actor }));
  const set = (id: string, assignments: string, ...values: readonly unknown[]) =>
    void database.prepare(`UPDATE agent_branches SET ${assignments} WHERE id = ?`).run(...values, id);
  const branches: Branches = {
    begin: ({ key, origin, title, channel, depth, actor }) =>
      database.transaction(() => {
        const [found] = read('WHERE key = ?', key);
        if (found) return found;
        const id = newId(database);
        database
          .prepare(
            `INSERT INTO agent_branches (id, key, origin, title, channel, depth, actor_json, status, created_at, active_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, 'idle', ?, ?)`,
          )
          .run(id, key, origin, title.slice(0, 200), channel, depth, JSON.stringify(actor), now(), now());
        return read('WHERE id = ?', id)[0] as Branch;
      })(),
    find: (id) => read('WHERE id = ?', id)[0],
    hasKey: (key) => database.prepare('SELECT 1 FROM agent_branches WHERE key = ?').get(key) !== undefined,
    withStatus: (...statuses) =>
      read(
        `WHERE status IN (${statuses.map(() => '?').join(', ')}) ORDER BY active_at LIMIT ${keptBranches}`,
        ...statuses,
      ),
    openIn: (channel, actorId) =>
      read(
        `WHERE channel = ? AND status != 'completed' AND origin = 'person' AND json_extract(actor_json, '$.id') = ?
         ORDER BY active_at DESC LIMIT 1`,
        channel,
        actorId,
      )[0],
    newestIn: (channel) =>
      read(
        `WHERE channel = ? AND status IN ('running', 'waiting') ORDER BY active_at DESC LIMIT 1`,
        channel,
      )[0],
    // A clock that was put back leaves moments that have not come yet.
    activeSince: (origin, since) =>
      read(
        `WHERE origin = ? AND active_at BETWEEN ? AND ? ORDER BY active_at DESC LIMIT ${keptBranches}`,
        origin,
        new Date(since).toISOString(),
        now(),
      ),
    countRunning: () =>
      database
        .prepare<[], number>(`SELECT count(*) FROM agent_branches WHERE status = 'running'`)
        .pluck()
        .get() ?? 0,
    withUnsaid: () =>
      read(
        `WHERE unsaid IS NOT NULL AND status IN ('waiting', 'idle') ORDER BY active_at LIMIT ${keptBranches}`,
      ),
    ofPost: (messageId) =>
      read('WHERE id = (SELECT branch FROM agent_posts WHERE message_id = ?)', messageId)[0],
    move: (id, event, waitsFor) =>
      database.transaction(() => {
        const [branch] = read('WHERE id = ?', id);
        const next = branch && nextStatus(branch.status, event, isAwaiting(branch));
        if (!next) return false;
        const goesOn = event === 'news' || event === 'rested';
        const kept = goesOn && isQuestion(branch.waitsFor) ? branch.waitsFor : null;
        const isOver = event === 'stopped' || event === 'ended' || event === 'aged';
        set(
          id,
          'status = ?, waits_for = ?, awaits = ?, active_at = ?',
          next,
          waitsFor ?? kept,
          isOver ? null : branch.awaits,
          now(),
        );
        return true;
      })(),
    await: (id, subject) => set(id, 'awaits = ?', subject),
    satisfy: (id) => set(id, 'awaits = NULL'),
    serve: (id, actor, asker) => set(id, 'actor_json = ?, asker = ?', JSON.stringify(actor), asker),
    answer: (id) => set(id, 'waits_for = NULL'),
    enter: (id) => {
      set(id, 'attempts = attempts + 1');
      return (
        database
          .prepare<[string], number>('SELECT attempts FROM agent_branches WHERE id = ?')
          .pluck()
          .get(id) ?? 0
      );
    },
    leave: (id, goesOn = false) => set(id, goesOn ? 'attempts = 0' : `attempts = 0, asker = 'nobody'`),
    fold: (id, summary) => set(id, 'summary = ?', summary),
    spend: (id, usage, cost) =>
      set(
        id,
        `steps = steps + 1, input_tokens = input_tokens + ?, output_tokens = output_tokens + ?,
         cached_tokens = cached_tokens + ?, cost = CASE WHEN ? IS NULL THEN cost ELSE coalesce(cost, 0) + ? END,
         active_at = ?`,
        usage.inputTokens,
        usage.outputTokens,
        usage.cachedInputTokens,
        cost ?? null,
        cost ?? null,
        now(),
      ),
    fail: (id, error) => set(id, 'error = ?', error),
    owe: (id, text) => set(id, 'unsaid = ?', text),
    posted: (id, messageIds) => {
      const insert = database.prepare(
        'INSERT OR REPLACE INTO agent_posts (message_id, branch) VALUES (?, ?)',
      );
      for (const messageId of messageIds) insert.run(messageId, id);
    },
    tidy: (idleSince) =>
      database.transaction(() => {
        const patientSince = new Date(clock.now() - patienceMs).toISOString();
        const old = read(
          `WHERE status = 'idle' AND active_at < ? OR status = 'waiting' AND active_at < ?`,
          idleSince,
          patientSince,
        );
        for (const { id } of old) branches.move(id, 'aged');
        database
          .prepare(
            `DELETE FROM agent_branches WHERE status = 'completed' AND id NOT IN
               (SELECT id FROM agent_branches ORDER BY active_at DESC LIMIT ${keptBranches})`,
          )
          .run();
        database
          .prepare(
            `DELETE FROM agent_posts WHERE rowid <=
               (SELECT rowid FROM agent_posts ORDER BY rowid DESC LIMIT 1 OFFSET ${keptPosts})`,
          )
          .run();
      })(),
  };
  return branches;
}

function isAwaiting({ awaits, waitsFor }: Branch): boolean {
  return awaits !== null || isQuestion(waitsFor);
}

/** A question of the model stays open until a person says something. */
function isQuestion(waitsFor: string | null): boolean {
  return waitsFor?.startsWith('answer: ') ?? false;
}

/** Short, for people type it; never one that is in use. */
function newId(database: Database): string {
  for (;;) {
    const id = `b${Math.random().toString(36).slice(2, 7)}`;
    if (id.length === 6 && !database.prepare('SELECT 1 FROM agent_branches WHERE id = ?').get(id)) return id;
  }
}
