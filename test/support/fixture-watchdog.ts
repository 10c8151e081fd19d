// Starts the fixture that stands for watchdog.js where only its protocol matters.

import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { findWatchdog } from '../../skills/process-manager/watchdog/index.ts';
import { cleanEnvironment, codeRoot, until } from './instance.ts';

/** Watches a root and gives this verdict on whatever is promoted; it ends with the test. */
export async function startFixtureWatchdog(
  root: string,
  verdict: 'good' | 'reverted' | 'inconsistent' | 'die' = 'good',
): Promise<void> {
  const program = 'test/skills/process-manager/releases/fixtures/watchdog.ts';
  const child = spawn(process.execPath, ['--import', 'tsx', program, root, verdict], {
    cwd: codeRoot,
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await until('the watchdog has its lock', () => findWatchdog(root));
}
