// Instances for tests: a real folder with a config.json, the real command line, and waiting without sleeping.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The folder of this project's code. */
export const codeRoot = join(import.meta.dirname, '../..');

/** A folder that is removed when the test ends. `files` are written into it; `config.json` is `{}` unless given. */
export function makeInstance(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'understudy-test-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries({ 'config.json': '{}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** What a finished command left behind. */
export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** This process's environment without anything that would steer Understudy. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const steering =
    /^(UNDERSTUDY_|DISCORD_|ANTHROPIC_|OPENAI_|BOT_ROLE$|WAKE_CHANNEL_ID$|NODE_OPTIONS$|VITEST)/;
  const kept = Object.entries(process.env).filter(([name]) => !steering.test(name));
  return { ...Object.fromEntries(kept), ...extra };
}

/** Runs a program to its end. */
export function runProgram(
  command: string,
  words: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      cwd: options.cwd,
      env: options.env ?? cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output.stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, ...output }));
  });
}

/** Runs `understudy` as a shell would. */
export function understudy(
  words: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; code?: string; nodeOptions?: readonly string[] } = {},
): Promise<Finished> {
  const command = join(options.code ?? codeRoot, 'src/cli/understudy.js');
  return runProgram(process.execPath, [...(options.nodeOptions ?? []), command, ...words], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnvironment(options.env),
  });
}

/** Waits until something holds, looking often; a clear error when it does not come to hold in time. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  deadlineMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`this did not come to hold in ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
