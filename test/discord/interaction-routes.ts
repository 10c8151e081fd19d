// Routes of the small Discord for interactions: the first answer, and the webhook that its token opens.

import { stateOf, unknownMessage } from './message-routes.ts';
import { type Answer, type Asked, failure, type Route, route, type Surroundings } from './route.ts';
import { type InteractionRecord, isEphemeral, type Json, type Message, type World } from './world.ts';

const unknownInteraction = failure(404, 10_062, 'Unknown interaction');
const invalidToken = failure(401, 50_027, 'Invalid Webhook Token');

/** Answers to interactions, and what follows them. */
export function interactionRoutes(
  { world, answerWithinMs }: Surroundings,
  at: (path: string) => RegExp,
  id: string,
): Route[] {
  const byToken = (token: string | undefined) =>
    [...world.interactions.values()].find((record) => record.token === token);
  const target = ({ params: [, token, key] }: Asked): Message | Answer => {
    const record = byToken(token);
    if (!record || !world.isTokenGood(record)) return invalidToken;
    const isFollowUp = key !== undefined && record.followUpIds.includes(key);
    const own = isFollowUp ? key : (record.replyId ?? record.sourceId);
    const message = world.messages.get(own ?? '');
    return message && !message.deleted && record.callback !== undefined ? message : unknownMessage;
  };
  const webhook = `/webhooks/${id}/([^/]+)`;
  const bucket = ['webhook', 5, 2_000] as const;
  return [
    {
      ...route('POST', at(`/interactions/${id}/([^/]+)/callback`), (asked) => {
        const record = world.interactions.get(asked.params[0] ?? '');
        if (!record || record.token !== asked.params[1]) return unknownInteraction;
        if (record.callback !== undefined) {
          return failure(400, 40_060, 'Interaction has already been acknowledged.');
        }
        if (world.now() - record.sentAt > answerWithinMs) return unknownInteraction;
        callBack(world, record, asked);
        return asked.query.get('with_response') === 'true' ? callbackResponse(world, record) : undefined;
      }),
      checks: 'callback',
      needsNoToken: true,
    },
    {
      ...route('POST', at(webhook), (asked) => {
        const record = byToken(asked.params[1]);
        if (!record || !world.isTokenGood(record)) return invalidToken;
        const message = world.addMessage(
          { channelId: record.channelId, authorId: world.bot.id },
          stateOf(asked),
        );
        record.followUpIds.push(message.id);
        return world.messageJson(message);
      }),
      checks: 'webhook message',
      needsNoToken: true,
      bucket,
    },
    {
      ...route('GET', at(`${webhook}/messages/(@original|\\d+)`), (asked) => {
        const message = target(asked);
        return 'status' in message ? message : world.messageJson(message);
      }),
      needsNoToken: true,
    },
    {
      ...route('PATCH', at(`${webhook}/messages/(@original|\\d+)`), (asked) => {
        const message = target(asked);
        if ('status' in message) return message;
        world.editMessage(message, stateOf(asked, message));
        return world.messageJson(message);
      }),
      checks: 'webhook edit',
      needsNoToken: true,
      bucket,
    },
    {
      ...route('DELETE', at(`${webhook}/messages/(@original|\\d+)`), (asked) => {
        const message = target(asked);
        if ('status' in message) return message;
        message.deleted = true;
        return undefined;
      }),
      needsNoToken: true,
      bucket,
    },
  ];
}

function callBack(world: World, record: InteractionRecord, asked: Asked): void {
  const { type, data } = asked.body as { type: number; data?: Json };
  record.callback = asked.body;
  record.callbackAt = world.now();
  const inner = { ...asked, body: data ?? {} };
  if (type === 4 || type === 5) {
    const message = world.addMessage(
      { channelId: record.channelId, authorId: world.bot.id, loading: type === 5 },
      stateOf(inner),
    );
    record.replyId = message.id;
  }
  const source = world.messages.get(record.sourceId ?? '');
  if (type === 7 && source) world.editMessage(source, stateOf(inner, source));
}

function callbackResponse(world: World, record: InteractionRecord): Json {
  const type = (record.callback as { type: number }).type;
  const message = world.messages.get(record.replyId ?? record.sourceId ?? '');
  return {
    interaction: {
      id: record.id,
      type: record.type,
      ...(message ? { response_message_id: message.id, response_message_loading: message.loading } : {}),
      response_message_ephemeral: message ? isEphemeral(message) : false,
    },
    ...(message ? { resource: { type, message: world.messageJson(message) } } : {}),
  };
}
