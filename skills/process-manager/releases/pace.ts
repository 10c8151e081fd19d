// Keeps long work from holding the process: the bot that stages a release goes on answering meanwhile. Calls that wait
// for the disk are quick and many, so they are made synchronously, a few milliseconds at a time.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Failure } from '../../tool.ts';

const sliceMs = 8;

/** Asked between any two small steps; rests when the others of this process have waited long enough. */
export interface Pace {
  /** True when it is time to `rest`; cheap enough to ask ten thousand times. */
  isDue(): boolean;
  /** Lets everything else run; a Failure when whoever asked for the work no longer waits. */
  rest(): Promise<void>;
}

/** A pace that ends with its signal. */
export function createPace(signal?: AbortSignal): Pace {
  let until = performance.now() + sliceMs;
  return {
    isDue: () => performance.now() >= until,
    async rest() {
      throwIfAborted(signal);
      await nextTurn();
      until = performance.now() + sliceMs;
    },
  };
}

/** A Failure when nobody waits any more. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new Failure(
    'aborted',
    'It was called off before it was done; nothing was changed.',
    'Ask for it again when it is wanted: understudy promote',
  );
}
