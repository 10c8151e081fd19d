// What hooks have to say to those above: the agent (inject_context, spawn_branch, stop_branch) and the channels
// (notify_channel). A message is written in the transaction of its fire and waits here until somebody takes it, so it
// is neither lost nor doubled while there is no Discord, no agent, or no supervisor.

import type { Database } from 'better-sqlite3';
import { type Actor, Failure, type Migration } from '../../tool.ts';
import type { HookAction } from './hook.ts';

/** How deep branches may be that hooks spawn. */
export const deepestBranch = 3;
/** How many of them may be at work at once. */
const mostBranches = 3;
/** Messages that nobody took: the oldest go first. */
const keptMessages = 2_000;

/** The actions that somebody above carries out. */
export type MessageAction = Exclude<HookAction, 'stop_process'>;

/** One thing to say or do. */
export interface Message {
  readonly id: number;
  readonly action: MessageAction;
  /** Null for what no hook said: a bot that failed. */
  readonly hookId: number | null;
  readonly processId: string | null;
  readonly at: string;
  /** What a person or a model reads. */
  readonly text: string;
  /** The branch that started the process, which is the one to tell or to stop. */
  readonly branch: string | null;
  /** How deep a branch is that this spawns. */
  readonly depth: number;
  /** Whose rights a spawned branch has. */
  readonly creator: Actor;
}

export const outboxMigrations: readonly Migration[] = [
  {
    name: 'process-manager/3-outbox',
    sql: `CREATE TABLE hook_outbox (
            id INTEGER PRIMARY KEY,
            action TEXT NOT NULL,
            message_json TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting'
          ) STRICT;
          CREATE INDEX hook_outbox_waiting ON hook_outbox (state, action);`,
  },
];

/** The messages of an instance. */
export interface Outbox {
  /** Refuses a branch that would be too deep. */
  put(message: Omit<Message, 'id'>): void;
  /** Hands out waiting messages, oldest first; of branches only as many as may still start. */
  take(actions: readonly MessageAction[], limit: number): Message[];
  /**
   * Whoever took a message has dealt with it, or deals with it now: what `deal` writes into this database stands there
   * together with the end of the message, or not at all.
   */
  finish(id: number, deal?: () => void): void;
  /** It could not be dealt with now: it waits again. */
  putBack(id: number): void;
  /** Puts back what was taken by somebody who died before finishing it. */
  putBackTaken(): void;
}

/** The outbox in the instance's database. */
export function createOutbox(database: Database): Outbox {
  return {
    put(message) {
      if (message.action === 'spawn_branch' && message.depth > deepestBranch) {
        throw new Failure(
          'hooks_too_deep',
          `A hook may not spawn a branch here: it would be ${message.depth} hooks deep, and ${deepestBranch} is the deepest.`,
          'Let the hook notify a channel instead.',
        );
      }
      database
        .prepare('INSERT INTO hook_outbox (action, message_json) VALUES (?, ?)')
        .run(message.action, JSON.stringify(message));
      // Each action has an allowance of its own: a flood of one pushes nothing of another out.
      database
        .prepare(
          `DELETE FROM hook_outbox WHERE action = @action AND state = 'waiting' AND id <=
             (SELECT id FROM hook_outbox WHERE action = @action ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
        )
        .run({ action: message.action, kept: keptMessages });
    },
    take: (actions, limit) =>
      database
        .transaction(() => actions.flatMap((action) => takeOf(database, action, limit)).slice(0, limit))
        .immediate(),
    finish: (id, deal) =>
      database
        .transaction(() => {
          deal?.();
          database.prepare('DELETE FROM hook_outbox WHERE id = ?').run(id);
        })
        .immediate(),
    putBack: (id) => void database.prepare(`UPDATE hook_outbox SET state = 'waiting' WHERE id = ?`).run(id),
    putBackTaken: () => void database.prepare(`UPDATE hook_outbox SET state = 'waiting'`).run(),
  };
}

function takeOf(database: Database, action: MessageAction, limit: number): Message[] {
  const busy =
    database
      .prepare<unknown[], number>(`SELECT count(*) FROM hook_outbox WHERE action = ? AND state = 'taken'`)
      .pluck()
      .get(action) ?? 0;
  const most = action === 'spawn_branch' ? Math.min(limit, mostBranches - busy) : limit;
  const found = database
    .prepare<unknown[], { id: number; message_json: string }>(
      `SELECT id, message_json FROM hook_outbox WHERE state = 'waiting' AND action = ? ORDER BY id LIMIT ?`,
    )
    .all(action, Math.max(0, most));
  for (const { id } of found) database.prepare(`UPDATE hook_outbox SET state = 'taken' WHERE id = ?`).run(id);
  return found.map(({ id, message_json }) => ({ ...(JSON.parse(message_json) as Omit<Message, 'id'>), id }));
}
