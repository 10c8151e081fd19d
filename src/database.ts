// Owns the one SQLite file of an instance, memory/understudy.db, and its shape.
//
// Always true: WAL; every pending migration runs in one transaction, after a backup; a file is never changed by
// code that does not understand it. Migrations only add, so a release that was taken back can still work with
// what the newer one left. The rare one that does not is marked `breaking` and raises `user_version`: older code
// then refuses the file.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type DatabaseConstructor from 'better-sqlite3';
import type { Database, Statement } from 'better-sqlite3';
import { Failure, type Migration } from '../skills/tool.ts';

const keptBackups = 5;
/** How long a process waits for another one's transaction. */
const busyMs = 5_000;
/** Every database that this process has opened: see `keepObjects`. */
const kept: Database[] = [];

/** Where the database of an instance is. */
function databasePath(root: string): string {
  return join(root, 'memory', 'understudy.db');
}

/** Opens the database, brings it up to date, and leaves it untouched when it cannot be understood. */
export function openDatabase(root: string, migrations: readonly Migration[]): Database {
  const path = databasePath(root);
  const Constructor = loadNativeModule();
  let database: Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    database = keepObjects(new Constructor(path, { timeout: busyMs }));
    refuseNewer(database, path, migrations);
    enterWal(database);
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
    migrate(database, path, root, migrations);
    return database;
  } catch (error) {
    database?.close();
    throw describe(error, path);
  }
}

/** SQLite does not wait for anybody when it changes the mode of a file, so of two processes that make it one waits here. */
function enterWal(database: Database): void {
  const deadline = performance.now() + busyMs;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      const isBusy = String((error as { code?: string }).code).startsWith('SQLITE_BUSY');
      if (!isBusy || performance.now() > deadline) throw error;
      Atomics.wait(clock, 0, 0, 20);
    }
  }
}

/** Brings a database to the shape that the migrations give. Two processes may do this at once. */
function migrate(database: Database, path: string, root: string, migrations: readonly Migration[]): void {
  const done = appliedNames(database);
  if (migrations.every(({ name }) => done.has(name))) return;
  if (done.size > 0) backUp(database, root);
  database
    .transaction(() => {
      database.exec(
        'CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL) STRICT',
      );
      // Somebody newer may have been here since the first look.
      refuseNewer(database, path, migrations);
      const applied = appliedNames(database);
      const record = database.prepare('INSERT INTO migrations (name, applied_at) VALUES (?, ?)');
      for (const { name, sql } of migrations) {
        if (applied.has(name)) continue;
        apply(database, name, sql);
        record.run(name, new Date().toISOString());
      }
      database.exec(`PRAGMA user_version = ${format(migrations)}`);
    })
    .immediate();
}

function apply(database: Database, name: string, sql: string): void {
  try {
    database.exec(sql);
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (code !== 'SQLITE_ERROR' && !code.startsWith('SQLITE_CONSTRAINT')) throw error;
    throw new Failure(
      'migration_failed',
      `The database could not be brought up to date: '${name}' failed (${firstLine(error)}). Nothing was changed.`,
      'This version does not fit this database: go back to the version before, and report it.',
      { cause: error },
    );
  }
}

/** The format of the file: one, and one more for every migration that older code cannot live with. */
function format(migrations: readonly Migration[]): number {
  return 1 + migrations.filter(({ breaking }) => breaking).length;
}

function refuseNewer(database: Database, path: string, migrations: readonly Migration[]): void {
  const found = Number(database.prepare('PRAGMA user_version').pluck().get());
  if (found <= format(migrations)) return;
  throw new Failure(
    'database_newer',
    `${path} was made by a newer version of Understudy (format ${found}; this version knows ${format(migrations)}).`,
    'Run the newer version again, or put back a copy from backups/database/ that was made before the upgrade. The file was not changed.',
  );
}

function appliedNames(database: Database): Set<string> {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'");
  if (table.get() === undefined) return new Set();
  return new Set(database.prepare<[], string>('SELECT name FROM migrations').pluck().all());
}

function backUp(database: Database, root: string): void {
  const folder = join(root, 'backups', 'database');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  database.prepare('VACUUM INTO ?').run(join(folder, `${stamp}-${process.pid}.db`));
  const older = readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .sort()
    .slice(0, -keptBackups);
  for (const name of older) rmSync(join(folder, name), { force: true });
}

/**
 * Makes sure that nothing of a database is ever garbage collected: from 24.19 on, Node aborts when an object of
 * better-sqlite3 12 is finalised by a collection that no JavaScript is running for. (13 has mended this, and needs
 * Node 22.) Preparing a statement once instead of at each call is also what makes it fast. The texts of statements are
 * constants, so there are as many of them as the code has; `pragma()` prepares a new one each time, and is not used.
 */
function keepObjects(database: Database): Database {
  const statements = new Map<string, Statement>();
  const prepare = database.prepare.bind(database);
  const prepareOnce = (text: string): Statement => {
    const known = statements.get(text) ?? prepare(text);
    statements.set(text, known);
    return known;
  };
  kept.push(database);
  return Object.assign(database, { prepare: prepareOnce });
}

/** Loaded on use, so that `doctor` can still say what is wrong when the native module is what is broken. */
function loadNativeModule(): typeof DatabaseConstructor {
  try {
    const Constructor: typeof DatabaseConstructor = createRequire(import.meta.url)('better-sqlite3');
    // The native half is loaded by the first database that is opened.
    keepObjects(new Constructor(':memory:')).close();
    return Constructor;
  } catch (error) {
    throw new Failure(
      'native_module_broken',
      `The native module better-sqlite3 does not load with Node ${process.version}: ${firstLine(error)}`,
      'Build it for this Node: npm rebuild better-sqlite3 (or npm ci)',
      { cause: error },
    );
  }
}

function describe(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const failure = (name: string, message: string, hint: string) =>
    new Failure(name, message, hint, { cause: error });
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return failure(
      'database_damaged',
      `${path} is not a database that can be read (${firstLine(error)}). It was not changed.`,
      `Keep it and start anew: mv ${path} ${path}.damaged. Copies from before upgrades are in backups/database/.`,
    );
  }
  if (code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED') {
    return failure(
      'database_busy',
      `${path} is held by another process for more than 5 seconds.`,
      'Try again; if it stays, see who has it open: fuser -v memory/understudy.db',
    );
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return failure(
      'disk_full',
      `There is no space left for ${path}.`,
      'Free some space; see it with: df -h .',
    );
  }
  if (/^(SQLITE_(CANTOPEN|READONLY|PERM|IOERR|AUTH)|EACCES|EROFS|EEXIST|ENOTDIR|EPERM)/.test(code)) {
    // The folder that was to be made: of the database itself, or of its backups.
    const folder = (error as NodeJS.ErrnoException).path ?? dirname(path);
    const isFile = code === 'EEXIST' || code === 'ENOTDIR';
    return failure(
      'database_unreadable',
      `${path} cannot be opened (${isFile ? `${folder} is not a folder` : firstLine(error)}).`,
      `This user needs to read and write ${folder} and the files in it: ls -la ${folder}`,
    );
  }
  return error;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
