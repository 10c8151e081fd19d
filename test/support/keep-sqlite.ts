// Tests open databases in many ways, and from Node 24.19 on none of the objects of better-sqlite3 12 may be garbage
// collected (see `keepObjects` in src/database.ts). Here every statement and database of a test file is kept.

import Sqlite from 'better-sqlite3';

const kept: unknown[] = [];
const { prepare, pragma, close } = Sqlite.prototype;

Sqlite.prototype.prepare = function (this: Sqlite.Database, text: string) {
  const statement = prepare.call(this, text);
  kept.push(this, statement);
  return statement;
} as typeof prepare;
Sqlite.prototype.pragma = function (this: Sqlite.Database, source: string, options?: Sqlite.PragmaOptions) {
  if (/=/.test(source)) return this.exec(`PRAGMA ${source}`);
  const statement = this.prepare(`PRAGMA ${source}`);
  return options?.simple ? statement.pluck().get() : statement.all();
} as typeof pragma;
Sqlite.prototype.close = function (this: Sqlite.Database) {
  kept.push(this);
  return close.call(this);
};
