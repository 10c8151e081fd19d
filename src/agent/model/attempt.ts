// One request and its streamed answer. It ends with a whole answer or with a Trouble; an answer whose end did not come
// is never taken for a whole one. Whatever happens, the request is ended when this returns.

import type { TextStreamPart, ToolSet } from 'ai';
import type { Logger } from '../../../skills/tool.ts';
import { type Answered, createCollector } from './collect.ts';
import type { StepRequest } from './contract.ts';
import { sdkMessages, sdkSystem } from './messages.ts';
import type { Sdk } from './sdk.ts';
import type { ModelSettings } from './settings.ts';
import { isRecord } from './transcript.ts';
import { statusOfEvent, Trouble, type Troubles } from './trouble.ts';
import { createWire, type Fetch } from './wire.ts';

/** What all attempts of a step have in common. */
export interface AttemptOptions {
  readonly sdk: Sdk;
  readonly settings: ModelSettings;
  readonly troubles: Troubles;
  readonly fetch: Fetch;
  readonly logger: Logger;
  readonly silenceMs: number;
  mask(text: string): string;
  now(): number;
}

/** Asks once. `signal` ends it; why it was aborted is the caller's to know. */
export async function attempt(
  options: AttemptOptions,
  request: Omit<StepRequest, 'onRetry'>,
): Promise<Answered> {
  const { sdk, settings, troubles, silenceMs } = options;
  const ending = new AbortController();
  const stop = () => ending.abort();
  let isSilent = false;
  const watch = setTimeout(() => {
    isSilent = true;
    stop();
  }, silenceMs);
  request.signal.addEventListener('abort', stop, { once: true });
  if (request.signal.aborted) stop();
  // A timer that was cleared would be alive again.
  const touch = () => void (ending.signal.aborted || watch.refresh());
  const wire = createWire({ settings, troubles, fetch: options.fetch, touch, now: options.now });
  const collector = createCollector(settings, request.tools, request.messages);
  try {
    const stream = sdk.streamText({
      model: sdk.open(wire),
      system: sdkSystem(request.system, options.mask),
      messages: sdkMessages(request.messages, {
        withTools: request.tools.length > 0,
        provider: settings.provider,
        model: settings.model,
        mask: options.mask,
      }),
      ...(request.tools.length === 0 ? {} : { tools: toolsOf(sdk, request) }),
      maxOutputTokens: settings.maxOutputTokens,
      maxRetries: 0,
      abortSignal: ending.signal,
      includeRawChunks: true,
      experimental_include: { requestBody: false },
      // Left out, it prints the error, and with it what the server sent.
      onError: () => {},
    });
    for await (const part of stream.fullStream) {
      if (part.type === 'error') throw part.error;
      if (part.type === 'abort') break;
      const text = collector.take(part as TextStreamPart<ToolSet>);
      if (text !== '') tell(options, request, text);
    }
    if (ending.signal.aborted) throw new Error('aborted');
    return collector.finish() ?? raise(troubles.cutOff('it ended before its end'));
  } catch (error) {
    if (request.signal.aborted) throw troubles.stopped();
    if (isSilent) throw troubles.silent(Math.round(silenceMs / 1_000));
    throw troubleOf(options, error);
  } finally {
    clearTimeout(watch);
    request.signal.removeEventListener('abort', stop);
    stop();
  }
}

/** A display that fails must not cost the answer. */
function tell(options: AttemptOptions, request: Pick<StepRequest, 'onText'>, text: string): void {
  try {
    request.onText(text);
  } catch (error) {
    options.logger.warn({ error: options.mask(String(error)) }, 'text of a model could not be shown');
  }
}

/** Without `execute`, so that the package runs nothing; without validation, which is the dispatcher's. */
function toolsOf(sdk: Sdk, { tools }: Pick<StepRequest, 'tools'>): ToolSet {
  return Object.fromEntries(
    tools.map(({ name, description, schema }) => [
      name,
      { description, inputSchema: sdk.jsonSchema(schema) },
    ]),
  );
}

function raise(error: Error): never {
  throw error;
}

/** What an error of the package or an error event of the server means. */
function troubleOf({ troubles, logger, mask }: AttemptOptions, error: unknown): Trouble {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof Trouble) return at;
  }
  if (!(error instanceof Error)) return troubleOfEvent(troubles, error);
  if ('responseBody' in error && typeof error.responseBody === 'string') {
    // An answer whose first event is an error; some events are no JSON of an error, but then they are unreadable.
    return troubleOfEvent(troubles, parsed(error.responseBody));
  }
  // Some are nested so deeply that the package cannot read them.
  if (/JSONParse|TypeValidation|RangeError/.test(error.name)) return troubles.unreadable('');
  if (/InvalidResponseData|NoOutputGenerated|NoContentGenerated/.test(error.name)) {
    return troubles.cutOff('it ended before its end');
  }
  logger.error({ error: mask(error.stack ?? '') }, 'a model failed in a way that nobody foresaw');
  return troubles.failed(`${error.name}: ${error.message}`);
}

function troubleOfEvent(troubles: Troubles, event: unknown): Trouble {
  if (!isRecord(event) || typeof event.message !== 'string') return troubles.unreadable('');
  const kind = [event.type, event.code].filter((word) => typeof word === 'string').join(' ');
  const code = typeof event.code === 'number' && event.code >= 400 ? event.code : undefined;
  const text = `${event.message} (${kind})`;
  return troubles.refused({ status: code ?? statusOfEvent(String(event.type)), text });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
