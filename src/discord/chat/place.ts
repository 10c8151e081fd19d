// One message of ours: posted at first, under a nonce, so that a repetition does not stand there twice, and edited from
// then on.

import { randomUUID } from 'node:crypto';
import { type Delivery, type Edited, verdictOf } from '../delivery.ts';
import type { Payload } from '../render/payload.ts';

const nonceLength = 25;
const mostFailures = 4;

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
          messageId = (await delivery.post(channelId, payload, nonce, replyTo)).id;
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
