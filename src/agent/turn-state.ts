// The state of one turn while it is under way, and the message that people see of it.

import { type Allowance, type Asker, describeSpent } from './allowance.ts';
import type { Branch } from './branches.ts';
import type { CallSurroundings } from './calls.ts';
import type { Usage } from './model/index.ts';
import type { GrowingMessage } from './surroundings.ts';

/** How a turn was broken off. */
export interface Break {
  /** A person's wish, or the end of the process, which leaves everything for the next one. */
  readonly kind: 'stop' | 'hook' | 'end';
  readonly by: string;
}

/** What a turn needs. */
export interface TurnSurroundings extends CallSurroundings {
  readonly allowance: Allowance;
  readonly version: string | undefined;
}

/** A turn under way. */
export interface Turn {
  readonly surroundings: TurnSurroundings;
  readonly id: string;
  readonly signal: AbortSignal;
  /** What stands in the present message. */
  text: string;
  growing: GrowingMessage | undefined;
  replyTo: string | undefined;
  /** The prompt: the same for all steps between two messages, so that providers need not read it anew. */
  system: string | undefined;
  /** Who asked for it. */
  asker: Asker;
  steps: number;
  tokens: number;
}

/** A turn that has done nothing yet. */
export function createTurn(surroundings: TurnSurroundings, id: string, signal: AbortSignal): Turn {
  const nothing = {
    text: '',
    growing: undefined,
    replyTo: undefined,
    system: undefined,
    steps: 0,
    tokens: 0,
  };
  return { surroundings, id, signal, asker: 'nobody', ...nothing };
}

/** Counts what a question to the model has used: for the turn, for its branch, and for whoever asked. */
export function pay(turn: Turn, usage: Usage): void {
  const { branches, talk, allowance, options } = turn.surroundings;
  const tokens = usage.inputTokens + usage.outputTokens;
  turn.tokens += tokens;
  const isEnd = talk.together(() => {
    branches.spend(turn.id, usage, options.model.priceOf(usage));
    return allowance.spend(turn.asker, tokens);
  });
  if (!isEnd) return;
  const text = `The agent rests: ${describeSpent(turn.asker, options.config.agent.maxTokensUnasked)}. It still answers whoever may operate it.`;
  options.notify({ text });
}

/** Ends the message that people see. */
export async function conclude(turn: Turn, addition: string): Promise<void> {
  const { branches, talk } = turn.surroundings;
  const text = join(turn.text, addition.trim());
  const ids = text.trim() === '' && !turn.growing ? [] : await open(turn).finish(text.trim());
  talk.together(() => {
    branches.posted(turn.id, ids);
    branches.owe(turn.id, null);
  });
  turn.growing = undefined;
  turn.text = '';
}

/** The message of the turn; begun when there is something to show. */
export function open(turn: Turn): GrowingMessage {
  const { options } = turn.surroundings;
  const { channel } = branchOf(turn);
  turn.growing ??=
    channel === null
      ? { write: () => {}, doing: () => {}, finish: async () => [] }
      : options.chat.open(channel, {
          branch: turn.id,
          ...(turn.replyTo === undefined ? {} : { replyTo: turn.replyTo }),
        });
  return turn.growing;
}

/** Its branch, as it is now. */
export function branchOf({ surroundings, id }: Turn): Branch {
  const branch = surroundings.branches.find(id);
  if (!branch) throw new Error(`branch ${id} is gone`);
  return branch;
}

/** Why it is broken off, if it is. */
export function breakOf(signal: AbortSignal): Break | undefined {
  return signal.aborted ? (signal.reason as Break) : undefined;
}

/** Two paragraphs. */
export function join(one: string, other: string): string {
  return one === '' || other === '' ? `${one}${other}` : `${one}\n\n${other}`;
}
