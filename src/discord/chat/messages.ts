// The messages that one answer takes: each has its place and is kept up to date by a live message. While one has a
// button it has a will, too. At the end each shows its last text, or it is known that Discord does not take it.

import type { Logger } from '../../../skills/tool.ts';
import type { Delivery } from '../delivery.ts';
import { createLiveMessage, type LiveMessage } from '../live-message.ts';
import type { Payload } from '../render/payload.ts';
import type { Timing } from '../surroundings.ts';
import { createPlace, type Place } from './place.ts';
import type { Wills } from './wills.ts';

const waiting = '…';

/** One of the messages. */
export interface OwnMessage {
  readonly place: Place;
  readonly live: LiveMessage;
  /** What stands there for certain. */
  readonly shown: Payload | undefined;
}

/** The messages of an answer, in order. */
export interface Messages {
  readonly all: readonly OwnMessage[];
  /** Another one, behind the others. */
  open(): OwnMessage;
  /** Brings the last texts to Discord, and takes away what they do not need; the ids, or nothing where it failed. */
  finish(payloads: readonly Payload[]): Promise<readonly string[] | undefined>;
  /** The process ends: nothing more is sent. */
  abandon(): void;
}

/** What messages are brought to Discord with. */
export interface MessagesSurroundings {
  readonly delivery: Delivery;
  readonly wills: Wills;
  readonly timing: Pick<Timing, 'editMs' | 'editRetryMs'>;
  readonly logger: Logger;
}

/** What an answer knows of its messages. */
export interface MessagesOptions {
  readonly channelId: string;
  readonly replyTo: string | undefined;
  /** What is to stand in a message, should nobody be there to end it. */
  willOf(index: number): string;
  /** Discord has something new. */
  onShown(message: OwnMessage): void;
}

/** An answer of which nothing stands anywhere yet. */
export function createMessages(
  { delivery, wills, timing, logger }: MessagesSurroundings,
  { channelId, replyTo, willOf, onShown }: MessagesOptions,
): Messages {
  const all: (OwnMessage & { shown: Payload | undefined })[] = [];
  let abandoned = false;

  const open = (index = all.length): OwnMessage => {
    const place = createPlace(delivery, channelId, index === 0 ? replyTo : undefined);
    const bring = async (payload: Payload) => {
      made.shown = undefined;
      const outcome = await place.bring(payload);
      if (outcome !== 'done' || place.messageId === undefined) return outcome;
      made.shown = payload;
      if ((payload.components ?? []).length === 0) wills.drop(place.messageId);
      else wills.leave(channelId, place.messageId, willOf(all.indexOf(made)));
      onShown(made);
      return outcome;
    };
    const live = createLiveMessage(bring, timing, logger, () => {});
    const made: (typeof all)[number] = { place, live, shown: undefined };
    all[index] = made;
    return made;
  };
  const settle = async (index: number, payload: Payload, isAgain = false): Promise<boolean> => {
    const { place, live, shown } = all[index] ?? open();
    if (isSame(shown, payload)) {
      live.abandon();
      return true;
    }
    if (abandoned) return false;
    place.hurry();
    const outcome = await live.finish(payload);
    if (outcome === 'delivered') return true;
    if (outcome === 'failed' || isAgain || place.messageId === undefined) return false;
    // Somebody has deleted the message: there is another one.
    wills.drop(place.messageId);
    open(index);
    return settle(index, payload, true);
  };
  const takeAway = async ({ live, place }: OwnMessage): Promise<void> => {
    // One that is on its way is waited for.
    const outcome = await live.finish({ content: waiting });
    const { messageId } = place;
    if (outcome !== 'delivered' || messageId === undefined) return wills.release(messageId);
    await delivery.remove({ channelId, messageId }).catch(() => {});
  };
  return {
    all,
    open: () => open(),
    async finish(payloads) {
      for (const [index, payload] of payloads.entries()) {
        if (await settle(index, payload)) continue;
        for (const { live, place } of all) {
          live.abandon();
          wills.release(place.messageId);
        }
        return undefined;
      }
      await Promise.all(all.slice(payloads.length).map(takeAway));
      return all.slice(0, payloads.length).flatMap(({ place }) => place.messageId ?? []);
    },
    abandon() {
      abandoned = true;
      for (const { live } of all) live.abandon();
    },
  };
}

/** The same to whoever looks at it: of buttons and files only whether there are some ever changes. */
export function isSame(one: Payload | undefined, other: Payload): boolean {
  return (
    one !== undefined &&
    one.content === other.content &&
    (one.components ?? []).length === (other.components ?? []).length &&
    (one.files ?? []).length === (other.files ?? []).length
  );
}
