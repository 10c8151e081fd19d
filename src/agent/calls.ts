// Carries out the tool calls of one step, one after the other, through the dispatcher. Before each thing that cannot be
// undone its state is on disk, so the next process knows of every call whether it was begun.

import { type Actor, type Caller, type Failure, isFailure } from '../../skills/tool.ts';
import type { Branch, Branches } from './branches.ts';
import { shorten } from './data.ts';
import type { AgentOptions, GrowingMessage } from './surroundings.ts';
import type { OpenCall, Talk } from './talk.ts';
import { askPerson, describeCall, describeFailure, describeOutput, questionOf } from './toolbox.ts';

/** For a call that was begun, and whose end nobody saw. */
export const interrupted =
  'interrupted: the bot was restarted while this ran, so it may or may not have had its effect. Look before you repeat it.';

/** What carrying out needs. */
export interface CallSurroundings {
  readonly options: AgentOptions;
  readonly branches: Branches;
  readonly talk: Talk;
}

/** How the step goes on: with the model, or not before the process was replaced, or the question was answered. */
export type Outcome =
  | { readonly kind: 'go on' }
  | { readonly kind: 'hand over' }
  | { readonly kind: 'ask'; readonly question: string };

/** Carries out what is not done yet. Returns early, with nothing closed, when the process ends. */
export async function carryOut(
  surroundings: CallSurroundings,
  branch: Branch,
  growing: GrowingMessage,
  signal: AbortSignal,
  isEnding: () => boolean,
): Promise<Outcome> {
  const { talk, options, branches } = surroundings;
  let outcome: Outcome = { kind: 'go on' };
  const calls = talk.calls(branch.id);
  // Their results have to fit together: of the newest message nothing can be folded away.
  const longestResult = Math.floor(options.model.contextTokens / Math.max(1, calls.length));
  for (const call of calls) {
    if (call.state === 'done') {
      // Asked by the process before, which did not get to show it.
      const question = call.name === askPerson && !call.isError ? questionOf(call.input) : undefined;
      if (question !== undefined) outcome = { kind: 'ask', question };
      continue;
    }
    const finish = (text: string, isError: boolean) => talk.close(branch.id, call.position, text, isError);
    if (call.state === 'running') finish(interrupted, true);
    else if (outcome.kind !== 'go on')
      finish('not run: your turn has ended; call it again when you are woken', true);
    else if (signal.aborted) {
      if (isEnding()) return outcome;
      finish('not run: the person stopped you', true);
    } else if (call.name === askPerson) {
      const question = questionOf(call.input);
      finish(
        question === undefined
          ? 'invalid_input: the field question is missing'
          : 'asked; the answer is the next message',
        question === undefined,
      );
      if (question !== undefined) outcome = { kind: 'ask', question };
    } else {
      growing.doing(describeCall(options.tools, call.name, call.input));
      const done = await runTool(surroundings, branch, call, growing, signal);
      const { isError, pausesFor } = done;
      const text = shorten(done.text, longestResult);
      // Whether an aborted call had its effect nobody knows: it stays begun, and the next process says so.
      if (isError && signal.aborted && isEnding()) return outcome;
      // Together: whoever goes on after a kill is woken all the same.
      talk.together(() => {
        finish(text, isError);
        if (pausesFor !== undefined) branches.await(branch.id, pausesFor);
      });
      if (pausesFor !== undefined) outcome = { kind: 'hand over' };
    }
  }
  if (signal.aborted && isEnding()) return outcome;
  talk.together(() => {
    talk.closeStep(branch.id);
    if (outcome.kind !== 'ask') return;
    branches.owe(branch.id, outcome.question);
    branches.move(branch.id, 'paused', `answer: ${outcome.question}`);
  });
  return outcome;
}

async function runTool(
  { options, branches, talk }: CallSurroundings,
  branch: Branch,
  call: OpenCall,
  growing: GrowingMessage,
  signal: AbortSignal,
): Promise<{ text: string; isError: boolean; pausesFor?: string }> {
  const notes: string[] = [];
  let pausesFor: string | undefined;
  const mark = (state: OpenCall['state']) => talk.mark(branch.id, call.position, state);
  const actor: Actor = { ...branch.actor, surface: 'llm' };
  const { channel } = branch;
  const caller: Caller = {
    signal,
    branch: { id: branch.id, depth: branch.depth },
    ...(channel === null ? {} : { channel }),
    notify: (message) => notes.push(message),
    progress: ({ message }) => growing.doing(message),
    handOver: (subject) => {
      pausesFor = subject;
    },
    confirm: async (confirmation) => {
      if (channel === null) return false;
      // Nothing has been done while a person is asked, so the next process may ask again.
      talk.together(() => {
        mark('asking');
        branches.move(branch.id, 'paused', `confirmation: ${confirmation.question}`);
      });
      const yes = await options.chat.confirm(channel, confirmation, branch.id, signal);
      if (signal.aborted) return false;
      talk.together(() => {
        mark('running');
        branches.move(branch.id, 'answered');
      });
      return yes;
    },
  };
  mark('running');
  try {
    const output = await options.dispatcher.call(actor, call.name, call.input, caller);
    const said = notes.length === 0 ? '' : `${notes.join('\n')}\n`;
    const rest =
      pausesFor === undefined
        ? ''
        : '\nYour turn ends here; you are woken when it is known what became of it.';
    return {
      text: `${said}${describeOutput(output)}${rest}`,
      isError: false,
      ...(pausesFor === undefined ? {} : { pausesFor }),
    };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { text: describeFailure(error as Failure), isError: true };
  }
}
