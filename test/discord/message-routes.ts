// Routes of the small Discord for channels and their messages.

import { type Answer, type Asked, failure, type Route, route, type Surroundings } from './route.ts';
import { isEphemeral, type Json, latest, type Message, type MessageState, type World } from './world.ts';

export const unknownMessage = failure(404, 10_008, 'Unknown Message');
/** Discord remembers a nonce for "the past few minutes". */
const nonceMs = 300_000;
const unknownChannel = failure(404, 10_003, 'Unknown Channel');
const noAccess = failure(403, 50_001, 'Missing Access');
const noPermission = failure(403, 50_013, 'Missing Permissions');

/** Channels, messages, threads. */
export function channelRoutes(
  { world, emit }: Surroundings,
  at: (path: string) => RegExp,
  id: string,
  bucket: (name: string) => readonly [string, number, number],
): Route[] {
  const messageIn = (channel: string | undefined, key: string | undefined) => {
    const message = world.messages.get(key ?? '');
    // Only whoever it is for can see it, and by its own token alone.
    const found = message && !message.deleted && message.channelId === channel && !isEphemeral(message);
    return found ? message : undefined;
  };
  const path = `/channels/${id}/messages`;
  const routes: Route[] = [
    route('GET', at(`/channels/${id}`), ({ params: [channel = ''] }) => {
      const found = world.channels.get(channel);
      return found && world.channelJson(found);
    }),
    {
      ...route('POST', at(`/channels/${id}/typing`), () => undefined),
      bucket: bucket('typing'),
    },
    {
      ...route('POST', at(path), (asked) => postMessage(world, emit, asked)),
      checks: 'message',
      bucket: bucket('post'),
    },
    route('GET', at(path), ({ params: [channel] }) => {
      const all = [...world.messages.values()];
      const visible = all.filter((message) => messageIn(channel, message.id));
      return visible.reverse().slice(0, 50).map(world.messageJson);
    }),
    route('GET', at(`${path}/${id}`), ({ params: [channel, key] }) => {
      const message = messageIn(channel, key);
      return message ? world.messageJson(message) : unknownMessage;
    }),
    {
      ...route('PATCH', at(`${path}/${id}`), (asked) => {
        const message = messageIn(asked.params[0], asked.params[1]);
        if (!message) return unknownMessage;
        if (message.authorId !== world.bot.id) {
          return failure(403, 50_005, 'Cannot edit a message authored by another user');
        }
        world.editMessage(message, stateOf(asked, message));
        return world.messageJson(message);
      }),
      checks: 'message edit',
      bucket: bucket('edit'),
    },
    {
      ...route('DELETE', at(`${path}/${id}`), ({ params: [channel, key] }) => {
        const message = messageIn(channel, key);
        if (!message) return unknownMessage;
        message.deleted = true;
        return undefined;
      }),
      bucket: bucket('delete'),
    },
    {
      ...route('POST', at(`${path}/${id}/threads`), ({ params: [parentId = '', key = ''], body }) => {
        if (!messageIn(parentId, key)) return unknownMessage;
        if (world.channels.has(key)) {
          return failure(400, 160_004, 'A thread has already been created for this message');
        }
        return world.channelJson(world.addChannel(String(body.name), { type: 11, parentId, id: key }));
      }),
      checks: 'thread of a message',
    },
    {
      ...route('POST', at(`/channels/${id}/threads`), ({ params: [parentId = ''], body }) =>
        world.channelJson(world.addChannel(String(body.name), { type: 11, parentId })),
      ),
      checks: 'thread',
    },
  ];
  return routes.map((each) => ({
    ...each,
    answer: (asked) => refusalOf(world, each.method, asked.params[0]) ?? each.answer(asked),
  }));
}

/** What the bot may not do in a channel; interactions bring their own way in. */
function refusalOf(world: World, method: string, channelId = ''): Answer | undefined {
  if (!world.channels.has(channelId)) return unknownChannel;
  const lacks = world.lacking.get(channelId);
  if (lacks === 'view') return noAccess;
  return lacks === 'send' && method === 'POST' ? noPermission : undefined;
}

interface Reference {
  readonly message_id?: string;
  readonly fail_if_not_exists?: boolean;
}

function postMessage(world: World, emit: Surroundings['emit'], asked: Asked): unknown {
  const { params, body } = asked;
  const channel = world.channels.get(params[0] ?? '');
  if (!channel) return unknownChannel;
  const nonce = body.nonce === undefined || body.nonce === null ? undefined : String(body.nonce);
  if (nonce !== undefined && body.enforce_nonce === true) {
    const since = world.now() - nonceMs;
    const same = [...world.messages.values()].find(
      (other) => other.nonce === nonce && (other.states[0]?.at ?? 0) >= since,
    );
    if (same) return world.messageJson(same);
  }
  const reference = body.message_reference as Reference | undefined;
  const answered = reference && world.messages.get(reference.message_id ?? '');
  const isKnown = answered && !answered.deleted && answered.channelId === channel.id;
  if (reference && !isKnown && reference.fail_if_not_exists !== false) {
    return failure(400, 50_035, 'Invalid Form Body: message_reference: Unknown message');
  }
  const message = world.addMessage(
    { channelId: channel.id, authorId: world.bot.id, nonce, referenced: isKnown ? answered.id : undefined },
    stateOf(asked),
  );
  const guild = channel.recipientId === undefined ? { guild_id: world.guild.id } : {};
  emit('MESSAGE_CREATE', { ...world.messageJson(message), channel_type: channel.type, ...guild });
  return world.messageJson(message);
}

/** What a body makes of a message; in an edit, what it does not name stays. */
export function stateOf({ body, files }: Asked, before?: Message): Partial<MessageState> {
  const named = body.attachments as { id: string | number }[] | undefined;
  const old = before ? latest(before).files : [];
  // Without a list the old files stay; with one, those stay that it names by their id.
  const kept =
    named === undefined
      ? old
      : old.filter(
          (_, index) => files[index] === undefined && named.some(({ id }) => String(id) === String(index)),
        );
  return {
    ...(body.content === undefined ? {} : { content: String(body.content ?? '') }),
    ...(body.embeds === undefined ? {} : { embeds: (body.embeds ?? []) as Json[] }),
    ...(body.components === undefined ? {} : { components: (body.components ?? []) as Json[] }),
    ...(body.flags === undefined || before?.loading === false ? {} : { flags: Number(body.flags ?? 0) }),
    ...(body.allowed_mentions === undefined ? {} : { allowedMentions: body.allowed_mentions as Json }),
    files: [...kept, ...files],
  };
}
