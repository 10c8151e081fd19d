// Streams of events to open pages: a bounded number, each written at the speed at which its reader reads, and all of them
// ended with the server.

import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';

/** A page has one for what it shows always, and one for what it looks at now. */
const mostStreams = 24;

/** One open stream. */
export interface EventStream {
  /** Resolves when the reader has room for more; what it says after the reader has gone is lost. */
  send(event: string, data: unknown): Promise<void>;
  /** Waits for the whole time, or until the reader is gone. */
  pause(ms: number): Promise<void>;
  /** Waits until `wake` is called; true when the time was over before. */
  rest(ms: number): Promise<boolean>;
  wake(): void;
  /** Aborted when the reader has gone or the server ends. */
  readonly gone: AbortSignal;
}

/** The open streams of a server. */
export interface Streams {
  open(context: Context, run: (stream: EventStream) => Promise<void>): Response;
  /** How many there are. */
  count(): number;
  close(): void;
}

/** Without any stream yet. */
export function createStreams(onError: (error: unknown) => void): Streams {
  const open = new Set<AbortController>();
  return {
    count: () => open.size,
    open(context, run) {
      if (open.size >= mostStreams) {
        const error = {
          code: 'too_many_streams',
          message: 'This page is open too often.',
          hint: 'Close some of its tabs; this one goes on by itself.',
        };
        return context.json({ error }, 503);
      }
      const gone = new AbortController();
      open.add(gone);
      return streamSSE(context, async (sse) => {
        sse.onAbort(() => gone.abort());
        let wakeUp = () => {};
        const rest = (ms: number, isLight: boolean) =>
          new Promise<boolean>((resolve) => {
            const end = (isOver: boolean) => {
              clearTimeout(timer);
              gone.signal.removeEventListener('abort', early);
              wakeUp = () => {};
              resolve(isOver);
            };
            const early = () => end(false);
            const timer = setTimeout(() => end(true), ms);
            if (isLight) wakeUp = early;
            gone.signal.addEventListener('abort', early);
            if (gone.signal.aborted) early();
          });
        try {
          await run({
            gone: gone.signal,
            wake: () => wakeUp(),
            send: (event, data) => orGone(gone.signal, sse.writeSSE({ event, data: JSON.stringify(data) })),
            rest: (ms) => rest(ms, true),
            pause: async (ms) => void (await rest(ms, false)),
          });
        } catch (error) {
          onError(error);
        } finally {
          gone.abort();
          open.delete(gone);
        }
      });
    },
    close() {
      for (const gone of open) gone.abort();
    },
  };
}

/** No race against one promise that lasts as long as the stream: that would keep something of every event. */
function orGone(gone: AbortSignal, done: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      gone.removeEventListener('abort', end);
      resolve();
    };
    gone.addEventListener('abort', end);
    if (gone.aborted) end();
    done.then(end, (error: unknown) => {
      gone.removeEventListener('abort', end);
      reject(error);
    });
  });
}
