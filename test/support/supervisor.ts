// Supervisors for tests: in a process of their own, so that they can be killed at any moment.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isSupervised } from '../../skills/process-manager/supervisor/index.ts';
import type { AgentMessage } from '../../skills/tool.ts';
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
  const supervisor = spawnSupervisor(['test/fixtures/supervisor.ts', root]);
  await supervisor.stands();
  if (waitForElection) await until('it is elected', () => isSupervised(root));
  return supervisor;
}

/** One with an agent that keeps what it is given in the root. */
export async function startAgentSupervisor(
  root: string,
  env: NodeJS.ProcessEnv = {},
): Promise<ChildSupervisor> {
  const supervisor = spawnSupervisor(['test/fixtures/agent-supervisor.ts', root], env);
  await supervisor.stands();
  return supervisor;
}

/** The same, which ends itself at the given point (see the fixture); resolves when it has, with the signal. */
export async function dieInAgentSupervisor(root: string, point: string): Promise<NodeJS.Signals | null> {
  const { child } = spawnSupervisor(['test/fixtures/agent-supervisor.ts', root, point]);
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return signal;
}

function spawnSupervisor(
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildSupervisor & { stands(): Promise<unknown> } {
  const child = spawn(process.execPath, ['--import', 'tsx', ...words], {
    cwd: codeRoot,
    env: cleanEnvironment(env),
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
  return {
    child,
    stands: () =>
      until('the supervisor stands for election', () => {
        if (child.exitCode !== null) throw new Error(`the supervisor ended: ${errors}`);
        return output.includes('standing');
      }),
    errors: () => errors,
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal);
      await ended;
    },
  };
}

/** The notices that supervisors of this root gave, in order. */
export function noticesOf(root: string): string[] {
  return linesOf<string>(join(root, 'notices'));
}

/** What an agent of the fixture was given. */
export interface GivenMessage extends AgentMessage {
  readonly call: 'inject' | 'spawn' | 'stop';
}

/** What agents of this root have kept, or with `calls` each call of them, in order. */
export function givenTo(root: string, which: 'kept' | 'calls' = 'kept'): GivenMessage[] {
  return linesOf<GivenMessage>(join(root, which));
}

function linesOf<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  // The last line may be half written yet.
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as T);
}
