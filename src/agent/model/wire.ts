// The way to the server and back: watches for silence, follows no redirect, keeps the key where it belongs, and turns
// statuses and broken connections into Troubles before the package can hide what they were.

import type { ModelSettings } from './settings.ts';
import { Trouble, type Troubles } from './trouble.ts';

/** The shape of `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Errors are read as far as this, answers as far as the second. */
const longestError = 64 * 1024;
const longestAnswer = 64 * 1024 * 1024;

/** What one attempt needs of the wire. */
export interface WireOptions {
  readonly settings: ModelSettings;
  readonly troubles: Troubles;
  readonly fetch: Fetch;
  /** Called for each sign of life. */
  touch(): void;
  /** For `retry-after` as a date. */
  now(): number;
}

/** A fetch for one attempt. */
export function createWire({ settings, troubles, fetch, touch, now }: WireOptions): Fetch {
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    // The package insists on a key, and servers of one's own may refuse an empty one.
    if (settings.apiKey === undefined) headers.delete('x-api-key');
    const response = await fetch(input, { ...init, headers, redirect: 'manual' }).catch((error: unknown) => {
      throw init.signal?.aborted ? error : troubles.unreachable(error);
    });
    touch();
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw troubles.wrongAddress(`it sends us on to ${originOf(response.headers.get('location'))}`);
    }
    if (!response.ok) {
      const text = await start(response, longestError);
      throw troubles.refused({ status: response.status, text, waitMs: waitOf(response.headers, now()) });
    }
    const type = response.headers.get('content-type') ?? '';
    if (/html/i.test(type)) {
      await response.body?.cancel();
      throw troubles.wrongAddress('a web page answers there');
    }
    if (type !== '' && !/event-stream/i.test(type)) {
      throw troubles.unreadable(await start(response, longestError));
    }
    if (response.body === null) throw troubles.cutOff('it was empty');
    const body = watched(response.body, { touch, troubles, signal: init.signal ?? undefined });
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

function watched(
  body: ReadableStream<Uint8Array>,
  { touch, troubles, signal }: { touch(): void; troubles: Troubles; signal: AbortSignal | undefined },
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        touch();
        if (done) return controller.close();
        bytes += value.byteLength;
        if (bytes > longestAnswer) throw troubles.unreadable('an answer without end');
        controller.enqueue(value);
      } catch (error) {
        const kept = signal?.aborted || error instanceof Trouble;
        controller.error(kept ? error : troubles.cutOff(codeOf(error)));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** The beginning of a body; what cannot be read is left out. */
async function start(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const reader = response.body?.getReader();
    while (reader && bytes < limit) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.byteLength;
    }
    await reader?.cancel();
  } catch {
    // The status says enough.
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

/** What the server asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date. */
function waitOf(headers: Headers, now: number): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const written = headers.get('retry-after')?.trim();
  if (!written) return undefined;
  const seconds = Number(written);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const date = Date.parse(written);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function originOf(location: string | null): string {
  try {
    return new URL(location ?? '').origin;
  } catch {
    return 'another address';
  }
}

function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return 'the connection ended';
}
