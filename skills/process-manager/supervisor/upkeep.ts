// What the supervisor does now and then: logs are trimmed, and the peak of memory is noted.

import { readFileSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Logger } from '../../tool.ts';
import type { Hooks } from '../hooks/index.ts';
import { trimLog } from '../output/index.ts';
import type { Processes, ProcessLogs } from '../processes/index.ts';

/** As trimLog has it. */
const trimFromBytes = 512 * 1024;
/** A log that grows faster than it can be matched is trimmed all the same from this size on, and the history says so. */
const mostBytes = 1024 ** 3;

/**
 * Trims the logs of these processes, but nothing that a hook has not read yet. With `repair`, small logs are looked at
 * too: a trimmer before this one may have been killed half-way. This runs for every log every second, so a log that
 * needs nothing costs one look at its size.
 */
export function trimLogs(
  all: readonly ProcessLogs[],
  { processes, hooks, logger }: { processes: Processes; hooks: Hooks; logger: Logger },
  { repair = false } = {},
): void {
  const isLarge = (path: string) =>
    (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > trimFromBytes || repair;
  for (const [path, writers] of writersOf(all)) {
    try {
      if (!isLarge(path)) continue;
      trimOne(path, writers, processes, hooks);
    } catch (error) {
      logger.warn({ path, error: String(error) }, 'a log could not be trimmed');
    }
  }
}

interface Writer {
  readonly id: string;
  readonly stream: 'stdout' | 'stderr';
}

/** The runs of a bot share one log, and what one of them may lose another may not. */
function writersOf(all: readonly ProcessLogs[]): Map<string, Writer[]> {
  const logs = new Map<string, Writer[]>();
  const add = (path: string, writer: Writer) => {
    const known = logs.get(path);
    if (known) known.push(writer);
    else logs.set(path, [writer]);
  };
  for (const { id, stdoutLog, stderrLog } of all) {
    add(stdoutLog, { id, stream: 'stdout' });
    if (stderrLog !== stdoutLog) add(stderrLog, { id, stream: 'stderr' });
  }
  return logs;
}

function trimOne(path: string, writers: readonly Writer[], processes: Processes, hooks: Hooks): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const read = writers.flatMap(({ id, stream }) => hooks.readUntil(id, stream) ?? []);
  const keepFrom = size > mostBytes || read.length === 0 ? undefined : Math.min(...read);
  const rows = writers.flatMap(({ id }) => processes.registry.find(id) ?? []);
  const trim = () =>
    trimLog(path, {
      pauseWriters: () => {
        const releases = rows.map((row) => processes.holdStill(row));
        return () => {
          for (const release of releases) release();
        };
      },
      ...(keepFrom === undefined ? {} : { keepFrom }),
    });
  // What an engine's process prints is appended by whichever process of ours looks, in a write transaction: while this
  // one lasts, nobody does.
  if (rows.some(({ runner }) => runner !== 'local')) processes.registry.together(trim);
  else trim();
}

/** Notes the most memory that each command has used, where the system tells. */
export function noteMemory(database: Database, processes: Processes): void {
  database.transaction(() => {
    for (const { id, pid, runner } of processes.registry.unfinished()) {
      // The PID of what an engine runs is one of its machine.
      const bytes = pid === null || runner !== 'local' ? undefined : peakMemoryOf(pid);
      if (bytes !== undefined) processes.registry.notePeakMemory(id, bytes);
    }
  })();
}

function peakMemoryOf(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
