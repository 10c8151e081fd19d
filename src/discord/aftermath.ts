// What comes after a tool has answered, or after the process that ran it has ended: releases are followed to their
// verdict, and every conversation that an earlier process left is brought to an end.

import { setTimeout as sleep } from 'node:timers/promises';
import type { About, Conversation } from './conversations.ts';
import type { Address } from './delivery.ts';
import { aboutOfCutOff, readReleases, standingOf } from './deployments.ts';
import type { LiveMessage } from './live-message.ts';
import type { Payload } from './render/payload.ts';
import type { CallSurroundings } from './surroundings.ts';
import { createTalk, type Talk } from './talk.ts';

const longestPauseMs = 2 ** 30;
const longestSteps = 1_200;
const longestVerdict = 600;

/** Follows conversations to their end. */
export interface Aftermath {
  /** A conversation that is being looked after in this process. */
  own(id: number): void;
  disown(id: number): void;
  /** Goes on with what a tool has begun; `result` is what the tool itself answered. */
  follow(conversation: Conversation, talk: Talk, result?: Payload): Promise<void>;
  /** Takes up whatever nobody looks after. */
  takeUp(): void;
}

/** Looks after conversations until the signal. */
export function createAftermath(
  surroundings: CallSurroundings,
  live: (address: () => Address) => LiveMessage,
  closing: AbortSignal,
): Aftermath {
  const { conversations, writer, logger } = surroundings;
  const active = new Set<number>();
  /** Rows of before this process: their calls ended with the process that they ran in. */
  const inherited = new Set(conversations.open().map(({ id }) => id));
  const openOnes = () => {
    try {
      return conversations.open();
    } catch (error) {
      logger.warn({ error: String(error) }, 'the conversations could not be read this time');
      return [];
    }
  };
  const follow = async (conversation: Conversation, talk: Talk, result?: Payload) => {
    const end =
      conversation.about.kind === 'release'
        ? await followReleases(surroundings, conversation, conversation.about, talk, closing)
        : await awaitRestart(surroundings, talk, closing, result);
    if (end === undefined) return;
    await talk.end({ content: end });
    active.delete(conversation.id);
  };
  const takeUp = async (conversation: Conversation) => {
    const { id, address, tool, steps, outcome } = conversation;
    const talk = createTalk({
      title: tool,
      live: live(() => address),
      writer,
      conversations,
      row: id,
      steps,
    });
    const about = outcome === null ? await aboutOf(surroundings, conversation) : undefined;
    if (about) return follow({ ...conversation, about }, talk);
    await talk.end({ content: outcome ?? wordsFor(surroundings, conversation) });
    active.delete(id);
  };
  return {
    own: (id) => void active.add(id),
    disown: (id) => void active.delete(id),
    follow,
    takeUp() {
      for (const conversation of openOnes()) {
        const isLeft = inherited.has(conversation.id) || conversation.outcome !== null;
        if (!isLeft || active.has(conversation.id)) continue;
        active.add(conversation.id);
        takeUp(conversation).catch((error: unknown) => {
          active.delete(conversation.id);
          if (!closing.aborted) logger.error({ error: String(error) }, 'a conversation could not be ended');
        });
      }
    },
  };
}

/** The last words on the releases of a conversation; nothing when the process ends before. */
async function followReleases(
  { dispatcher, writer, timing, logger }: CallSurroundings,
  { actor }: Conversation,
  about: Extract<About, { kind: 'release' }>,
  talk: Talk,
  closing: AbortSignal,
): Promise<string | undefined> {
  // From now on, however long the gates took; the clock of the machine may be set meanwhile.
  const until = performance.now() + timing.followForMs;
  let said: string | undefined;
  while (!closing.aborted) {
    try {
      const standing = standingOf(about, await readReleases(dispatcher, actor));
      if (closing.aborted) return undefined;
      if (standing.isOver) {
        const steps = talk.steps.length === 0 ? '' : `\n${writer.tail(talk.steps, longestSteps)}`;
        return `${standing.isGood ? '✅' : '↩️'} ${writer.passage(standing.text, longestVerdict)}${steps}`;
      }
      if (standing.text !== said) talk.step({ message: standing.text });
      said = standing.text;
    } catch (error) {
      if (closing.aborted) return undefined;
      logger.warn({ error: String(error) }, 'the state of a release could not be read this time');
    }
    if (performance.now() > until) {
      return `⏳ ${writer.sentence(`${said ?? 'Nothing is known of it'}. Look at the releases later.`)}`;
    }
    await pause(timing.followMs, closing);
  }
  return undefined;
}

/** Of a restart that was asked for, the next process says that it happened; this one only that it did not. */
async function awaitRestart(
  { writer, timing }: CallSurroundings,
  talk: Talk,
  closing: AbortSignal,
  result: Payload | undefined,
): Promise<string | undefined> {
  if (result) talk.show(result);
  await pause(timing.followForMs, closing);
  if (closing.aborted) return undefined;
  return `⚠️ The bot was not restarted. ${writer.sentence('See: understudy doctor')}`;
}

/** What a conversation of an earlier process still waits for, if anything. */
async function aboutOf({ dispatcher, conversations }: CallSurroundings, conversation: Conversation) {
  const { id, about, actor, tool } = conversation;
  if (about.kind !== 'call') return about.kind === 'release' ? about : undefined;
  if (tool !== 'promote' && tool !== 'rollback') return undefined;
  const releases = await readReleases(dispatcher, actor).catch(() => []);
  const found = aboutOfCutOff(conversation, releases);
  if (found) conversations.note(id, { about: found });
  return found;
}

/** The end of a conversation whose process has ended. */
function wordsFor({ writer }: CallSurroundings, { about, tool, steps }: Conversation): string {
  if (about.kind === 'restart') return `✅ The bot was restarted, and is back (PID ${process.pid}).`;
  const shown = steps.length === 0 ? '' : `\n${writer.tail(steps, longestSteps)}`;
  const words = `The bot was restarted while '${tool}' was under way. What it had begun may be done, or go on; look here: understudy history, understudy list`;
  return `⚠️ ${writer.sentence(words)}${shown}`;
}

/** Waits, but not longer than until the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(Math.min(ms, longestPauseMs), undefined, { signal }).catch(() => {});
}
