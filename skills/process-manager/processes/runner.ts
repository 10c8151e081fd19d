// The seam between a process as we know it, a row with its logs and its hooks, and whoever carries it: this machine or
// an engine elsewhere. Everything above it is the same for all of them, because what an engine's process prints is
// brought into a log of ours, and how it ended into its row. An engine is asked over a network, so all of this waits.

import type { Database } from 'better-sqlite3';
import type { Clock, Failure } from '../../tool.ts';
import type { Usage } from '../base/index.ts';
import type { EngineNotes } from './engine-notes.ts';
import type { Registry } from './registry.ts';
import type { ProcessRow, RunnerName } from './row.ts';
import type { KillOptions } from './signal.ts';
import type { SpawnOptions } from './spawn.ts';

/** Carries processes. */
export interface Runner {
  /** Starts one, and returns its row as soon as it runs, or has ended already. */
  spawn(options: SpawnOptions): Promise<ProcessRow>;
  /** Asks it to end, waits, forces it where that is possible, and notes how it ended. */
  kill(row: ProcessRow, options: KillOptions): Promise<ProcessRow>;
  /** Stops it where it is; false when it was stopped before. */
  pause(row: ProcessRow): boolean | Promise<boolean>;
  /** Lets it go on; false when it was not stopped. */
  resume(row: ProcessRow): boolean | Promise<boolean>;
  send(row: ProcessRow, text: string): Promise<number>;
  /**
   * Brings what this runner carries up to date: what has been printed is in the logs afterwards, and what has ended has
   * ended in the registry. An engine starts processes by itself too, and then there are new rows.
   */
  inspect(rows: readonly ProcessRow[], signal?: AbortSignal): Promise<void>;
  usage(rows: readonly ProcessRow[]): Promise<Map<string, Usage>>;
}

/** An engine, which goes on without us: what it does with the bots that it was given is looked at again and again. */
export interface EngineRunner extends Runner {
  /** Sees to it that what is to be run can be run, and touches nothing that runs. */
  prepare(options: SpawnOptions): Promise<void>;
  /**
   * Follows what happens until it is stopped. For the supervisor; `onChange` is called after each change, `onTrouble`
   * with what is the matter, or with nothing when it works again.
   */
  attend(onChange: () => void, onTrouble: (trouble: string | undefined) => void): { stop(): Promise<void> };
  /** Gives up a bot of which nothing runs, but which the engine would start again. */
  retire(bot: string): Promise<void>;
  /** What keeps it from working; undefined when it works. */
  problem(): Promise<Failure | undefined>;
}

/** What an engine's runner works with. */
export interface EngineSurroundings {
  readonly database: Database;
  readonly registry: Registry;
  readonly notes: EngineNotes;
  readonly clock: Clock;
  /** `logs/processes` of the instance. */
  readonly folder: string;
}

export type EngineName = Exclude<RunnerName, 'local'>;

/** Makes the runner of an engine; called on its first use, since most instances have none. */
export type MakeEngine = (name: EngineName, surroundings: EngineSurroundings) => Promise<EngineRunner>;
