// The tool calls of one connection: which are under way, and which wait for a person. A call that asks a client of 2026
// something rests here until the reply is brought back, with the very same input, once, in time.

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ServerContext } from '@modelcontextprotocol/server';
import { type Confirmation, Failure, isFailure } from '../../skills/tool.ts';
import { didYouMean } from '../config.ts';
import { attend, beginCall, type Call, type Manner, type Reply, type Request, unexpected } from './call.ts';
import { questionResult, saidYes } from './questions.ts';
import { failed } from './results.ts';
import { type McpOptions, modelName } from './surroundings.ts';

const mostCalls = 32;

/** The calls of one connection. */
export interface Calls {
  /** Answers one request; never throws. */
  handle(request: Request, context: ServerContext, manner: Manner): Promise<Reply>;
  /** Calls everything off, and returns when it has ended, or after the time that is given to it. */
  close(patienceMs: number): Promise<void>;
}

/** Without any call yet. */
export function createCalls(options: McpOptions): Calls {
  const byName = new Map(options.tools.map((offered) => [modelName(offered), offered]));
  const open = new Set<Call>();
  const questions = createQuestions();

  const begin = (request: Request, context: ServerContext, manner: Manner): Promise<Reply> => {
    const offered = byName.get(request.name);
    if (!offered) throw unknownTool(request.name, [...byName.keys()]);
    if (open.size >= mostCalls) throw tooMany();
    const { call, reply } = beginCall({ options, offered, request, context, manner, park: questions.park });
    open.add(call);
    void call.result.then(() => {
      open.delete(call);
      questions.forget(call);
    });
    return reply;
  };

  return {
    async handle(request, context, manner) {
      try {
        const state = context.mcpReq.requestState<string>();
        if (state === undefined) return await begin(request, context, manner);
        return await questions.answer(state, request, context);
      } catch (error) {
        if (isFailure(error)) return failed(error);
        const stack = error instanceof Error ? error.stack : String(error);
        options.logger.error({ tool: request.name, error: stack }, 'a call failed unexpectedly');
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

/** The questions to clients of 2026 that are open. */
function createQuestions() {
  const asked = new Map<string, { call: Call; resolve: (yes: boolean) => void }>();
  return {
    park: (call: Call, confirmation: Confirmation): Promise<boolean> =>
      new Promise((resolve) => {
        const state = randomUUID();
        asked.set(state, { call, resolve });
        // Between two requests there is nobody whom progress could be told to.
        call.reporter.attend(undefined);
        call.reply(questionResult(call.request.name, confirmation, state));
      }),
    answer(state: string, request: Request, context: ServerContext): Promise<Reply> {
      const question = asked.get(state);
      // Before anything else: whatever comes of it, this question is not answered twice.
      asked.delete(state);
      if (!question) throw openNoMore();
      const { call, resolve } = question;
      const isSame =
        call.request.name === request.name &&
        isDeepStrictEqual(call.request.arguments ?? {}, request.arguments ?? {});
      const reply = attend(call, context);
      resolve(isSame && saidYes(context));
      return reply;
    },
    forget(call: Call): void {
      for (const [state, question] of asked) if (question.call === call) asked.delete(state);
    },
  };
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
