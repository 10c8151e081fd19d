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
export function maskFailure(mask: (text: string) => string, failure: Failure): Failure {
  const [message, hint] = [mask(failure.message), mask(failure.hint)];
  if (message === failure.message && hint === failure.hint) return failure;
  return new Failure(failure.code, message, hint, { cause: failure.cause });
}

/** The same value with every text in it masked, keys left as they are. */
export function maskDeep(mask: (text: string) => string, value: unknown): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return value.map((item) => maskDeep(mask, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskDeep(mask, item)]));
}
