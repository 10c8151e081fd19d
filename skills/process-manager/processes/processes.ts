// The processes of one instance: the registry, and everything that can be done to a process, behind one object.

import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { type Clock, Failure, type Logger } from '../../tool.ts';
import { carriersOf, type Usage, waitUntil } from '../base/index.ts';
import { createEngineNotes, type EngineNote } from './engine-notes.ts';
import { createEngines } from './engines.ts';
import { createFamily } from './family.ts';
import { createLocalRunner } from './local.ts';
import { createRegistry, type Registry } from './registry.ts';
import { forgetOld, forgetOrphans } from './retention.ts';
import { type ProcessRow, type RunnerName, runnerNames } from './row.ts';
import type { EngineName, MakeEngine, Runner } from './runner.ts';
import { processVariable, settle } from './settle.ts';
import { holdStill, type KillOptions } from './signal.ts';
import { endingsFolder, type SpawnOptions } from './spawn.ts';
import { isFinished } from './states.ts';

/** Files are stamped with a clock that is a little behind. */
const clockGrainMs = 20;
const scanLifeMs = 60_000;

/** What can be done with the processes of an instance. */
export interface Processes {
  readonly registry: Registry;
  /** An empty file appears in it whenever a process has ended. */
  readonly endingsFolder: string;
  /** Starts a process on this machine, or on an engine. */
  spawn(options: SpawnOptions, runner?: RunnerName): Promise<ProcessRow>;
  /** Does what takes long before a process can be started: an engine's image is built. */
  prepare(options: SpawnOptions, runner: RunnerName): Promise<void>;
  kill(row: ProcessRow, options: KillOptions): Promise<ProcessRow>;
  pause(row: ProcessRow): Promise<ProcessRow>;
  resume(row: ProcessRow): Promise<ProcessRow>;
  /** Stops the writers for a moment; the returned function lets them go on. */
  holdStill(row: ProcessRow): () => void;
  send(row: ProcessRow, text: string): Promise<number>;
  /** The row when it has ended, or when patience has. */
  waitForEnd(row: ProcessRow, timeoutMs: number, signal?: AbortSignal): Promise<ProcessRow>;
  /** The row as it really is; of a process on an engine, as that engine last said. */
  settle(row: ProcessRow): ProcessRow;
  /** What living processes use of the machine that they run on, by id. */
  usageOf(rows: readonly ProcessRow[]): Promise<Map<string, Usage>>;
  /** Asks engines what became of what they carry; of one that does not answer, everything stays as it was. */
  ask(engines: Iterable<EngineName>): Promise<void>;
  /** Why an engine did not answer when it was last asked. */
  troubleOf(engine: EngineName): string | undefined;
  problemOf(engine: EngineName): Promise<Failure | undefined>;
  /** What an engine said of a bot; undefined when none was ever given it. */
  engineNote(bot: string): EngineNote | undefined;
  /** True while a swarm has anything of a bot, which may have left the configuration. */
  isAnyKept(): boolean;
  /** Gives up a bot of which nothing runs, but which its engine would start again. */
  retire(engine: EngineName, bot: string): Promise<void>;
  /** Follows engines until it is stopped: for the supervisor. */
  attend(engines: () => Iterable<EngineName>, onChange: () => void): { stop(): Promise<void> };
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
export function createProcesses(options: {
  database: Database;
  root: string;
  clock: Clock;
  logger: Logger;
  makeEngine: MakeEngine;
}): Processes {
  const { database, root, clock, logger } = options;
  const registry = createRegistry(database);
  const folder = join(root, 'logs', 'processes');
  const local = createLocalRunner({ registry, folder, clock });
  const notes = createEngineNotes(database);
  const surroundings = { database, registry, notes, clock, folder };
  const engines = createEngines((name) => options.makeEngine(name, surroundings), notes, logger);
  /** Has the runner of a process do something; what this machine does begins at once. */
  const by = <T>({ runner }: Pick<ProcessRow, 'runner'>, work: (runner: Runner) => T | Promise<T>) =>
    runner === 'local' ? work(local) : engines.get(runner).then(work);
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
    spawn: async (spawnOptions, runner = 'local') => by({ runner }, (its) => its.spawn(spawnOptions)),
    prepare: async (spawnOptions, runner) => {
      if (runner !== 'local') await (await engines.get(runner)).prepare(spawnOptions);
    },
    kill: async (row, killOptions) => by(row, (its) => its.kill(row, killOptions)),
    pause: async (row) => {
      requireRunning(settle(registry, row, clock));
      if (!(await by(row, (its) => its.pause(row))))
        throw new Failure(
          'already_paused',
          `'${row.name}' is paused already.`,
          'See what runs: understudy list',
        );
      return fresh(row);
    },
    resume: async (row) => {
      requireRunning(settle(registry, row, clock));
      if (!(await by(row, (its) => its.resume(row))))
        throw new Failure('not_paused', `'${row.name}' is not paused.`, 'See what runs: understudy list');
      return fresh(row);
    },
    holdStill: (row) => {
      // What an engine's process prints is brought here by us, one look at a time.
      if (row.runner !== 'local') return () => {};
      const release = holdStill(row);
      return () => {
        // Somebody may have paused it meanwhile, and then it stays so.
        if (fresh(row).status !== 'paused') release();
      };
    },
    send: async (row, text) => by(row, (its) => its.send(requireRunning(settle(registry, row, clock)), text)),
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
    usageOf: async (rows) => {
      const living = rows.filter(({ status }) => !isFinished(status));
      const found = await Promise.all(
        runnerNames.map(async (runner) => {
          const own = living.filter((row) => row.runner === runner);
          if (own.length === 0) return [];
          if (runner === 'local') return [...(await local.usage(own))];
          return [...((await engines.tryTo(runner, (engine) => engine.usage(own))) ?? [])];
        }),
      );
      return new Map(found.flat());
    },
    ask: async (names) => {
      const rows = registry.unfinished();
      const asked = [...new Set(names)].map((name) =>
        engines.tryTo(name, (engine) => engine.inspect(rows.filter(({ runner }) => runner === name))),
      );
      await Promise.all(asked);
    },
    troubleOf: engines.troubleOf,
    problemOf: async (name) => (await engines.get(name)).problem(),
    engineNote: notes.find,
    isAnyKept: notes.isAnyThere,
    retire: async (name, bot) => (await engines.get(name)).retire(bot),
    attend: engines.attend,
    ofAgent: (agent) => {
      const carriers = carriersOf(processVariable);
      const rows = [
        ...registry.unfinished(),
        ...[...carriers.keys()].flatMap((id) => registry.find(id) ?? []),
      ];
      return [...new Map(rows.map((row) => [row.id, row])).values()].filter((row) => row.agent === agent);
    },
    leftovers: (row) =>
      row.runner === 'local' && isFinished(row.status) && mayHaveLeftovers(row)
        ? createFamily(row).living()
        : [],
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
