// A small real HTTP server on a unix socket that answers as an engine would: for what an engine says that no real one can
// be made to say at will.

import { createServer } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeFolder } from './folder.ts';

/** What was asked. */
export interface EngineQuestion {
  readonly method: string;
  /** Without the version of the API. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What is answered; nothing at all for `never`, and a closed connection for `hang up`. */
export type EngineAnswer = { readonly status?: number; readonly json?: unknown } | 'never' | 'hang up';

/** Starts it; it is gone with the test. */
export async function startEngineServer(
  answer: (question: EngineQuestion) => EngineAnswer | Promise<EngineAnswer>,
): Promise<{ readonly host: string; readonly socket: string }> {
  const socket = join(makeFolder(), 's');
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://engine');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const given = await answer({
      method: request.method ?? '',
      path: url.pathname.replace(/^\/v\d+\.\d+/, ''),
      query: url.searchParams,
      body: Buffer.concat(chunks).toString(),
    });
    if (given === 'never') return;
    if (given === 'hang up') {
      request.socket.destroy();
      return;
    }
    response.writeHead(given.status ?? 200, { 'Content-Type': 'application/json' });
    response.end(given.json === undefined ? undefined : JSON.stringify(given.json));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `unix://${socket}`, socket };
}
