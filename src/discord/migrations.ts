// The tables of the Discord side.

import type { Migration } from '../../skills/tool.ts';

/** Notices that wait for their channel, conversations that a restart must not cut off, and last words of messages. */
export const discordMigrations: readonly Migration[] = [
  {
    name: 'discord/1-notices',
    sql: `CREATE TABLE discord_notices (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            channel TEXT NOT NULL,
            text TEXT NOT NULL,
            count INTEGER NOT NULL DEFAULT 1,
            batch TEXT
          ) STRICT;
          CREATE INDEX discord_notices_of_channel ON discord_notices (channel, id);`,
  },
  {
    name: 'discord/2-conversations',
    sql: `CREATE TABLE discord_conversations (
            id INTEGER PRIMARY KEY,
            channel_id TEXT NOT NULL,
            message_id TEXT NOT NULL,
            token TEXT NOT NULL,
            token_until INTEGER NOT NULL,
            tool TEXT NOT NULL,
            actor_json TEXT NOT NULL,
            begun_at TEXT NOT NULL,
            about_json TEXT NOT NULL,
            steps_json TEXT NOT NULL DEFAULT '[]',
            outcome TEXT
          ) STRICT;`,
  },
  { name: 'discord/3-files-of-notices', sql: 'ALTER TABLE discord_notices ADD COLUMN file_json TEXT;' },
  {
    name: 'discord/4-wills',
    sql: `CREATE TABLE discord_wills (
            message_id TEXT PRIMARY KEY,
            channel_id TEXT NOT NULL,
            content TEXT NOT NULL
          ) STRICT;`,
  },
];
