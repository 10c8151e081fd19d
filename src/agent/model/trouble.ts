// What can go wrong between us and a model, each with the sentence for the person who asks and with whether it is worth
// another attempt. Whatever the server wrote is quoted masked and short: some servers send the key back.

import { Failure } from '../../../skills/tool.ts';
import type { ModelSettings } from './settings.ts';

/** A Failure, and what a new attempt has to know. */
export class Trouble extends Error {
  readonly failure: Failure;
  readonly mayPass: boolean;
  /** The server asked us to wait for so long. */
  readonly waitMs: number | undefined;

  constructor(failure: Failure, mayPass: boolean, waitMs?: number) {
    super(failure.message);
    this.name = 'Trouble';
    this.failure = failure;
    this.mayPass = mayPass;
    this.waitMs = waitMs;
  }
}

/** Makes the troubles of one model. */
export type Troubles = ReturnType<typeof troublesOf>;

/** An answer of the server that says no: its status, or the one that its words stand for. */
export interface Refusal {
  readonly status: number;
  /** What the server wrote. */
  readonly text: string;
  readonly waitMs?: number | undefined;
}

const longestQuote = 300;

/** The troubles with this model. */
export function troublesOf(settings: ModelSettings, mask: (text: string) => string) {
  const kit = kitOf(mask);
  const { passing, lasting, quote } = kit;
  const { model, names, shownUrl, provider } = settings;
  return {
    stopped: () => lasting('stopped', 'The model was stopped.', 'Nothing has to be done.'),
    silent: (seconds: number) =>
      passing('model_silent', `The model ${model} at ${shownUrl} sent nothing for ${seconds} seconds.`),
    tooLong: (seconds: number) =>
      lasting(
        'model_timeout',
        `The model ${model} did not finish within ${seconds} seconds.`,
        'Ask again, or for less at once.',
      ),
    unreachable: (error: unknown) =>
      passing('model_unreachable', `${shownUrl} cannot be reached (${reasonOf(error)}).`),
    cutOff: (why: string) => passing('model_cut_off', `The answer of ${model} broke off (${why}).`),
    unreadable: (what: string) =>
      passing('model_unreadable', `${shownUrl} sent what is no answer of a model.${quote(what)}`),
    wrongAddress: (what: string) =>
      lasting(
        'model_wrong_address',
        `${shownUrl} is not the address of ${apiName[provider]}: ${what}.`,
        `Set ${names.address} in .env to the address of the API, such as ${example[provider]}.`,
      ),
    failed: (what: string) =>
      lasting('model_refused_request', `The model ${model} could not be asked.${quote(what)}`, reportHint),
    /** What a status, or an error event in the middle of an answer, means. */
    refused(refusal: Refusal): Trouble {
      if (refusal.status === 404 && !isAboutModel(refusal.text, model)) {
        return this.wrongAddress('there is nothing there (404)');
      }
      return refusalTrouble(kit, settings, refusal);
    },
  };
}

/** The two kinds of trouble, and the server's own words, all masked. */
function kitOf(mask: (text: string) => string) {
  const make = (code: string, message: string, hint: string) => new Failure(code, mask(message), mask(hint));
  return {
    passing: (code: string, message: string, waitMs?: number) =>
      new Trouble(make(code, message, 'Ask again in a while; what was done so far is kept.'), true, waitMs),
    lasting: (code: string, message: string, hint: string) => new Trouble(make(code, message, hint), false),
    quote(text: string): string {
      const words = mask(wordsOf(text)).replace(/\s+/g, ' ').trim();
      const end = words.length > longestQuote ? ' …' : '';
      return words === '' ? '' : ` It said: ${words.slice(0, longestQuote)}${end}`;
    },
  };
}

