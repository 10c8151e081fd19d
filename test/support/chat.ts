// What tests of the chat look at: the messages of the bot in a channel, and what can be pressed there.

import { onTestFinished } from 'vitest';
import type { Json, Message, SmallDiscord } from '../discord/index.ts';
import type { Channel } from '../discord/things.ts';
import { latest } from '../discord/world.ts';
import type { TestBot } from './discord-bot.ts';

/** The messages of the bot in a channel, in order. */
export function ownMessages(discord: SmallDiscord, channel: Channel = discord.home): Message[] {
  return discord.messagesIn(channel).filter(({ authorId }) => authorId === discord.world.bot.id);
}

/** Their texts now. */
export function ownTexts(discord: SmallDiscord, channel?: Channel): string[] {
  return ownMessages(discord, channel).map((message) => latest(message).content);
}

/** The labels of what can be pressed below a message. */
export function buttonsOf(message: Message | undefined): string[] {
  const rows = message ? latest(message).components : [];
  return rows.flatMap((row) => ((row.components ?? []) as Json[]).map(({ label }) => String(label)));
}

/** How many notices wait. */
export function waitingNotices({ instance }: TestBot): number {
  return Number(instance.database().prepare('SELECT count(*) FROM discord_notices').pluck().get());
}

/** How many messages have left a will. */
export function willsOf({ instance }: TestBot): number {
  return Number(instance.database().prepare('SELECT count(*) FROM discord_wills').pluck().get());
}

/** Does something again and again until the test ends. */
export function repeatedly(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  const stop = () => clearInterval(timer);
  onTestFinished(stop);
  return stop;
}
