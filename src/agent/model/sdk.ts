// The packages that speak to providers, loaded when a model is first asked: they take a quarter of a second and 35 MB,
// and neither the command line nor a bot without a key should pay for them.

import type { LanguageModel } from 'ai';
import type { ModelSettings } from './settings.ts';
import type { Fetch } from './wire.ts';

/** The package that streams, with the models of one provider. */
export interface Sdk {
  readonly streamText: typeof import('ai').streamText;
  readonly jsonSchema: typeof import('ai').jsonSchema;
  /** The model as the package sees it; everything that it sends goes through this fetch. */
  open(fetch: Fetch): LanguageModel;
}

/** Loads what this provider needs. */
export async function loadSdk(settings: ModelSettings): Promise<Sdk> {
  const { streamText, jsonSchema } = await import('ai');
  // The package would print its advice on the console of the bot; it has no other switch than this one.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  return { streamText, jsonSchema, open: await opener(settings) };
}

async function opener({
  provider,
  model,
  baseUrl,
  apiKey,
  isOwnServer,
}: ModelSettings): Promise<Sdk['open']> {
  // Address and key are always handed over: what is left out, the packages read from the environment by themselves.
  if (provider === 'anthropic') {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return (fetch) => createAnthropic({ baseURL: baseUrl, apiKey: apiKey ?? '', fetch })(model);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return (fetch) =>
    createOpenAICompatible({
      name: 'openai',
      baseURL: baseUrl,
      includeUsage: true,
      fetch,
      ...(apiKey === undefined ? {} : { apiKey }),
      // OpenAI's newer models refuse the old name, which is the only one that other servers know.
      ...(isOwnServer ? {} : { transformRequestBody: renameLimit }),
    })(model);
}

function renameLimit({ max_tokens, ...body }: Record<string, unknown>): Record<string, unknown> {
  return { ...body, max_completion_tokens: max_tokens };
}