function refusalTrouble(
  { passing, lasting, quote }: ReturnType<typeof kitOf>,
  { apiKey, model, names, shownUrl }: ModelSettings,
  { status, text, waitMs }: Refusal,
): Trouble {
  const said = quote(text);
  if (status === 401 || status === 403) {
    const what = apiKey === undefined ? 'needs a key' : `refused the key in ${names.key}`;
    return lasting(
      'model_key_refused',
      `${shownUrl} ${what} (${status}).${said}`,
      `Put a valid key into .env as ${names.key}, and restart the bot.`,
    );
  }
  if (isTooLong(status, text)) {
    return lasting(
      'context_too_long',
      `The conversation is too long for ${model}.${said}`,
      'Make it shorter, or begin a new one.',
    );
  }
  if (status === 402 || isUnpaid(text)) {
    return lasting(
      'model_quota',
      `The account behind ${names.key} may use nothing more.${said}`,
      'Add credit or raise the limit with the provider.',
    );
  }
  if (status === 404 || (status < 500 && isUnknownModel(text))) {
    return lasting(
      'model_not_found',
      `${shownUrl} has no model named '${model}'.${said}`,
      `Name another as "${names.model}" in config.json.`,
    );
  }
  if ([408, 409, 425, 429].includes(status) || status >= 500) {
    const what = status === 429 ? 'is asked too often' : 'is overloaded or out of order';
    return passing('model_busy', `${shownUrl} ${what} (${status}).${said}`, waitMs);
  }
  // Some servers check the calls of their model, and refuse our request for what the model wrote.
  if (/tool_use_failed/.test(text)) return passing('model_unreadable', `${model} made no valid call.${said}`);
  return lasting(
    'model_refused_request',
    `${shownUrl} did not accept the request (${status}).${said}`,
    reportHint,
  );
}

const apiName = { anthropic: "Anthropic's API", openai: 'an OpenAI-compatible API' } as const;
const example = { anthropic: 'https://api.anthropic.com', openai: 'http://127.0.0.1:11434/v1' } as const;
const reportHint = 'Try again in a new conversation; if it stays, report it with this message.';

/** The status that an error event stands for, since the answer itself began with 200. */
export function statusOfEvent(type: string): number {
  const known: Readonly<Record<string, number>> = {
    invalid_request_error: 400,
    authentication_error: 401,
    billing_error: 402,
    permission_error: 403,
    not_found_error: 404,
    request_too_large: 413,
    rate_limit_error: 429,
    timeout_error: 504,
    overloaded_error: 529,
  };
  return known[type] ?? 500;
}

/** The sentence in what a server wrote: JSON of several shapes, or the text of a page. */
function wordsOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    const found = messageIn(parsed, 0);
    if (found !== undefined) return found;
  } catch {
    // No JSON.
  }
  return text
    .slice(0, 20_000)
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ');
}

function messageIn(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || depth > 3) return undefined;
  const fields = value as Record<string, unknown>;
  for (const key of ['message', 'error', 'detail', 'msg']) {
    const found = messageIn(fields[key], depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** As Anthropic, OpenAI, vLLM, llama.cpp, LM Studio and others say it; a limit of tokens a minute is another thing. */
function isTooLong(status: number, text: string): boolean {
  const words =
    /prompt is too long|input is too long|context_length_exceeded|exceed_context_size|context (length|window|size|limit)/i;
  return status === 413 || (status !== 429 && words.test(text));
}

function isUnpaid(text: string): boolean {
  return /insufficient_quota|credit balance is too low|billing_hard_limit|insufficient (credits|balance)/i.test(
    text,
  );
}

function isUnknownModel(text: string): boolean {
  return /model_not_found|no such model|model[^.]{0,80}(does not exist|not found|is not supported)/i.test(
    text,
  );
}

/** Anthropic answers `model: NAME`; a page that does not exist says nothing of models. */
function isAboutModel(text: string, model: string): boolean {
  return isUnknownModel(text) || (text.includes(model) && !/<html/i.test(text));
}

/** The cause in a few words: `fetch failed` alone helps nobody. */
function reasonOf(error: unknown): string {
  const codes: string[] = [];
  for (let at = error; at instanceof Error && codes.length < 5; at = at.cause) {
    codes.push('code' in at && typeof at.code === 'string' ? at.code : at.message);
  }
  return codes.at(-1) ?? 'no connection';
}
