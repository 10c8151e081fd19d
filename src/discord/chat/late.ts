// The chat before discord.js is loaded: what is written meanwhile is kept, and goes on as soon as it is there.

import type { Chat, GrowingMessage } from './contract.ts';

/** A chat that may not be there yet. */
export interface LateChat {
  /** Nothing where it could not be started. */
  readonly coming: Promise<Chat | undefined>;
  /** The same, once it is there. */
  present(): Chat | undefined;
  /** Keeps an answer for which it never came. */
  keep(channelId: string, text: string): void;
}

/** A chat to be used at once. */
export function createLateChat({ coming, present, keep }: LateChat): Chat {
  return {
    open(channelId, options) {
      const there = present();
      return there
        ? there.open(channelId, options)
        : openLater(channelId, (chat) => chat.open(channelId, options));
    },
    confirm: async (...question) => (await (await coming)?.confirm(...question)) ?? false,
    typing: (channelId) => present()?.typing(channelId),
  };

  function openLater(channelId: string, open: (chat: Chat) => GrowingMessage): GrowingMessage {
    let text: string | undefined;
    let note: string | undefined;
    let message: GrowingMessage | undefined;
    const opened = coming.then((chat) => {
      message = chat && open(chat);
      if (text !== undefined) message?.write(text);
      if (note !== undefined) message?.doing(note);
      text = undefined;
    });
    return {
      write: (whole) => {
        if (message) message.write(whole);
        else text = whole;
      },
      doing: (what) => {
        if (message) message.doing(what);
        else note = what;
      },
      async finish(whole) {
        await opened;
        if (message) return message.finish(whole);
        keep(channelId, whole);
        return [];
      },
    };
  }
}
