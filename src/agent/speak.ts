// One step of the model in a turn: what it is given, what it says, and how that is kept before anybody acts on it.

import { isFailure } from '../../skills/tool.ts';
import { compact, conversationOf } from './compaction.ts';
import type { ModelTool, StepResult } from './model/index.ts';
import { systemPrompt } from './prompt.ts';
import { toolsFor } from './toolbox.ts';
import { branchOf, breakOf, conclude, join, open, pay, type Turn } from './turn-state.ts';

/** The model says something, and it is kept before anybody sees it whole. */
export async function speak(turn: Turn): Promise<void> {
  const { surroundings, id } = turn;
  const { branches, talk } = surroundings;
  const before = turn.text;
  let result: StepResult;
  try {
    result = await ask(turn);
  } catch (error) {
    if (breakOf(turn.signal)?.kind !== 'end' && turn.text !== before) {
      talk.add(id, 'assistant', [{ type: 'text', text: `${turn.text.slice(before.length)} [cut off here]` }]);
    }
    if (turn.signal.aborted) return;
    throw error;
  }
  const { parts, invalidCalls, usage, finish } = result;
  turn.steps += 1;
  const isLast = invalidCalls.length === 0 && parts.every(({ type }) => type !== 'call');
  const said = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  const ending =
    finish === 'length' ? ' […]' : finish === 'refused' && said === '' ? 'I will not do that.' : '';
  talk.together(() => {
    const kept =
      parts.length > 0 || invalidCalls.length > 0
        ? parts
        : [{ type: 'text', text: '(nothing to say)' } as const];
    talk.record(id, kept, invalidCalls);
    pay(turn, usage);
    if (isLast) branches.owe(id, `${said}${ending}`);
  });
  turn.text = join(before, said);
  if (isLast) await conclude(turn, ending);
}

async function ask(turn: Turn): Promise<StepResult> {
  const { surroundings, signal } = turn;
  const { options, branches, talk, version } = surroundings;
  const tools = toolsFor(options.tools, options.config.environment.role, branchOf(turn).actor);
  turn.system ??= systemPrompt({
    root: options.root,
    role: options.config.environment.role,
    branch: branchOf(turn),
    briefings: await options.briefings(),
    now: options.clock.now(),
    version,
  });
  const { system } = turn;
  const overhead = system.length + sizeOfTools(tools);
  const { model } = options;
  const fold = (isForced: boolean) =>
    compact({
      ...{ model, branches, talk, branch: branchOf(turn), signal, overhead, isForced },
      onUsage: (usage) => pay(turn, usage),
    });
  await fold(false);
  try {
    return await step(turn, system, tools);
  } catch (error) {
    if (!isFailure(error) || error.code !== 'context_too_long') throw error;
    if (!(await fold(true))) throw error;
    return step(turn, system, tools);
  }
}

function step(turn: Turn, system: string, tools: readonly ModelTool[]): Promise<StepResult> {
  const { surroundings, id, signal } = turn;
  const { options, talk } = surroundings;
  const before = turn.text;
  const growing = open(turn);
  let spoken = '';
  const show = () => {
    turn.text = join(before, spoken);
    growing.write(turn.text);
  };
  growing.doing('thinking');
  return options.model.step({
    system,
    messages: conversationOf(branchOf(turn), talk.said(id)),
    tools,
    signal,
    onText(delta) {
      spoken += delta;
      show();
    },
    onRetry(reason) {
      spoken = '';
      show();
      growing.doing(reason);
    },
  });
}

function sizeOfTools(tools: readonly ModelTool[]): number {
  return JSON.stringify(tools).length;
}
