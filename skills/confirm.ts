// Asks the person behind a call. A confirmation belongs to one actor and one exact input, counts once, and is a denial
// as soon as it has expired, the caller has gone, or nobody can be asked.

import { randomUUID } from 'node:crypto';
import type { Actor, Caller, Clock, Confirmation, Logger, Tool } from './tool.ts';

const confirmationMs = 120_000;

/** What is asked, of whom, about which call. */
interface Question {
  readonly actor: Actor;
  readonly tool: Tool;
  readonly input: unknown;
  readonly question: string;
}

/** Single use, bound to the actor and this very input, and a denial once it has expired. */
export async function ask(
  { clock, logger }: { clock: Clock; logger: Logger },
  caller: Caller,
  { actor, tool, input, question }: Question,
): Promise<boolean> {
  const { confirm, signal } = caller;
  if (!confirm || signal?.aborted) return false;
  const confirmation: Confirmation = {
    id: randomUUID(),
    actor,
    tool: tool.name,
    input: structuredClone(input),
    question,
    expiresAt: clock.now() + confirmationMs,
  };
  const answered = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), confirmationMs);
    signal?.addEventListener('abort', () => resolve(false), { signal: answered.signal });
  });
  try {
    const answer = await Promise.race([confirm(confirmation), expiry]);
    return answer === true && !signal?.aborted && clock.now() < confirmation.expiresAt;
  } catch (error) {
    // Whoever cannot be asked has not said yes.
    logger.warn({ error: String(error), action: tool.name }, 'nobody could be asked to confirm');
    return false;
  } finally {
    clearTimeout(timer);
    answered.abort();
  }
}
