// Carries out one command: acknowledged at once, run by the dispatcher as whoever asked, shown in one message until it
// is over. What goes on after the tool has answered is followed elsewhere (`aftermath.ts`).

import { setTimeout as sleep } from 'node:timers/promises';
import type { ButtonInteraction, ChatInputCommandInteraction, StringSelectMenuInteraction } from 'discord.js';
import { type Actor, type Caller, Failure, isFailure } from '../../skills/tool.ts';
import { createAftermath } from './aftermath.ts';
import { asking } from './confirmations.ts';
import type { Address } from './delivery.ts';
import { aboutOf } from './deployments.ts';
import { createLiveMessage, type LiveMessage } from './live-message.ts';
import { ephemeral, type Payload } from './render/payload.ts';
import type { CallSurroundings, Offered } from './surroundings.ts';
import { createTalk, type Talk } from './talk.ts';

/** How long tools have to notice that the bot ends, before their database is closed. */
const farewellMs = 500;

/** What a call answers to. */
export type Asking = ChatInputCommandInteraction | ButtonInteraction | StringSelectMenuInteraction;

/** The commands that are under way. */
export interface Calls {
  /** Says "working on it"; nothing where Discord has not heard that, for then nothing must happen either. */
  acknowledge(asking: Asking, isPrivate: boolean): Promise<Address | undefined>;
  /** Runs a tool, and shows in its message what becomes of it. Resolves when the tool has ended. */
  run(call: Call): Promise<void>;
  /** A message that is kept up to date. */
  live(address: () => Address): LiveMessage;
  /** Ends what was left, by earlier processes or while Discord was away; called again and again. */
  takeUp(): void;
  /** What is under way is left as it is, for the next process; tools that heed the end are waited for, shortly. */
  close(): Promise<void>;
}

/** One command. */
interface Call {
  readonly address: Address;
  readonly actor: Actor;
  readonly offered: Offered;
  readonly input: Record<string, unknown>;
  /** Only whoever asked sees the answer; it is not kept over a restart. */
  readonly isPrivate: boolean;
}

/** Carries out commands until it is closed. */
export function createCalls(surroundings: CallSurroundings): Calls {
  const { delivery, timing, clock, logger } = surroundings;
  const closing = new AbortController();
  const lives = new Set<LiveMessage>();
  const running = new Set<Promise<void>>();
  const live = (address: () => Address): LiveMessage => {
    const made = createLiveMessage(
      (payload) => delivery.edit(address(), payload),
      timing,
      logger,
      () => lives.delete(made),
    );
    lives.add(made);
    return made;
  };
  const aftermath = createAftermath(surroundings, live, closing.signal);
  return {
    live,
    async run(call) {
      const done = run(
        { ...surroundings, aftermath, closing: closing.signal },
        call,
        live(() => call.address),
      );
      running.add(done);
      await done.finally(() => running.delete(done));
    },
    takeUp: aftermath.takeUp,
    async acknowledge(interaction, isPrivate) {
      const { token, channelId } = interaction;
      try {
        const flags = isPrivate ? { flags: ephemeral } : {};
        const response = await interaction.deferReply({ ...flags, withResponse: true });
        const messageId = response.interaction.responseMessageId ?? undefined;
        return { channelId: channelId ?? '', messageId, token, tokenUntil: clock.now() + timing.tokenMs };
      } catch (error) {
        logger.warn({ error: String(error) }, 'a command could not be acknowledged, and is not carried out');
        return undefined;
      }
    },
    async close() {
      closing.abort();
      for (const message of lives) message.abandon();
      await Promise.race([Promise.allSettled(running), sleep(farewellMs, undefined, { ref: false })]);
    },
  };
}

type RunSurroundings = CallSurroundings & {
  readonly aftermath: ReturnType<typeof createAftermath>;
  readonly closing: AbortSignal;
};

async function run(surroundings: RunSurroundings, call: Call, live: LiveMessage): Promise<void> {
  const { dispatcher, conversations, confirmations, writer, clock, aftermath, closing } = surroundings;
  const { address, actor, input, isPrivate } = call;
  const { tool, skill } = call.offered;
  const begunAt = new Date(clock.now()).toISOString();
  const isKept = !isPrivate && tool.permission !== 'read';
  const row = isKept ? conversations.begin({ address, tool: tool.name, actor, begunAt }) : undefined;
  if (row !== undefined) aftermath.own(row);
  const talk = createTalk({ title: `/${skill.prefix} ${tool.name}`, live, writer, conversations, row });
  const notes: string[] = [];
  const questions: string[] = [];
  const end = async (payload: Payload) => {
    await talk.end(payload);
    if (row !== undefined) aftermath.disown(row);
  };
  try {
    const caller = callerOf(surroundings, call, talk, notes, questions);
    const output = await dispatcher.call(actor, tool.name, input, caller);
    if (closing.aborted) return;
    const view = tool.present?.(output) ?? { text: JSON.stringify(output, null, 2) };
    const result = writer.result(tool.name, view, notes, tool.isFailure(output));
    const about = row === undefined ? undefined : aboutOf(tool.name, input, output);
    if (row === undefined || about === undefined) {
      void end(await surroundings.decorate(tool.name, output, result));
      return;
    }
    conversations.note(row, { about });
    for (const message of notes) talk.step({ message });
    const conversation = { id: row, address, tool: tool.name, actor, begunAt, about, steps: talk.steps };
    void aftermath.follow({ ...conversation, outcome: null }, talk, result);
  } catch (error) {
    if (!closing.aborted) void end(writer.failure(asFailure(error)));
  } finally {
    confirmations.forget(questions);
  }
}

/** What the dispatcher may do with the person behind a call. */
function callerOf(
  { confirmations, writer, closing }: RunSurroundings,
  { address }: Call,
  talk: Talk,
  notes: string[],
  questions: string[],
): Caller {
  return {
    signal: closing,
    channel: address.channelId,
    progress: (step) => talk.step(step),
    notify: (note) => void notes.push(note),
    confirm: (confirmation) => {
      questions.push(confirmation.id);
      return confirmations.ask(confirmation, (buttons) =>
        talk.show(asking(writer.question(confirmation), buttons)),
      );
    },
  };
}

/** What somebody is told of an error, foreseen or not. */
export function asFailure(error: unknown): Failure {
  if (isFailure(error)) return error;
  return new Failure('internal', `Something went wrong: ${String(error)}`, 'Run: understudy doctor', {
    cause: error,
  });
}
