// Whom the agent listens to, and which branch a message belongs to: the one that it replies to, else the one that its
// author has open in that channel, else a new one.

import type { Branch, Branches } from './branches.ts';
import { asMessage, shorten } from './data.ts';
import type { AgentOptions, IncomingMessage } from './surroundings.ts';

/** True when the message is meant for the agent. */
export function isHeard(
  { config }: Pick<AgentOptions, 'config'>,
  branches: Branches,
  message: IncomingMessage,
): boolean {
  if (message.author.rights.length === 0) return false;
  if (message.isDirect || message.mentionsBot || message.isInThreadOfBot === true) return true;
  const { wakeChannelId } = config.environment;
  const channels = config.discord.channels ?? (wakeChannelId === undefined ? [] : [wakeChannelId]);
  if (channels.includes(message.channelId)) return true;
  return message.repliesTo !== undefined && branches.ofPost(message.repliesTo) !== undefined;
}

/** The branch of a message. Who may do less than the person whom a branch serves gets one of their own. */
export function branchFor(branches: Branches, message: IncomingMessage): Branch {
  const replied = message.repliesTo === undefined ? undefined : branches.ofPost(message.repliesTo);
  const { author } = message;
  const mayJoin =
    replied?.actor.id === author.id || replied?.actor.rights.every((right) => author.rights.includes(right));
  return (
    (mayJoin ? replied : undefined) ??
    branches.openIn(message.channelId, author.id) ??
    branches.begin({
      key: `message:${message.id}`,
      origin: 'person',
      title: message.text.replace(/\s+/g, ' ').slice(0, 80) || '(no text)',
      channel: message.channelId,
      depth: 0,
      actor: author,
    })
  );
}

/** The message as the model reads it, of at most so many characters. */
export function wordsOf({ author, text }: IncomingMessage, most: number): string {
  return asMessage(author.name, author.rights, shorten(text.trim() === '' ? '(no text)' : text, most));
}
