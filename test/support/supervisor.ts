// Supervisors for tests: in a process of their own, so that they can be killed at any moment.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isSupervised } from '../../skills/process-manager/supervisor/index.ts';
import { cleanEnvironment, codeRoot, until } from './instance.ts';

/** A supervisor that has been elected, or still waits when `elected` is false. */
export interface ChildSupervisor {
  readonly child: ChildProcess;
  /** What it wrote to its standard error: nothing, when all went well. */
  errors(): string;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts one; it is ended with the test. */
export async function startSupervisorProcess(root: string, waitForElection = true): Promise<ChildSupervisor> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/fixtures/supervisor.ts', root], {
    cwd: codeRoot,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  onTestFinished(() => void child.kill('SIGKILL'));
  await until('the supervisor stands for election', () => {
    if (child.exitCode !== null) throw new Error(`the supervisor ended: ${errors}`);
    return output.includes('standing');
  });
  if (waitForElection) await until('it is elected', () => isSupervised(root));
  return {
    child,
    errors: () => errors,
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal);
      await ended;
    },
  };
}

/** The notices that supervisors of this root gave, in order. */
export function noticesOf(root: string): string[] {
  const path = join(root, 'notices');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as string);
}
