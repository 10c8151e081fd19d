// What the small Discord of ours knows: one guild with its channels, roles and members, the application with its
// commands, messages with everything that was ever done to them, and the tokens of interactions. Plain data and how it
// looks as Discord's JSON; it neither listens nor sends.

import type { Account, Channel, InteractionRecord, Json, Message, MessageState, SentFile } from './things.ts';

export type { Account, Channel, InteractionRecord, Json, Message, MessageState, SentFile } from './things.ts';

/** How many minutes the token of an interaction is good for. */
const tokenMinutes = 15;
const discordEpoch = 1_420_070_400_000n;
const ephemeral = 64;

/** Everything that a small Discord knows. */
export function createWorld(now: () => number, token: string) {
  let counter = 0n;
  const newId = () => String(((BigInt(now()) - discordEpoch) << 22n) | (++counter & 0x3fffffn));
  const applicationId = newId();
  const bot: Account = { id: applicationId, name: 'understudy', isBot: true, roleIds: [] };
  const guild = { id: newId(), name: 'Home', ownerId: newId() };
  const roles = new Map<string, string>([[guild.id, '@everyone']]);
  const channels = new Map<string, Channel>();
  const accounts = new Map<string, Account>([[bot.id, bot]]);
  const messages = new Map<string, Message>();
  const interactions = new Map<string, InteractionRecord>();
  const commands = new Map<string, Json>();
  /** Names of files whose download never ends. */
  const stalled = new Set<string>();
  /** Channels that the bot cannot see, or cannot write to. */
  const lacking = new Map<string, 'view' | 'send'>();

  const world = {
    now,
    token,
    applicationId,
    bot,
    guild,
    roles,
    channels,
    accounts,
    messages,
    interactions,
    commands,
    stalled,
    /** Where files are, such as `http://127.0.0.1:1234`. */
    filesAt: 'https://cdn.invalid',
    lacking,
    newId,
    addChannel(name: string, part: Partial<Channel> = {}): Channel {
      const channel = { id: newId(), name, type: 0, ...part };
      channels.set(channel.id, channel);
      return channel;
    },
    addRole(name: string): string {
      const id = newId();
      roles.set(id, name);
      return id;
    },
    addAccount(name: string, roleIds: readonly string[] = []): Account {
      const account = { id: newId(), name, isBot: false, roleIds };
      accounts.set(account.id, account);
      return account;
    },
    /** What somebody does from now on, they do with these roles. */
    setRoles(userId: string, roleIds: readonly string[]): void {
      const account = accounts.get(userId);
      if (account) account.roleIds = roleIds;
    },
    /** The conversation of the bot with one user. */
    directChannel(userId: string): Channel {
      const known = [...channels.values()].find(({ recipientId }) => recipientId === userId);
      return known ?? world.addChannel('', { type: 1, recipientId: userId });
    },
    addMessage(
      part: Pick<Message, 'channelId' | 'authorId'> & Partial<Message>,
      state: Partial<MessageState>,
    ): Message {
      const message: Message = {
        id: newId(),
        states: [{ ...emptyState, ...state, at: now() }],
        deleted: false,
        loading: false,
        nonce: undefined,
        mentions: [],
        referenced: undefined,
        ...part,
      };
      messages.set(message.id, message);
      return message;
    },
    /** Puts a new state on top of the last one; what is not named stays. */
    editMessage(message: Message, part: Partial<MessageState>): void {
      message.loading = false;
      message.states.push({ ...latest(message), ...part, at: now() });
    },
    isTokenGood: (record: InteractionRecord) =>
      !record.expired && now() - record.sentAt < tokenMinutes * 60_000,
    userJson,
    memberJson,
    messageJson,
    channelJson,
    guildJson,
  };

  function userJson({ id, name, isBot }: Account): Json {
    return { id, username: name, global_name: name, discriminator: '0', avatar: null, bot: isBot, flags: 0 };
  }

  function memberJson({ roleIds }: Account): Json {
    return {
      roles: roleIds,
      joined_at: new Date(0).toISOString(),
      nick: null,
      avatar: null,
      premium_since: null,
      deaf: false,
      mute: false,
      pending: false,
      flags: 0,
      communication_disabled_until: null,
    };
  }

  function messageJson(message: Message): Json {
    const { content, embeds, components, flags, files } = latest(message);
    const author = accounts.get(message.authorId) ?? bot;
    const mentioned = message.mentions.flatMap((id) => accounts.get(id) ?? []);
    const reference = message.referenced === undefined ? undefined : messages.get(message.referenced);
    return {
      id: message.id,
      channel_id: message.channelId,
      author: userJson(author),
      content,
      timestamp: new Date(message.states[0]?.at ?? 0).toISOString(),
      edited_timestamp: message.states.length > 1 ? new Date(latest(message).at).toISOString() : null,
      tts: false,
      mention_everyone: false,
      mentions: mentioned.map(userJson),
      mention_roles: [],
      attachments: files.map((file, index) => attachmentJson(message, file, index)),
      embeds,
      components,
      pinned: false,
      type: reference ? 19 : 0,
      flags: flags | (message.loading ? 128 : 0),
      ...(message.nonce === undefined ? {} : { nonce: message.nonce }),
      ...(reference
        ? {
            message_reference: { message_id: reference.id, channel_id: reference.channelId },
            referenced_message: messageJson(reference),
          }
        : {}),
    };
  }

  function attachmentJson({ id, channelId }: Message, file: SentFile, index: number): Json {
    const { name, bytes, size = bytes.length, contentType = kindOf(name) } = file;
    const url =
      file.url ?? `${world.filesAt}/attachments/${channelId}/${id}/${index}/${encodeURIComponent(name)}`;
    return {
      id: String(index),
      filename: name,
      size,
      url,
      proxy_url: url,
      ...(contentType === undefined ? {} : { content_type: contentType }),
    };
  }

  function channelJson({ id, name, type, parentId, recipientId, ownerId }: Channel): Json {
    if (recipientId !== undefined) {
      const recipient = accounts.get(recipientId);
      return { id, type, recipients: recipient ? [userJson(recipient)] : [], last_message_id: null };
    }
    const thread = {
      owner_id: ownerId ?? bot.id,
      message_count: 0,
      member_count: 1,
      thread_metadata: {
        archived: false,
        auto_archive_duration: 1_440,
        archive_timestamp: new Date(now()).toISOString(),
        locked: false,
      },
    };
    return {
      id,
      name,
      type,
      guild_id: guild.id,
      parent_id: parentId ?? null,
      position: 0,
      permission_overwrites: [],
      nsfw: false,
      topic: null,
      last_message_id: null,
      rate_limit_per_user: 0,
      ...(parentId === undefined ? {} : thread),
    };
  }

  /** What GUILD_CREATE and GET /guilds/… hold. */
  function guildJson(): Json {
    const ofGuild = [...channels.values()].filter(({ recipientId }) => recipientId === undefined);
    return {
      id: guild.id,
      name: guild.name,
      owner_id: guild.ownerId,
      icon: null,
      features: [],
      afk_timeout: 300,
      verification_level: 0,
      default_message_notifications: 0,
      explicit_content_filter: 0,
      mfa_level: 0,
      nsfw_level: 0,
      premium_tier: 0,
      preferred_locale: 'en-US',
      system_channel_flags: 0,
      joined_at: new Date(0).toISOString(),
      large: false,
      unavailable: false,
      member_count: accounts.size,
      emojis: [],
      stickers: [],
      roles: [...roles].map(([id, name], position) => roleJson(id, name, position)),
      members: [...accounts.values()].map((account) => ({ ...memberJson(account), user: userJson(account) })),
      channels: ofGuild.filter(({ parentId }) => parentId === undefined).map(channelJson),
      threads: ofGuild.filter(({ parentId }) => parentId !== undefined).map(channelJson),
      voice_states: [],
      presences: [],
      stage_instances: [],
      guild_scheduled_events: [],
      soundboard_sounds: [],
    };
  }
  return world;
}

/** A small Discord's knowledge. */
export type World = ReturnType<typeof createWorld>;

/** The message as it is now. */
export function latest(message: Message): MessageState {
  return message.states.at(-1) ?? { ...emptyState, at: 0 };
}

/** True of a message that only one user sees. */
export function isEphemeral(message: Message): boolean {
  return (latest(message).flags & ephemeral) !== 0;
}

/** What Discord tells of a file by its name. */
function kindOf(name: string): string | undefined {
  const kinds: Record<string, string> = {
    txt: 'text/plain; charset=utf-8',
    log: 'text/plain',
    json: 'application/json',
    png: 'image/png',
  };
  return kinds[name.split('.').at(-1) ?? ''];
}

const emptyState: Omit<MessageState, 'at'> = {
  content: '',
  embeds: [],
  components: [],
  flags: 0,
  files: [],
  allowedMentions: undefined,
};

function roleJson(id: string, name: string, position: number): Json {
  return {
    id,
    name,
    position,
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    managed: false,
    mentionable: false,
    permissions: '2147485696',
    flags: 0,
  };
}
