// The things of the small Discord: accounts, channels, messages with their past, interactions.

/** JSON as it travels. */
export type Json = Record<string, unknown>;

/** A file that came with a message. */
export interface SentFile {
  readonly name: string;
  readonly bytes: Buffer;
  /** What a client says of it; taken from the name otherwise. */
  readonly contentType?: string;
  /** What is told in place of the truth: an address elsewhere, a wrong size. */
  readonly url?: string;
  readonly size?: number;
}

/** A message, and each of its states since it was made. */
export interface Message {
  readonly id: string;
  readonly channelId: string;
  readonly authorId: string;
  readonly states: MessageState[];
  deleted: boolean;
  /** Of a reply that was promised and not written yet. */
  loading: boolean;
  readonly nonce: string | undefined;
  readonly mentions: readonly string[];
  readonly referenced: string | undefined;
}

/** A message from one edit to the next. */
export interface MessageState {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly content: string;
  readonly embeds: readonly Json[];
  readonly components: readonly Json[];
  readonly flags: number;
  readonly files: readonly SentFile[];
  readonly allowedMentions: Json | undefined;
}

/** Somebody with an account. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly isBot: boolean;
  roleIds: readonly string[];
}

/** A channel of the guild, one of its threads, or a conversation of two. */
export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly type: number;
  readonly parentId?: string;
  readonly recipientId?: string;
  /** Who made a thread; the bot unless told otherwise. */
  readonly ownerId?: string;
}

/** What came of an interaction so far. */
export interface InteractionRecord {
  readonly id: string;
  readonly token: string;
  readonly userId: string;
  readonly channelId: string;
  readonly type: number;
  /** When the application learned of it. */
  readonly sentAt: number;
  /** The message whose button was pressed. */
  readonly sourceId: string | undefined;
  callback: Json | undefined;
  callbackAt: number | undefined;
  replyId: string | undefined;
  readonly followUpIds: string[];
  expired: boolean;
}
