// Starts a process so that nobody owns it: detached, its output going straight into files, its exit status left on
// disk by the shim. The row is written first, so a spawner that dies at any line leaves a process that can be found.

import { spawn as spawnChild } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../../tool.ts';
import { type ProcessIdentity, removeIfThere, startOf } from '../base/index.ts';
import type { ContainerPlan } from './container-plan.ts';
import { newProcessId } from './id.ts';
import type { NewProcess, Registry } from './registry.ts';
import type { ProcessRow, ProcessType } from './row.ts';
import { processVariable, settle } from './settle.ts';
import { exitPlaceholder, shimCommand } from './shim.ts';

/** What to start. */
export interface SpawnOptions {
  readonly argv: readonly string[];
  /** What people read instead of the argv. */
  readonly command: string;
  readonly name: string | undefined;
  readonly directory: string;
  /** The whole environment of the process; the mark that finds its descendants is added to it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly type: ProcessType;
  readonly agent: string | undefined;
  readonly takesInput: boolean;
  /** Where its output goes, and where in there it begins; by default into files of its own. */
  readonly logs?: { readonly stdout: string; readonly stderr: string; readonly from: number };
  /** The bot that this is a run of. */
  readonly bot?: string;
  readonly branch?: string;
  readonly hookDepth?: number;
  readonly context?: string;
  /** How an engine is to carry it; this machine does without. */
  readonly container?: ContainerPlan;
  /** Told what is being done, where that takes a while. */
  readonly tell?: (text: string) => void;
  /** True when a run that is there is to be replaced. */
  readonly isReplacing?: boolean;
  /** Aborted when it is not wanted any more. */
  readonly signal?: AbortSignal;
}

/** Where processes keep their files, and how time is told. */
export interface SpawnSurroundings {
  readonly registry: Registry;
  /** `logs/processes` of the instance. */
  readonly folder: string;
  readonly clock: { now(): number };
}

/** The folder in which an empty file appears whenever a process has ended. */
export function endingsFolder(folder: string): string {
  return join(folder, '.endings');
}

/** Starts a process and returns its row, once the command has its PID. */
export async function spawn(surroundings: SpawnSurroundings, options: SpawnOptions): Promise<ProcessRow> {
  const { registry, folder, clock } = surroundings;
  const row = describe(folder, options, clock.now());
  prepareFolders(folder, row);
  registry.insert(row);
  const launched = await launch(folder, row, options).catch((error) => {
    // Nothing runs: the failure comes from before the fork.
    registry.remove(row.id);
    removeIfThere(row.runFolder);
    throw asFailure(error, row);
  });
  // From here on a process lives, so its row stays whatever happens: one that is not identified is found again.
  if (launched) registry.identify(row.id, launched);
  const started = registry.find(row.id);
  if (!started) throw new Error(`the row of process ${row.id} was removed while it started`);
  return settle(registry, started, clock);
}

/** What is known of a process before it starts, with an id of its own. */
export function describe(folder: string, options: SpawnOptions, now: number): NewProcess {
  const id = newProcessId();
  const runFolder = join(folder, id);
  return {
    id,
    name: options.name ?? id,
    command: options.command,
    directory: options.directory,
    startedAt: new Date(now).toISOString(),
    agent: options.agent ?? null,
    type: options.type,
    runFolder,
    stdoutLog: options.logs?.stdout ?? join(runFolder, 'stdout.log'),
    stderrLog: options.logs?.stderr ?? join(runFolder, 'stderr.log'),
    branch: options.branch ?? null,
    hookDepth: options.hookDepth ?? 0,
    context: options.context ?? null,
    bot: options.bot ?? null,
    logFrom: options.logs?.from ?? 0,
    runner: 'local',
    handle: null,
    node: null,
    note: null,
  };
}

function prepareFolders(folder: string, row: NewProcess): void {
  try {
    mkdirSync(endingsFolder(folder), { recursive: true });
    mkdirSync(row.runFolder);
    for (const log of [row.stdoutLog, row.stderrLog]) mkdirSync(dirname(log), { recursive: true });
    writeFileSync(join(row.runFolder, 'exit.new'), exitPlaceholder);
  } catch (error) {
    throw asFailure(error, row);
  }
}

/** Spawns the shim. Rejects only while nothing runs; undefined when the shim died before it could tell the PID. */
async function launch(
  folder: string,
  row: NewProcess,
  options: SpawnOptions,
): Promise<{ shim: ProcessIdentity; command: ProcessIdentity } | undefined> {
  const { program, words } = shimCommand({
    runFolder: row.runFolder,
    endingMarker: join(endingsFolder(folder), row.id),
    directory: options.directory,
    takesInput: options.takesInput,
    argv: options.argv,
  });
  const stdout = openSync(row.stdoutLog, 'a');
  const stderr = row.stderrLog === row.stdoutLog ? stdout : openSync(row.stderrLog, 'a');
  try {
    const child = spawnChild(program, words, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', stdout, stderr, 'pipe'],
      env: { ...options.environment, [processVariable]: row.id },
    });
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    // A failure after the PID was told is an exit like any other.
    failed.catch(() => {});
    const shimStart = startOf(child.pid ?? 0);
    const pid = await Promise.race([failed, readPidFrom(child.stdio[3] as NodeJS.ReadableStream)]);
    child.unref();
    if (pid === undefined || child.pid === undefined) return undefined;
    return {
      shim: { pid: child.pid, start: shimStart ?? 'ended' },
      command: { pid, start: startOf(pid) ?? 'ended' },
    };
  } finally {
    closeSync(stdout);
    if (stderr !== stdout) closeSync(stderr);
  }
}

/** The command's PID, as the shim tells it just before the command replaces it. */
function readPidFrom(stream: NodeJS.ReadableStream): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += String(chunk);
      if (!text.includes('\n')) return;
      (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
      resolve(Number.parseInt(text, 10));
    });
    stream.on('end', () => resolve(undefined));
    stream.on('error', () => resolve(undefined));
  });
}

function asFailure(error: unknown, row: NewProcess): Failure {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Failure(
      'disk_full',
      `There is no space left for the output of '${row.command}', so it was not started.`,
      'Free some space (see: df -h), then start it again.',
      { cause: error },
    );
  }
  // Node says ENOENT where it cannot make a folder on a disk that is mounted read-only.
  if (['EACCES', 'EROFS', 'ENOTDIR', 'EPERM', 'EEXIST', 'ENOENT'].includes(code ?? '')) {
    return new Failure(
      'log_folder_unwritable',
      `The output of '${row.command}' cannot be written to ${row.runFolder} (${code}), so it was not started.`,
      'See what is wrong with the folder: understudy doctor',
      { cause: error },
    );
  }
  return new Failure(
    'spawn_failed',
    `'${row.command}' could not be started: ${(error as Error).message}`,
    code === 'EAGAIN' ? 'Too many processes run: end some, then try again.' : 'See: understudy doctor',
    { cause: error },
  );
}
