// The one place that names models: which are used where the owner chose none, what they hold and what they cost. All of
// it can be said otherwise in config.json: agent.model, hookModel, contextTokens, maxOutputTokens, prices.

import type { Usage } from './contract.ts';

/** In US dollars for a million tokens. */
export interface Prices {
  readonly input: number;
  readonly output: number;
  readonly cachedInput?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

/** The APIs that we speak. */
export type Provider = 'anthropic' | 'openai';

/** Used where config.json names none. */
export const defaultModels: Readonly<Record<Provider, { readonly main: string; readonly hook: string }>> = {
  anthropic: { main: 'claude-sonnet-4-6', hook: 'claude-haiku-4-5' },
  openai: { main: 'gpt-5.2', hook: 'gpt-5-mini' },
};

/** List prices as published in April 2026. A model that is not here has no known price until config.json gives one. */
const listPrices: readonly (readonly [RegExp, Prices])[] = [
  [/^claude-opus-4-[5-7](-\d{8})?$/, { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 }],
  [/^claude-sonnet-4-[56](-\d{8})?$/, { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 }],
  [/^claude-haiku-4-5(-\d{8})?$/, { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25 }],
  [/^gpt-5\.2(-\d{4}-\d{2}-\d{2})?$/, { input: 1.75, output: 14, cachedInput: 0.175 }],
  [/^gpt-5-mini(-\d{4}-\d{2}-\d{2})?$/, { input: 0.25, output: 2, cachedInput: 0.025 }],
];

/** What a model costs at its own provider, where that is known. */
export function listPriceOf(model: string): Prices | undefined {
  return listPrices.find(([names]) => names.test(model))?.[1];
}

/** What a usage costs in US dollars. */
export function costOf(usage: Usage, prices: Prices): number {
  const written = usage.cacheWriteTokens ?? 0;
  const plain = Math.max(0, usage.inputTokens - usage.cachedInputTokens - written);
  const dollars =
    plain * prices.input +
    usage.cachedInputTokens * (prices.cachedInput ?? prices.input) +
    written * (prices.cacheWrite ?? prices.input) +
    usage.outputTokens * prices.output;
  return dollars / 1_000_000;
}

/** How much a request and its answer may hold. Careful guesses: who guesses too low shortens a conversation too early. */
export function contextOf(provider: Provider, model: string, isOwnServer: boolean): number {
  if (provider === 'anthropic') return 200_000;
  if (isOwnServer) return 32_000;
  return /^gpt-5/.test(model) ? 272_000 : 128_000;
}

/** How long an answer may get; a server refuses more than its model can. */
export function outputOf(provider: Provider, contextTokens: number): number {
  return Math.min(provider === 'anthropic' ? 32_000 : 16_000, Math.floor(contextTokens / 4));
}
