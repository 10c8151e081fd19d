// What a hook is: a trigger and an action on one process, the words for them, and the tables that keep them.

import type { Actor, Migration } from '../../tool.ts';

export const exitFilters = ['any', 'success', 'failure'] as const;
export const actions = [
  'stop_process',
  'stop_branch',
  'inject_context',
  'spawn_branch',
  'notify_channel',
] as const;
export type HookAction = (typeof actions)[number];
export type Stream = 'stdout' | 'stderr';

/** When a hook fires. */
export type Trigger =
  | { readonly type: 'on_exit'; readonly filter: (typeof exitFilters)[number] }
  | { readonly type: 'on_output_match'; readonly pattern: string }
  | { readonly type: 'on_timeout'; readonly seconds: number };

/** A trigger and an action on one process. */
export interface Hook {
  readonly id: number;
  readonly processId: string;
  readonly trigger: Trigger;
  readonly action: HookAction;
  readonly message: string | null;
  readonly delaySeconds: number;
  /** 0 is unlimited. */
  readonly maxFires: number;
  readonly fireCount: number;
  /** Whoever made it; what it does, it does with their rights. */
  readonly creator: Actor;
  /** The branch of the agent's work that made it; null for what a person made. */
  readonly branch: string | null;
  /** How many hooks deep that branch is. */
  readonly depth: number;
  readonly createdAt: string;
  /** True once the output that was there before the hook has been read for it. */
  readonly caughtUp: boolean;
  /** When its last notification went out, and how many were held back since. */
  readonly notifiedAt: string | null;
  readonly heldBack: number;
}

/** A trigger that was met. */
export interface Fire {
  readonly id: number;
  readonly hookId: number;
  readonly processId: string;
  readonly at: string;
  readonly dueAt: string;
  readonly line: string | null;
  readonly stream: Stream | null;
  /** Logical offset of the matched line. */
  readonly offset: number | null;
}

export const hookMigrations: readonly Migration[] = [
  {
    name: 'process-manager/2-hooks',
    sql: `CREATE TABLE hooks (
            id INTEGER PRIMARY KEY,
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            trigger_json TEXT NOT NULL,
            type TEXT NOT NULL,
            action TEXT NOT NULL,
            message TEXT,
            delay_seconds REAL NOT NULL,
            max_fires INTEGER NOT NULL,
            fire_count INTEGER NOT NULL DEFAULT 0,
            creator_json TEXT NOT NULL,
            created_at TEXT NOT NULL,
            caught_up INTEGER NOT NULL DEFAULT 0,
            notified_at TEXT,
            held_back INTEGER NOT NULL DEFAULT 0,
            done INTEGER NOT NULL DEFAULT 0
          ) STRICT;
          CREATE INDEX hooks_active ON hooks (done, type);
          CREATE INDEX hooks_by_process ON hooks (process_id);
          CREATE TABLE hook_cursors (
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            stream TEXT NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (process_id, stream)
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE hook_fires (
            id INTEGER PRIMARY KEY,
            hook_id INTEGER NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
            process_id TEXT NOT NULL REFERENCES processes (id) ON DELETE CASCADE,
            at TEXT NOT NULL,
            due_at TEXT NOT NULL,
            line TEXT,
            stream TEXT,
            position INTEGER,
            state TEXT NOT NULL DEFAULT 'due'
          ) STRICT;
          CREATE INDEX hook_fires_due ON hook_fires (state, due_at);
          CREATE INDEX hook_fires_by_hook ON hook_fires (hook_id);
          CREATE INDEX hook_fires_by_process ON hook_fires (process_id);`,
  },
  {
    name: 'process-manager/7-hooks-of-branches',
    sql: `ALTER TABLE hooks ADD COLUMN branch TEXT;
          ALTER TABLE hooks ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;`,
  },
];
