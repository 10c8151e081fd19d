// The supervisor's part of an engine: one follower for each log that grows, and a look at everything now and then. It
// holds nothing that the tables do not, so it can be ended at any moment.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessRow } from '../processes/index.ts';

const afterErrorMs = 1_000;
const untilAgainMs = 1_000;

/** What is followed, and how. */
export interface AttendanceOptions {
  /** The processes of this engine that have not ended. */
  rows(): ProcessRow[];
  /** Resolves when its log ends. */
  follow(row: ProcessRow, signal: AbortSignal, onOutput: () => void): Promise<void>;
  /** Brings the registry up to date. */
  inspect(): Promise<void>;
  readonly lookMs: number;
  readonly onChange: () => void;
  readonly onTrouble: (trouble: string | undefined) => void;
}

/** Attends until it is stopped. */
export function attend(options: AttendanceOptions): { stop(): Promise<void> } {
  const { onChange, onTrouble } = options;
  const ended = new AbortController();
  const followers = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  let wake = () => {};

  const followOne = async (row: ProcessRow, signal: AbortSignal) => {
    const trouble = await options.follow(row, signal, onChange).then(() => undefined, wordsOf);
    // Its log has ended, so perhaps it has too.
    wake();
    // Where it has not, its log is asked for again, but not at once: a log may end long before that is settled.
    await pause(untilAgainMs, signal);
    if (trouble !== undefined && !signal.aborted) onTrouble(trouble);
    followers.delete(row.id);
    wake();
  };
  const refresh = () => {
    const rows = new Map(options.rows().map((row) => [row.id, row]));
    for (const [id, { controller }] of followers) if (!rows.has(id)) controller.abort();
    for (const [id, row] of rows) {
      if (followers.has(id)) continue;
      const controller = new AbortController();
      followers.set(id, { controller, done: followOne(row, controller.signal) });
    }
  };
  const loop = async () => {
    while (!ended.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      try {
        const before = stateOf(options.rows());
        await options.inspect();
        if (stateOf(options.rows()) !== before) onChange();
        onTrouble(undefined);
        if (!ended.signal.aborted) refresh();
      } catch (error) {
        onTrouble(wordsOf(error));
        await pause(afterErrorMs, ended.signal);
      }
      await Promise.race([woken, pause(options.lookMs, ended.signal)]);
    }
  };
  const looping = loop();
  return {
    stop: async () => {
      ended.abort();
      for (const { controller } of followers.values()) controller.abort();
      await Promise.all([looping, ...[...followers.values()].map(({ done }) => done)]);
    },
  };
}

function stateOf(rows: readonly ProcessRow[]): string {
  return rows.map(({ id, status, pid, node }) => `${id} ${status} ${pid} ${node}`).join();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
