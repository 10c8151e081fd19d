// Brings messages to Discord. The answer to an interaction is edited by its token, which works in every channel, for
// some fifteen minutes; after that, like any other message of ours, by its channel.

import { type Client, DiscordAPIError, type REST, Routes } from 'discord.js';
import type { Clock } from '../../skills/tool.ts';
import { noPreviews, type Payload, toRequest } from './render/payload.ts';

/** Where a message of ours is. */
export interface Address {
  readonly channelId: string;
  /** Unknown of an answer that only one person sees and that nobody has looked up. */
  readonly messageId: string | undefined;
  readonly token?: string | undefined;
  /** Milliseconds since 1970. */
  readonly tokenUntil?: number;
}

/** `gone`: there is no such message for us any more. `refused`: this very text will never stand there. */
export type Edited = 'done' | 'gone' | 'refused';

/** Sends and edits; every method waits for Discord's rate limits and throws when Discord cannot be reached. */
export interface Delivery {
  edit(address: Address, payload: Payload): Promise<Edited>;
  /** A nonce makes sure that the same thing sent twice stands there once. */
  post(channelId: string, payload: Payload, nonce?: string, replyTo?: string): Promise<{ id: string }>;
  /** Takes a message of ours away. */
  remove(address: Address): Promise<void>;
}

/** Errors that say: this token is dead, the message may live. */
const deadTokens = new Set<number | string>([10_015, 50_027]);
const mostDeadTokens = 500;

/** Delivery by the client that is connected at the moment of each request. */
export function createDelivery(client: () => Client<true> | undefined, clock: Clock): Delivery {
  const dead = new Set<string>();
  const connected = () => {
    const found = client();
    if (!found) throw new Error('Discord is not connected');
    return found;
  };
  const isUsable = ({ token, tokenUntil = 0 }: Address) =>
    token !== undefined && clock.now() < tokenUntil && !dead.has(token);
  return {
    async edit(address, payload) {
      const { rest, application } = connected();
      const request = toRequest(payload);
      const { token } = address;
      if (token !== undefined && isUsable(address)) {
        try {
          await rest.patch(Routes.webhookMessage(application.id, token, '@original'), {
            ...request,
            auth: false,
          });
          return 'done';
        } catch (error) {
          if (!(error instanceof DiscordAPIError) || !deadTokens.has(error.code)) return verdictOf(error);
          if (dead.size >= mostDeadTokens) dead.clear();
          dead.add(token);
        }
      }
      return editInChannel(rest, address, request);
    },
    async remove({ channelId, messageId = '' }) {
      await connected().rest.delete(Routes.channelMessage(channelId, messageId));
    },
    async post(channelId, payload, nonce, replyTo) {
      const { body, files } = toRequest(payload);
      const once = { ...(nonce === undefined ? {} : { nonce, enforce_nonce: true }), ...asReply(replyTo) };
      return (await connected().rest.post(Routes.channelMessages(channelId), {
        body: { ...body, ...once, flags: noPreviews },
        files,
      })) as { id: string };
    },
  };
}

/** Whoever is answered is not called; and who has taken the question back is answered all the same. */
function asReply(messageId: string | undefined): Record<string, unknown> {
  if (messageId === undefined) return {};
  return {
    message_reference: { message_id: messageId, fail_if_not_exists: false },
    allowed_mentions: { parse: [], replied_user: false },
  };
}

async function editInChannel(
  rest: REST,
  { channelId, messageId }: Address,
  request: ReturnType<typeof toRequest>,
): Promise<Edited> {
  if (messageId === undefined) return 'gone';
  try {
    await rest.patch(Routes.channelMessage(channelId, messageId), request);
    return 'done';
  } catch (error) {
    return verdictOf(error);
  }
}

/** Whatever Discord refuses once it refuses again, but for a token of ours and its limits. */
export function verdictOf(error: unknown): Edited {
  if (!(error instanceof DiscordAPIError)) throw error;
  if (error.status === 403 || error.status === 404) return 'gone';
  if (error.status === 400) return 'refused';
  throw error;
}
