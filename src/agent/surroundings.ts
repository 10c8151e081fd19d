// What the agent is given: models, tools, the dispatcher, a way to talk to people, time. It knows no Discord and no page:
// whoever wires it hands in a `Chat`.

import type { Database } from 'better-sqlite3';
import type { Actor, Bot, Clock, Confirmation, Dispatcher, Logger, Tool } from '../../skills/tool.ts';
import type { Config } from '../config.ts';
import type { Model } from './model/index.ts';

/** A message of ours that grows while it is written. */
export interface GrowingMessage {
  /** The whole text so far. */
  write(text: string): void;
  /** What is being done at the moment; replaced by the next. */
  doing(note: string): void;
  /** The last text; the ids of the messages that it takes, or none when it could not be shown. */
  finish(text: string): Promise<readonly string[]>;
}

/** What is known of an answer before it is written. */
interface GrowingOptions {
  /** The message that it answers. */
  readonly replyTo?: string;
  readonly branch: string;
}

/** How the agent talks to people. Channels are whatever the surface calls so. */
export interface Chat {
  open(channel: string, options: GrowingOptions): GrowingMessage;
  /** False when they refuse, do not answer in time, or cannot be asked. */
  confirm(
    channel: string,
    confirmation: Confirmation,
    branch: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
  typing(channel: string): void;
}

/** Something that a person wrote. */
export interface IncomingMessage {
  readonly id: string;
  readonly channelId: string;
  readonly parentId?: string;
  readonly text: string;
  readonly author: Actor;
  readonly isDirect: boolean;
  readonly mentionsBot: boolean;
  readonly isInThreadOfBot?: boolean;
  readonly repliesTo?: string;
}

/** Something that happened while the bot was away, such as the verdict on a release. */
export interface WakeUpEvent {
  readonly id: string;
  readonly forAgent: string;
  /** What a branch may be waiting for, such as `release:v1.10-…`. */
  readonly subject: string;
  /** It was over before this process: only whoever awaits it is told. */
  readonly isOld?: boolean;
}

/** A tool, and the skill whose prefix it bears for the model. */
export interface OfferedTool {
  readonly tool: Tool;
  readonly skill: { readonly name: string; readonly prefix: string; readonly allowedInStaging: boolean };
}

/** Bounds and pauses; tests shorten them. */
export interface AgentTiming {
  /** An idle branch is over after this time. */
  readonly idleMs: number;
  readonly tidyMs: number;
  /** How long the end of the bot waits for turns that are being left. */
  readonly closeMs: number;
}

export const usualTiming: AgentTiming = {
  idleMs: 3 * 3_600_000,
  tidyMs: 60_000,
  closeMs: 5_000,
};

/** What the host hands in. */
export interface AgentOptions {
  readonly root: string;
  readonly config: Pick<Config, 'agent' | 'discord' | 'environment'>;
  readonly tools: readonly OfferedTool[];
  readonly dispatcher: Dispatcher;
  database(): Database;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly chat: Chat;
  /** Tells people something that belongs to no conversation. */
  readonly notify: Bot['notify'];
  /** What the skills have to say at each turn. */
  briefings(): Promise<readonly string[]>;
  readonly model: Model;
  /** Where work talks that nobody has asked for in a channel. */
  readonly usualChannel?: string | undefined;
  readonly timing?: Partial<AgentTiming>;
}
