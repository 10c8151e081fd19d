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
/** Of more than these the oldest are shown in part only. */
const mostFiles = 20;

/** One notice, or several of the same words. */
export interface Notice {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly text: string;
  readonly count: number;
  /** All of it, where that is more than a notice shows. */
  readonly file?: NoticeFile;
}

/** A text that comes with a notice. */
interface NoticeFile {
  readonly name: string;
  readonly text: string;
}

/** Notices that are sent as one message. */
export interface Batch {
  readonly nonce: string;
  readonly notices: readonly Notice[];
}

/** The waiting notices of an instance. */
export interface NoticeStore {
  put(channel: string, text: string, file?: NoticeFile): void;
  /** The channels that something waits for. */
  channels(): string[];
  /** What is to be sent next to a channel: what was begun before, else as many of the oldest as `fits` takes. */
  next(channel: string, fits: (notices: readonly Notice[]) => boolean): Batch | undefined;
  /** Discord has it, or can never have it. */
  finish(batch: Batch): void;
}

/** Stands for those that had to go because too many waited. */
const droppedText = 'Older notices were dropped, for too many were waiting.';

const columns = 'id, at, text, count, file_json AS fileJson';

/** The notices in the instance's database. */
export function createNoticeStore(database: Database, clock: Clock): NoticeStore {
  const waiting = (channel: string) =>
    database
      .prepare<unknown[], Row>(
        `SELECT ${columns} FROM discord_notices WHERE channel = ? AND batch IS NULL ORDER BY id LIMIT ?`,
      )
      .all(channel, mostInBatch)
      .map(toNotice);
  return {
    put: (channel, text, file) =>
      database
        .transaction(() => {
          const words = text.slice(0, longestNotice);
          const at = new Date(clock.now()).toISOString();
          const again = database
            .prepare(
              `UPDATE discord_notices SET count = count + 1 WHERE text = @words AND file_json IS @file AND id =
                 (SELECT id FROM discord_notices WHERE channel = @channel AND batch IS NULL ORDER BY id DESC LIMIT 1)`,
            )
            .run({ words, channel, file: file ? JSON.stringify(file) : null });
          if (again.changes > 0) return;
          database
            .prepare('INSERT INTO discord_notices (at, channel, text, file_json) VALUES (?, ?, ?, ?)')
            .run(at, channel, words, file ? JSON.stringify(file) : null);
          if (file) dropFiles(database, channel);
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
              .prepare<[string], Row>(`SELECT ${columns} FROM discord_notices WHERE batch = ? ORDER BY id`)
              .all(begun)
              .map(toNotice);
            return { nonce: begun, notices };
          }
          const all = waiting(channel);
          let take = Math.min(1, all.length);
          // What has a file comes alone.
          const alone = all.findIndex(({ file }) => file !== undefined);
          const most = alone < 0 ? all.length : Math.max(1, alone);
          while (take < most && fits(all.slice(0, take + 1))) take++;
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

interface Row extends Omit<Notice, 'file'> {
  readonly fileJson: string | null;
}

function toNotice({ fileJson, ...notice }: Row): Notice {
  return fileJson === null ? notice : { ...notice, file: JSON.parse(fileJson) as NoticeFile };
}

/** Files take room; of many that wait the oldest go, and their notices stay. */
function dropFiles(database: Database, channel: string): void {
  database
    .prepare(
      `UPDATE discord_notices SET file_json = NULL
       WHERE channel = @channel AND batch IS NULL AND file_json IS NOT NULL AND id NOT IN
         (SELECT id FROM discord_notices WHERE channel = @channel AND file_json IS NOT NULL ORDER BY id DESC LIMIT @most)`,
    )
    .run({ channel, most: mostFiles });
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
    .prepare('UPDATE discord_notices SET text = ?, count = ?, file_json = NULL WHERE id = ?')
    .run(droppedText, first.count + second.count, first.id);
  database.prepare('DELETE FROM discord_notices WHERE id = ?').run(second.id);
}
