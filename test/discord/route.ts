// What a route of the small Discord is: which requests it takes, what their body must be, and how it answers.

import type { BodyKind } from './check.ts';
import type { Json, SentFile, World } from './world.ts';

/** A request as a route sees it. */
export interface Asked {
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly files: readonly SentFile[];
}

/** An answer; no body is 204. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** One line of the table. */
export interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly checks?: BodyKind;
  /** Interactions and webhooks carry their token in the path instead. */
  readonly needsNoToken?: boolean;
  /** What Discord counts together: so many requests in so many milliseconds for each of the first parameter. */
  readonly bucket?: readonly [name: string, limit: number, windowMs: number];
  answer(asked: Asked): Answer;
}

/** What routes cannot do by themselves. */
export interface Surroundings {
  readonly world: World;
  readonly gatewayUrl: () => string;
  /** How long the application has to answer an interaction. */
  readonly answerWithinMs: number;
  readonly sessionStartLimit: () => Json;
  emit(event: string, data: Json): void;
}

/** A route whose act answers with an object, with nothing (204), or with a failure. */
export function route(method: string, pattern: RegExp, act: (asked: Asked) => unknown): Route {
  return {
    method,
    pattern,
    answer: (asked) => {
      const result = act(asked);
      if (result === undefined) return { status: 204 };
      return isAnswer(result) ? result : { status: 200, body: result };
    },
  };
}

/** Marks refusals, so that no object of Discord's is mistaken for one. */
class Refusal implements Answer {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, code: number, message: string) {
    this.status = status;
    this.body = { message, code };
  }
}

/** An error as Discord words it. */
export function failure(status: number, code: number, message: string): Answer {
  return new Refusal(status, code, message);
}

function isAnswer(value: unknown): value is Answer {
  return value instanceof Refusal;
}
