// What engines said of the bots that they were given, when they were last asked: whoever decides what comes next for a bot
// reads it here and waits for nobody.

import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';

/** What an engine said of a bot. */
export interface EngineNote {
  /** True while the engine starts it again by itself whenever it ends. */
  readonly isActive: boolean;
  /** True while the engine has anything of it, be it only what has ended. */
  readonly isThere: boolean;
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
            is_there INTEGER NOT NULL DEFAULT 0,
            text TEXT,
            rolled_back_at TEXT,
            rollback TEXT
          ) STRICT;
          CREATE TABLE engine_troubles (engine TEXT PRIMARY KEY, trouble TEXT NOT NULL) STRICT;`,
  },
];

/** The notes, read and changed. */
export interface EngineNotes {
  /** Undefined when no engine was ever given this bot. */
  find(bot: string): EngineNote | undefined;
  /** True while an engine has anything of any bot, be it configured or not. */
  isAnyThere(): boolean;
  note(bot: string, note: Pick<EngineNote, 'isActive' | 'isThere' | 'text'>): void;
  /** Nothing is there any more. */
  noteGone(bot: string): void;
  /** True for the one who notes this very rollback first. */
  noteRollback(bot: string, at: string, reason: string): boolean;
  /** A later change went well, or the bot is not there any more. */
  forgetRollback(bot: string): void;
  /** Why an engine did not answer whoever asked it last, in whatever process. */
  trouble(engine: string): string | undefined;
  noteTrouble(engine: string, trouble: string | undefined): void;
}

interface NoteRecord extends Omit<EngineNote, 'isActive' | 'isThere'> {
  readonly isActive: 0 | 1;
  readonly isThere: 0 | 1;
}

/** The notes in the instance's database. */
export function createEngineNotes(database: Database): EngineNotes {
  const write = (sql: string, values: object) => database.prepare(sql).run(values).changes === 1;
  return {
    find: (bot) => {
      const found = database
        .prepare<unknown[], NoteRecord>(
          `SELECT is_active AS isActive, is_there AS isThere, text, rolled_back_at AS rolledBackAt, rollback
           FROM engine_notes WHERE bot = ?`,
        )
        .get(bot);
      return found && { ...found, isActive: found.isActive === 1, isThere: found.isThere === 1 };
    },
    isAnyThere: () =>
      database.prepare('SELECT EXISTS (SELECT 1 FROM engine_notes WHERE is_there = 1)').pluck().get() === 1,
    note: (bot, { isActive, isThere, text }) =>
      void write(
        `INSERT INTO engine_notes (bot, is_active, is_there, text) VALUES (@bot, @isActive, @isThere, @text)
         ON CONFLICT (bot) DO UPDATE SET is_active = @isActive, is_there = @isThere, text = @text
         WHERE is_active IS NOT @isActive OR is_there IS NOT @isThere OR text IS NOT @text`,
        { bot, isActive: isActive ? 1 : 0, isThere: isThere ? 1 : 0, text },
      ),
    noteGone: (bot) =>
      void write(
        `UPDATE engine_notes SET is_active = 0, is_there = 0, text = NULL, rollback = NULL
         WHERE bot = @bot AND (is_there = 1 OR is_active = 1 OR rollback IS NOT NULL)`,
        { bot },
      ),
    trouble: (engine) =>
      database
        .prepare<[string], string>('SELECT trouble FROM engine_troubles WHERE engine = ?')
        .pluck()
        .get(engine),
    noteTrouble: (engine, trouble) => {
      if (trouble === undefined) write('DELETE FROM engine_troubles WHERE engine = @engine', { engine });
      else
        write(
          `INSERT INTO engine_troubles (engine, trouble) VALUES (@engine, @trouble)
           ON CONFLICT (engine) DO UPDATE SET trouble = @trouble`,
          { engine, trouble },
        );
    },
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
