// Relays for tests: several at once over the model of an engine's log, dropped or killed at any moment, into a real file
// and a real database.

import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { createRelay } from '../../skills/process-manager/containers/output/relay.ts';
import { readLogState, trimLog } from '../../skills/process-manager/output/index.ts';
import {
  describeProcess,
  type ProcessRow,
  type Registry,
} from '../../skills/process-manager/processes/index.ts';
import type { Answer, EngineLog } from './engine-log.ts';

/** The row of a run of a bot on an engine, whose log is `<root>/<name>.log`. */
export function insertRun(
  registry: Registry,
  root: string,
  options: { name: string; runner?: 'docker' | 'swarm'; handle?: string },
): ProcessRow {
  const { name, runner = 'docker', handle = null } = options;
  const log = join(root, `${name}.log`);
  const described = describeProcess(
    join(root, 'logs/processes'),
    {
      ...{ argv: ['run'], command: 'run', name, bot: name, directory: root, environment: {} },
      ...{ type: 'background', agent: undefined, takesInput: false },
      logs: { stdout: log, stderr: log, from: readLogState(log)?.end ?? 0 },
    },
    Date.parse('2026-01-02T03:04:05.000Z'),
  );
  registry.insert({ ...described, runner, handle });
  const row = registry.find(described.id);
  if (!row) throw new Error('the row is not there');
  return row;
}

class Killed extends Error {}

/** Lets transactions end in a kill: after `bytes` of what was appended in one, and before it is committed. */
function createMortal(database: Database, log: string) {
  let deadAfter: number | undefined;
  const sizeOf = () => statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const transaction = (work: () => unknown) => ({
    immediate: () =>
      database
        .transaction(() => {
          const before = sizeOf();
          const result = work();
          const added = sizeOf() - before;
          if (deadAfter === undefined || added === 0) return result;
          truncateSync(log, before + Math.min(added, deadAfter));
          throw new Killed();
        })
        .immediate(),
  });
  return {
    database: { prepare: database.prepare.bind(database), transaction } as unknown as Database,
    dieAfter(bytes: number | undefined) {
      deadAfter = bytes;
    },
  };
}

/** Up to so many relays over one log. */
export function createRelays(database: Database, row: ProcessRow, engine: EngineLog) {
  const mortal = createMortal(database, row.stdoutLog);
  const open = new Map<number, { relay: ReturnType<typeof createRelay>; answer: Answer }>();
  const removed: Buffer[] = [];
  const taken = new Set<string>();
  let gaps = 0;
  const content = () => (existsSync(row.stdoutLog) ? readFileSync(row.stdoutLog) : Buffer.alloc(0));
  const relays = {
    begin(slot: number): void {
      const relay = createRelay(mortal.database, row, () => gaps++);
      open.set(slot, { relay, answer: engine.ask(relay.since) });
    },
    isOpen: (slot: number) => open.has(slot),
    drop: (slot: number) => void open.delete(slot),
    /** Has a relay take the next pieces; with `dieAfter`, it is killed when it has appended so many bytes. */
    take(slot: number, most: number, dieAfter?: number): void {
      const found = open.get(slot);
      if (!found) return;
      const pieces = found.answer.next(most);
      mortal.dieAfter(dieAfter);
      try {
        found.relay.take(pieces);
        for (const { bytes } of pieces) taken.add(bytes.toString());
      } catch (error) {
        const isExpected = error instanceof Killed || /is asked for again/.test((error as Error).message);
        if (!isExpected) throw error;
        open.delete(slot);
      } finally {
        mortal.dieAfter(undefined);
      }
    },
    /** One look at everything, as a command has it. */
    bring(): void {
      relays.begin(-1);
      relays.take(-1, Number.MAX_SAFE_INTEGER);
      relays.drop(-1);
    },
    trim(limit: number): void {
      const before = content();
      if (before.length === 0) return;
      const { removedBytes } = trimLog(row.stdoutLog, {
        limit,
        method: 'copy',
        pauseWriters: () => () => {},
      });
      removed.push(before.subarray(0, removedBytes));
    },
    /** Somebody empties it. */
    empty(): void {
      removed.push(content());
      if (existsSync(row.stdoutLog)) writeFileSync(row.stdoutLog, '');
    },
    /** Everything that was ever in the log. */
    history: () => Buffer.concat([...removed, content()]),
    taken: (): ReadonlySet<string> => taken,
    gaps: () => gaps,
  };
  return relays;
}
