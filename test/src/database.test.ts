import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type DatabaseConstructor from 'better-sqlite3';
import type { Database } from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Migration } from '../../skills/tool.ts';
import { openDatabase } from '../../src/database.ts';
import { historyMigrations } from '../../src/history.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot, until } from '../support/instance.ts';

const Sqlite: typeof DatabaseConstructor = createRequire(import.meta.url)('better-sqlite3');

const notes: Migration = { name: 'test/1-notes', sql: 'CREATE TABLE notes (text TEXT NOT NULL) STRICT' };
const tags: Migration = { name: 'test/2-tags', sql: 'ALTER TABLE notes ADD COLUMN tag TEXT' };
const breaking: Migration = {
  name: 'test/3-rename',
  sql: 'ALTER TABLE notes RENAME TO memos',
  breaking: true,
};
const fileOf = (root: string) => join(root, 'memory', 'understudy.db');
const backupsOf = (root: string) => {
  const folder = join(root, 'backups', 'database');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};

describe('a database that cannot be used', () => {
  it.each([
    ['two bytes', Buffer.from('x\n')],
    ['a short text', Buffer.from('this is not a database\n')],
    ['a long text', Buffer.from('this is not a database\n'.repeat(10_000))],
    ['zeros', Buffer.alloc(8_192)],
    [
      'the right start and then noise',
      Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(9_000, 0xa5)]),
    ],
  ])('because it is %s is refused and left byte for byte', (_, bytes) => {
    const root = makeFolder({ 'memory/understudy.db': bytes });
    const { code, message, hint } = failureOf(() => openDatabase(root, [notes]));
    expect(code).toBe('database_damaged');
    expect(message).toContain(fileOf(root));
    expect(hint).toContain('mv ');
    expect(readFileSync(fileOf(root)).equals(bytes)).toBe(true);
    expect(readdirSync(join(root, 'memory'))).toEqual(['understudy.db']);
  });

  it('because half of it is gone is refused and left byte for byte', () => {
    const root = makeFolder();
    const database = openDatabase(root, [notes]);
    const insert = database.prepare('INSERT INTO notes VALUES (?)');
    for (let index = 0; index < 200; index++) insert.run('x'.repeat(1_000));
    database.close();
    truncateSync(fileOf(root), 40_960);
    const before = readFileSync(fileOf(root));
    expect(failureOf(() => openDatabase(root, [notes, tags])).code).toBe('database_damaged');
    expect(readFileSync(fileOf(root)).equals(before)).toBe(true);
  });

  it.each([
    ['memory is a file', { memory: 'a file' }, /memory is not a folder/],
    ['a folder is in its place', { 'memory/understudy.db/x': '' }, /cannot be opened/],
    ['the root is a file', { 'root-file': '' }, /is not a folder/, 'root-file'],
  ] satisfies [string, Record<string, string>, RegExp, string?][])(
    'because %s says so',
    (_, files, message, below = '') => {
      const root = join(makeFolder(files), below);
      const failure = failureOf(() => openDatabase(root, [notes]));
      expect(failure.code).toBe('database_unreadable');
      expect(failure.message).toMatch(message);
      expect(failure.hint).toContain('ls -la');
    },
  );

  it('because another process keeps it locked says who could be asked', { timeout: 20_000 }, () => {
    const { root, database } = open([notes]);
    database.exec('BEGIN EXCLUSIVE');
    const { code, hint } = failureOf(() => openDatabase(root, [notes, tags]));
    expect(code).toBe('database_busy');
    expect(hint).toContain('fuser');
  });
});

describe('a database of a newer version', () => {
  it('is refused when a step broke with the past, and left byte for byte', () => {
    const { root, database } = open([notes, tags, breaking]);
    database.exec("INSERT INTO memos VALUES ('kept', NULL)");
    database.close();
    const before = readFileSync(fileOf(root));
    const { code, message, hint } = failureOf(() => openDatabase(root, [notes, tags]));
    expect(code).toBe('database_newer');
    expect(message).toContain('format 2; this version knows 1');
    expect(hint).toContain('backups/database/');
    expect(readFileSync(fileOf(root)).equals(before)).toBe(true);
    expect(readdirSync(join(root, 'memory'))).toEqual(['understudy.db']);
    const again = reopen(root, [notes, tags, breaking]);
    expect(again.prepare('SELECT text FROM memos').pluck().all()).toEqual(['kept']);
  });

  it('is accepted when its steps only add, as after a release that was taken back', () => {
    const { root, database } = open([notes, tags]);
    database.exec("INSERT INTO notes VALUES ('kept', 'new')");
    database.close();
    const older = reopen(root, [notes]);
    expect(older.prepare('SELECT text FROM notes').pluck().all()).toEqual(['kept']);
    older.close();
    expect(reopen(root, [notes, tags]).prepare('SELECT tag FROM notes').pluck().all()).toEqual(['new']);
  });

  it('is accepted by a release before it that has a step of its own', () => {
    const { root, database } = open([notes, tags]);
    database.close();
    const other: Migration = { name: 'other/1', sql: 'CREATE TABLE other (x) ' };
    expect(migrationsOf(reopen(root, [notes, other]))).toEqual(['other/1', 'test/1-notes', 'test/2-tags']);
  });
});

