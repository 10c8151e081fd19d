// The door to language models: one streamed step of a conversation with the main model, and one short question to the
// cheap one. Keys and what servers answer are masked in all that is said or logged; nothing is sent to any address but
// the configured one.

import { createMask } from '../../../skills/process-manager/index.ts';
import type { Clock, Logger } from '../../../skills/tool.ts';
import type { Config } from '../../config.ts';
import { type AttemptOptions, attempt } from './attempt.ts';
import { costOf } from './catalogue.ts';
import type { Model, Models, StepRequest } from './contract.ts';
import { type Patience, withRetries } from './retry.ts';
import { loadSdk } from './sdk.ts';
import { type ModelSettings, providerOf, settingsOf } from './settings.ts';
import { createThink } from './think.ts';
import { troublesOf } from './trouble.ts';
import type { Fetch } from './wire.ts';

export type {
  InvalidCall,
  Model,
  ModelMessage,
  Models,
  ModelTool,
  Part,
  StepRequest,
  StepResult,
  Usage,
} from './contract.ts';
export { interrupted } from './transcript.ts';

/** What models are made of. */
export interface ModelsOptions {
  readonly config: Pick<Config, 'agent'>;
  readonly environment: Pick<Config['environment'], 'anthropic' | 'openai' | 'secrets'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The way to the network; Node's own unless another is given. */
  readonly fetch?: Fetch;
  /** Other times than the usual ones, for tests. */
  readonly times?: Partial<Patience> & { readonly silenceMs?: number; readonly thinkMs?: number };
}

/** A step is tried five times, and given up after half an hour: a slow model writes for long. */
const patience: Patience = {
  retries: 4,
  firstWaitMs: 1_000,
  longestWaitMs: 60_000,
  totalMs: 30 * 60_000,
};

/** The models of an instance; undefined where there is neither a key nor an address for the provider. */
export function createModels(options: ModelsOptions): Models | undefined {
  const config = { agent: options.config.agent, environment: options.environment };
  const provider = providerOf(config);
  if (provider === undefined) return undefined;
  const main = createModel(options, settingsOf(config, provider, 'main'));
  const hook = settingsOf(config, provider, 'hook');
  return {
    main,
    think: createThink(
      (settings, patience) => createModel(options, { ...hook, ...settings }, patience),
      options.times,
    ),
  };
}

function createModel(options: ModelsOptions, settings: ModelSettings, own: Partial<Patience> = {}): Model {
  const { logger, clock, times = {} } = options;
  const { apiKey } = settings;
  const mask = createMask([...options.environment.secrets, ...(apiKey === undefined ? [] : [apiKey])]);
  const troubles = troublesOf(settings, mask);
  const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const silenceMs = times.silenceMs ?? options.config.agent.silenceSeconds * 1_000;
  const step = async (request: StepRequest) => {
    const sdk = await loadSdk(settings);
    const shared: AttemptOptions = {
      sdk,
      settings,
      troubles,
      fetch,
      logger,
      silenceMs,
      mask,
      now: () => clock.now(),
    };
    const { signal, onRetry } = request;
    return withRetries(
      { patience: { ...patience, ...times, ...own }, troubles, logger, signal, onRetry },
      (ending) => attempt(shared, { ...request, signal: ending }),
    );
  };
  return {
    name: settings.model,
    contextTokens: settings.contextTokens,
    step,
    priceOf: (usage) => (settings.prices === undefined ? undefined : costOf(usage, settings.prices)),
  };
}
