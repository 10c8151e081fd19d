// Trouble on demand: the next requests that fit are answered with an error, or with nothing at all.

import { type Answer, failure } from './route.ts';

type Silence = 'drop' | 'lose' | 'hang';

/** What goes wrong, for which requests, and how often. */
interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  /**
   * An HTTP status; `drop`: the connection ends, nothing is done; `lose`: it is done, and the answer is lost; `hang`:
   * nothing is done or answered, and the connection stays.
   */
  readonly status: number | Silence;
  /** For 429, in seconds. */
  readonly retryAfter?: number;
  /** Discord's own number of the error. */
  readonly code?: number;
  /** How often; once unless told otherwise. */
  readonly times?: number;
}

/** Faults that wait for their request. */
export interface Faults {
  next(fault: Fault): void;
  /** The fault of this request, if it has one. */
  meet(method: string, path: string): Answer | Silence | undefined;
  clear(): void;
}

/** Without any fault yet. */
export function createFaults(): Faults {
  let waiting: (Fault & { left: number })[] = [];
  return {
    next: (fault) => void waiting.push({ ...fault, left: fault.times ?? 1 }),
    clear: () => {
      waiting = [];
    },
    meet(method, path) {
      const fault = waiting.find(
        (other) => (other.method ?? method) === method && (other.path?.test(path) ?? true),
      );
      if (!fault) return undefined;
      fault.left--;
      if (fault.left <= 0) waiting = waiting.filter((other) => other !== fault);
      if (typeof fault.status === 'string') return fault.status;
      if (fault.status === 429) {
        return {
          status: 429,
          body: { message: 'You are being rate limited.', retry_after: fault.retryAfter ?? 1, global: false },
        };
      }
      return failure(fault.status, fault.code ?? 0, `on demand: ${fault.status}`);
    },
  };
}
