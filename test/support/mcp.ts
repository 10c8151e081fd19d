// The official MCP clients of both generations at a real `understudy mcp`, behind one face; and the bare pipe, for what
// a well-behaved client never does.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { onTestFinished } from 'vitest';
import { cleanEnvironment, codeRoot, until } from './instance.ts';

/** The generations: the client library 2 with the protocol of 2026 and with that of 2025, and the library 1. */
export const generations = ['2026', '2025', 'sdk 1'] as const;
export type Generation = (typeof generations)[number];

/** What a tool call came back with. */
interface Answer {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: Record<string, unknown> | undefined;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | undefined;
}

/** How a person behind a client answers a form. */
export type PersonsAnswer =
  | { readonly action: 'accept'; readonly content?: Record<string, string | boolean> }
  | { readonly action: 'decline' | 'cancel' };

/** Somebody says yes with the box ticked. */
export const yes: PersonsAnswer = { action: 'accept', content: { confirm: true } };

/** How a test wants its connection. */
export interface Wish {
  readonly root: string;
  readonly code?: string;
  readonly environment?: Record<string, string>;
  /** Left out by a client that cannot be asked anything. */
  readonly person?: (message: string) => PersonsAnswer | Promise<PersonsAnswer>;
}

/** A tool as it is listed. */
interface ListedTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: Record<string, unknown>;
  readonly outputSchema?: Record<string, unknown> | undefined;
  readonly annotations?: Record<string, unknown> | undefined;
}

/** A connection. It is closed with the test. */
export interface Connection {
  readonly pid: number;
  stderr(): string;
  list(): Promise<ListedTool[]>;
  call(
    name: string,
    input?: Record<string, unknown>,
    options?: {
      signal?: AbortSignal;
      onprogress?: (step: { progress: number; message?: string | undefined }) => void;
    },
  ): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts `understudy mcp` through a client of this generation. */
export async function connect(generation: Generation, wish: Wish): Promise<Connection> {
  const { person } = wish;
  const server = {
    command: process.execPath,
    args: [join(wish.code ?? codeRoot, 'src/cli/understudy.js'), 'mcp', '--root', wish.root],
    env: { ...(cleanEnvironment() as Record<string, string>), ...wish.environment },
    stderr: 'pipe' as const,
  };
  const name = { name: 'a test', version: '1' };
  const capabilities = person ? { elicitation: {} } : {};
  const transport = generation === 'sdk 1' ? new FirstTransport(server) : new StdioClientTransport(server);
  let errors = '';
  transport.stderr?.on('data', (text) => {
    errors += text;
  });
  const common = { stderr: () => errors };
  if (generation === 'sdk 1') {
    const client = new FirstClient(name, { capabilities });
    if (person) {
      client.setRequestHandler(ElicitRequestSchema, async ({ params }) => person(params.message));
    }
    await client.connect(transport as FirstTransport);
    onTestFinished(() => client.close());
    return {
      ...common,
      pid: (transport as FirstTransport).pid ?? 0,
      list: async () => (await client.listTools()).tools as ListedTool[],
      call: async (tool, input = {}, options = {}) =>
        asAnswer(await client.callTool({ name: tool, arguments: input }, undefined, options)),
      close: () => client.close(),
    };
  }
  const mode = generation === '2026' ? { pin: '2026-07-28' } : ('legacy' as const);
  const client = new Client(name, { capabilities, versionNegotiation: { mode } });
  if (person) client.setRequestHandler('elicitation/create', async ({ params }) => person(params.message));
  await client.connect(transport as StdioClientTransport);
  onTestFinished(() => client.close());
  return {
    ...common,
    pid: (transport as StdioClientTransport).pid ?? 0,
    list: async () => (await client.listTools()).tools as ListedTool[],
    call: async (tool, input = {}, options = {}) =>
      asAnswer(await client.callTool({ name: tool, arguments: input }, options)),
    close: () => client.close(),
  };
}

function asAnswer(result: unknown): Answer {
  const { content, isError, structuredContent, _meta } = result as {
    content: { type: string; text: string }[];
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
    _meta?: Record<string, unknown>;
  };
  return {
    text: content.map(({ text }) => text).join('\n'),
    isError: isError === true,
    structured: structuredContent,
    error: _meta?.['understudy/error'] as Answer['error'],
  };
}

/** One message of the protocol. */
export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A server process with nothing between the test and its pipes. It is killed with the test. */
export interface Pipes {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Every line of its standard output; anything that is no message of the protocol fails the test that reads it. */
  messages(): Message[];
  stderr(): string;
  send(message: object | string): void;
  /** Says `initialize` as a client of 2025, and waits for the answer. */
  begin(capabilities?: object): Promise<Message>;
  /** The answer to a request. */
  answer(id: number): Promise<Message>;
  /** Its exit code, and how long it took from now on. */
  ended(): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; afterMs: number }>;
}

/** Starts one. */
export function openPipes(words: readonly string[], options: { code?: string } = {}): Pipes {
  const program = join(options.code ?? codeRoot, 'src/cli/understudy.js');
  const child = spawn(process.execPath, [program, ...words], {
    env: cleanEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.on('data', (text) => {
    printed.stderr += text;
  });
  // A server that has gone is what some tests are about.
  child.stdin.on('error', () => {});
  const closed = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const messages = () =>
    printed.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Message);
  const send = (message: object | string) =>
    void child.stdin.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
  const answer = (id: number) =>
    until(
      `request ${id} is answered (${printed.stderr})`,
      () => messages().find((message) => message.id === id && message.method === undefined),
      25_000,
    );
  return {
    child,
    messages,
    stderr: () => printed.stderr,
    send,
    answer,
    async begin(capabilities = {}) {
      const clientInfo = { name: 'a test', version: '1' };
      send({
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities, clientInfo },
      });
      const begun = await answer(0);
      send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      return begun;
    },
    async ended() {
      const startedAt = performance.now();
      return { ...(await closed), afterMs: performance.now() - startedAt };
    },
  };
}

/** A call as a message. */
export function callMessage(id: number, name: string, input: object = {}): object {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: input } };
}
