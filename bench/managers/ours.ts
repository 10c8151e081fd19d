// Understudy as it is used: the engine starts processes here, and a supervisor in a process of its own watches them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createEngine, type Engine } from '../../skills/process-manager/engine.ts';
import processManager from '../../skills/process-manager/index.ts';
import type { ProcessRow } from '../../skills/process-manager/processes/index.ts';
import { defaultConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database.ts';
import { createHistory, historyMigrations } from '../../src/history.ts';
import { type Bench, codeRoot, type Mark } from '../support/bench.ts';
import type { Manager, Program } from './manager.ts';

/** What a supervisor tells of itself. */
interface Said {
  readonly settledMs?: number;
  readonly notice?: string;
  readonly at?: number;
}

/** An engine over an instance of its own. */
export interface Ours extends Manager {
  readonly root: string;
  readonly engine: Engine;
  readonly mark: Mark;
  /** Starts a program at once, with its working directory in the instance. */
  spawn(argv: readonly string[]): Promise<ProcessRow>;
  /** Starts a supervisor in a process of its own; resolves when it was elected and all rows are settled. */
  supervise(): Promise<{ readonly startedMs: number; readonly settledMs: number }>;
  /** Kills the supervisor as a crash would. */
  killSupervisor(): Promise<void>;
  /** The moment (milliseconds since 1970) at which the supervisor gave a notice with this text in it. */
  noticed(text: string): Promise<number>;
  /** What the supervisor complained about. */
  complaints(): string[];
}

/** An instance without a supervisor yet. */
export function startOurs(bench: Bench): Ours {
  const root = bench.makeFolder('ours');
  const mark = bench.makeMark('ours');
  writeFileSync(join(root, 'config.json'), '{}');
  const database = openDatabase(root, [...historyMigrations, ...processManager.migrations]);
  const clock = { now: Date.now };
  const silent = () => {};
  const engine = createEngine({
    root,
    role: 'live',
    secrets: [],
    settings: defaultConfig(root, {}),
    readSettings: () => defaultConfig(root, {}),
    settingsFiles: [],
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    clock,
    history: createHistory(() => database, clock),
    database: () => database,
    diagnose: async () => [],
  });
  const programs = new Map<string, Program>();
  const rows = new Map<string, ProcessRow>();
  const complaints: string[] = [];
  const notices: Said[] = [];
  const waiting = new Set<() => void>();
  let supervisor: ChildProcess | undefined;

  const launch = async (argv: readonly string[], name?: string) => {
    const row = await engine.processes.spawn({
      argv,
      command: argv.join(' '),
      name,
      directory: root,
      environment: mark.environment,
      type: 'background',
      agent: undefined,
      takesInput: false,
    });
    rows.set(row.id, row);
    return row;
  };
  const killSupervisor = async () => {
    if (!supervisor || supervisor.exitCode !== null || supervisor.signalCode !== null) return;
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
  };
  return {
    root,
    engine,
    mark,
    define: async (program) => void programs.set(program.name, program),
    up: async (name) => {
      const program = programs.get(name);
      for (let copy = 0; copy < (program?.copies ?? 1); copy++) await launch(program?.argv ?? [], name);
    },
    down: async (name) => {
      for (const row of [...rows.values()].filter((each) => each.name === name)) {
        await engine.processes.kill(row, { reason: 'measured', graceMs: 100 });
        rmSync(row.stdoutLog, { force: true });
        rows.delete(row.id);
      }
    },
    spawn: (argv) => launch(argv),
    supervise: async () => {
      const begunAt = performance.now();
      const script = fileURLToPath(new URL('./supervisor-process.ts', import.meta.url));
      const child = spawn(process.execPath, ['--import', 'tsx', script, root], {
        cwd: codeRoot,
        env: mark.environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      supervisor = child;
      createInterface(child.stderr).on('line', (line) => complaints.push(line));
      return new Promise((resolve, reject) => {
        child.once('exit', () => reject(new Error(`the supervisor ended: ${complaints.join('\n')}`)));
        createInterface(child.stdout).on('line', (line) => {
          const said = JSON.parse(line) as Said;
          if (said.settledMs !== undefined)
            resolve({ startedMs: performance.now() - begunAt, settledMs: said.settledMs });
          if (said.notice !== undefined) notices.push(said);
          for (const look of waiting) look();
        });
      });
    },
    killSupervisor,
    noticed: (text) =>
      new Promise((resolve) => {
        const look = () => {
          const found = notices.find(({ notice }) => notice?.includes(text));
          if (found?.at === undefined) return;
          waiting.delete(look);
          resolve(found.at);
        };
        waiting.add(look);
        look();
      }),
    complaints: () => complaints,
    helpers: mark.helpers,
    daemon: () => supervisor?.pid ?? Number.NaN,
    end: async () => {
      await killSupervisor();
      mark.kill();
      database.close();
    },
  };
}
