// One run of the bench: its folder, its mark, and the promise that nothing of it is left behind. Everything that is
// started carries the mark in its environment, so that what a manager started for us is found and ended too, and
// nothing else ever is.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findByVariable } from '../../skills/process-manager/base/index.ts';

/** The folder of this project's code. */
export const codeRoot = join(import.meta.dirname, '../..');

const runVariable = 'UNDERSTUDY_BENCH';
const managerVariable = 'UNDERSTUDY_BENCH_MANAGER';

/** What every family is given. */
export interface Bench {
  /** Measurements that take an hour are taken in full. */
  readonly isLong: boolean;
  /** A fresh folder below the run's own. */
  makeFolder(name: string): string;
  /** A fresh mark, for everything that one manager starts. */
  makeMark(manager: string): Mark;
  /** Says what happens now to whoever watches. */
  say(text: string): void;
  /** Ends whatever still runs, and removes the run's folder. */
  end(): void;
}

/** What tells the processes of one manager from all others of the machine. */
export interface Mark {
  /** The whole environment for them. */
  readonly environment: Readonly<Record<string, string>>;
  /** The living processes that carry it. */
  pids(): number[];
  /** Those of them that run the manager, not the programs that it was given. */
  helpers(): number[];
  /** SIGKILL for all of them. */
  kill(): void;
}

/** Starts a run. */
export function startBench(options: { readonly isLong: boolean }): Bench {
  const run = randomBytes(6).toString('hex');
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  let count = 0;
  return {
    isLong: options.isLong,
    makeFolder: (name) => {
      count += 1;
      const path = join(folder, `${count}-${name}`);
      mkdirSync(path);
      return path;
    },
    makeMark: (manager) => {
      count += 1;
      return createMark(run, `${run}-${manager}-${count}`);
    },
    say: (text) => void process.stderr.write(`${text}\n`),
    end: () => {
      killAll(() => findByVariable(runVariable, run));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Looks until something holds; an error when it does not come to hold in time. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline)
      throw new Error(`this did not come to hold in ${timeoutMs} ms: ${what}`);
    await sleep(5);
  }
}

function createMark(run: string, value: string): Mark {
  const pids = () => findByVariable(managerVariable, value);
  return {
    environment: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '/',
      [runVariable]: run,
      [managerVariable]: value,
    },
    pids,
    helpers: () => pids().filter((pid) => !['sleep', 'writer'].includes(nameOf(pid))),
    kill: () => killAll(pids),
  };
}

/** Again and again, since one that is being killed may start another. */
function killAll(find: () => number[]): void {
  for (let attempt = 0; attempt < 10; attempt++) {
    const found = find();
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
