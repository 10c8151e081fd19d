// Attempts: how many, how long between them, and that whoever watches hears of each. The count and the time of all of
// them together are bounded.

import type { Logger } from '../../../skills/tool.ts';
import { Trouble, type Troubles } from './trouble.ts';

/** How patient we are. */
export interface Patience {
  /** Attempts after the first. */
  readonly retries: number;
  /** The wait before the first of them; each next one is twice as long, up to `longestWaitMs`. */
  readonly firstWaitMs: number;
  /** Who asks for a longer wait than this is not waited for at all. */
  readonly longestWaitMs: number;
  /** For all attempts and waits together. */
  readonly totalMs: number;
}

/** What goes with the attempts of one step. */
export interface RetryOptions {
  readonly patience: Patience;
  readonly troubles: Troubles;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  onRetry(reason: string): void;
}

/** Works until it succeeds, fails for good, or patience ends; throws Failures only. */
export async function withRetries<Result>(
  { patience, troubles, logger, signal, onRetry }: RetryOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController();
  const stop = () => ending.abort();
  signal.addEventListener('abort', stop, { once: true });
  const total = setTimeout(stop, patience.totalMs);
  if (signal.aborted) stop();
  try {
    for (let count = 0; ; count++) {
      try {
        return await work(ending.signal);
      } catch (error) {
        const trouble = ending.signal.aborted ? ended() : asTrouble(error);
        const waitMs = waitBefore(patience, count, trouble);
        const { code, message } = trouble.failure;
        if (waitMs === undefined) throw trouble.failure;
        logger.warn({ code, waitMs, attempt: count + 1 }, `a model is asked again: ${message}`);
        const seconds = Math.ceil(waitMs / 1_000);
        say(
          logger,
          onRetry,
          `${message} Trying again in ${seconds} s (${count + 1} of ${patience.retries}).`,
        );
        await pause(waitMs, ending.signal);
        if (ending.signal.aborted) throw ended().failure;
      }
    }
  } finally {
    clearTimeout(total);
    signal.removeEventListener('abort', stop);
  }

  function ended(): Trouble {
    return signal.aborted ? troubles.stopped() : troubles.tooLong(Math.round(patience.totalMs / 1_000));
  }
}

function asTrouble(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  throw error;
}

/** How long to wait before the next attempt; undefined when there is none. */
function waitBefore(patience: Patience, count: number, trouble: Trouble): number | undefined {
  if (!trouble.mayPass || count >= patience.retries) return undefined;
  if (trouble.waitMs !== undefined) {
    // Coming back earlier than asked would only be refused again.
    return trouble.waitMs > patience.longestWaitMs ? undefined : trouble.waitMs;
  }
  const wait = Math.min(patience.firstWaitMs * 2 ** count, patience.longestWaitMs);
  return wait * (0.75 + Math.random() / 4);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
  });
}

function say(logger: Logger, onRetry: (reason: string) => void, reason: string): void {
  try {
    onRetry(reason);
  } catch (error) {
    logger.warn({ error: String(error) }, 'a new attempt of a model could not be shown');
  }
}
