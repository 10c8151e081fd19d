// One call of a tool from the page, as a stream of lines of JSON: progress, notices and questions while it runs, at last
// its result or its failure. It goes through the dispatcher like every call, with the page's owner as the actor.

import { type Failure, isFailure } from '../../skills/tool.ts';
import { type DashboardOptions, pageChannel, pageOwner } from './options.ts';
import type { Questions } from './questions.ts';

/** A line of the stream. */
export type CallEvent =
  | { readonly type: 'progress'; readonly message: string; readonly fraction?: number }
  | { readonly type: 'notice'; readonly message: string }
  | { readonly type: 'question'; readonly question: object }
  | { readonly type: 'result'; readonly output: unknown; readonly view: unknown; readonly failed: boolean }
  | { readonly type: 'failure'; readonly error: ReturnType<typeof describeFailure> };

/** What was asked for. */
export interface CallRequest {
  readonly tool: string;
  readonly input: unknown;
  /** A look that the page takes by itself. */
  readonly isRepeated: boolean;
}

/** Runs it; `tell` gets every event, the last one too. Never throws. */
export async function runCall(
  { dispatcher, tools, logger }: DashboardOptions,
  questions: Questions,
  { tool: name, input, isRepeated }: CallRequest,
  tell: (event: CallEvent) => void,
  gone: AbortSignal,
): Promise<void> {
  const tool = tools.find((offered) => offered.tool.name === name)?.tool;
  const asked = new Set<string>();
  // Nobody is left to say yes; what was begun goes on, as it would when a terminal is closed on Discord's side.
  const forget = () => questions.forget(asked);
  gone.addEventListener('abort', forget);
  try {
    const output = await dispatcher.call(pageOwner, name, input, {
      channel: pageChannel,
      isRepeated,
      progress: ({ message, fraction }) =>
        tell({ type: 'progress', message, ...(fraction === undefined ? {} : { fraction }) }),
      notify: (message) => tell({ type: 'notice', message }),
      ...(tool?.permission === 'read' ? { signal: gone } : {}),
      confirm: (confirmation) => {
        asked.add(confirmation.id);
        if (gone.aborted) return Promise.resolve(false);
        return questions.ask(confirmation, (question) => tell({ type: 'question', question }));
      },
    });
    const view = tool?.present?.(output) ?? { text: JSON.stringify(output, null, 2) };
    tell({ type: 'result', output, view, failed: tool?.isFailure(output) ?? false });
  } catch (error) {
    if (!isFailure(error)) logger.error({ error: String(error), tool: name }, 'a call of the page failed');
    tell({ type: 'failure', error: describeFailure(error) });
  } finally {
    gone.removeEventListener('abort', forget);
    questions.forget(asked);
  }
}

/** True of a refusal that stays one until the bot is restarted: asking again would only fill the history. */
export function isLasting(error: unknown): boolean {
  const { code } = describeFailure(error);
  return /^(staging_role|not_permitted|denied_by_policy|not_confirmed|unknown_tool)$/.test(code);
}

/** What people read of an error. */
export function describeFailure(error: unknown): Pick<Failure, 'code' | 'message' | 'hint'> {
  if (isFailure(error)) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: 'internal',
    message: 'Something went wrong inside the page.',
    hint: 'See the log of the bot: understudy logs live',
  };
}
