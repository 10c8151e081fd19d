// Waiting for something that only looking can tell, with a deadline.

import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again, first often and then less so; false when it did not come to hold in time. */
export async function waitUntil(
  holds: () => boolean,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 1.5, 50)) {
    if (holds()) return true;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0 || signal?.aborted) return false;
    await sleep(Math.min(pauseMs, leftMs));
  }
}
