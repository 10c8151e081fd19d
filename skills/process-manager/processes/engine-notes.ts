// What engines said of the bots that they were given, when they were last asked: whoever decides what comes next for a bot
// reads it here and waits for nobody.

import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';

/** What an engine said of a bot. */
export interface EngineNote {
  /** True while the engine starts it again by itself whenever it ends. */
  readonly isActive: boolean;
  /** What it waits for, such as a node; null when it waits for nothing. */
  readonly text: string | null;
  /** When an update was taken back the last time, and why. */
  readonly rolledBackAt: string | null;
  readonly rollback: string | null;
}

export const engineNoteMigrations: readonly Migration[] = [
  {
    name: 'process-manager/9-engine-notes',
    sql: `CREATE TABLE engine_notes (
            bot TEXT PRIMARY KEY,
            is_active INTEGER NOT NULL DEFAULT 0,
            text TEXT,
            rolled_back_at TEXT,
            rollback TEXT
          ) STRICT;`,
  },
];

/** The notes, read and changed. */
export interface EngineNotes {
  /** Undefined when no engine was ever given this bot. */
  find(bot: string): EngineNote | undefined;
  note(bot: string, note: Pick<EngineNote, 'isActive' | 'text'>): void;
  /** True for the one who notes this very rollback first. */
  noteRollback(bot: string, at: string, reason: string): boolean;
  /** A later change went well, or the bot is not there any more. */
  forgetRollback(bot: string): void;
}

/** The notes in the instance's database. */
export function createEngineNotes(database: Database): EngineNotes {
  const write = (sql: string, values: object) => database.prepare(sql).run(values).changes === 1;
  return {
    find: (bot) => {
      const found = database
        .prepare<unknown[], Omit<EngineNote, 'isActive'> & { isActive: 0 | 1 }>(
          `SELECT is_active AS isActive, text, rolled_back_at AS rolledBackAt, rollback FROM engine_notes
           WHERE bot = ?`,
        )
        .get(bot);
      return found && { ...found, isActive: found.isActive === 1 };
    },
    note: (bot, { isActive, text }) =>
      void write(
        `INSERT INTO engine_notes (bot, is_active, text) VALUES (@bot, @isActive, @text)
         ON CONFLICT (bot) DO UPDATE SET is_active = @isActive, text = @text
         WHERE is_active IS NOT @isActive OR text IS NOT @text`,
        { bot, isActive: isActive ? 1 : 0, text },
      ),
    noteRollback: (bot, at, reason) =>
      write(
        `INSERT INTO engine_notes (bot, rolled_back_at, rollback) VALUES (@bot, @at, @reason)
         ON CONFLICT (bot) DO UPDATE SET rolled_back_at = @at, rollback = @reason
         WHERE rolled_back_at IS NULL OR rolled_back_at < @at`,
        { bot, at, reason },
      ),
    forgetRollback: (bot) =>
      void write('UPDATE engine_notes SET rollback = NULL WHERE bot = @bot AND rollback IS NOT NULL', {
        bot,
      }),
  };
}
