// One message of ours: posted at first, under a nonce, so that a repetition does not stand there twice, and edited from
// then on.

import { randomUUID } from 'node:crypto';
import { DiscordAPIError } from 'discord.js';
import { type Delivery, type Edited, verdictOf } from '../delivery.ts';
import type { Payload } from '../render/payload.ts';

const nonceLength = 25;
const mostFailures = 4;
/** Discord: "Cannot reply without permission to read message history". */
const noHistory = 160_002;

/** Where a message stands, or is to stand. */
export interface Place {
  /** Known once it has been posted. */
  readonly messageId: string | undefined;
  /** Makes the message look like this. */
  bring(payload: Payload): Promise<Edited>;
  /** From now on a few failures in a row are the end. */
  hurry(): void;
}

/** A message that nobody has seen yet. */
export function createPlace(delivery: Delivery, channelId: string, replyTo?: string): Place {
  const nonce = randomUUID().replaceAll('-', '').slice(0, nonceLength);
  let messageId: string | undefined;
  let isRepeated = false;
  let inHurry = false;
  let failures = 0;
  let answered = replyTo;
  const post = async (payload: Payload): Promise<string> => {
    try {
      return (await delivery.post(channelId, payload, nonce, answered)).id;
    } catch (error) {
      if (answered === undefined || !isAboutReplies(error)) throw error;
      // What cannot be said as an answer can be said all the same.
      answered = undefined;
      return post(payload);
    }
  };
  const edit = (payload: Payload) => delivery.edit({ channelId, messageId }, payload);
  return {
    get messageId() {
      return messageId;
    },
    hurry: () => {
      inHurry = true;
      failures = 0;
    },
    async bring(payload) {
      try {
        let outcome: Edited = 'done';
        if (messageId !== undefined) outcome = await edit(payload);
        else {
          const wasTried = isRepeated;
          isRepeated = true;
          messageId = await post(payload);
          // What Discord took the first time may have been an earlier text.
          if (wasTried) outcome = await edit(payload);
        }
        failures = 0;
        return outcome;
      } catch (error) {
        failures++;
        if (inHurry && failures >= mostFailures) return 'gone';
        return verdictOf(error);
      }
    },
  };
}

/** Replies need the right to read what was written before; and not everything can be replied to. */
function isAboutReplies(error: unknown): boolean {
  return error instanceof DiscordAPIError && (error.code === noHistory || error.status === 400);
}
