// The audit trail: one row for every call of a tool, and for whatever skills do by themselves. Bounded: reading
// calls are many and cheap to lose, so they have a small allowance of their own.

import type { Database } from 'better-sqlite3';
import type { Clock, History, HistoryEntry, Migration } from '../skills/tool.ts';

const keptReads = 1_000;
const keptActs = 20_000;
const trimEvery = 200;

export const historyMigrations: readonly Migration[] = [
  {
    name: 'host/1-history',
    sql: `CREATE TABLE history (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            outcome TEXT NOT NULL,
            detail TEXT NOT NULL,
            is_read INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX history_by_kind ON history (is_read, id);`,
  },
];

/** The history kept in the instance's database, which is opened when the first row is written or read. */
export function createHistory(database: () => Database, clock: Clock): History {
  return {
    begin({ actor, action, subject, isRead }) {
      const { lastInsertRowid } = database()
        .prepare(
          `INSERT INTO history (at, actor, action, subject, outcome, detail, is_read)
           VALUES (?, ?, ?, ?, 'started', '', ?)`,
        )
        .run(new Date(clock.now()).toISOString(), actor, action, subject, isRead ? 1 : 0);
      const id = Number(lastInsertRowid);
      if (id % trimEvery === 0) trim(database());
      return id;
    },
    finish(id, outcome, detail) {
      database().prepare('UPDATE history SET outcome = ?, detail = ? WHERE id = ?').run(outcome, detail, id);
    },
    recent({ limit, action, actor }) {
      return database()
        .prepare<unknown[], HistoryEntry>(
          `SELECT at, actor, action, subject, outcome, detail FROM history
           WHERE (@action IS NULL OR action = @action) AND (@actor IS NULL OR actor = @actor)
           ORDER BY id DESC LIMIT @limit`,
        )
        .all({ action: action ?? null, actor: actor ?? null, limit });
    },
  };
}

function trim(database: Database): void {
  for (const [isRead, kept] of [
    [1, keptReads],
    [0, keptActs],
  ] as const) {
    database
      .prepare(
        `DELETE FROM history WHERE is_read = @isRead AND id <=
           (SELECT id FROM history WHERE is_read = @isRead ORDER BY id DESC LIMIT 1 OFFSET @kept)`,
      )
      .run({ isRead, kept });
  }
}
