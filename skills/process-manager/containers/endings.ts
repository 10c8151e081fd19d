// How what an engine carried has ended, noted in its row: after its output, and once, whoever looks.

import { constants } from 'node:os';
import { isFinished, type ProcessRow, type Registry } from '../processes/index.ts';

/** An end as an engine tells it. */
export interface EngineEnding {
  /** Null where nobody knows it: that is never taken for a success. */
  readonly exitCode: number | null;
  readonly at: string;
  /** What else is to be said of it. */
  readonly note?: string;
}

/** Notes the end of a run; false when somebody else has. */
export function noteEnding(registry: Registry, row: ProcessRow, ending: EngineEnding): boolean {
  return registry.together(() => {
    const latest = registry.find(row.id);
    return latest !== undefined && !isFinished(latest.status) && noteFirst(registry, latest, ending);
  });
}

function noteFirst(registry: Registry, row: ProcessRow, { exitCode, at, note }: EngineEnding): boolean {
  if (note !== undefined) registry.place(row.id, { pid: row.pid, node: row.node, note });
  const forced = row.stopReason !== null && row.forced === 1;
  if (exitCode === null) {
    return registry.end(row.id, {
      event: forced ? 'kill' : 'vanish',
      exitCode: null,
      signal: forced ? 'SIGKILL' : null,
      endedAt: at,
    });
  }
  return registry.end(row.id, {
    event: row.stopReason === null ? 'exit' : 'kill',
    exitCode,
    signal: forced ? 'SIGKILL' : signalOf(exitCode),
    endedAt: at,
  });
}

function signalOf(exitCode: number): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128);
  return found?.[0] ?? null;
}
