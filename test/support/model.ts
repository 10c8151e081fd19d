// Models for tests, over the scripted servers, and the questions to them.

import { onTestFinished } from 'vitest';
import {
  createModels,
  type Model,
  type ModelMessage,
  type Models,
  type ModelsOptions,
  type ModelTool,
  type StepRequest,
  type StepResult,
} from '../../src/agent/model/index.ts';
import { configSchema } from '../../src/config/schema.ts';
import {
  type AgentServer,
  type ServerOptions,
  startAnthropicServer,
  startOpenAiServer,
} from '../agent-servers/index.ts';
import { makeLogger } from './skill.ts';

/** The two wires that everything has to work over. */
export const providers = ['anthropic', 'openai'] as const;
export type ProviderName = (typeof providers)[number];

/** Nobody's key. */
export const testKey = 'sk-test-1f0e9d8c7b6a54321';

/** A server of the provider, closed with the test. */
export async function startProvider(
  provider: ProviderName,
  options: ServerOptions | ServerOptions['replies'],
): Promise<AgentServer> {
  const full = 'replies' in options ? options : { replies: options };
  const server = await (provider === 'anthropic' ? startAnthropicServer(full) : startOpenAiServer(full));
  onTestFinished(() => server.close());
  return server;
}

/** Quick times: a test waits for nothing that it does not test. */
const quick = { firstWaitMs: 5, longestWaitMs: 2_000, totalMs: 20_000, silenceMs: 10_000 };

/** Models that ask the server, and what they log. */
export function makeModels(
  provider: ProviderName,
  url: string,
  part: {
    agent?: Record<string, unknown>;
    key?: string | undefined;
    times?: ModelsOptions['times'];
    fetch?: ModelsOptions['fetch'];
  } = {},
): Models & { logged(): string } {
  const logger = makeLogger();
  const { agent } = configSchema.parse({ agent: { provider, ...part.agent } });
  const apiKey = 'key' in part ? part.key : testKey;
  const models = createModels({
    config: { agent },
    environment: {
      anthropic: {},
      openai: {},
      [provider]: { baseUrl: url, ...(apiKey === undefined ? {} : { apiKey }) },
      secrets: [],
    },
    logger,
    clock: { now: Date.now },
    times: { ...quick, ...part.times },
    ...(part.fetch ? { fetch: part.fetch } : {}),
  });
  if (!models) throw new Error('there are no models');
  return { ...models, logged: () => JSON.stringify(logger.lines) };
}

/** A tool that takes anything. */
export function modelTool(name: string): ModelTool {
  return {
    name,
    description: `Does ${name}.`,
    schema: { type: 'object', properties: { path: { type: 'string' } }, additionalProperties: true },
  };
}

/** Something that the user says. */
export function said(text: string): ModelMessage {
  return { role: 'user', parts: [{ type: 'text', text }] };
}

/** Asks, and keeps what was shown meanwhile. */
export async function ask(
  model: Model,
  part: Partial<StepRequest> = {},
): Promise<{ result: StepResult; shown: string[]; retries: string[] }> {
  const [shown, retries]: string[][] = [[], []];
  const result = await model.step({
    system: 'You are a test.',
    messages: [said('Hello?')],
    tools: [modelTool('read_file'), modelTool('list')],
    signal: new AbortController().signal,
    onText: (delta) => shown?.push(delta),
    onRetry: (reason) => retries?.push(reason),
    ...part,
  });
  return { result, shown: shown ?? [], retries: retries ?? [] };
}
