// A process manager for tests: real database, real processes, everything ended when the test is over.

import type { Database } from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { findByVariable, startOf } from '../../skills/process-manager/base/index.ts';
import { createEngine, type Engine } from '../../skills/process-manager/engine.ts';
import manager, { type Settings } from '../../skills/process-manager/index.ts';
import { type ProcessRow, processVariable } from '../../skills/process-manager/processes/index.ts';
import type { Actor, Clock, Host } from '../../skills/tool.ts';
import { loadConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database.ts';
import { createHistory, historyMigrations } from '../../src/history.ts';
import { makeInstance } from './instance.ts';

/** Somebody with every right. */
export const owner: Actor = {
  id: 'test:owner',
  name: 'owner',
  surface: 'system',
  rights: ['read', 'operate', 'deploy'],
};

/** An engine over a fresh instance, or over the given one. */
export function makeEngine(
  root: string = makeInstance(),
  clock: Clock = { now: Date.now },
): {
  engine: Engine;
  database: Database;
  root: string;
} {
  const database = openDatabase(root, [...historyMigrations, ...manager.migrations]);
  const host: Host<Settings> = {
    root,
    role: 'live',
    secrets: [],
    settings: loadConfig(root, {}) satisfies Settings,
    readSettings: () => loadConfig(root, {}),
    settingsFiles: [],
    logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    clock,
    history: createHistory(() => database, clock),
    database: () => database,
    diagnose: async () => [],
  };
  const engine = createEngine(host);
  onTestFinished(() => {
    for (const row of engine.processes.registry.unfinished()) endNow(row);
    database.close();
  });
  return { engine, database, root };
}

/** Kills the group of a process, and everything that carries its mark. */
export function endNow(row: ProcessRow): void {
  const group = startOf(row.shimPid ?? 0) === row.shimStart ? [-(row.shimPid ?? 0)] : [];
  for (const pid of [...group, ...findByVariable(processVariable, row.id)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended in the meantime.
    }
  }
}

/** Starts a shell command with nothing but PATH in its environment. */
export function spawnShell(
  engine: Engine,
  command: string,
  options: Partial<Parameters<Engine['processes']['spawn']>[0]> = {},
): Promise<ProcessRow> {
  return engine.processes.spawn({
    argv: ['bash', '-c', command],
    command,
    name: undefined,
    directory: engine.root,
    environment: { PATH: process.env.PATH ?? '' },
    type: 'background',
    agent: undefined,
    takesInput: false,
    ...options,
  });
}
