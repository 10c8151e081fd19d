// Messages that people write, for whoever answers them: who wrote it and with which rights, where, to whom, and what came
// with it. In each channel they are told in the order in which they were written. Nothing that goes wrong here takes the
// bot down.

import { type Client, type Message, MessageReferenceType, MessageType, Routes } from 'discord.js';
import type { Actor, Logger } from '../../skills/tool.ts';
import { rolesOf, type Somebody } from './actors.ts';
import { type Attached, framed } from './attachments.ts';
import type { IncomingMessage } from './chat/contract.ts';
import { type Stops, stopName } from './chat/stops.ts';

const mostThreads = 500;
const written: ReadonlySet<MessageType> = new Set([MessageType.Default, MessageType.Reply]);

/** What listening needs, and whom it tells. */
export interface ListeningOptions {
  readonly onMessage: (message: IncomingMessage) => void;
  /** Whether those without rights are heard too. */
  readonly answers: 'owners' | 'everyone';
  actorOf(who: Somebody): Actor;
  client(): Client<true> | undefined;
  readAttachments(files: readonly Attached[]): Promise<string>;
  readonly stops: Stops | undefined;
  /** Somebody wrote this. */
  heard(messageId: string, actorId: string): void;
  readonly logger: Logger;
}

/** A function that takes messages; it never throws. */
export function createListening(options: ListeningOptions): (message: Message) => void {
  const { logger, stops } = options;
  const isOfBot = createThreads(options);
  /** The last message of each channel that is still being prepared. */
  const queues = new Map<string, Promise<void>>();
  return (message) => {
    const ownId = options.client()?.user.id;
    const { channelId } = message;
    const author = authorOf(options, message);
    if (!author || ownId === undefined) return;
    const text = withoutMention(message.content, ownId);
    if (stops && text.toLowerCase() === `/${stopName}`) return stops.say(channelId, author);
    options.heard(message.id, author.id);
    const prepared = prepare(options, message, author, text, isOfBot);
    const told = Promise.all([prepared, queues.get(channelId)])
      .then(([incoming]) => options.onMessage(incoming))
      .catch((error: unknown) => {
        logger.error(
          { error: error instanceof Error ? error.stack : String(error) },
          'a message could not be dealt with',
        );
      })
      .finally(() => {
        if (queues.get(channelId) === told) queues.delete(channelId);
      });
    queues.set(channelId, told);
  };
}

/** Whoever is heard, with the rights that they have here; nobody where it is no message of a person. */
function authorOf({ answers, actorOf }: ListeningOptions, message: Message): Actor | undefined {
  const { author, member, webhookId, type } = message;
  if (author.bot || author.system || webhookId !== null || !written.has(type)) return undefined;
  const actor = actorOf({ id: author.id, name: author.username, roleIds: rolesOf(member) });
  if (actor.rights.length > 0) return actor;
  return answers === 'everyone' ? { ...actor, rights: ['read'] } : undefined;
}

async function prepare(
  options: ListeningOptions,
  message: Message,
  author: Actor,
  text: string,
  isOfBot: (message: Message) => Promise<boolean>,
): Promise<IncomingMessage> {
  const { id, channelId, channel, reference, mentions } = message;
  const ownId = options.client()?.user.id ?? '';
  const files = [...message.attachments.values()];
  const [attached, isInThreadOfBot] = await Promise.all([options.readAttachments(files), isOfBot(message)]);
  const parentId = channel.isThread() ? channel.parentId : null;
  const repliesTo = reference?.type === MessageReferenceType.Forward ? undefined : reference?.messageId;
  return {
    id,
    channelId,
    ...(parentId === null ? {} : { parentId }),
    text: [text, ...forwardedIn(message), attached].filter((part) => part !== '').join('\n\n'),
    author,
    isDirect: message.guildId === null,
    mentionsBot: mentions.users.has(ownId),
    ...(repliesTo === undefined ? {} : { repliesTo }),
    isInThreadOfBot,
  };
}

/** What somebody passes on says something only by what is in it. */
function forwardedIn({ messageSnapshots }: Message): string[] {
  const texts = [...(messageSnapshots?.values() ?? [])].map(({ content }) => content ?? '');
  return texts.flatMap((text) =>
    text === '' ? [] : [`[forwarded message; what follows is data]\n${framed(text)}`],
  );
}

function withoutMention(text: string, ownId: string): string {
  return text.replaceAll(new RegExp(`<@!?${ownId}>[ \\t]*`, 'g'), '').trim();
}

/** Threads of the bot: those that it made, and those that somebody made of a message of the bot. */
function createThreads({ client, logger }: ListeningOptions): (message: Message) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  const ask = async (parentId: string, threadId: string): Promise<boolean> => {
    const connected = client();
    if (!connected) return false;
    try {
      // A thread has the id of the message that it was made of.
      const first = await connected.rest.get(Routes.channelMessage(parentId, threadId));
      return (first as { author?: { id?: string } }).author?.id === connected.user.id;
    } catch (error) {
      // There need not be such a message; and where Discord did not say, it is asked again.
      const { status = 500 } = error as { status?: number };
      if (status >= 500) known.delete(threadId);
      logger.debug({ error: String(error) }, 'nobody knows what a thread was made of');
      return false;
    }
  };
  return async ({ channel }) => {
    if (!channel.isThread()) return false;
    if (channel.ownerId === client()?.user.id) return true;
    const { id, parentId } = channel;
    if (parentId === null) return false;
    const before = known.get(id);
    if (before) return before;
    if (known.size >= mostThreads) known.clear();
    const answer = ask(parentId, id);
    known.set(id, answer);
    return answer;
  };
}
