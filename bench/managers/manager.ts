// What the families ask of every manager, ours and the peers.

import type { Bench } from '../support/bench.ts';

/** What a manager is to run. */
export interface Program {
  readonly name: string;
  readonly argv: readonly string[];
  /** How many of it; one unless told otherwise. */
  readonly copies?: number;
}

/** A manager that was started, with its own folder. */
export interface Manager {
  /** Makes it known; it does not run yet. */
  define(program: Program): Promise<void>;
  /** Resolves when the manager says that it runs. */
  up(name: string): Promise<void>;
  /** Ends it, and removes what it printed. */
  down(name: string): Promise<void>;
  /** The processes of the manager itself, without the programs that it runs. */
  helpers(): number[];
  /** The one that has to be there all the time. */
  daemon(): number;
  end(): Promise<void>;
}

/** A kind of manager that this machine may have. */
export interface Peer {
  readonly name: string;
  /** Its version; or why it cannot take part. */
  find(): { readonly version: string } | { readonly missing: string };
  start(bench: Bench): Promise<Manager>;
}
