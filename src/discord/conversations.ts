// Conversations that outlive the process: a row for each command that is being carried out in a message, from its
// beginning until its end stands there. Whatever rows a new process finds were cut off, and are ended by it.

import type { Database, RunResult } from 'better-sqlite3';
import type { Actor, Logger } from '../../skills/tool.ts';
import type { Address } from './delivery.ts';

/** What has to happen before a conversation is over. */
export type About =
  /** The call itself. */
  | { readonly kind: 'call' }
  /** Releases that the watchdog switches, tries, or takes back. */
  | {
      readonly kind: 'release';
      readonly wants: 'good' | 'reverted';
      readonly releases: readonly { readonly version: string; readonly createdAt: string }[];
    }
  /** The restart of this very bot. */
  | { readonly kind: 'restart' };

/** One conversation. */
export interface Conversation {
  readonly id: number;
  readonly address: Address;
  readonly tool: string;
  readonly actor: Actor;
  /** ISO 8601. */
  readonly begunAt: string;
  readonly about: About;
  readonly steps: readonly string[];
  /** The last text, where it is known and only had to be brought there. */
  readonly outcome: string | null;
}

/**
 * The conversations of an instance. What cannot be noted, on a full disk, goes to the log alone: whoever asked reads
 * the end all the same, and only a restart would know less of it.
 */
export interface Conversations {
  /** Nothing where it could not be noted. */
  begin(conversation: Pick<Conversation, 'address' | 'tool' | 'actor' | 'begunAt'>): number | undefined;
  note(id: number, part: { about?: About; steps?: readonly string[]; outcome?: string }): void;
  end(id: number): void;
  open(): Conversation[];
}

interface Row {
  readonly id: number;
  readonly channelId: string;
  readonly messageId: string;
  readonly token: string;
  readonly tokenUntil: number;
  readonly tool: string;
  readonly actor: string;
  readonly begunAt: string;
  readonly about: string;
  readonly steps: string;
  readonly outcome: string | null;
}

/** The conversations in the instance's database. */
export function createConversations(database: Database, logger: Logger): Conversations {
  const attempt = (write: () => RunResult) => {
    try {
      return write();
    } catch (error) {
      logger.warn({ error: String(error) }, 'a conversation could not be noted');
      return undefined;
    }
  };
  return {
    begin({ address, tool, actor, begunAt }) {
      const written = attempt(() =>
        database
          .prepare(
            `INSERT INTO discord_conversations
               (channel_id, message_id, token, token_until, tool, actor_json, begun_at, about_json)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(
            address.channelId,
            address.messageId ?? '',
            address.token ?? '',
            address.tokenUntil ?? 0,
            tool,
            JSON.stringify(actor),
            begunAt,
            JSON.stringify({ kind: 'call' } satisfies About),
          ),
      );
      return written && Number(written.lastInsertRowid);
    },
    note: (id, { about, steps, outcome }) =>
      void attempt(() =>
        database
          .prepare(
            `UPDATE discord_conversations
             SET about_json = coalesce(@about, about_json), steps_json = coalesce(@steps, steps_json),
                 outcome = coalesce(@outcome, outcome)
             WHERE id = @id`,
          )
          .run({
            id,
            about: about === undefined ? null : JSON.stringify(about),
            steps: steps === undefined ? null : JSON.stringify(steps),
            outcome: outcome ?? null,
          }),
      ),
    end: (id) =>
      void attempt(() => database.prepare('DELETE FROM discord_conversations WHERE id = ?').run(id)),
    open: () =>
      database
        .prepare<[], Row>(
          `SELECT id, channel_id AS channelId, message_id AS messageId, token, token_until AS tokenUntil, tool,
                  actor_json AS actor, begun_at AS begunAt, about_json AS about, steps_json AS steps, outcome
           FROM discord_conversations ORDER BY id`,
        )
        .all()
        .map(({ channelId, messageId, token, tokenUntil, actor, about, steps, ...rest }) => ({
          ...rest,
          address: { channelId, messageId: messageId || undefined, token: token || undefined, tokenUntil },
          actor: JSON.parse(actor) as Actor,
          about: JSON.parse(about) as About,
          steps: JSON.parse(steps) as string[],
        })),
  };
}
