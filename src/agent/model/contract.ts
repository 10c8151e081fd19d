// What the rest of the agent knows of language models: conversations as we store them, one step of one, what comes of
// it. Nothing here names a provider or a package, so that stored conversations survive a change of either.

import type { Host } from '../../../skills/tool.ts';

/** As much of JSON Schema as a tool's input needs: an object at the root, without oneOf, anyOf or allOf there. */
type ToolSchema = { readonly type: 'object' } & Readonly<Record<string, unknown>>;

/** A tool as a model is told of it. */
export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly schema: ToolSchema;
}

/** Something that was said. */
interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** A call that a model asked for. */
interface CallPart {
  readonly type: 'call';
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** What came of a call. One whose call is not in the conversation is sent with a call that has no input. */
interface ResultPart {
  readonly type: 'result';
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly isError: boolean;
}

/**
 * Thoughts of a model that it wants to see again while it works on; nobody else can use them. They are sent to the
 * provider that they came from only, and may be left out.
 */
export interface ThoughtPart {
  readonly type: 'thought';
  readonly text: string;
  /** What the provider needs to know its own thought again. */
  readonly seal: Readonly<Record<string, unknown>>;
}

/** A piece of a message. */
export type Part = TextPart | CallPart | ResultPart | ThoughtPart;

/** A message as it stands in the database, as JSON. Any sequence of them can be sent. */
export interface ModelMessage {
  readonly role: 'user' | 'assistant' | 'tool';
  readonly parts: readonly Part[];
}

/** What a step used. Where the server does not say it, it is estimated from the length of the texts. */
export interface Usage {
  /** All of the input, what came from a cache included. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  /** What was written to a cache, which costs more than other input at some providers; part of `inputTokens`. */
  readonly cacheWriteTokens?: number;
}

/** One question to a model. */
export interface StepRequest {
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ModelTool[];
  /** Ends the request on the wire; the step then throws the Failure `stopped`. */
  readonly signal: AbortSignal;
  /** Text as it comes. What it throws is logged and changes nothing. */
  onText(delta: string): void;
  /** Said before the wait for each new attempt: whatever onText has brought in this step is void. */
  onRetry(reason: string): void;
}

/** A call that nobody can run: unknown tool, or input that is no JSON object. */
export interface InvalidCall {
  readonly id: string;
  readonly name: string;
  /** For the model to correct itself: what is wrong, and how it would be right. */
  readonly reason: string;
}

/** A whole answer; anything less is a Failure. */
export interface StepResult {
  /** In the order in which they came. Every call in it names a tool of the request and has an object as input. */
  readonly parts: readonly Part[];
  /**
   * Not among the parts, so that nobody runs one by mistake. Answer each with a result that is an error and has this
   * id and name, in the same `tool` message as the other results: such a result is sent with a call that has no input.
   */
  readonly invalidCalls: readonly InvalidCall[];
  readonly usage: Usage;
  /** `length`: the answer reached the limit of its length; the calls in it are whole nevertheless. */
  readonly finish: 'stop' | 'tools' | 'length' | 'refused';
  /** The model that answered, as the server names it. */
  readonly model: string;
}

/** One language model. */
export interface Model {
  readonly name: string;
  /** How much fits into a request and its answer together. */
  readonly contextTokens: number;
  /**
   * One streamed answer. It throws a Failure: `context_too_long` (make the conversation shorter), `stopped`,
   * `model_key_refused`, `model_not_found`, `model_wrong_address`, `model_quota`, `model_refused_request`, and, after
   * all attempts, `model_busy`, `model_unreachable`, `model_cut_off`, `model_silent`, `model_unreadable`, `model_timeout`.
   */
  step(request: StepRequest): Promise<StepResult>;
  /** In US dollars; undefined for a model whose prices are not known. */
  priceOf(usage: Usage): number | undefined;
}

/** The models of an instance. */
export interface Models {
  readonly main: Model;
  /** The cheap model, for one short question; what it throws are Failures as of `step`. */
  readonly think: NonNullable<Host<never>['think']>;
}
