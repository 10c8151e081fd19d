// What the servers have in common: they check each request as the real one does, take the next reply of the script, and
// send it in pieces, with whatever goes wrong in it. Nothing here needs a test runner.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentServer, Reply, SeenRequest, ServerOptions } from './reply.ts';

/** What differs between providers. */
export interface Wire {
  readonly path: string;
  keyIn(request: IncomingMessage): string | undefined;
  /** Why a real server would answer 400. */
  check(body: unknown, text: string, headers: IncomingMessage['headers']): string[];
  read(body: unknown): Pick<SeenRequest, 'model' | 'system' | 'tools' | 'messages'>;
  /** The frames of an answer: those before the place where it may hang or break, and those after it. */
  frames(reply: Reply, model: string, count: number): { before: string[]; after: string[] };
  error(status: number, type: string | undefined, message: string): unknown;
  tooLong(tokens: number, limit: number): { type?: string; message: string };
  unknownModel(model: string): { type?: string; message: string };
}

const largestRequest = 32 * 1024 * 1024;

/** Starts a server that speaks this wire, on 127.0.0.1. */
export async function startServer(wire: Wire, options: ServerOptions): Promise<AgentServer> {
  const requests: SeenRequest[] = [];
  let used = 0;
  const next = async (request: SeenRequest): Promise<Reply> => {
    if (typeof options.replies === 'function') return options.replies(request);
    const reply = options.replies[used++];
    return reply ?? { status: 400, error: { message: `the script has ${used - 1} replies and no more` } };
  };
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const text = await readAll(incoming);
    if (text === undefined) return fail(wire, response, { status: 413, error: { message: 'too large' } });
    const request = see(wire, incoming, text);
    requests.push(request);
    response.on('close', () => {
      if (!response.writableFinished) request.wasAborted = true;
    });
    const refusal = refusalOf(wire, options, incoming, request, text);
    if (refusal) return fail(wire, response, refusal);
    await play(wire, response, await next(request), request.model, requests.length);
  };
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      if (!response.headersSent) fail(wire, response, { status: 400, error: { message: String(error) } });
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestRequest) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function see(wire: Wire, incoming: IncomingMessage, text: string): SeenRequest {
  const path = new URL(incoming.url ?? '/', 'http://localhost').pathname;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const problems = path === wire.path ? wire.check(body, text, incoming.headers) : [];
  const known =
    problems.length === 0 && body !== undefined && path === wire.path
      ? wire.read(body)
      : { model: '', system: '', tools: [], messages: [] };
  return {
    method: incoming.method ?? '',
    path,
    headers: incoming.headers,
    body,
    problems,
    wasAborted: false,
    ...known,
  };
}

/** What a real server refuses before any model is asked. */
function refusalOf(
  wire: Wire,
  options: ServerOptions,
  incoming: IncomingMessage,
  request: SeenRequest,
  text: string,
): Reply | undefined {
  if (request.method !== 'POST' || request.path !== wire.path) {
    return { status: 404, error: { type: 'not_found_error', message: 'Not Found' } };
  }
  const key = wire.keyIn(incoming);
  if (options.key !== undefined && key !== options.key) {
    return { status: 401, error: { type: 'authentication_error', message: `invalid key: ${key}` } };
  }
  if (request.problems.length > 0) {
    return { status: 400, error: { type: 'invalid_request_error', message: request.problems.join('; ') } };
  }
  if (options.models && !options.models.includes(request.model)) {
    return { status: 404, error: wire.unknownModel(request.model) };
  }
  const tokens = Math.ceil(text.length / 4);
  if (options.contextTokens !== undefined && tokens > options.contextTokens) {
    return { status: 400, error: wire.tooLong(tokens, options.contextTokens) };
  }
  return undefined;
}

function fail(wire: Wire, response: ServerResponse, reply: Reply): void {
  const { type, message = 'on demand' } = reply.error ?? {};
  const status = reply.status ?? 500;
  response.writeHead(status, { 'content-type': 'application/json', ...reply.headers });
  response.end(reply.body ?? JSON.stringify(wire.error(status, type, message)));
}

async function play(wire: Wire, response: ServerResponse, reply: Reply, model: string, count: number) {
  const isSilent = reply.text === undefined && reply.calls === undefined;
  if (isSilent && reply.hangMs !== undefined) await pause(response, reply.hangMs);
  if (reply.status !== undefined && reply.status !== 200) return fail(wire, response, reply);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...reply.headers });
  if (reply.body !== undefined) return void response.end(reply.body);
  const { before, after } = wire.frames(reply, model, count);
  await send(response, before, reply.chunkMs);
  if (!isSilent && reply.hangMs !== undefined) await pause(response, reply.hangMs);
  if (reply.cut === 'reset') {
    // What was written has to be on its way before the connection is torn.
    await pause(response, 20);
    response.socket?.resetAndDestroy();
    return;
  }
  if (reply.cut === undefined) await send(response, after, reply.chunkMs);
  response.end();
}

/** Frames go out in pieces that fit no frame, so that readers have to put them together. */
async function send(response: ServerResponse, frames: readonly string[], chunkMs: number | undefined) {
  for (const frame of frames) {
    if (response.destroyed) return;
    const bytes = Buffer.from(frame);
    const middle = Math.floor(bytes.length / 2);
    response.write(bytes.subarray(0, middle));
    response.write(bytes.subarray(middle));
    if (chunkMs !== undefined) await pause(response, chunkMs);
  }
}

/** Waits, but not for somebody who has gone. */
function pause(response: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    response.once('close', done);
    if (response.destroyed) done();
  });
}
