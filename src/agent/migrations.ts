// The tables of the agent: branches, what was said in them, what waits for them, what they are doing right now, and
// what was spent on work that nobody in charge asked for.

import type { Migration } from '../../skills/tool.ts';

/** Only added to, like all migrations. */
export const agentMigrations: readonly Migration[] = [
  {
    name: 'agent/1-branches',
    sql: `CREATE TABLE agent_branches (
            id TEXT PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            origin TEXT NOT NULL,
            title TEXT NOT NULL,
            channel TEXT,
            depth INTEGER NOT NULL,
            actor_json TEXT NOT NULL,
            status TEXT NOT NULL,
            waits_for TEXT,
            summary TEXT,
            unsaid TEXT,
            error TEXT,
            created_at TEXT NOT NULL,
            active_at TEXT NOT NULL,
            steps INTEGER NOT NULL DEFAULT 0,
            input_tokens INTEGER NOT NULL DEFAULT 0,
            output_tokens INTEGER NOT NULL DEFAULT 0,
            cached_tokens INTEGER NOT NULL DEFAULT 0,
            cost REAL
          ) STRICT;
          CREATE INDEX agent_branches_of_channel ON agent_branches (channel, active_at);
          CREATE INDEX agent_branches_of_status ON agent_branches (status, active_at);
          CREATE TABLE agent_messages (
            id INTEGER PRIMARY KEY,
            branch TEXT NOT NULL REFERENCES agent_branches (id) ON DELETE CASCADE,
            at TEXT NOT NULL,
            role TEXT NOT NULL,
            parts_json TEXT NOT NULL,
            folded INTEGER NOT NULL DEFAULT 0
          ) STRICT;
          CREATE INDEX agent_messages_of_branch ON agent_messages (branch, folded, id);
          CREATE TABLE agent_inbox (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            branch TEXT NOT NULL REFERENCES agent_branches (id) ON DELETE CASCADE,
            at TEXT NOT NULL,
            text TEXT NOT NULL,
            actor_json TEXT NOT NULL,
            reply_to TEXT,
            taken INTEGER NOT NULL DEFAULT 0
          ) STRICT;
          CREATE INDEX agent_inbox_of_branch ON agent_inbox (branch, taken, id);
          CREATE TABLE agent_calls (
            branch TEXT NOT NULL REFERENCES agent_branches (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            name TEXT NOT NULL,
            input_json TEXT NOT NULL,
            state TEXT NOT NULL,
            result TEXT,
            is_error INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (branch, position)
          ) STRICT;
          CREATE TABLE agent_posts (
            message_id TEXT PRIMARY KEY,
            branch TEXT NOT NULL REFERENCES agent_branches (id) ON DELETE CASCADE
          ) STRICT;`,
  },
  {
    name: 'agent/2-bounds',
    sql: `ALTER TABLE agent_branches ADD COLUMN awaits TEXT;
          ALTER TABLE agent_branches ADD COLUMN asker TEXT NOT NULL DEFAULT 'nobody';
          ALTER TABLE agent_branches ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
          UPDATE agent_branches SET awaits = waits_for, waits_for = NULL
            WHERE waits_for LIKE 'release:%' OR waits_for IN ('restart', 'rollback');
          CREATE TABLE agent_spending (
            asker TEXT NOT NULL,
            hour TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            PRIMARY KEY (asker, hour)
          ) STRICT;`,
  },
];