describe('a migration that fails', () => {
  it('half-way leaves the file as it was: shape, rows, format and record', () => {
    const { root, database } = open([notes]);
    database.exec("INSERT INTO notes VALUES ('kept')");
    database.close();
    const before = dump(root);
    const broken: Migration = {
      name: 'test/2-broken',
      breaking: true,
      sql: "CREATE TABLE half (x); DELETE FROM notes; INSERT INTO half VALUES (1); INSERT INTO nowhere VALUES ('x');",
    };
    expect(() => openDatabase(root, [notes, tags, broken])).toThrow(/nowhere/);
    expect(dump(root)).toEqual(before);
    const again = reopen(root, [notes]);
    expect(again.prepare('SELECT text FROM notes').pluck().all()).toEqual(['kept']);
  });

  it('on a fresh file leaves an empty one, which the mended migration fills', () => {
    const root = makeFolder();
    expect(() => openDatabase(root, [notes, { name: 'test/2', sql: 'nonsense' }])).toThrow(/nonsense/);
    expect(migrationsOf(reopen(root, [notes, tags]))).toEqual(['test/1-notes', 'test/2-tags']);
    expect(backupsOf(root)).toEqual([]);
  });

  it('is not tried without a backup', () => {
    const { root, database } = open([notes]);
    database.close();
    const before = dump(root);
    writeFileSync(join(root, 'backups'), 'a file in the way');
    const { code, message } = failureOf(() => openDatabase(root, [notes, tags]));
    expect(code).toBe('database_unreadable');
    expect(message).toContain('backups/database is not a folder');
    expect(dump(root)).toEqual(before);
  });
});

describe('the backup before a migration', () => {
  it('is a sound database with the old shape and the old rows', () => {
    const { root, database } = open([notes]);
    database.exec("INSERT INTO notes VALUES ('kept')");
    database.close();
    expect(backupsOf(root)).toEqual([]);
    const migrated = reopen(root, [notes, tags]);
    migrated.exec("INSERT INTO notes VALUES ('later', 'x')");
    const [name, ...more] = backupsOf(root);
    expect(more).toEqual([]);
    const backup = new Sqlite(join(root, 'backups/database', name ?? ''), { readonly: true });
    onTestFinished(() => void backup.close());
    expect(backup.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(backup.pragma('user_version', { simple: true })).toBe(1);
    expect(backup.prepare('SELECT * FROM notes').all()).toEqual([{ text: 'kept' }]);
    expect(migrationsOf(backup)).toEqual(['test/1-notes']);
  });

  it('can be put back and opened by the version that made it', () => {
    const { root, database } = open([notes]);
    database.exec("INSERT INTO notes VALUES ('kept')");
    database.close();
    reopen(root, [notes, tags, breaking]).close();
    expect(failureOf(() => openDatabase(root, [notes])).code).toBe('database_newer');
    const [name = ''] = backupsOf(root);
    writeFileSync(fileOf(root), readFileSync(join(root, 'backups/database', name)));
    expect(reopen(root, [notes]).prepare('SELECT text FROM notes').pluck().all()).toEqual(['kept']);
  });

  it('is not made for a fresh file, nor when nothing is pending', () => {
    const { root, database } = open([notes, tags]);
    database.close();
    reopen(root, [notes, tags]).close();
    reopen(root, [notes]).close();
    expect(backupsOf(root)).toEqual([]);
  });

  it('is kept five times, the newest, beside what is not ours', () => {
    const { root, database } = open([notes]);
    database.close();
    const folder = join(root, 'backups/database');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'readme.txt'), 'mine');
    for (const year of [2001, 2002, 2003, 2004, 2005, 2006, 2007])
      writeFileSync(join(folder, `${year}-01-01T00-00-00-000Z-1.db`), 'old');
    reopen(root, [notes, tags]).close();
    const kept = backupsOf(root);
    expect(kept).toHaveLength(6);
    expect(kept.slice(0, 4).map((name) => name.slice(0, 4))).toEqual(['2004', '2005', '2006', '2007']);
    expect(kept.at(-1)).toBe('readme.txt');
  });
});

