// Updates and recoveries in a process of their own, which can be killed at any step.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect } from 'vitest';
import type { UpdateOptions } from '../../../../../skills/process-manager/bots/update/update.ts';
import { cleanEnvironment } from '../../../../support/instance.ts';

/** Runs it to its end, or to the step, by number or name, at which it is killed; the steps that it took. */
export type RunUpdater = (
  options: UpdateOptions,
  killAt: number | string | undefined,
  recovers?: boolean,
) => Promise<string[]>;

/** Prepares the program once for all tests of a file. */
export function useUpdater(): RunUpdater {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-updater-'));
  const program = join(folder, 'updater.mjs');
  beforeAll(async () => {
    // Bundled once, as the command line is: translating at each start would take longer than the update.
    await build({
      ...{ entryPoints: [join(import.meta.dirname, 'fixtures/updater.ts')], outfile: program },
      ...{ bundle: true, platform: 'node', format: 'esm' },
      banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return async (options, killAt, recovers = false) => {
    const child = spawn(process.execPath, [program, JSON.stringify({ ...options, recovers, killAt })], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    // Its end, not that of its pipes: git may live on and hold them.
    const signal = await new Promise((resolve) => child.on('exit', (_, name) => resolve(name)));
    expect(signal, `killed at ${killAt}`).toBe(killAt === undefined ? null : 'SIGKILL');
    if (killAt !== undefined) return [];
    await new Promise((resolve) => (child.stdout.readableEnded ? resolve(null) : child.on('close', resolve)));
    return JSON.parse(output).steps;
  };
}
