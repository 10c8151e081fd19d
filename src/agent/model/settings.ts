// Which model is asked, where, with which key: config.json's `agent` and the environment become one value for each of
// the two models. Keys go to the provider that they belong to, and nowhere else.

import type { Config } from '../../config.ts';
import { baseUrlOf, withoutCredentials } from './addresses.ts';
import { contextOf, defaultModels, listPriceOf, outputOf, type Prices, type Provider } from './catalogue.ts';

/** All that is needed to ask one model, and to explain why it did not work. */
export interface ModelSettings {
  readonly provider: Provider;
  readonly model: string;
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** True for an address that the owner gave. */
  readonly isOwnServer: boolean;
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  readonly prices: Prices | undefined;
  /** Where the owner says these things, for messages. */
  readonly names: { readonly model: string; readonly key: string; readonly address: string };
  /** The base URL as it may be shown. */
  readonly shownUrl: string;
}

/** As much of the configuration as models need. */
export interface ModelsConfig {
  readonly agent: Config['agent'];
  readonly environment: Pick<Config['environment'], 'anthropic' | 'openai'>;
}

const homes: Readonly<Record<Provider, string>> = {
  anthropic: 'https://api.anthropic.com/v1',
  openai: 'https://api.openai.com/v1',
};

const variables: Readonly<Record<Provider, { readonly key: string; readonly address: string }>> = {
  anthropic: { key: 'ANTHROPIC_API_KEY', address: 'ANTHROPIC_BASE_URL' },
  openai: { key: 'OPENAI_API_KEY', address: 'OPENAI_BASE_URL' },
};

/** The provider that the owner chose, or the one that there is a key or an address for; undefined where none can be used. */
export function providerOf(config: ModelsConfig): Provider | undefined {
  const { anthropic, openai } = config.environment;
  const usable = { anthropic, openai };
  const chosen: readonly Provider[] = config.agent.provider
    ? [config.agent.provider]
    : ['anthropic', 'openai'];
  const withKey = chosen.find((provider) => usable[provider].apiKey !== undefined);
  return withKey ?? chosen.find((provider) => usable[provider].baseUrl !== undefined);
}

/** The settings of the main model or of the one for hooks. */
export function settingsOf(config: ModelsConfig, provider: Provider, role: 'main' | 'hook'): ModelSettings {
  const { agent } = config;
  const { apiKey, baseUrl: written } = config.environment[provider];
  const baseUrl = written === undefined ? homes[provider] : baseUrlOf(written);
  const isOwnServer = new URL(baseUrl).origin !== new URL(homes[provider]).origin;
  const model = chosenModel(agent, role, isOwnServer) ?? defaultModels[provider][role];
  const contextTokens = agent.contextTokens ?? contextOf(provider, model, isOwnServer);
  return {
    provider,
    model,
    baseUrl,
    apiKey,
    isOwnServer,
    contextTokens,
    maxOutputTokens: agent.maxOutputTokens ?? outputOf(provider, contextTokens),
    // What another server asks for a model of the same name, nobody but the owner knows.
    prices: priceIn(agent.prices, model) ?? (isOwnServer ? undefined : listPriceOf(model)),
    names: { model: role === 'main' ? 'agent.model' : 'agent.hookModel', ...variables[provider] },
    shownUrl: withoutCredentials(baseUrl),
  };
}

/** A server of one's own hardly has our default for hooks, but it has the model that its owner named. */
function chosenModel(
  agent: Config['agent'],
  role: 'main' | 'hook',
  isOwnServer: boolean,
): string | undefined {
  if (role === 'main') return agent.model;
  return agent.hookModel ?? (isOwnServer ? agent.model : undefined);
}

function priceIn(prices: Config['agent']['prices'], model: string): Prices | undefined {
  return Object.hasOwn(prices, model) ? prices[model] : undefined;
}