describe('a fresh database', () => {
  it('is made with its folder, in WAL, with foreign keys, in the shape of the migrations', () => {
    const { root, database } = open([...historyMigrations, notes]);
    expect(statSync(fileOf(root)).isFile()).toBe(true);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(database.pragma('user_version', { simple: true })).toBe(1);
    expect(migrationsOf(database)).toEqual(['host/1-history', 'test/1-notes']);
    expect(database.prepare('SELECT count(*) FROM notes').pluck().get()).toBe(0);
  });

  it('may have begun as an empty file', () => {
    const root = makeFolder({ 'memory/understudy.db': '' });
    expect(migrationsOf(reopen(root, [notes]))).toEqual(['test/1-notes']);
  });

  it('leaves no side files once it is closed', () => {
    const { root, database } = open([notes]);
    database.close();
    expect(readdirSync(join(root, 'memory'))).toEqual(['understudy.db']);
  });
});

describe('two processes at once', () => {
  it.each([
    ['make it', false],
    ['migrate it', true],
  ])('%s, and both get it whole', async (_, exists) => {
    for (let round = 0; round < 3; round++) {
      const root = makeFolder();
      if (exists) openDatabase(root, historyMigrations).close();
      const rivals = [opener(root, notes.sql), opener(root, notes.sql)];
      for (const rival of rivals) expect(await rival.line()).toBe('ready');
      for (const rival of rivals) rival.go();
      expect(await Promise.all(rivals.map((rival) => rival.line()))).toEqual(['open', 'open']);
      const database = reopen(root, historyMigrations);
      expect(migrationsOf(database)).toEqual(['host/1-history', 'test/1-more']);
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      expect(database.prepare('SELECT count(*) FROM notes').pluck().get()).toBe(0);
    }
  });
});

describe('a kill -9 in the middle of a migration', () => {
  it('leaves the old shape, which the next start migrates', async () => {
    const root = makeFolder();
    const first = openDatabase(root, historyMigrations);
    first.exec("INSERT INTO history VALUES (1, 'at', 'me', 'run', '', 'ok', '', 0)");
    first.close();
    const before = dump(root);
    // Far more rows than any cache holds, so that the write-ahead log grows while the transaction is open.
    const endless = `CREATE TABLE half (x TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000)
      INSERT INTO half SELECT hex(zeroblob(500)) FROM n;`;
    const victim = opener(root, endless);
    expect(await victim.line()).toBe('ready');
    victim.go();
    const wal = `${fileOf(root)}-wal`;
    await until(
      'the log holds part of it',
      () => (statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 4_000_000,
    );
    expect(await victim.kill()).toBe('SIGKILL');
    expect(existsSync(wal)).toBe(true);

    expect(dump(root)).toEqual(before);
    const database = reopen(root, [...historyMigrations, notes]);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(migrationsOf(database)).toEqual(['host/1-history', 'test/1-notes']);
    expect(database.prepare('SELECT actor FROM history').pluck().all()).toEqual(['me']);
  });
});

function open(migrations: readonly Migration[]): { root: string; database: Database } {
  const root = makeFolder();
  return { root, database: reopen(root, migrations) };
}

function reopen(root: string, migrations: readonly Migration[]): Database {
  const database = openDatabase(root, migrations);
  onTestFinished(() => void database.close());
  return database;
}

function migrationsOf(database: Database): string[] {
  return database.prepare<[], string>('SELECT name FROM migrations ORDER BY name').pluck().all();
}

/** Shape, record, format and all rows, read by SQLite alone. */
function dump(root: string): unknown {
  const database = new Sqlite(fileOf(root));
  try {
    const shape = database.prepare<[], { name: string; type: string }>('SELECT * FROM sqlite_master').all();
    const tables = shape.filter(({ type }) => type === 'table');
    return {
      shape,
      format: database.pragma('user_version', { simple: true }),
      rows: tables.map(({ name }) => database.prepare(`SELECT * FROM "${name}"`).all()),
    };
  } finally {
    database.close();
  }
}

/** A real process that waits for `go` and then opens the database. */
function opener(root: string, sql: string) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', join(codeRoot, 'test/fixtures/open-database.ts'), root, sql],
    { cwd: codeRoot, env: cleanEnvironment(), stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  if (!child.stdout || !child.stdin) throw new Error('no pipes');
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => String((await lines.next()).value),
    go: () => void stdin.write('go\n'),
    kill: async () => {
      child.kill('SIGKILL');
      return (await exited)[1] as string;
    },
  };
}
