// The audit trail: one row for every call of a tool, and for whatever skills do by themselves. Bounded, with an
// allowance for each kind: a flood of reading calls, of fired hooks, or of what strangers try pushes no promotion out.

import type { Database } from 'better-sqlite3';
import type { Clock, History, HistoryEntry, Migration } from '../skills/tool.ts';

const kinds = { act: 0, read: 1, hook: 2, refused: 3 } as const;
const kept = { act: 20_000, read: 1_000, hook: 10_000, refused: 5_000 } as const;
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
            kind INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX history_by_kind ON history (kind, id);`,
  },
];

/** The history kept in the instance's database, which is opened when the first row is written or read. */
export function createHistory(database: () => Database, clock: Clock): History {
  return {
    begin({ actor, action, subject, isRead }) {
      const { lastInsertRowid } = database()
        .prepare(
          `INSERT INTO history (at, actor, action, subject, outcome, detail, kind)
           VALUES (?, ?, ?, ?, 'started', '', ?)`,
        )
        .run(new Date(clock.now()).toISOString(), actor, action, subject, kinds[kindOf(action, isRead)]);
      const id = Number(lastInsertRowid);
      if (id % trimEvery === 0) trim(database());
      return id;
    },
    finish(id, outcome, detail) {
      database()
        .prepare(
          `UPDATE history SET outcome = @outcome, detail = @detail, kind = iif(@outcome = 'refused', @refused, kind)
           WHERE id = @id`,
        )
        .run({ id, outcome, detail, refused: kinds.refused });
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

function kindOf(action: string, isRead: boolean): keyof typeof kinds {
  if (isRead) return 'read';
  return action === 'hook' ? 'hook' : 'act';
}

function trim(database: Database): void {
  const remove = database.prepare(
    `DELETE FROM history WHERE kind = @kind AND id <=
       (SELECT id FROM history WHERE kind = @kind ORDER BY id DESC LIMIT 1 OFFSET @offset)`,
  );
  for (const name of ['act', 'read', 'hook', 'refused'] as const)
    remove.run({ kind: kinds[name], offset: kept[name] });
}
