// What the Discord side offers to whoever answers people, and what it tells them. Whoever answers declares the same
// shapes by themselves: the two rooms know nothing of each other.

import type { Actor, Confirmation } from '../../../skills/tool.ts';

/** Where answers are written. */
export interface Chat {
  /** A message of ours that grows while it is written; what is too long for one goes on in the next, and at last in a file. */
  open(channelId: string, options: GrowingOptions): GrowingMessage;
  /**
   * Shows a question with buttons to the person of `confirmation.actor`; false when they refuse, when it expires or is
   * aborted, when the branch is stopped, and when Discord is away.
   */
  confirm(
    channelId: string,
    confirmation: Confirmation,
    branch: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** "is typing …", now; never throws. */
  typing(channelId: string): void;
}

/** What is known of an answer before it is written. */
export interface GrowingOptions {
  /** The message that it answers. Whoever wrote that may stop the answer. */
  readonly replyTo?: string;
  readonly branch: string;
  /** What stands there when there is nothing to say in the end. */
  readonly whenEmpty?: string;
}

/** An answer that is being written. */
export interface GrowingMessage {
  /** The whole text so far; edits are paced, mentions off, secrets masked, fences closed at each cut. */
  write(text: string): void;
  /** One line below the text that says what is being done; replaced by the next, and gone with the last text. */
  doing(note: string): void;
  /**
   * The last text. The ids of the messages that it takes; none when Discord could not be reached, and then the text is
   * kept as a notice for the channel.
   */
  finish(text: string): Promise<readonly string[]>;
}

/** A message that somebody wrote. Messages of bots, edits and deletions are none. */
export interface IncomingMessage {
  readonly id: string;
  readonly channelId: string;
  /** The channel of the thread, where it was written in one. */
  readonly parentId?: string;
  /** Without the mention of this bot; the text of attached files follows, marked as data. */
  readonly text: string;
  /** Somebody without rights, where everyone is heard, may read here, and only here. */
  readonly author: Actor;
  readonly isDirect: boolean;
  readonly mentionsBot: boolean;
  /** The message that it replies to. */
  readonly repliesTo?: string;
  /** In a thread that the bot made, or that was made of a message of the bot. */
  readonly isInThreadOfBot: boolean;
}

/** Somebody who may wants something to end: this branch, or whatever is at work in the channel. */
export interface StopRequest {
  readonly branch?: string;
  readonly channelId: string;
  readonly by: Actor;
}
