// The processes of one instance: the registry, and everything that can be done to a process, behind one object.

import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { type Clock, Failure } from '../../tool.ts';
import { carriersOf, waitUntil } from '../base/index.ts';
import { createFamily } from './family.ts';
import { sendInput } from './input.ts';
import { createRegistry, type ProcessRow, type Registry } from './registry.ts';
import { forgetOld, forgetOrphans } from './retention.ts';
import { processVariable, settle } from './settle.ts';
import { holdStill, type KillOptions, kill, pause, resume } from './signal.ts';
import { endingsFolder, type SpawnOptions, spawn } from './spawn.ts';
import { isFinished } from './states.ts';

/** Files are stamped with a clock that is a little behind. */
const clockGrainMs = 20;
const scanLifeMs = 60_000;

/** What can be done with the processes of an instance. */
export interface Processes {
  readonly registry: Registry;
  /** An empty file appears in it whenever a process has ended. */
  readonly endingsFolder: string;
  spawn(options: SpawnOptions): Promise<ProcessRow>;
  kill(row: ProcessRow, options: KillOptions): Promise<ProcessRow>;
  pause(row: ProcessRow): ProcessRow;
  resume(row: ProcessRow): ProcessRow;
  /** Stops the writers for a moment; the returned function lets them go on. */
  holdStill(row: ProcessRow): () => void;
  send(row: ProcessRow, text: string): Promise<number>;
  /** The row when it has ended, or when patience has. */
  waitForEnd(row: ProcessRow, timeoutMs: number, signal?: AbortSignal): Promise<ProcessRow>;
  /** The row as it really is. */
  settle(row: ProcessRow): ProcessRow;
  /** PIDs of what a process that has ended left running. */
  leftovers(row: ProcessRow): number[];
  /** The processes of an agent that run, or that ended and left something running. */
  ofAgent(agent: string): ProcessRow[];
  /** Brings every unfinished row up to date; returns those that turned out to have ended. */
  settleAll(): ProcessRow[];
  /** The one process that a person means by an id, a name or a PID. */
  resolve(word: string): ProcessRow;
  forgetOld(): void;
}

/** The processes of the instance at a root. */
export function createProcesses(options: { database: Database; root: string; clock: Clock }): Processes {
  const { database, root, clock } = options;
  const registry = createRegistry(database);
  const folder = join(root, 'logs', 'processes');
  const fresh = (row: ProcessRow) => registry.find(row.id) ?? row;
  let scan = { at: Number.NEGATIVE_INFINITY, ids: new Set<string>() };
  /**
   * Whoever survives a process carries its mark, and was there when it ended: a look at everybody that is younger than
   * the end tells, so many ends share one look.
   */
  const mayHaveLeftovers = ({ id, endedAt }: ProcessRow) => {
    if (scan.at < Date.parse(endedAt ?? '') + clockGrainMs || clock.now() - scan.at > scanLifeMs) {
      scan = { at: clock.now(), ids: new Set(carriersOf(processVariable).keys()) };
    }
    return scan.ids.has(id);
  };
  return {
    registry,
    endingsFolder: endingsFolder(folder),
    spawn: (spawnOptions) => spawn({ registry, folder, clock }, spawnOptions),
    kill: (row, killOptions) => kill(registry, row, clock, killOptions),
    pause: (row) => {
      requireRunning(settle(registry, row, clock));
      if (!pause(registry, row))
        throw new Failure(
          'already_paused',
          `'${row.name}' is paused already.`,
          'See what runs: understudy list',
        );
      return fresh(row);
    },
    resume: (row) => {
      requireRunning(settle(registry, row, clock));
      if (!resume(registry, row))
        throw new Failure('not_paused', `'${row.name}' is not paused.`, 'See what runs: understudy list');
      return fresh(row);
    },
    holdStill: (row) => {
      const release = holdStill(row);
      return () => {
        // Somebody may have paused it meanwhile, and then it stays so.
        if (fresh(row).status !== 'paused') release();
      };
    },
    send: async (row, text) => sendInput(requireRunning(settle(registry, row, clock)), text),
    waitForEnd: async (row, timeoutMs, signal) => {
      let latest = row;
      const look = () => {
        latest = settle(registry, fresh(row), clock);
        return isFinished(latest.status);
      };
      await waitUntil(look, timeoutMs, signal);
      return latest;
    },
    settle: (row) => settle(registry, row, clock),
    ofAgent: (agent) => {
      const carriers = carriersOf(processVariable);
      const rows = [
        ...registry.unfinished(),
        ...[...carriers.keys()].flatMap((id) => registry.find(id) ?? []),
      ];
      return [...new Map(rows.map((row) => [row.id, row])).values()].filter((row) => row.agent === agent);
    },
    leftovers: (row) => (isFinished(row.status) && mayHaveLeftovers(row) ? createFamily(row).living() : []),
    settleAll: () =>
      registry
        .unfinished()
        .map((row) => settle(registry, row, clock))
        .filter(({ status }) => isFinished(status)),
    resolve: (word) => resolve(registry, word),
    forgetOld: () => {
      forgetOld(registry, folder, clock.now());
      forgetOrphans(registry, folder, clock.now());
    },
  };
}

function resolve(registry: Registry, word: string): ProcessRow {
  const found = registry.search(word);
  const [first] = found;
  if (!first) {
    throw new Failure(
      'unknown_process',
      `There is no process '${word}'.`,
      'See ids and names: understudy list',
    );
  }
  if (first.id === word) return first;
  const running = found.filter(({ status }) => !isFinished(status));
  if (running.length > 1) {
    throw new Failure(
      'ambiguous_process',
      `'${word}' names ${running.length} processes that run: ${running.map(({ id, pid }) => `${id} (PID ${pid})`).join(', ')}.`,
      'Name one of them by its id.',
    );
  }
  return running[0] ?? first;
}

/** The row, if it has not ended; else an error that tells how it did. */
export function requireRunning(row: ProcessRow): ProcessRow {
  if (!isFinished(row.status)) return row;
  const how = row.exitCode === null ? row.status : `${row.status} with code ${row.exitCode}`;
  throw new Failure(
    'not_running',
    `'${row.name}' (${row.id}) does not run: it ${how === 'lost' ? 'was lost' : `ended at ${row.endedAt}, ${how}`}.`,
    `Its output is still there: understudy logs ${row.id}`,
  );
}
