// What hooks have to say to those above: the agent (inject_context, spawn_branch, stop_branch) and the channels
// (notify_channel). A message is written in the transaction of its fire and waits here until somebody takes it, so it
// is neither lost nor doubled while there is no Discord, no agent, or no supervisor. It carries a key of its own, since
// the numbers of rows come back: whoever is given it twice, because a supervisor died in between, knows it by that.

import { randomUUID } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { type Actor, Failure, type Migration } from '../../tool.ts';
import type { HookAction } from './hook.ts';

/** How deep branches may be that hooks spawn. */
export const deepestBranch = 3;
/** Messages that nobody took: the oldest go first. */
const keptMessages = 2_000;

/** The actions that somebody above carries out. */
export type MessageAction = Exclude<HookAction, 'stop_process'>;

/** One thing to say or do. */
export interface Message {
  readonly id: number;
  /** Unique for ever, unlike the id. */
  readonly key: string;
  readonly action: MessageAction;
  /** Null for what no hook said: a bot that failed. */
  readonly hookId: number | null;
  readonly processId: string | null;
  readonly at: string;
  /** What a person or a model reads. */
  readonly text: string;
  /** The branch to tell or to stop; null where no branch has to do with it. */
  readonly branch: string | null;
  /** How deep a branch is that this spawns. */
  readonly depth: number;
  /** Whose rights a spawned branch has. */
  readonly creator: Actor;
}

/** What is put in; its id and its key are given to it. */
export type NewMessage = Omit<Message, 'id' | 'key'>;

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
  put(message: NewMessage): void;
  /** Hands out waiting messages in the order in which they were put in. */
  take(actions: readonly MessageAction[], limit: number): Message[];
  /**
   * Whoever took a message has dealt with it, or deals with it now: what `deal` writes into this database stands there
   * together with the end of the message, or not at all.
   */
  finish(id: number, deal?: () => void): void;
  /** It could not be dealt with now: it waits again. */
  putBack(id: number): void;
  /** People are told instead, as nobody else could be: in one step, so that a death leaves one or the other. */
  tellInstead(message: Message, text: string): void;
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
        .run(message.action, JSON.stringify({ ...message, key: `outbox:${randomUUID()}` }));
      // Each action has an allowance of its own: a flood of one pushes nothing of another out.
      database
        .prepare(
          `DELETE FROM hook_outbox WHERE action = @action AND state = 'waiting' AND id <=
             (SELECT id FROM hook_outbox WHERE action = @action ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
        )
        .run({ action: message.action, kept: keptMessages });
    },
    take: (actions, limit) => database.transaction(() => take(database, actions, limit)).immediate(),
    finish: (id, deal) =>
      database
        .transaction(() => {
          deal?.();
          database.prepare('DELETE FROM hook_outbox WHERE id = ?').run(id);
        })
        .immediate(),
    putBack: (id) => void database.prepare(`UPDATE hook_outbox SET state = 'waiting' WHERE id = ?`).run(id),
    tellInstead: (message, text) => {
      const action: MessageAction = 'notify_channel';
      database
        .prepare(
          `UPDATE hook_outbox SET action = @action, message_json = @json, state = 'waiting' WHERE id = @id`,
        )
        .run({ id: message.id, action, json: JSON.stringify({ ...message, action, text }) });
    },
    putBackTaken: () =>
      void database.prepare(`UPDATE hook_outbox SET state = 'waiting' WHERE state = 'taken'`).run(),
  };
}

function take(database: Database, actions: readonly MessageAction[], limit: number): Message[] {
  const found = database
    .prepare<unknown[], { id: number; message_json: string }>(
      `SELECT id, message_json FROM hook_outbox
       WHERE state = 'waiting' AND action IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`,
    )
    .all(JSON.stringify(actions), limit);
  for (const { id } of found) database.prepare(`UPDATE hook_outbox SET state = 'taken' WHERE id = ?`).run(id);
  return found.map(({ id, message_json }) => {
    const kept = JSON.parse(message_json) as NewMessage & { readonly key?: string };
    // One that a release before has put in has no key; its time tells it from another that had the same number.
    return { ...kept, id, key: kept.key ?? `outbox:${id}:${kept.at}` };
  });
}
