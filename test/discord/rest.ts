// The REST half of the small Discord: an HTTP server that records every request, counts for rate limits, fails on
// demand, holds bodies against Discord's schema, and lets the table of routes answer.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Check } from './check.ts';
import type { Faults } from './faults.ts';
import { type Answer, type Asked, failure, type Route } from './route.ts';
import { type Json, latest, type SentFile, type World } from './world.ts';

/** A request that arrived, and how it was answered. */
export interface RecordedRequest {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  /** Without `/api/v10`, decoded. */
  readonly path: string;
  readonly body: Json;
  readonly files: readonly SentFile[];
  readonly status: number;
}

/** What the server works with. */
export interface RestOptions {
  readonly world: World;
  readonly routes: readonly Route[];
  readonly faults: Faults;
  readonly check: Check;
  readonly requests: RecordedRequest[];
  /** Told of everything that real Discord would have refused. */
  onProblem(problem: string): void;
}

const prefix = /^\/api\/v10/;
const mostBytes = 30 * 1024 ** 2;

/** The server, not listening yet. */
export function createRestServer(options: RestOptions): Server {
  const limits = createLimits(options.world.now);
  return createServer((request, response) => {
    serve(options, limits, request, response).catch((error: unknown) => {
      options.onProblem(
        `the small Discord itself failed: ${error instanceof Error ? error.stack : String(error)}`,
      );
      response.destroy();
    });
  });
}

async function serve(
  options: RestOptions,
  limits: ReturnType<typeof createLimits>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const at = options.world.now();
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'http://localhost');
  const path = decodeURIComponent(url.pathname.replace(prefix, ''));
  if (url.pathname.startsWith('/attachments/')) return sendFile(options, url.pathname, response);
  const { body, files } = await readBody(request);
  const record = (status: number) =>
    options.requests.push({ at, method, path, body: body as Json, files, status });
  const fault = options.faults.meet(method, path);
  if (fault === 'drop' || fault === 'hang') {
    record(0);
    if (fault === 'drop') response.destroy();
    return;
  }
  const headers: Record<string, string> = {};
  const refusal = fault === 'lose' ? undefined : fault;
  const answer = refusal ?? answerTo(options, limits, request, { method, path, url, body, files }, headers);
  if (fault === 'lose') {
    record(0);
    response.destroy();
    return;
  }
  record(answer.status);
  send(response, answer, headers);
}

/** A file of a message, as Discord's other servers give it out: to anybody who has its address. */
function sendFile({ world, faults, requests }: RestOptions, path: string, response: ServerResponse): void {
  const [, , , message = '', index = ''] = path.split('/');
  const found = world.messages.get(message);
  const file = found && latest(found).files[Number(index)];
  const fault = faults.meet('GET', path);
  const status = file === undefined ? 404 : typeof fault === 'object' ? fault.status : 200;
  requests.push({ at: world.now(), method: 'GET', path, body: {}, files: [], status });
  if (fault === 'drop' || fault === 'lose') {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/octet-stream' });
  if (status !== 200 || !file) response.end();
  else if (world.stalled.has(file.name)) response.write(file.bytes.subarray(0, 1));
  else response.end(file.bytes);
}

interface Parsed {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly body: unknown;
  readonly files: readonly SentFile[];
}

function answerTo(
  { world, routes, check, onProblem }: RestOptions,
  limits: ReturnType<typeof createLimits>,
  request: IncomingMessage,
  { method, path, url, body, files }: Parsed,
  headers: Record<string, string>,
): Answer {
  const found = routes.find((route) => route.method === method && route.pattern.test(path));
  if (!found || !prefix.test(url.pathname)) {
    onProblem(`${method} ${url.pathname}: the small Discord has no such route`);
    return failure(404, 0, '404: Not Found');
  }
  if (found.needsNoToken !== true && request.headers.authorization !== `Bot ${world.token}`) {
    return failure(401, 0, '401: Unauthorized');
  }
  const params = found.pattern.exec(path)?.slice(1) ?? [];
  const flood = found.needsNoToken === true ? undefined : limits.count(['global', 50, 1_000], '', {});
  if (flood) {
    onProblem(`${method} ${path}: more than 50 requests in a second`);
    return { ...flood, body: { ...(flood.body as Json), global: true } };
  }
  const limited =
    found.bucket && limits.count(found.bucket, params[found.needsNoToken ? 1 : 0] ?? '', headers);
  if (limited) {
    onProblem(`${method} ${path}: faster than Discord allows`);
    return limited;
  }
  const problems = found.checks ? check(found.checks, body, files) : [];
  if (problems.length > 0) {
    onProblem(`${method} ${path}: ${problems.join('; ')}\n${JSON.stringify(body, null, 2)}`);
    return {
      status: 400,
      body: { message: `Invalid Form Body: ${problems.join('; ')}`, code: 50_035, errors: {} },
    };
  }
  const asked: Asked = { params, query: url.searchParams, body: (body ?? {}) as Json, files };
  return found.answer(asked);
}

function send(response: ServerResponse, { status, body }: Answer, headers: Record<string, string>): void {
  const retry =
    status === 429 ? { 'retry-after': String((body as { retry_after?: number }).retry_after) } : {};
  if (status === 204) {
    // A content type without content makes clients parse nothing.
    response.writeHead(204, headers).end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers, ...retry });
  response.end(JSON.stringify(body ?? {}));
}

async function readBody(request: IncomingMessage): Promise<{ body: unknown; files: SentFile[] }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error(`a body of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  const type = request.headers['content-type'] ?? '';
  const whole = Buffer.concat(chunks);
  if (whole.length === 0) return { body: undefined, files: [] };
  if (!type.startsWith('multipart/form-data')) return { body: JSON.parse(whole.toString('utf8')), files: [] };
  const form = await new Response(whole, { headers: { 'content-type': type } }).formData();
  const payload = form.get('payload_json');
  const files: SentFile[] = [];
  for (const [key, value] of form.entries()) {
    if (typeof value === 'string') continue;
    const index = Number(/^files\[(\d+)\]$/.exec(key)?.[1]);
    files[index] = { name: value.name, bytes: Buffer.from(await value.arrayBuffer()) };
  }
  return { body: typeof payload === 'string' ? JSON.parse(payload) : {}, files };
}

/** Counts as Discord does: so many requests of a bucket in a window, said in the headers of every answer. */
function createLimits(now: () => number) {
  const windows = new Map<string, { since: number; used: number }>();
  return {
    count(
      [name, limit, windowMs]: readonly [string, number, number],
      major: string,
      headers: Record<string, string>,
    ): Answer | undefined {
      const key = `${name}:${major}`;
      const before = windows.get(key);
      const current = before && now() - before.since < windowMs ? before : { since: now(), used: 0 };
      current.used++;
      windows.set(key, current);
      const resetAfter = Math.max(0, (current.since + windowMs - now()) / 1_000);
      headers['x-ratelimit-bucket'] = name;
      headers['x-ratelimit-limit'] = String(limit);
      headers['x-ratelimit-remaining'] = String(Math.max(0, limit - current.used));
      headers['x-ratelimit-reset-after'] = resetAfter.toFixed(3);
      headers['x-ratelimit-reset'] = ((current.since + windowMs) / 1_000).toFixed(3);
      if (current.used <= limit) return undefined;
      return {
        status: 429,
        body: { message: 'You are being rate limited.', retry_after: resetAfter, global: false },
      };
    },
  };
}
