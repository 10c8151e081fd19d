// What is to become of a message with buttons when the process that would answer them is no more: it is written down as
// soon as the buttons stand there, and carried out by whichever process is connected next.

import type { Database } from 'better-sqlite3';
import type { Logger } from '../../../skills/tool.ts';
import type { Delivery } from '../delivery.ts';

const mostAtOnce = 200;

/** The last words of messages. */
export interface Wills {
  /** Should this process end, this is to stand there, without buttons. */
  leave(channelId: string, messageId: string, content: string): void;
  /** It has no buttons any more. */
  drop(messageId: string | undefined): void;
  /** Nobody looks after it any more, though it may still have its buttons. */
  release(messageId: string | undefined): void;
  /** Discord is there: carries out what nobody looks after. */
  carryOut(): void;
}

interface Will {
  readonly channelId: string;
  readonly messageId: string;
  readonly content: string;
}

/** The wills in the instance's database. */
export function createWills(database: Database, delivery: Delivery, logger: Logger): Wills {
  const alive = new Set<string>();
  const underWay = new Set<string>();
  /** A full disk costs the last words, and nothing else. */
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      logger.warn({ error: String(error) }, 'what is to become of a message could not be noted');
    }
  };
  const drop = (messageId: string) => {
    alive.delete(messageId);
    attempt(() => database.prepare('DELETE FROM discord_wills WHERE message_id = ?').run(messageId));
  };
  const carryOut = async ({ channelId, messageId, content }: Will) => {
    underWay.add(messageId);
    try {
      await delivery.edit({ channelId, messageId }, { content });
      drop(messageId);
    } catch (error) {
      logger.debug({ error: String(error) }, 'a message keeps its buttons for now');
    } finally {
      underWay.delete(messageId);
    }
  };
  return {
    leave(channelId, messageId, content) {
      alive.add(messageId);
      attempt(() =>
        database
          .prepare(
            `INSERT INTO discord_wills (message_id, channel_id, content) VALUES (@messageId, @channelId, @content)
             ON CONFLICT (message_id) DO UPDATE SET content = excluded.content WHERE content <> excluded.content`,
          )
          .run({ messageId, channelId, content }),
      );
    },
    drop: (messageId) => {
      if (messageId !== undefined) drop(messageId);
    },
    release: (messageId) => void alive.delete(messageId ?? ''),
    carryOut: () =>
      attempt(() => {
        const rows = database
          .prepare<[number], Will>(
            'SELECT message_id AS messageId, channel_id AS channelId, content FROM discord_wills LIMIT ?',
          )
          .all(mostAtOnce);
        for (const row of rows) {
          if (!alive.has(row.messageId) && !underWay.has(row.messageId)) void carryOut(row);
        }
      }),
  };
}
