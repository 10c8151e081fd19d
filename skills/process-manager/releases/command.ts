// Runs one command for a release (a gate, an installation) to its end, its deadline or its abort, and leaves nothing of
// it running. Its output goes to a file of bounded size, and its last line to whoever waits.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { findByVariable, startOf } from '../base/index.ts';

/** In the environment of all that a staging starts, with the name of its folder, so that it can be found and ended. */
export const stagingVariable = 'UNDERSTUDY_STAGING';

const mostLogBytes = 5 * 1024 * 1024;
const graceMs = 2_000;
/** For work that was called off: nobody wants its result, and whoever asked may be about to end. */
const hurriedGraceMs = 500;
const lineLength = 200;
const lastWordsMs = 1_000;

export interface CommandOptions {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface CommandResult {
  readonly verdict: 'passed' | 'failed' | 'timeout' | 'aborted';
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly durationMs: number;
}

/** Runs it. Whatever it started has ended when this returns. */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  const startedAt = performance.now();
  const log = openLog(options.log);
  const child = spawn('/bin/sh', ['-c', options.command], {
    cwd: options.directory,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // Its last words may still be on the way when its end is told.
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lastLine = createLineTail(options.onLine);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      log.write(bytes);
      lastLine(bytes);
    });
  }
  let ended: 'timeout' | 'aborted' | undefined;
  const give = (reason: 'timeout' | 'aborted') => {
    ended ??= reason;
    void endGroup(child, reason === 'aborted' ? hurriedGraceMs : graceMs);
  };
  const timer = setTimeout(() => give('timeout'), options.timeoutMs);
  const onAbort = () => give('aborted');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    const verdict = ended ?? (exitCode === 0 ? 'passed' : 'failed');
    return { verdict, exitCode, durationMs: Math.round(performance.now() - startedAt) };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    await endMarked(options.environment[stagingVariable]);
    // Nobody is left who could hold the pipes open, but one that threw its mark away.
    await Promise.race([closed, sleep(lastWordsMs, undefined, { ref: false })]);
    child.stdout.destroy();
    child.stderr.destroy();
    log.close();
  }
}

/** Ends whatever carries the mark of a staging; also what a killed one left behind. */
export async function endMarked(mark: string | undefined): Promise<void> {
  if (mark === undefined) return;
  // Again, since one that is being killed may just have started another.
  for (let attempt = 0; attempt < 100; attempt++) {
    const pids = findByVariable(stagingVariable, mark).filter((pid) => pid !== process.pid);
    if (pids.length === 0) return;
    for (const pid of pids) signalGroup(pid, 'SIGKILL', false);
    await sleep(5);
  }
}

/** Asks the group to end, and forces it. The child is not reaped before its exit is seen, so its group is still its own. */
async function endGroup(child: ChildProcess, patienceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, 'SIGTERM', true);
  const deadline = performance.now() + patienceMs;
  while (isRunning(child) && performance.now() < deadline) await sleep(20);
  if (isRunning(child)) signalGroup(child.pid, 'SIGKILL', true);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && startOf(child.pid ?? 0) !== undefined;
}

function signalGroup(pid: number, signal: NodeJS.Signals, isGroup: boolean): void {
  try {
    process.kill(isGroup ? -pid : pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** A log that keeps its newest half when it grows too long. */
function openLog(path: string) {
  const file = openSync(path, 'w+');
  let size = 0;
  return {
    write(bytes: Buffer) {
      const kept = bytes.subarray(Math.max(0, bytes.length - mostLogBytes / 2));
      if (size + kept.length > mostLogBytes) {
        const half = Buffer.alloc(Math.min(size, mostLogBytes / 2));
        readSync(file, half, 0, half.length, size - half.length);
        const head = Buffer.from('[the beginning was cut off: more than 5 MB]\n');
        ftruncateSync(file, 0);
        size = writeSync(file, head, 0, head.length, 0);
        size += writeSync(file, half, 0, half.length, size);
      }
      size += writeSync(file, kept, 0, kept.length, size);
    },
    close: () => closeSync(file),
  };
}

/** Tells the last whole line of what has come so far. */
function createLineTail(onLine: ((line: string) => void) | undefined): (bytes: Buffer) => void {
  let rest = '';
  return (bytes) => {
    if (!onLine) return;
    const lines = stripVTControlCharacters(rest + bytes.toString('utf8')).split(/[\r\n]+/);
    rest = (lines.pop() ?? '').slice(-lineLength);
    const last = lines.findLast((line) => line.trim() !== '');
    if (last !== undefined) onLine(last.trim().slice(0, lineLength));
  };
}
