// Questions in a channel, with buttons: for one person, once, until they expire. Whatever becomes of a question, its
// message says so, and its buttons go.

import type { Clock, Confirmation, Logger } from '../../../skills/tool.ts';
import { asking, type Confirmations } from '../confirmations.ts';
import type { Delivery } from '../delivery.ts';
import { createLiveMessage } from '../live-message.ts';
import type { Writer } from '../render/writer.ts';
import type { Timing } from '../surroundings.ts';
import { createPlace, type Place } from './place.ts';
import type { Wills } from './wills.ts';

const longestWaitMs = 2 ** 31 - 1;
const mostAttempts = 2;

/** What questions are asked with. */
export interface QuestionSurroundings {
  readonly delivery: Delivery;
  readonly confirmations: Confirmations;
  readonly wills: Wills;
  readonly writer: Writer;
  readonly timing: Pick<Timing, 'editMs' | 'editRetryMs'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The open questions of answers. */
export interface Questions {
  ask(channelId: string, confirmation: Confirmation, branch: string, signal?: AbortSignal): Promise<boolean>;
  /** Questions of this branch, or of this channel, are denied. */
  dismiss(which: { readonly branch?: string; readonly channelId: string }): void;
  /** The process ends: each is denied, and what its message says is left to the next. */
  close(): void;
}

type Ending = 'expired' | 'dismissed' | 'unheard' | 'closed';

const words: Record<Ending, string> = {
  expired: '⌛ Nobody has confirmed this in time, so it was not done.',
  dismissed: '⏹️ This was stopped before anybody had confirmed it, so it was not done.',
  unheard: '⚠️ The answer did not reach the bot, so it was not done. Ask again.',
  closed: '',
};
const restarted = '-# This question is open no more: the bot was restarted. Ask again.';

/** Without any question yet. */
export function createQuestions(surroundings: QuestionSurroundings): Questions {
  const { confirmations, wills, writer, clock, logger, delivery, timing } = surroundings;
  const open = new Map<string, { branch: string; channelId: string; end(how: Ending): void }>();

  async function ask(
    channelId: string,
    confirmation: Confirmation,
    branch: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { id, expiresAt } = confirmation;
    const leftMs = expiresAt - clock.now();
    if (leftMs <= 0 || signal?.aborted) return false;
    const question = writer.question(confirmation);
    // Its last line says who can answer, and until when.
    const asked = question.slice(0, question.lastIndexOf('\n'));
    const place = createPlace(delivery, channelId);
    let ending: Ending | undefined;
    let isAcknowledged = false;
    const end = (how: Ending) => {
      ending = how;
      confirmations.forget([id]);
    };
    const timer = setTimeout(() => end('expired'), Math.min(leftMs, longestWaitMs));
    const abort = () => end('dismissed');
    signal?.addEventListener('abort', abort);
    open.set(id, { branch, channelId, end });
    let posting: Promise<boolean> | undefined;
    const answer = await confirmations.ask(
      confirmation,
      (buttons) => {
        posting = post(place, asking(question, buttons)).then((isThere) => {
          if (!isThere) end('closed');
          else if (open.has(id)) wills.leave(channelId, place.messageId ?? '', `${asked}\n${restarted}`);
          return isThere;
        });
      },
      async (click, yes, by) => {
        const said = `${yes ? '✅ Confirmed' : '🚫 Refused'} by ${writer.sentence(by.name)}.`;
        await click.update({ content: `${asked}\n${said}`, components: [] });
        isAcknowledged = true;
      },
    );
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    open.delete(id);
    const how = ending ?? (clock.now() < expiresAt ? 'unheard' : 'expired');
    if (isAcknowledged) wills.drop(place.messageId);
    else if (how !== 'closed')
      void posting?.then((isThere) => (isThere ? settle(place, asked, how) : undefined));
    return answer;
  }

  async function post(place: Place, payload: ReturnType<typeof asking>): Promise<boolean> {
    let reason = 'Discord refuses it';
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      try {
        if ((await place.bring(payload)) === 'done') return true;
        break;
      } catch (error) {
        reason = String(error);
      }
    }
    logger.warn({ reason }, 'a question could not be shown, which counts as a no');
    return false;
  }

  /** The next process takes the buttons away where this one does not get to it. */
  async function settle(place: Place, asked: string, ending: Ending): Promise<void> {
    const live = createLiveMessage(place.bring, timing, logger, () => {});
    const outcome = await live.finish({ content: `${asked}\n${words[ending]}` });
    if (outcome === 'failed') wills.release(place.messageId);
    else wills.drop(place.messageId);
  }

  return {
    ask,
    dismiss({ branch, channelId }) {
      for (const question of [...open.values()]) {
        const isMeant = branch === undefined ? question.channelId === channelId : question.branch === branch;
        if (isMeant) question.end('dismissed');
      }
    },
    close() {
      for (const question of [...open.values()]) question.end('closed');
    },
  };
}
