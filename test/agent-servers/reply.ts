// What a scripted server answers, in words that no provider owns, and what it keeps of each request.

import type { IncomingHttpHeaders } from 'node:http';

/** A call in a reply. */
interface ReplyCall {
  readonly name: string;
  /** Sent as JSON; a string is sent as it stands, so that it may be no JSON at all. */
  readonly input: unknown;
  /** One of the server's own unless given. */
  readonly id?: string;
}

/** One answer. `{}` is an answer without any text. */
export interface Reply {
  readonly text?: string;
  readonly calls?: readonly ReplyCall[];
  /** A thought before the text, with its signature (Anthropic alone). */
  readonly thought?: { readonly text: string; readonly signature: string };
  /** An HTTP status other than 200, with an error in the provider's shape. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What stands in the error; with `body`, nothing of it is used. */
  readonly error?: { readonly type?: string; readonly message?: string };
  /** An error event after the text, in the middle of an answer that began well. */
  readonly errorEvent?: { readonly type: string; readonly message: string };
  /** The whole body, as it stands. */
  readonly body?: string;
  /**
   * How the answer breaks off: before its end, in the middle of the input of its first call (both with an orderly end of
   * the connection), or by a reset of the connection.
   */
  readonly cut?: 'before-end' | 'mid-json' | 'reset';
  /** Silent for so long before the end; before everything when there is neither text nor call. */
  readonly hangMs?: number;
  /** Between two pieces of the answer. */
  readonly chunkMs?: number;
  /** False: the server counts nothing. */
  readonly usage?: ReplyUsage | false;
  /** The reason to stop, in the words of the provider; what fits the reply unless given. */
  readonly stop?: string;
}

/** What the server says that was used. `input` is all of it. */
interface ReplyUsage {
  readonly input?: number;
  readonly output?: number;
  readonly cached?: number;
  readonly written?: number;
}

/** A message of a request, whatever the wire. */
export interface SeenMessage {
  readonly role: string;
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly results: readonly { readonly id: string; readonly text: string; readonly isError: boolean }[];
}

/** A request that came in. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** Why it was answered with 400; empty for a request that a real server would take. */
  readonly problems: readonly string[];
  readonly model: string;
  readonly system: string;
  /** The names of the tools in it. */
  readonly tools: readonly string[];
  readonly messages: readonly SeenMessage[];
  /** True once the other side has gone before the answer was complete. */
  wasAborted: boolean;
}

/** The script: one reply for each valid request, or whatever a function says. */
export type Replies = readonly Reply[] | ((request: SeenRequest) => Reply | Promise<Reply>);

/** How a server is started. */
export interface ServerOptions {
  readonly replies: Replies;
  /** Refuses every other key. */
  readonly key?: string;
  /** Refuses every other model. */
  readonly models?: readonly string[];
  /** Refuses longer requests, four characters a token. */
  readonly contextTokens?: number;
  /** 0 picks a free one. */
  readonly port?: number;
}

/** A running server. */
export interface AgentServer {
  /** For ANTHROPIC_BASE_URL or OPENAI_BASE_URL. */
  readonly url: string;
  /** All requests so far, the newest last. */
  readonly requests: readonly SeenRequest[];
  close(): Promise<void>;
}
