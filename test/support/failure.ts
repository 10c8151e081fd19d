// Getting hold of the Failure that a test provokes, so that its code, message and hint can be looked at.

import { expect } from 'vitest';
import { type Failure, isFailure } from '../../skills/tool.ts';

/** The Failure that a function throws; anything else that it throws, or nothing, fails the test. */
export function failureOf(act: () => unknown): Failure {
  try {
    act();
  } catch (error) {
    return asFailure(error);
  }
  throw new Error('nothing was thrown');
}

/** The same for a promise. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    return asFailure(error);
  }
  throw new Error('nothing was thrown');
}

function asFailure(error: unknown): Failure {
  if (!isFailure(error)) throw error;
  expect(error.hint).not.toBe('');
  expect(error.message).not.toMatch(/^\s+at .+:\d+:\d+/m);
  return error;
}

/** Either of the two. */
export async function failureFrom(act: () => unknown): Promise<Failure> {
  try {
    await act();
  } catch (error) {
    return asFailure(error);
  }
  throw new Error('nothing was thrown');
}
