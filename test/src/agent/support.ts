// A database with the agent's tables, for the tests of what keeps branches.

import { onTestFinished } from 'vitest';
import type { Actor } from '../../../skills/tool.ts';
import { createBranches } from '../../../src/agent/branches.ts';
import { agentMigrations } from '../../../src/agent/migrations.ts';
import { createTalk } from '../../../src/agent/talk.ts';
import { openDatabase } from '../../../src/database.ts';
import { makeInstance } from '../../support/instance.ts';

export const owner: Actor = {
  id: 'discord:1',
  name: 'ann',
  surface: 'discord',
  rights: ['read', 'operate', 'deploy'],
};
export const outsider: Actor = { id: 'discord:9', name: 'eve', surface: 'discord', rights: ['read'] };

/** The stores over a real file, with a clock that the test turns. */
export function makeStores() {
  const root = makeInstance();
  const time = { now: Date.parse('2030-01-01T00:00:00Z') };
  const clock = { now: () => time.now };
  const open = () => {
    const database = openDatabase(root, agentMigrations);
    onTestFinished(() => void database.close());
    return { database, branches: createBranches(database, clock), talk: createTalk(database, clock) };
  };
  return { root, time, open, ...open() };
}

/** A branch of the owner in channel c. */
export const begun = {
  key: 'k',
  origin: 'person',
  title: 't',
  channel: 'c',
  depth: 0,
  actor: owner,
} as const;
