// The tool calls of one connection. Each goes through the dispatcher once, however many requests it takes: a call that
// asks a client of 2026 something rests here until the reply is brought back, with the very same input, once, in time.

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  CallToolResult,
  InputRequiredResult,
  ProtocolEra,
  ServerContext,
} from '@modelcontextprotocol/server';
import { type Caller, Failure, isFailure } from '../../skills/tool.ts';
import { didYouMean } from '../config.ts';
import { createReporter, type Reporter } from './progress.ts';
import { canAsk, declaredCapabilities, push, questionResult, saidYes } from './questions.ts';
import { failed, succeeded } from './results.ts';
import { type McpOptions, modelName, type OfferedTool } from './surroundings.ts';

const mostCalls = 32;

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

type Reply = CallToolResult | InputRequiredResult;

interface Call {
  readonly request: Request;
  readonly offered: OfferedTool;
  readonly controller: AbortController;
  readonly reporter: Reporter;
  readonly mayAsk: boolean;
  /** What the dispatcher made of it. */
  result: Promise<CallToolResult>;
  /** Answers the request that waits for this call at the moment. */
  reply: (reply: Reply) => void;
}

/** The calls of one connection. */
export interface Calls {
  /** Answers one request; never throws. */
  handle(request: Request, context: ServerContext, manner: Manner): Promise<Reply>;
  /** Calls everything off, and returns when it has ended, or after the time that is given to it. */
  close(patienceMs: number): Promise<void>;
}

/** Without any call yet. */
export function createCalls(options: McpOptions): Calls {
  const { tools, logger } = options;
  const byName = new Map(tools.map((offered) => [modelName(offered), offered]));
  const open = new Set<Call>();
  const asked = new Map<string, { call: Call; answer: (yes: boolean) => void }>();

  const begin = (request: Request, context: ServerContext, manner: Manner): Promise<Reply> => {
    const offered = byName.get(request.name);
    if (!offered) throw unknownTool(request.name, [...byName.keys()]);
    if (open.size >= mostCalls) throw tooMany();
    const capabilities = manner.era === 'modern' ? declaredCapabilities(context) : manner.capabilities();
    const call: Call = {
      request,
      offered,
      controller: new AbortController(),
      reporter: createReporter(offered.tool.title),
      mayAsk: canAsk(capabilities),
      result: Promise.resolve({ content: [] }),
      reply: () => {},
    };
    open.add(call);
    const over = new AbortController();
    const confirm: Caller['confirm'] = (confirmation) => {
      if (manner.era === 'legacy') return push(context, request.name, confirmation, over.signal);
      return new Promise((answer) => {
        const state = randomUUID();
        asked.set(state, { call, answer });
        // Between two requests there is nobody whom progress could be told to.
        call.reporter.attend(undefined);
        call.reply(questionResult(request.name, confirmation, state));
      });
    };
    const reply = attend(call, context);
    call.result = dispatch(options, call, call.mayAsk ? confirm : undefined).finally(() => {
      call.reporter.stop();
      over.abort();
      open.delete(call);
      for (const [state, question] of asked) if (question.call === call) asked.delete(state);
    });
    void call.result.then((result) => call.reply(result));
    return reply;
  };

  const resume = (state: string, request: Request, context: ServerContext): Promise<Reply> => {
    const question = asked.get(state);
    // Before anything else: whatever comes of it, this question is not answered twice.
    asked.delete(state);
    if (!question) throw openNoMore();
    const { call, answer } = question;
    const isSame =
      call.request.name === request.name &&
      isDeepStrictEqual(call.request.arguments ?? {}, request.arguments ?? {});
    const reply = attend(call, context);
    answer(isSame && saidYes(context));
    return reply;
  };

  return {
    async handle(request, context, manner) {
      try {
        const state = context.mcpReq.requestState<string>();
        return await (state === undefined
          ? begin(request, context, manner)
          : resume(state, request, context));
      } catch (error) {
        if (isFailure(error)) return failed(error);
        logger.error({ tool: request.name, error: stackOf(error) }, 'a call failed unexpectedly');
        return failed(unexpected(request.name, error));
      }
    },
    async close(patienceMs) {
      for (const { controller } of open) controller.abort();
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs);
      });
      await Promise.race([Promise.all([...open].map(({ result }) => result)), patience]);
      clearTimeout(timer);
    },
  };
}

/** From now on this request waits for the call: its answer, its progress and its cancellation are the call's. */
function attend(call: Call, context: ServerContext): Promise<Reply> {
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
  { request, offered, controller, reporter, mayAsk }: Call,
  confirm: Caller['confirm'],
): Promise<CallToolResult> {
  const notes: string[] = [];
  const caller: Caller = {
    signal: controller.signal,
    notify: (message) => notes.push(message),
    progress: reporter.tell,
    ...(confirm && { confirm }),
  };
  try {
    const output = await dispatcher.call(actor, request.name, request.arguments ?? {}, caller);
    return succeeded(offered.tool, output, notes, draw);
  } catch (error) {
    if (!isFailure(error)) return failed(unexpected(request.name, error), notes);
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

function unknownTool(name: string, names: readonly string[]): Failure {
  const meant = didYouMean(name, names);
  return new Failure(
    'unknown_tool',
    `There is no tool named '${name}'.${meant === undefined ? '' : ` Did you mean '${meant}'?`}`,
    meant === undefined ? 'tools/list names them all.' : `Call ${meant}; tools/list names them all.`,
  );
}

function tooMany(): Failure {
  return new Failure(
    'too_many_calls',
    `${mostCalls} calls are under way, which is as many as may be.`,
    'Wait for one of them to end, then try again.',
  );
}

function openNoMore(): Failure {
  return new Failure(
    'not_confirmed',
    'This question is open no more: it was answered, it has expired, or the server was started anew.',
    'Call the tool again, and confirm within two minutes.',
  );
}

function unexpected(tool: string, error: unknown): Failure {
  return new Failure(
    'internal',
    `'${tool}' failed: ${error instanceof Error ? error.message : String(error)}`,
    'This is a fault of Understudy. Run `understudy doctor`, and report it with the output.',
    { cause: error },
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
