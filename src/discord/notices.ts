// Notices that wait for their channel. A notice is in the database before anybody hears of it, and leaves it when
// Discord has it, so it is neither lost while Discord is away nor told twice. What is sent together is marked as one
// batch before it is sent; should the bot die in between, the same batch is sent again under the same nonce, and
// Discord shows it once.

import { randomUUID } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { Clock } from '../../skills/tool.ts';

const mostNotices = 500;
const mostInBatch = 20;
const longestNotice = 4_000;
const nonceLength = 25;

/** One notice, or several of the same words. */
export interface Notice {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly text: string;
  readonly count: number;
}

/** Notices that are sent as one message. */
export interface Batch {
  readonly nonce: string;
  readonly notices: readonly Notice[];
}

/** The waiting notices of an instance. */
export interface NoticeStore {
  put(channel: string, text: string): void;
  /** The channels that something waits for. */
  channels(): string[];
  /** What is to be sent next to a channel: what was begun before, else as many of the oldest as `fits` takes. */
  next(channel: string, fits: (notices: readonly Notice[]) => boolean): Batch | undefined;
  /** Discord has it, or can never have it. */
  finish(batch: Batch): void;
}

/** Stands for those that had to go because too many waited. */
const droppedText = 'Older notices were dropped, for too many were waiting.';

const columns = 'id, at, text, count';

/** The notices in the instance's database. */
export function createNoticeStore(database: Database, clock: Clock): NoticeStore {
  const waiting = (channel: string) =>
    database
      .prepare<unknown[], Notice>(
        `SELECT ${columns} FROM discord_notices WHERE channel = ? AND batch IS NULL ORDER BY id LIMIT ?`,
      )
      .all(channel, mostInBatch);
  return {
    put: (channel, text) =>
      database
        .transaction(() => {
          const words = text.slice(0, longestNotice);
          const at = new Date(clock.now()).toISOString();
          const again = database
            .prepare(
              `UPDATE discord_notices SET count = count + 1 WHERE text = @words AND id =
                 (SELECT id FROM discord_notices WHERE channel = @channel AND batch IS NULL ORDER BY id DESC LIMIT 1)`,
            )
            .run({ words, channel });
          if (again.changes > 0) return;
          database
            .prepare('INSERT INTO discord_notices (at, channel, text) VALUES (?, ?, ?)')
            .run(at, channel, words);
          dropOldest(database, channel);
        })
        .immediate(),
    channels: () =>
      database.prepare<[], string>('SELECT DISTINCT channel FROM discord_notices').pluck().all(),
    next: (channel, fits) =>
      database
        .transaction(() => {
          const begun = database
            .prepare<[string], string>(
              'SELECT batch FROM discord_notices WHERE channel = ? AND batch IS NOT NULL ORDER BY id LIMIT 1',
            )
            .pluck()
            .get(channel);
          if (begun !== undefined) {
            const notices = database
              .prepare<[string], Notice>(`SELECT ${columns} FROM discord_notices WHERE batch = ? ORDER BY id`)
              .all(begun);
            return { nonce: begun, notices };
          }
          const all = waiting(channel);
          let take = Math.min(1, all.length);
          while (take < all.length && fits(all.slice(0, take + 1))) take++;
          const notices = all.slice(0, take);
          if (notices.length === 0) return undefined;
          const nonce = randomUUID().replaceAll('-', '').slice(0, nonceLength);
          for (const { id } of notices) {
            database.prepare('UPDATE discord_notices SET batch = ? WHERE id = ?').run(nonce, id);
          }
          return { nonce, notices };
        })
        .immediate(),
    finish: ({ nonce }) => void database.prepare('DELETE FROM discord_notices WHERE batch = ?').run(nonce),
  };
}

/** The oldest waiting notices become one that counts them. */
function dropOldest(database: Database, channel: string): void {
  const count = database
    .prepare<[string], number>('SELECT count(*) FROM discord_notices WHERE channel = ? AND batch IS NULL')
    .pluck()
    .get(channel);
  if ((count ?? 0) <= mostNotices) return;
  const [first, second] = database
    .prepare<[string], Notice>(
      `SELECT ${columns} FROM discord_notices WHERE channel = ? AND batch IS NULL ORDER BY id LIMIT 2`,
    )
    .all(channel);
  if (!first || !second) return;
  database
    .prepare('UPDATE discord_notices SET text = ?, count = ? WHERE id = ?')
    .run(droppedText, first.count + second.count, first.id);
  database.prepare('DELETE FROM discord_notices WHERE id = ?').run(second.id);
}
