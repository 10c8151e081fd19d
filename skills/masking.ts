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
  if (isLines(value)) return maskLines(mask, value);
  if (Array.isArray(value)) return value.map((item) => maskDeep(mask, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskDeep(mask, item)]));
}

/**
 * Masks lines of one text together, since a private key takes many of them; there are as many lines afterwards. What
 * is shown is always a line of the masked whole, so no line shows more than that does.
 */
function maskLines(mask: Mask, lines: readonly string[]): string[] {
  const masked = mask(lines.join('\n')).split('\n');
  if (masked.length === lines.length) return masked;
  const alone = lines.map(mask);
  const shown: string[] = [];
  // A line of the whole stands for one line or, where something long was masked, for all before the next that fits.
  for (const [index, text] of masked.entries()) {
    const here = shown.length;
    if (here === lines.length) break;
    shown.push(text);
    if (alone[here] === text && lines[here] === text) continue;
    const next = masked[index + 1];
    const near = alone.slice(here + 1, here + 1 + longestRun);
    const count = next === undefined ? near.length : near.indexOf(next);
    for (let line = 0; line < count; line++) shown.push(mark);
  }
  while (shown.length < lines.length) shown.push(mark);
  return shown;
}

const mark = '[masked]';
/** More lines than any key has. */
const longestRun = 500;

function isLines(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 1 &&
    value.every((item) => typeof item === 'string' && !item.includes('\n'))
  );
}
