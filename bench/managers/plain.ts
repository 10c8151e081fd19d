// No manager at all: `program > file`. The floor that everybody is measured against.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../support/bench.ts';
import type { Manager, Program } from './manager.ts';

/** Runs programs with their output in a file. */
export function startPlain(bench: Bench): Manager {
  const folder = bench.makeFolder('plain');
  const mark = bench.makeMark('plain');
  const programs = new Map<string, Program>();
  const children = new Map<string, ChildProcess>();
  const logOf = (name: string) => join(folder, `${name}.log`);
  return {
    define: async (program) => void programs.set(program.name, program),
    up: async (name) => {
      const [command = '', ...words] = programs.get(name)?.argv ?? [];
      const log = openSync(logOf(name), 'a');
      const child = spawn(command, words, { stdio: ['ignore', log, log], env: mark.environment });
      closeSync(log);
      children.set(name, child);
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    },
    down: async (name) => {
      const child = children.get(name);
      if (child && child.exitCode === null) {
        child.kill('SIGKILL');
        await new Promise((resolve) => child.once('exit', resolve));
      }
      rmSync(logOf(name), { force: true });
    },
    helpers: () => [],
    daemon: () => process.pid,
    end: async () => mark.kill(),
  };
}
