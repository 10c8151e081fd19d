// Tells a client that asked for it how a long call goes on: the newest step, not too often, and again every few seconds
// while nothing new happens, so that a client which gives up on silence does not.

import type { ServerContext } from '@modelcontextprotocol/server';
import type { Progress } from '../../skills/tool.ts';

const spacingMs = 50;
const silenceMs = 5_000;
const lookMs = 500;

/** The progress of one call. */
export interface Reporter {
  /** From now on to the client behind this request; to nobody, where it did not ask. */
  attend(context: ServerContext | undefined): void;
  tell(step: Progress): void;
  stop(): void;
}

/** Begins to report. `title` is what is said while the tool itself says nothing. */
export function createReporter(title: string): Reporter {
  const startedAt = performance.now();
  let context: ServerContext | undefined;
  let latest: Progress = { message: title };
  let count = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  let pending: NodeJS.Timeout | undefined;
  const send = (message: string) => {
    clearTimeout(pending);
    pending = undefined;
    const progressToken = context?.mcpReq._meta?.progressToken;
    if (!context || progressToken === undefined) return;
    lastAt = performance.now();
    count += 1;
    const params = { progressToken, progress: count, message };
    // A client that has gone shows at the end of the input.
    context.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {});
  };
  const heartbeat = setInterval(() => {
    if (performance.now() - lastAt < silenceMs) return;
    send(`${inWords(latest)} (${Math.round((performance.now() - startedAt) / 1_000)} s)`);
  }, lookMs);
  return {
    attend(next) {
      context = next;
    },
    tell(step) {
      latest = step;
      const due = lastAt + spacingMs - performance.now();
      if (due <= 0) send(inWords(step));
      else pending ??= setTimeout(() => send(inWords(latest)), due);
    },
    stop() {
      context = undefined;
      clearTimeout(pending);
      clearInterval(heartbeat);
    },
  };
}

function inWords({ message, fraction }: Progress): string {
  return fraction === undefined ? message : `${message} (${Math.round(fraction * 100)} %)`;
}
