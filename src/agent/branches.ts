// The branches of an instance: one row for each thread of work, its status, who it serves, what it has cost.

import type { Database } from 'better-sqlite3';
import type { Actor, Clock } from '../../skills/tool.ts';
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
  /** `release:NAME`, `restart`, `confirmation: …`, `answer: …`. */
  readonly waitsFor: string | null;
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
  /** Those of the clock that were active since then. */
  ofCyclesSince(since: string): Branch[];
  /** The branch that a message of ours belongs to. */
  ofPost(messageId: string): Branch | undefined;
  /** Moves it along the table of states; false where the event means nothing now. */
  move(id: string, event: BranchEvent, waitsFor?: string): boolean;
  /** What it was waiting for has come. */
  satisfy(id: string): void;
  serve(id: string, actor: Actor): void;
  fold(id: string, summary: string): void;
  spend(id: string, usage: Usage, cost: number | undefined): void;
  fail(id: string, error: string | null): void;
  /** Notes an answer that is to be shown; null when it has been. */
  owe(id: string, text: string | null): void;
  posted(id: string, messageIds: readonly string[]): void;
  /** Ends what nobody has touched since then, and forgets what is too old or too much. */
  tidy(idleSince: string): void;
}

const keptBranches = 500;
const columns = `id, origin, title, channel, depth, actor_json AS actorJson, status, waits_for AS waitsFor, summary, unsaid,
  error, created_at AS createdAt, active_at AS activeAt, steps, input_tokens AS inputTokens, output_tokens AS outputTokens,
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
  return {
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
    ofCyclesSince: (since) => read(`WHERE origin = 'cycle' AND active_at >= ? ORDER BY active_at`, since),
    ofPost: (messageId) =>
      read('WHERE id = (SELECT branch FROM agent_posts WHERE message_id = ?)', messageId)[0],
    move: (id, event, waitsFor) =>
      database.transaction(() => {
        const [branch] = read('WHERE id = ?', id);
        const next = branch && nextStatus(branch.status, event, isAwaited(branch.waitsFor));
        if (!next) return false;
        const stillWaits = isAwaited(branch.waitsFor) && (next === 'waiting' || event === 'news');
        set(
          id,
          'status = ?, waits_for = ?, active_at = ?',
          next,
          waitsFor ?? (stillWaits ? branch.waitsFor : null),
          now(),
        );
        return true;
      })(),
    satisfy: (id) => set(id, 'waits_for = NULL'),
    serve: (id, actor) => set(id, 'actor_json = ?', JSON.stringify(actor)),
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
        for (const { id } of read(`WHERE status = 'idle' AND active_at < ?`, idleSince)) {
          set(id, `status = 'completed'`);
        }
        database
          .prepare(
            `DELETE FROM agent_branches WHERE status = 'completed' AND id NOT IN
               (SELECT id FROM agent_branches ORDER BY active_at DESC LIMIT ${keptBranches})`,
          )
          .run();
      })(),
  };
}

/** What replaces the process comes also when people talk to the branch meanwhile. */
function isAwaited(waitsFor: string | null): boolean {
  return waitsFor !== null && /^(release:.|restart$|rollback$)/.test(waitsFor);
}

/** Short, for people type it; never one that is in use. */
function newId(database: Database): string {
  for (;;) {
    const id = `b${Math.random().toString(36).slice(2, 7)}`;
    if (id.length === 6 && !database.prepare('SELECT 1 FROM agent_branches WHERE id = ?').get(id)) return id;
  }
}
