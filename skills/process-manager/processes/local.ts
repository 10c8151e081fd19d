// This machine as a runner: no daemon, no network. Processes are detached and write into their logs themselves, so
// there is no output to bring, and what became of one is read from /proc and from what its shim left on disk.

import { type Usage, usageOfGroups } from '../base/index.ts';
import { sendInput } from './input.ts';
import type { Runner } from './runner.ts';
import { settle } from './settle.ts';
import { kill, pause, resume } from './signal.ts';
import { type SpawnSurroundings, spawn } from './spawn.ts';

/** The runner of this machine. */
export function createLocalRunner(surroundings: SpawnSurroundings): Runner {
  const { registry, clock } = surroundings;
  return {
    spawn: (options) => spawn(surroundings, options),
    kill: (row, options) => kill(registry, row, clock, options),
    pause: (row) => pause(registry, row),
    resume: (row) => resume(registry, row),
    send: sendInput,
    inspect: async (rows) => {
      for (const row of rows) settle(registry, row, clock);
    },
    usage: async (rows) => {
      const usage = usageOfGroups(new Set(rows.flatMap(({ shimPid }) => shimPid ?? [])));
      return new Map(
        rows.flatMap(({ id, shimPid }): [string, Usage][] => {
          const found = usage.get(shimPid ?? 0);
          return found ? [[id, found]] : [];
        }),
      );
    },
  };
}
