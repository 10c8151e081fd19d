// A small registry of images, as an engine speaks to one: blobs that are uploaded in pieces, and manifests that name
// them. It keeps what an engine would miss if it were not so: digests are checked, and a manifest is taken only when
// all that it names is there. It listens on the loopback of the test; `expose` of an engine or swarm leads there.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeEngineFolder, removeEngineFolder } from './engine-leftovers.ts';

/** A running registry. */
export interface TestRegistry {
  /** On the loopback of the test. */
  readonly port: number;
  /** What was asked of it, such as `PUT /v2/bot/manifests/1`, with the status of the answer. */
  readonly requests: readonly string[];
  /** The names that can be pulled, such as `bot:1`. */
  images(): string[];
  stop(): Promise<void>;
}

/** Whom it lets in; everybody, unless given. */
export interface RegistryOptions {
  readonly account?: { readonly username: string; readonly password: string };
}

/** Starts an empty one. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const store = makeStore();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    response.on('finish', () => requests.push(`${request.method} ${request.url} ${response.statusCode}`));
    answer(store, options, request, response).catch((cause: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'UNKNOWN', String(cause));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    images: () => [...store.tags.keys()],
    stop: () => stop(server, store.folder),
  };
}

interface Manifest {
  readonly type: string;
  readonly body: Buffer;
}

interface Store {
  readonly folder: string;
  /** Digests of blobs that are whole. */
  readonly blobs: Set<string>;
  readonly manifests: Map<string, Manifest>;
  /** `name:tag` to the digest of its manifest. */
  readonly tags: Map<string, string>;
}

interface Call {
  readonly store: Store;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the path names, in its order. */
  readonly words: readonly string[];
}

type Route = (call: Call) => Promise<void> | void;

const routes: readonly (readonly [methods: string, path: RegExp, route: Route])[] = [
  ['GET HEAD', /^\/v2\/$/, ({ response }) => void response.writeHead(200).end('{}')],
  ['POST', /^\/v2\/(.+)\/blobs\/uploads\/$/, beginUpload],
  ['PATCH PUT', /^\/v2\/(.+)\/blobs\/uploads\/([\w-]+)$/, goOnWithUpload],
  ['GET HEAD', /^\/v2\/(.+)\/blobs\/(sha256:\w+)$/, giveBlob],
  ['PUT', /^\/v2\/(.+)\/manifests\/([^/]+)$/, takeManifest],
  ['GET HEAD', /^\/v2\/(.+)\/manifests\/([^/]+)$/, giveManifest],
];

async function answer(
  store: Store,
  { account }: RegistryOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
  const wanted =
    account && `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;
  if (wanted !== undefined && request.headers.authorization !== wanted) {
    response.setHeader('WWW-Authenticate', 'Basic realm="test"');
    return refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
  }
  const { pathname } = new URL(request.url ?? '/', 'http://registry');
  for (const [methods, path, route] of routes) {
    const words = path.exec(pathname);
    if (words === null || !methods.split(' ').includes(request.method ?? '')) continue;
    return await route({ store, request, response, words: words.slice(1) });
  }
  refuse(response, 404, 'UNSUPPORTED', `nothing is at ${request.method} ${pathname}`);
}

function beginUpload({ response, words: [name] }: Call): void {
  // Also where a blob of another repository was to be mounted: an engine then sends it, as to any registry.
  const location = `/v2/${name}/blobs/uploads/${randomUUID()}`;
  response.writeHead(202, { Location: location, Range: '0-0', 'Content-Length': 0 }).end();
}

async function goOnWithUpload({ store, request, response, words: [name, upload = ''] }: Call): Promise<void> {
  const part = join(store.folder, upload);
  await pipeline(request, createWriteStream(part, { flags: 'a' }));
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://registry');
  if (request.method === 'PATCH') {
    const Range = `0-${Math.max(0, statSync(part).size - 1)}`;
    response.writeHead(202, { Location: pathname, Range, 'Content-Length': 0 }).end();
    return;
  }
  const digest = await digestOfFile(part);
  if (digest !== searchParams.get('digest')) return refuse(response, 400, 'DIGEST_INVALID', digest);
  renameSync(part, blobPath(store, digest));
  store.blobs.add(digest);
  response.writeHead(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest }).end();
}

async function giveBlob({ store, request, response, words: [, digest = ''] }: Call): Promise<void> {
  if (!store.blobs.has(digest)) return refuse(response, 404, 'BLOB_UNKNOWN', digest);
  const path = blobPath(store, digest);
  const headers = { 'Content-Length': statSync(path).size, 'Content-Type': 'application/octet-stream' };
  response.writeHead(200, { ...headers, 'Docker-Content-Digest': digest });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(path), response);
}

async function takeManifest({
  store,
  request,
  response,
  words: [name = '', reference = ''],
}: Call): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  if (reference.startsWith('sha256:') && reference !== digest) {
    return refuse(response, 400, 'DIGEST_INVALID', digest);
  }
  const unknown = digestsIn(body).filter((named) => !store.blobs.has(named) && !store.manifests.has(named));
  if (unknown.length > 0) return refuse(response, 400, 'MANIFEST_BLOB_UNKNOWN', unknown.join(', '));
  store.manifests.set(digest, { type: request.headers['content-type'] ?? '', body });
  if (reference !== digest) store.tags.set(`${name}:${reference}`, digest);
  response
    .writeHead(201, { Location: `/v2/${name}/manifests/${digest}`, 'Docker-Content-Digest': digest })
    .end();
}

function giveManifest({ store, request, response, words: [name = '', reference = ''] }: Call): void {
  const digest = reference.startsWith('sha256:') ? reference : store.tags.get(`${name}:${reference}`);
  const manifest = digest === undefined ? undefined : store.manifests.get(digest);
  if (digest === undefined || manifest === undefined) {
    refuse(response, 404, 'MANIFEST_UNKNOWN', `${name}:${reference}`);
    return;
  }
  const headers = { 'Content-Type': manifest.type, 'Content-Length': manifest.body.length };
  response.writeHead(200, { ...headers, 'Docker-Content-Digest': digest });
  response.end(request.method === 'HEAD' ? undefined : manifest.body);
}

/** Everything that a manifest, or a list of them, names. */
function digestsIn(body: Buffer): string[] {
  return [...body.toString('utf8').matchAll(/"digest"\s*:\s*"(sha256:\w+)"/g)].map(
    ([, digest]) => digest ?? '',
  );
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}

function blobPath(store: Store, digest: string): string {
  return join(store.folder, digest.replace(':', '-'));
}

function makeStore(): Store {
  return { folder: makeEngineFolder(), blobs: new Set(), manifests: new Map(), tags: new Map() };
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ errors: [{ code, message }] });
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
}

async function stop(server: Server, folder: string): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  removeEngineFolder(folder);
}
