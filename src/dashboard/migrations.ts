// The tables of the page: what was said between a person on the page and the agent.

import type { Migration } from '../../skills/tool.ts';

export const dashboardMigrations: readonly Migration[] = [
  {
    name: 'dashboard/1-messages',
    sql: `CREATE TABLE dashboard_messages (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            author TEXT NOT NULL CHECK (author IN ('person', 'agent', 'notice')),
            state TEXT NOT NULL CHECK (state IN ('growing', 'done', 'cut')),
            branch TEXT,
            reply_to TEXT,
            text TEXT NOT NULL
          ) STRICT;`,
  },
];
