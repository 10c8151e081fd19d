// How what an engine carried has ended, noted in its row: after its output, and once, whoever looks.

import { constants } from 'node:os';
import type { ProcessRow, Registry } from '../processes/index.ts';

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
  const { exitCode, at, note } = ending;
  const latest = registry.find(row.id) ?? row;
  if (note !== undefined) registry.place(row.id, { pid: latest.pid, node: latest.node, note });
  const forced = latest.stopReason !== null && latest.forced === 1;
  if (exitCode === null) {
    return registry.end(row.id, {
      event: forced ? 'kill' : 'vanish',
      exitCode: null,
      signal: forced ? 'SIGKILL' : null,
      endedAt: at,
    });
  }
  return registry.end(row.id, {
    event: latest.stopReason === null ? 'exit' : 'kill',
    exitCode,
    signal: forced ? 'SIGKILL' : signalOf(exitCode),
    endedAt: at,
  });
}

function signalOf(exitCode: number): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128);
  return found?.[0] ?? null;
}
