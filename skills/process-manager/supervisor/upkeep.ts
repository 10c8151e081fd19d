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
  for (const { id, stdoutLog, stderrLog } of all) {
    for (const [stream, path] of [
      ['stdout', stdoutLog],
      ['stderr', stderrLog],
    ] as const) {
      try {
        const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
        if (size <= trimFromBytes && !repair) continue;
        const keepFrom = size > mostBytes ? undefined : hooks.readUntil(id, stream);
        trimLog(path, {
          pauseWriters: () => {
            const row = processes.registry.find(id);
            return row ? processes.holdStill(row) : () => {};
          },
          ...(keepFrom === undefined ? {} : { keepFrom }),
        });
      } catch (error) {
        logger.warn({ path, error: String(error) }, 'a log could not be trimmed');
      }
    }
  }
}

/** Notes the most memory that each command has used, where the system tells. */
export function noteMemory(database: Database, processes: Processes): void {
  database.transaction(() => {
    for (const { id, pid } of processes.registry.unfinished()) {
      const bytes = pid === null ? undefined : peakMemoryOf(pid);
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
