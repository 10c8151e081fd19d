// The supervisor's part of an engine: one follower for each log that grows, and a look at everything now and then. It
// holds nothing that the tables do not, so it can be ended at any moment.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessRow } from '../processes/index.ts';

const afterErrorMs = 1_000;
/** Before a log that has ended is followed again. */
const againMs = 500;
const healedMs = 3_000;
const endPatienceMs = 2_000;

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
  /** Why logs could not be followed the last time. */
  const cut = new Map<string, string>();
  let wake = () => {};

  const followOne = async (row: ProcessRow, signal: AbortSignal) => {
    // One that is followed for a while is followed, whether it prints or not.
    const healed = setTimeout(() => cut.delete(row.id), healedMs).unref();
    try {
      await options.follow(row, signal, onChange);
      cut.delete(row.id);
    } catch (error) {
      // Its node is down perhaps. It is asked for again, and until then no look says that all is well.
      if (!signal.aborted) cut.set(row.id, wordsOf(error));
      if (!signal.aborted) onTrouble(wordsOf(error));
      await pause(afterErrorMs, signal);
    } finally {
      clearTimeout(healed);
      // Its log has ended, so perhaps it has too. Until that is known, the same log would only end again.
      wake();
      await pause(againMs, signal);
      followers.delete(row.id);
    }
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
        const open = new Set(options.rows().map(({ id }) => id));
        for (const id of cut.keys()) if (!open.has(id)) cut.delete(id);
        onTrouble(cut.values().next().value);
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
      // An engine that does not answer keeps nobody from ending.
      const ending = Promise.all([looping, ...[...followers.values()].map(({ done }) => done)]);
      await Promise.race([ending, sleep(endPatienceMs, undefined, { ref: false })]);
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
