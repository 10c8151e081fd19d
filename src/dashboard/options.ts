// What the page is given: configuration, the offered tools, the dispatcher, the agent where there is one, time.

import type { Actor, Clock, Dispatcher, Logger, Tool } from '../../skills/tool.ts';
import type { Config } from '../config.ts';
import type { PageChat } from './chat.ts';

/** A tool, and the skill whose prefix it is typed behind: `/process list`. */
export interface OfferedTool {
  readonly tool: Tool;
  readonly skill: { readonly name: string; readonly prefix: string };
}

/** What the page needs of an agent. */
export interface PageAgent {
  onMessage(message: {
    readonly id: string;
    readonly channelId: string;
    readonly text: string;
    readonly author: Actor;
    readonly isDirect: boolean;
    readonly mentionsBot: boolean;
  }): void;
  /** What was stopped, in words, or whether anything was. */
  onStop(request: { readonly channelId: string; readonly by: Actor }): string | boolean;
}

/** Pauses and bounds; tests shorten them. */
export interface Timing {
  /** Between two looks at what a page that is open shows. */
  readonly lookMs: number;
  /** Between two samples of what is being looked at. */
  readonly sampleMs: number;
  /** Between two samples of every bot while nobody looks. */
  readonly quietSampleMs: number;
  /** A stream says that it lives. */
  readonly beatMs: number;
}

export const usualTiming: Timing = { lookMs: 500, sampleMs: 2_000, quietSampleMs: 60_000, beatMs: 15_000 };

/** What the host hands in. */
export interface DashboardOptions {
  readonly root: string;
  readonly config: Pick<Config, 'dashboard' | 'environment'>;
  readonly tools: readonly OfferedTool[];
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly chat: PageChat;
  /** Left out where there is no key for a model. */
  readonly agent?: PageAgent;
  /** Tells whoever started the bot where the page is. */
  readonly print: (text: string) => void;
  readonly timing?: Partial<Timing>;
}

/** Who may open the page may do everything: the token stands where only the owner of the files can read it. */
export const pageOwner: Actor = {
  id: 'page:owner',
  name: 'page',
  surface: 'page',
  rights: ['read', 'operate', 'deploy'],
};

/** The one conversation of the page. */
export const pageChannel = 'page:console';

/** True of the channels that are on the page: what is for them is told to its chat, and to nobody else. */
export function isPageChannel(channel: string | undefined): boolean {
  return channel?.startsWith('page:') === true;
}
