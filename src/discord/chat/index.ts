// The chat at work: answers that grow, questions, and stops. Answers and questions that are open when the process ends
// are looked after by the next one.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { type Client, Routes } from 'discord.js';
import type { Clock, Logger } from '../../../skills/tool.ts';
import type { Confirmations } from '../confirmations.ts';
import type { Delivery } from '../delivery.ts';
import type { NoticeStore } from '../notices.ts';
import type { Writer } from '../render/writer.ts';
import type { Timing } from '../surroundings.ts';
import type { Chat, StopRequest } from './contract.ts';
import { createGrowingMessage, type OwnedMessage } from './growing-message.ts';
import { keepAnswer } from './keep.ts';
import { createQuestions } from './questions.ts';
import { createStops, type Growing, type Stops } from './stops.ts';
import { createWills } from './wills.ts';

const mostAuthors = 1_000;
const mostTyping = 500;
/** Discord shows "is typing" for ten seconds. */
const typingMs = 5_000;
/** What is kept is kept at once; only what is on its way to Discord takes longer. */
const farewellMs = 500;

/** What the chat is made with. */
export interface ChatSurroundings {
  readonly database: Database;
  client(): Client<true> | undefined;
  readonly delivery: Delivery;
  readonly confirmations: Confirmations;
  readonly store: NoticeStore;
  /** There is a new notice. */
  noticed(): void;
  readonly writer: Writer;
  mask(text: string): string;
  readonly secrets: readonly string[];
  readonly timing: Pick<Timing, 'editMs' | 'editRetryMs'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onStop: ((request: StopRequest) => unknown) | undefined;
}

/** The chat, and what the rest of the Discord side does with it. */
export interface ChatService extends Chat {
  /** Left out where nobody is told of stops. */
  readonly stops: Stops | undefined;
  /** Somebody wrote this: they may stop what answers it. */
  heard(messageId: string, actorId: string): void;
  /** Discord is there. */
  takeUp(): void;
  close(): Promise<void>;
}

/** A chat without any answer yet. */
export function createChat(surroundings: ChatSurroundings): ChatService {
  const { database, delivery, store, logger, clock, onStop } = surroundings;
  const wills = createWills(database, delivery, logger);
  const questions = createQuestions({ ...surroundings, wills });
  const growing = new Map<OwnedMessage, Growing>();
  const finishing = new Set<Promise<unknown>>();
  const authors = new Map<string, string>();
  const typed = new Map<string, number>();
  let closed = false;
  const keep = (channelId: string, text: string) => {
    keepAnswer(store, channelId, text, logger);
    surroundings.noticed();
  };
  return {
    open(channelId, options) {
      const { branch, replyTo } = options;
      const message = createGrowingMessage(
        { ...surroundings, wills, keep, canStop: onStop !== undefined },
        channelId,
        options,
        () => growing.delete(message),
      );
      if (closed) message.abandon();
      else growing.set(message, { channelId, branch, askedBy: authors.get(replyTo ?? '') });
      return {
        write: message.write,
        doing: message.doing,
        finish(text) {
          const done = message.finish(text);
          finishing.add(done);
          return done.finally(() => finishing.delete(done));
        },
      };
    },
    confirm: async (...question) => !closed && (await questions.ask(...question)),
    typing(channelId) {
      const now = clock.now();
      const client = surroundings.client();
      if (!client || now < (typed.get(channelId) ?? 0)) return;
      if (typed.size >= mostTyping) typed.clear();
      typed.set(channelId, now + typingMs);
      client.rest.post(Routes.channelTyping(channelId)).catch((error: unknown) => {
        logger.debug({ error: String(error) }, 'nobody sees that the bot is typing');
      });
    },
    stops: onStop
      ? createStops({ onStop, growing: () => growing.values(), dismiss: questions.dismiss, logger })
      : undefined,
    heard(messageId, actorId) {
      const [oldest] = authors.keys();
      if (authors.size >= mostAuthors && oldest !== undefined) authors.delete(oldest);
      authors.set(messageId, actorId);
    },
    takeUp() {
      wills.carryOut();
      for (const message of growing.keys()) message.resume();
    },
    async close() {
      closed = true;
      questions.close();
      for (const message of [...growing.keys()]) message.abandon();
      await Promise.race([Promise.allSettled(finishing), sleep(farewellMs, undefined, { ref: false })]);
    },
  };
}
