// The server of the page: it listens on this machine alone, lets the guard look at every request, and hands the rest to
// the parts. It holds no state of its own but the open streams.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { stream as streamed } from 'hono/streaming';
import { z } from 'zod';
import { Failure, isFailure } from '../../skills/tool.ts';
import { findAssets } from './assets.ts';
import { type CallEvent, describeFailure, runCall } from './calls.ts';
import { describeTools } from './catalogue.ts';
import { createGuard } from './guard.ts';
import { makeToken, readKept, removeAddress, writeAddress, writeKept } from './keys.ts';
import { showLog } from './log-stream.ts';
import { type DashboardOptions, pageChannel, pageOwner, usualTiming } from './options.ts';
import { createOverview } from './overview.ts';
import { createStreams } from './streams.ts';
import { takeSamples } from './usage.ts';

const mostBodyBytes = 64 * 1024;
const mostCalls = 20;
const mostWaiting = 50;
const longestMessage = 8_000;

const callSchema = z.strictObject({
  tool: z.string().max(100),
  input: z.record(z.string(), z.unknown()).default({}),
  isRepeated: z.boolean().default(false),
});
const answerSchema = z.strictObject({ id: z.string().max(100), yes: z.boolean() });
const saySchema = z.strictObject({ text: z.string().trim().min(1).max(longestMessage) });

