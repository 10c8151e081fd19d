// Installs a candidate's packages into its copy while live runs on, when package.json asks for others than live's. The
// installation starts from live's own lock file, so that only what differs is chosen anew.

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type CommandResult, runCommand } from './command.ts';
import { gateEnvironment, readManifest, throttle } from './gates.ts';

const fields = [
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'overrides',
  'workspaces',
];
const timeoutMs = 15 * 60_000;

/** True when the candidate needs other packages than those that live has. */
export function needsInstallation(live: string, candidate: string): boolean {
  const [present, wanted] = [readManifest(live) ?? {}, readManifest(candidate)];
  // Without a package.json nothing says what is needed.
  if (wanted === undefined) return false;
  return fields.some((field) => !isDeepStrictEqual(present[field] ?? {}, wanted[field] ?? {}));
}

/** Runs npm in the copy; its output is in gates/install.log. */
export async function installDependencies(options: {
  readonly root: string;
  readonly next: string;
  readonly folder: string;
  readonly mark: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (message: string) => void;
}): Promise<CommandResult> {
  const lock = join(options.root, 'package-lock.json');
  if (existsSync(lock)) copyFileSync(lock, join(options.next, 'package-lock.json'));
  options.progress('installing dependencies');
  return runCommand({
    command: 'npm install --no-audit --no-fund',
    directory: options.next,
    environment: gateEnvironment(options),
    log: join(options.folder, 'gates', 'install.log'),
    timeoutMs,
    signal: options.signal,
    onLine: throttle((line) => options.progress(`installing dependencies: ${line}`)),
  });
}
