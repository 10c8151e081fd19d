// The course of one command in its message: its steps as they come, at last its end. The steps are written down as often
// as they are shown, so that the next process goes on with the same list.

import type { Progress } from '../../skills/tool.ts';
import type { Conversations } from './conversations.ts';
import type { Ending, LiveMessage } from './live-message.ts';
import type { Payload } from './render/payload.ts';
import { cut } from './render/text.ts';
import type { Writer } from './render/writer.ts';

const mostSteps = 200;
const longestStep = 1_000;

/** A command that is under way in a message. */
export interface Talk {
  readonly steps: readonly string[];
  step(progress: Progress): void;
  /** Shows something else for now, such as a question. */
  show(payload: Payload): void;
  /** The end; the conversation is over when Discord has it. */
  end(payload: Payload): Promise<Ending>;
}

/** What a talk needs; without a row it is not kept over a restart. */
export interface TalkOptions {
  readonly title: string;
  readonly live: LiveMessage;
  readonly writer: Writer;
  readonly conversations: Conversations;
  readonly row: number | undefined;
  readonly steps?: readonly string[];
}

/** Begins a talk, or goes on with one. */
export function createTalk({
  title,
  live,
  writer,
  conversations,
  row,
  steps: before = [],
}: TalkOptions): Talk {
  const steps = [...before];
  let last: Progress | undefined;
  const draw = (): Payload => {
    if (row !== undefined) conversations.note(row, { steps });
    return { content: writer.progress(title, steps, last) };
  };
  return {
    steps,
    step(progress) {
      const message = cut(progress.message, longestStep);
      // The same words again say only how far it is.
      if (message !== steps.at(-1)) steps.push(message);
      if (steps.length > mostSteps) steps.splice(0, steps.length - mostSteps);
      last = progress;
      live.show(draw);
    },
    show(payload) {
      live.show(() => payload);
    },
    async end(payload) {
      if (row !== undefined) conversations.note(row, { outcome: payload.content, steps });
      const ending = await live.finish(payload);
      if (row !== undefined && ending !== 'failed') conversations.end(row);
      return ending;
    },
  };
}
