// What the Discord side is given: configuration, the offered tools, the dispatcher, time, and how long things take.

import type { Database } from 'better-sqlite3';
import type { Clock, Dispatcher, Logger, Tool } from '../../skills/tool.ts';
import type { Config } from '../config.ts';
import type { IncomingMessage, StopRequest } from './chat/contract.ts';
import type { Confirmations } from './confirmations.ts';
import type { Conversations } from './conversations.ts';
import type { Delivery } from './delivery.ts';
import type { Payload } from './render/payload.ts';
import type { Writer } from './render/writer.ts';

/** A tool, and the skill whose prefix is the name of the slash command. */
export interface Offered {
  readonly tool: Tool;
  readonly skill: { readonly name: string; readonly prefix: string };
}

/** Pauses and bounds; tests shorten them. */
export interface Timing {
  /** Between two edits of one message: Discord allows five in five seconds for a whole channel. */
  readonly editMs: number;
  /** Until a failed edit is tried again; doubles. */
  readonly editRetryMs: number;
  readonly panelMs: number;
  /** How long a panel refreshes itself after somebody last used it. */
  readonly panelLifeMs: number;
  /** Between two messages with notices in one channel. */
  readonly noticeMs: number;
  /** Until a failed message with notices is tried again; doubles up to `noticeMostMs`. */
  readonly noticeRetryMs: number;
  readonly noticeMostMs: number;
  /** Discord's tokens of interactions live 15 minutes; ours are used for a little less. */
  readonly tokenMs: number;
  readonly followMs: number;
  readonly followForMs: number;
  /** Until a login, or the registration of the commands, is tried again; doubles up to `loginMostMs`. */
  readonly loginMs: number;
  readonly loginMostMs: number;
  /** A connection that is away for longer is given up, and a new one made. */
  readonly awayMs: number;
  readonly sampleMs: number;
  /** Until the files of a message have to be read. */
  readonly attachmentsMs: number;
  /** Between two looks for ends of conversations that could not be brought to Discord. */
  readonly upkeepMs: number;
}

/** The pauses of a bot. */
export const usualTiming: Timing = {
  editMs: 2_000,
  editRetryMs: 1_000,
  panelMs: 5_000,
  panelLifeMs: 600_000,
  noticeMs: 2_000,
  noticeRetryMs: 5_000,
  noticeMostMs: 300_000,
  tokenMs: 14 * 60_000,
  followMs: 2_000,
  followForMs: 30 * 60_000,
  loginMs: 2_000,
  loginMostMs: 120_000,
  awayMs: 180_000,
  sampleMs: 60_000,
  attachmentsMs: 10_000,
  upkeepMs: 60_000,
};

/** What the host hands in. */
export interface DiscordOptions {
  readonly config: Pick<Config, 'discord' | 'environment'>;
  readonly tools: readonly Offered[];
  readonly dispatcher: Dispatcher;
  database(): Database;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timing?: Partial<Timing>;
  /** Messages are listened to only where somebody answers them. */
  readonly onMessage?: (message: IncomingMessage) => void;
  /** Who is heard: those with rights, or everyone; the others then may read. Owners unless told otherwise. */
  readonly answers?: 'owners' | 'everyone';
  /**
   * Somebody who may wants something to end. `false` says that nothing was at work there. Without it there are no
   * `/stop` and no Stop buttons that do anything.
   */
  readonly onStop?: (request: StopRequest) => unknown;
  /** For tests: the package that draws, or nothing where it is missing. */
  readonly loadCanvas?: () => Promise<unknown>;
}

/** What commands are carried out with. */
export interface CallSurroundings {
  readonly dispatcher: Dispatcher;
  readonly delivery: Delivery;
  readonly conversations: Conversations;
  readonly confirmations: Confirmations;
  readonly writer: Writer;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Adds what only some results have, such as a chart. */
  decorate(tool: string, output: Record<string, unknown>, payload: Payload): Promise<Payload>;
}
