// One tool call, however many requests it takes: a request attends to it, and is answered with its result or with a
// question. It goes through the dispatcher once.

import type {
  CallToolResult,
  InputRequiredResult,
  ProtocolEra,
  ServerContext,
} from '@modelcontextprotocol/server';
import { type Caller, type Confirmation, Failure, isFailure } from '../../skills/tool.ts';
import { createReporter, type Reporter } from './progress.ts';
import { canAsk, declaredCapabilities, push } from './questions.ts';
import { failed, succeeded } from './results.ts';
import type { McpOptions, OfferedTool } from './surroundings.ts';

/** What a client asks for. */
export interface Request {
  readonly name: string;
  readonly arguments?: Record<string, unknown> | undefined;
}

/** How a connection speaks: its generation, and what its client declared at the beginning. */
export interface Manner {
  readonly era: ProtocolEra;
  capabilities(): unknown;
}

/** What a request is answered with. */
export type Reply = CallToolResult | InputRequiredResult;

/** A call under way. */
export interface Call {
  readonly request: Request;
  readonly controller: AbortController;
  readonly reporter: Reporter;
  /** What the dispatcher made of it; never rejected. */
  readonly result: Promise<CallToolResult>;
  /** Answers the request that attends to it at the moment. */
  reply: (reply: Reply) => void;
}

/** What a call is made of. */
interface Beginning {
  readonly options: McpOptions;
  readonly offered: OfferedTool;
  readonly request: Request;
  readonly context: ServerContext;
  readonly manner: Manner;
  /** Puts a question into the answer to a client of 2026, and resolves with what comes back. */
  park(call: Call, confirmation: Confirmation): Promise<boolean>;
}

/** Begins it. The first request attends to it from the start. */
export function beginCall({ options, offered, request, context, manner, park }: Beginning): {
  call: Call;
  reply: Promise<Reply>;
} {
  const mayAsk = canAsk(manner.era === 'modern' ? declaredCapabilities(context) : manner.capabilities());
  const over = new AbortController();
  const [controller, reporter] = [new AbortController(), createReporter(offered.tool.title)];
  const confirm: Caller['confirm'] = (confirmation) =>
    manner.era === 'modern'
      ? park(call, confirmation)
      : push(context, request.name, confirmation, over.signal);
  const notes: string[] = [];
  const caller: Caller = {
    signal: controller.signal,
    notify: (message) => notes.push(message),
    progress: reporter.tell,
    ...(mayAsk ? { confirm } : {}),
  };
  const call: Call = {
    request,
    controller,
    reporter,
    reply: () => {},
    // A moment later, when the first request attends to it.
    result: Promise.resolve()
      .then(() => dispatch(options, offered, request, caller, notes, mayAsk))
      .finally(() => {
        reporter.stop();
        // A question that is still shown somewhere is answered to nobody.
        over.abort();
      }),
  };
  const reply = attend(call, context);
  void call.result.then((result) => call.reply(result));
  return { call, reply };
}

/** From now on this request waits for the call: its answer, its progress and its cancellation are the call's. */
export function attend(call: Call, context: ServerContext): Promise<Reply> {
  const { signal } = context.mcpReq;
  const abort = () => call.controller.abort();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  call.reporter.attend(context);
  return new Promise((resolve) => {
    call.reply = resolve;
  });
}

async function dispatch(
  { dispatcher, actor, draw }: McpOptions,
  { tool }: OfferedTool,
  { name, arguments: input = {} }: Request,
  caller: Caller,
  notes: readonly string[],
  mayAsk: boolean,
): Promise<CallToolResult> {
  try {
    return succeeded(tool, await dispatcher.call(actor, name, input, caller), notes, draw);
  } catch (error) {
    if (!isFailure(error)) return failed(unexpected(name, error), notes);
    return failed(error.code === 'not_confirmed' && !mayAsk ? cannotBeAsked(error) : error, notes);
  }
}

function cannotBeAsked(failure: Failure): Failure {
  return new Failure(
    failure.code,
    `${failure.message} This client cannot ask a person: it does not declare elicitation.`,
    'A person can run it at the command line, or allow it under "policy" in config.json.',
    { cause: failure },
  );
}

/** What nobody foresaw, without its stack. */
export function unexpected(tool: string, error: unknown): Failure {
  return new Failure(
    'internal',
    `'${tool}' failed: ${error instanceof Error ? error.message : String(error)}`,
    'This is a fault of Understudy. Run `understudy doctor`, and report it with the output.',
    { cause: error },
  );
}