/** A server that listens. */
export interface PageServer {
  /** With the token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it; a Failure when no port can be had. */
export async function startServer(options: DashboardOptions): Promise<PageServer> {
  const { root, clock, logger } = options;
  const kept = readKept(root);
  const token = makeToken();
  let port = 0;
  const parts = createParts(options);
  const app = new Hono();
  app.use(createGuard({ token, key: kept.key, clock, port: () => port }));
  app.use(bodyLimit({ maxSize: mostBodyBytes, onError: tooLarge }));
  addRoutes(app, options, parts);
  app.onError((error, context) => refuse(context, error, logger));
  app.notFound((context) =>
    context.json({ error: { code: 'not_found', message: 'There is nothing here.', hint: 'Open /' } }, 404),
  );
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  server.maxConnections = 100;
  // A connection that could not be taken, for want of file handles for example, must not end the bot.
  server.on('error', (error) => logger.warn({ error: error.message }, 'a connection to the page failed'));
  try {
    port = await listenSomewhere(server, options.config.dashboard.port, kept.port);
  } catch (error) {
    parts.close();
    throw error;
  }
  if (kept.port !== port) writeKept(root, { ...kept, port });
  const url = `http://127.0.0.1:${port}/?token=${token}`;
  writeAddress(root, url);
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        parts.close();
        removeAddress(root);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createParts(options: DashboardOptions) {
  const { dispatcher, clock, logger, chat } = options;
  const timing = { ...usualTiming, ...options.timing };
  const streams = createStreams((error) =>
    logger.error({ error: String(error) }, 'a stream of the page failed'),
  );
  const overview = createOverview(dispatcher, chat, timing);
  const samples = takeSamples(dispatcher, clock, logger, timing);
  return {
    ...{ streams, overview, samples, timing },
    /** Tells pages that they speak to another process than before. */
    start: `${process.pid}-${clock.now()}`,
    calls: { count: 0 },
    close() {
      streams.close();
      overview.stop();
      samples.stop();
    },
  };
}

function addRoutes(app: Hono, options: DashboardOptions, parts: ReturnType<typeof createParts>): void {
  const { dispatcher, chat, agent, config } = options;
  const { streams, timing } = parts;
  for (const [path, asset] of findAssets()) {
    app.get(path, (context) => context.body(asset.read(), 200, { 'content-type': asset.type }));
  }
  const hello = {
    start: parts.start,
    role: config.environment.role,
    version: process.env.UNDERSTUDY_VERSION ?? null,
    hasAgent: agent !== undefined,
  };
  app.get('/api/catalogue', (context) => context.json({ tools: describeTools(options.tools) }));
  app.get('/api/events', (context) => streams.open(context, (page) => parts.overview.show(page, hello)));
  // One stream for both: a browser opens six connections to a host, for all of its tabs together.
  app.get('/api/watch', (context) => {
    const name = nameOf(context);
    return streams.open(context, async (page) => {
      // Of the live bot there is a log, and no row that a sample could be taken of.
      const samples = name === 'live' ? undefined : parts.samples.show(page, name);
      await Promise.all([showLog(dispatcher, page, name, timing), samples]);
    });
  });
  app.post('/api/call', async (context) => call(context, options, parts));
  app.post('/api/answer', async (context) => {
    const { id, yes } = await bodyOf(context, answerSchema);
    chat.questions.answer(id, yes);
    return context.json({ ok: true });
  });
  app.post('/api/say', async (context) => {
    const { text } = await bodyOf(context, saySchema);
    if (!agent) {
      throw new Failure(
        'no_agent',
        'There is no agent to talk to.',
        'Set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env and restart the bot. Commands work: /process list',
      );
    }
    const id = chat.say(text);
    const message = { id, channelId: pageChannel, text, author: pageOwner };
    agent.onMessage({ ...message, isDirect: true, mentionsBot: true });
    return context.json({ ok: true });
  });
  app.post('/api/stop', async (context) => {
    await bodyOf(context, z.strictObject({}));
    const stopped = agent?.onStop({ channelId: pageChannel, by: pageOwner }) ?? false;
    const words = stopped ? 'Stopped.' : 'Nothing is under way here.';
    return context.json({ text: typeof stopped === 'string' ? stopped : words });
  });
}

async function call(
  context: Context,
  options: DashboardOptions,
  { calls }: ReturnType<typeof createParts>,
): Promise<Response> {
  const request = await bodyOf(context, callSchema);
  if (calls.count >= mostCalls) {
    throw new Failure('too_many_calls', 'Too much is under way at once.', 'Wait until some of it has ended.');
  }
  calls.count += 1;
  context.header('content-type', 'application/x-ndjson; charset=utf-8');
  return streamed(context, async (out) => {
    const gone = new AbortController();
    out.onAbort(() => gone.abort());
    let written = Promise.resolve();
    let waiting = 0;
    const tell = (event: CallEvent) => {
      // A page that does not read needs no more of the steps than this; whatever else happens, it gets to know.
      if (event.type === 'progress' && waiting >= mostWaiting) return;
      waiting += 1;
      written = written.then(async () => {
        await out.write(`${JSON.stringify(event)}\n`);
        waiting -= 1;
      });
    };
    try {
      await runCall(options, options.chat.questions, request, tell, gone.signal);
      await written;
    } finally {
      calls.count -= 1;
    }
  });
}

async function bodyOf<T extends z.ZodType>(context: Context, schema: T): Promise<z.infer<T>> {
  const text = await context.req.text();
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure('bad_request', 'The request could not be understood.', 'Reload the page and try again.');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function nameOf(context: Context): string {
  const name = context.req.query('process') ?? '';
  if (name !== '' && name.length <= 200) return name;
  throw new Failure('bad_request', 'It was not said whose it is.', 'Name it: ?process=NAME');
}

function tooLarge(context: Context): Response {
  const error = {
    code: 'too_large',
    message: `A request may have ${mostBodyBytes / 1024} KB.`,
    hint: 'Put what is longer into a file.',
  };
  return context.json({ error }, 413);
}

function refuse(context: Context, error: Error, logger: DashboardOptions['logger']): Response {
  if (!isFailure(error)) logger.error({ error: error.stack }, 'a request of the page failed');
  const status = !isFailure(error) ? 500 : error.code.startsWith('question_') ? 409 : 400;
  return context.json({ error: describeFailure(error) }, status);
}

/** The port that was asked for; or where none was, the one that open pages know, and else any. */
async function listenSomewhere(server: Server, wanted: number, before: number | undefined): Promise<number> {
  if (wanted !== 0) return listen(server, wanted);
  if (before !== undefined) {
    try {
      return await listen(server, before);
    } catch {
      // Another program has it by now.
    }
  }
  return listen(server, 0);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      server.off('listening', listening);
      reject(
        new Failure(
          'port_taken',
          error.code === 'EADDRINUSE'
            ? `The page cannot be offered: port ${port} of 127.0.0.1 belongs to another program.`
            : `The page cannot be offered on port ${port} of 127.0.0.1: ${error.message}`,
          'Choose another one as dashboard.port in config.json; 0 picks one that is free.',
          { cause: error },
        ),
      );
    };
    const listening = () => {
      server.off('error', failed);
      resolve((server.address() as AddressInfo).port);
    };
    server.once('error', failed);
    server.once('listening', listening);
    server.listen(port, '127.0.0.1');
  });
}
