// How things of ours are called in an engine that may serve others too: everything bears the id of the instance.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';

const letters = 'abcdefghjkmnpqrstvwxyz';
const idLength = 10;

export const instanceMigrations: readonly Migration[] = [
  {
    name: 'process-manager/11-engine-instance',
    sql: `CREATE TABLE engine_instance (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, salt TEXT NOT NULL) STRICT;`,
  },
];

/** Labels that say whose something is. */
export const labels = {
  instance: 'understudy.instance',
  bot: 'understudy.bot',
  /** What a service was made from: equal means that nothing has to be changed. */
  spec: 'understudy.spec',
  process: 'understudy.process',
} as const;

/** Who we are to an engine. */
export interface Instance {
  readonly id: string;
  /** Keeps names that are made from secrets from telling anything about them. */
  readonly salt: string;
  /** A name for something that belongs to a bot, such as `us-k3x9-databot`. */
  nameFor(bot: string, ...rest: string[]): string;
}

/** The instance of a database; it gets its id on the first use, or takes over that of another one by `given`. */
export function instanceOf(database: Database, given: string | undefined): Instance {
  const find = () =>
    database.prepare<[], { id: string; salt: string }>('SELECT id, salt FROM engine_instance').get();
  if (!find()) {
    database
      .prepare('INSERT OR IGNORE INTO engine_instance (one, id, salt) VALUES (1, ?, ?)')
      .run(newId(), randomBytes(16).toString('hex'));
  }
  const found = find();
  if (!found) throw new Error('the row of the instance is gone');
  const id = given ?? found.id;
  return {
    id,
    salt: found.salt,
    nameFor: (bot, ...rest) => ['us', id, slugOf(bot), ...rest].join('-'),
  };
}

/** A bot's name as engines accept one; two bots never share it. */
export function slugOf(name: string): string {
  const plain = name.toLowerCase();
  const slug = plain
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 24)
    .replace(/-+$/, '');
  // What looks like a name that was made here gets one of its own too: somebody may have called another bot so.
  const isOwn = slug === name && slug !== '' && !/-[0-9a-f]{6}$/.test(slug);
  return isOwn ? slug : `${slug || 'bot'}-${hashOf(name).slice(0, 6)}`;
}

/** A short name for any content. */
export function hashOf(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(String(part.length)).update(' ').update(part);
  return hash.digest('hex').slice(0, 16);
}

function newId(): string {
  return Array.from({ length: idLength }, () => letters[randomInt(letters.length)]).join('');
}
