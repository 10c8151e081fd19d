// The output of what an engine carries, from the engine into our log: what is there now, or all that comes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import type { ProcessRow } from '../../processes/index.ts';
import { createFrameReader, sinceParameter } from './frames.ts';
import { createOrder } from './order.ts';
import { createRelay, Outdated } from './relay.ts';

/** Between two questions for the same log. */
const againMs = 50;

/** How an engine is asked for a log. */
export interface LogQuestion {
  readonly stdout: true;
  readonly stderr: true;
  readonly timestamps: true;
  readonly follow: boolean;
  readonly since?: string;
}

/** A log of an engine. */
export interface LogSource {
  readonly database: Database;
  readonly row: ProcessRow;
  /** The answer to a question: a buffer, or a stream where the log is followed. */
  ask(question: LogQuestion): Promise<Buffer | NodeJS.ReadableStream>;
  onGap(): void;
}

/** Brings what there is now; true when there was something new. */
export async function bringOutput(source: LogSource): Promise<boolean> {
  const relay = createRelay(source.database, source.row, source.onGap);
  const answer = await source.ask(questionFrom(relay.since, false));
  if (!Buffer.isBuffer(answer)) throw new Error('a log that is not followed is one answer');
  return relay.take(createFrameReader().push(answer));
}

/** Brings everything until the log ends, or nobody wants it any more. `onOutput` is called when something came. */
export async function followOutput(
  source: LogSource,
  signal: AbortSignal,
  onOutput: () => void,
): Promise<void> {
  for (;;) {
    try {
      // What is there already is asked for by itself, since that answer never repeats anything.
      if (await bringOutput(source)) onOutput();
      return await followOnce(source, signal, onOutput);
    } catch (error) {
      if (!(error instanceof Outdated) || signal.aborted) throw error;
      await sleep(againMs, undefined, { signal }).catch(() => {});
    }
  }
}

async function followOnce(source: LogSource, signal: AbortSignal, onOutput: () => void): Promise<void> {
  const relay = createRelay(source.database, source.row, source.onGap);
  const answer = await source.ask(questionFrom(relay.since, true));
  if (Buffer.isBuffer(answer)) throw new Error('a log that is followed is a stream');
  const stream = answer as NodeJS.ReadableStream & { destroy(): void };
  const end = () => stream.destroy();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    const frames = createFrameReader();
    const order = createOrder();
    for await (const chunk of stream) {
      const pieces = frames.push(chunk as Buffer);
      const good = order.inOrder(pieces);
      if (relay.take(pieces.slice(0, good))) onOutput();
      const [back] = pieces.slice(good);
      if (back) relay.refuse(back);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    stream.destroy();
  }
}

function questionFrom(since: string | undefined, follow: boolean): LogQuestion {
  return {
    stdout: true,
    stderr: true,
    timestamps: true,
    follow,
    ...(since === undefined ? {} : { since: sinceParameter(since) }),
  };
}
