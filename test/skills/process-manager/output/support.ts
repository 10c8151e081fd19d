// What the tests of logs share: a folder, programs that write, and a follower that checks what it reads.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect } from 'vitest';
import { createFollower, type Line, linesOf } from '../../../../skills/process-manager/output/index.ts';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** A folder that is gone after each test, and the programs started from it with it. */
export function useFolder() {
  let folder: string | undefined;
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  });
  return {
    path(name: string): string {
      folder ??= mkdtempSync(join(tmpdir(), 'understudy-output-'));
      return join(folder, name);
    },
    /** A numbered writer that appends to `log` through its own stdout. */
    startWriter(log: string, prefix: string, restMs: number): Writer {
      const fd = openSync(log, 'a');
      const child = spawn(process.execPath, [join(fixtures, 'numbered-writer.mjs'), prefix, String(restMs)], {
        stdio: ['pipe', fd, 'inherit'],
        detached: true,
      });
      closeSync(fd);
      children.push(child);
      const { pid } = child;
      if (pid === undefined) throw new Error('the writer did not start');
      return { pid, prefix, end: () => child.stdin?.end() };
    },
    /** A trimmer in a process of its own, loaded and ready to `go`. */
    async startTrimmer(): Promise<Trimmer> {
      const child = spawn(process.execPath, ['--import', 'tsx', join(fixtures, 'trimmer.ts')], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(child);
      await once(child.stdout, 'data');
      const exited = once(child, 'exit').then(([code, signal]) => signal ?? code);
      return { child, go: (options) => child.stdin.end(JSON.stringify(options)), exited };
    },
  };
}

export interface Trimmer {
  readonly child: ChildProcess;
  go(options: object): void;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
}

export interface Writer {
  readonly pid: number;
  readonly prefix: string;
  /** Asks it to write its last line and end. */
  end(): void;
}

/** Stops programs and returns when the kernel says that each one has; what it returns lets them go. */
export function pause(pids: readonly number[]): () => void {
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids) {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended: then it writes nothing either.
      }
    }
  };
  signal('SIGSTOP');
  while (pids.some((pid) => !['T', 'Z', undefined].includes(stateOf(pid)))) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return () => signal('SIGCONT');
}

/** The state letter of a process; undefined when there is none. */
export function stateOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout[0];
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

/** Follows a log and fails at the first line that is torn, twice there, or not there. */
export function checkedFollower(log: string, prefixes: readonly string[]) {
  const follower = createFollower(log, 0);
  const next = new Map(prefixes.map((prefix) => [prefix, 0]));
  const ended = new Set<string>();
  const check = ({ text }: Line) => {
    const [prefix = '', number, rest = ''] = text.split(' ');
    const expected = next.get(prefix);
    if (number === 'end') {
      expect(Number(rest)).toBe(expected);
      ended.add(prefix);
      return;
    }
    if (
      expected === undefined ||
      Number(number) !== expected ||
      rest.length !== 1 + ((expected * 13) % 100)
    ) {
      throw new Error(`expected ${prefix} ${expected}, read ${JSON.stringify(text)}`);
    }
    next.set(prefix, expected + 1);
  };
  return {
    /** Reads some of what is there. */
    read(): void {
      const seen = follower.read();
      expect(seen).toMatchObject({ missedBytes: 0, restarted: false });
      for (const block of seen.blocks) for (const line of linesOf(block)) check(line);
    },
    get position() {
      return follower.position;
    },
    get linesRead() {
      return [...next.values()].reduce((sum, each) => sum + each, 0);
    },
    hasSeenAll: () => ended.size === prefixes.length,
  };
}

/** Files beside the log that only a trim under way may leave. */
export function leftovers(log: string): string[] {
  return readdirSync(dirname(log)).filter(
    (name) => name.startsWith(`${basename(log)}.`) && !name.endsWith('.trimmed'),
  );
}

/** Runs `act` until `isDone`, giving way to events in between. */
export async function until(isDone: () => boolean, act: () => void = () => {}): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 20 s');
    act();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** True where this folder's file system can collapse; says so loudly where it cannot. */
export function canCollapse(probe: string): boolean {
  writeFileSync(probe, Buffer.alloc(64 * 1024));
  const { status } = spawnSync('fallocate', [
    '--collapse-range',
    '--offset',
    '0',
    '--length',
    '32768',
    probe,
  ]);
  rmSync(probe);
  if (status !== 0) console.error(`!!! NOT TESTED HERE: ${tmpdir()} has no fallocate --collapse-range !!!`);
  return status === 0;
}
