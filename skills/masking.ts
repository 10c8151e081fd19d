// Hides secrets in whatever a call gives back to a surface beyond this machine: its output, its failure, and all that is
// said meanwhile. How a text is masked is the host's to say.

import { type Caller, Failure } from './tool.ts';

type Mask = (text: string) => string;

/** The same caller, told and asked in masked words. */
export function maskCaller(mask: Mask, caller: Caller): Caller {
  const { confirm, notify, progress } = caller;
  return {
    ...caller,
    ...(confirm && { confirm: (asked) => confirm({ ...asked, question: mask(asked.question) }) }),
    ...(notify && { notify: (message) => notify(mask(message)) }),
    ...(progress && { progress: (step) => progress({ ...step, message: mask(step.message) }) }),
  };
}

/** The same failure in masked words. */
export function maskFailure(mask: Mask, failure: Failure): Failure {
  const [message, hint] = [mask(failure.message), mask(failure.hint)];
  if (message === failure.message && hint === failure.hint) return failure;
  return new Failure(failure.code, message, hint, { cause: failure.cause });
}

/** The same value with every text in it masked, keys left as they are. */
export function maskDeep(mask: Mask, value: unknown): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return maskList(mask, value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskDeep(mask, item)]));
}

/** A list of texts may be the lines of one: a key that goes over several of them shows itself in none alone. */
function maskList(mask: Mask, items: readonly unknown[]): unknown[] {
  const each = items.map((item) => maskDeep(mask, item));
  if (!items.every((item) => typeof item === 'string')) return each;
  const whole = mask(items.join('\n'));
  return whole === each.join('\n') ? each : whole.split('\n');
}
