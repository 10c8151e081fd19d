// People of the small Discord: they type commands, press buttons, fill in forms and write messages, as their clients
// would send it.

import type { Gateway } from './gateway.ts';
import {
  type Account,
  type Channel,
  type InteractionRecord,
  type Json,
  latest,
  type Message,
  type SentFile,
  type World,
} from './world.ts';

/** What somebody gives to a command: values by the name of the option. */
type Given = Readonly<Record<string, string | number | boolean>>;

/** Something that somebody did, and what came of it. */
export interface Deed {
  readonly record: InteractionRecord;
  /** How the application answered first; 5 is "it thinks". */
  readonly callback: Json | undefined;
  /** The message that answers, once there is one. */
  readonly reply: Message | undefined;
  /** What stands in it now; empty while the application still thinks. */
  readonly text: string;
  readonly isAnswered: boolean;
}

/** Somebody at a keyboard. */
export interface Person extends Account {
  /** `/process list` with options. */
  command(
    name: string,
    subcommand: string,
    given?: Given,
    where?: { channelId?: string; direct?: boolean },
  ): Deed;
  /** Types into an option that completes; the choices are in the callback. */
  complete(name: string, subcommand: string, focused: string, typed: string, given?: Given): Deed;
  /** Presses the button with this label, or this custom id; an error when it is not there or cannot be pressed. */
  press(message: Message, button: string): Deed;
  /** Presses a button that may be gone, as a client does that has not heard of it yet. */
  pressId(message: Message, customId: string): Deed;
  choose(message: Message, values: readonly string[]): Deed;
  fillIn(deed: Deed, fields: Readonly<Record<string, string>>): Deed;
  /** A command without subcommands, such as `/stop`; an error where the client would not show it. */
  slash(name: string, where?: { channelId?: string; direct?: boolean }): Deed;
  say(
    channelId: string,
    text: string,
    part?: { mentions?: readonly string[]; repliesTo?: string; files?: readonly SentFile[] },
  ): Message;
  /** Makes a thread of a message, or one without any. */
  startThread(channelId: string, name: string, message?: Message): Channel;
}

const permissions = '562949953421311';

/** Lets an account act. */
export function createPerson(world: World, gateway: Gateway, account: Account, homeId: string): Person {
  function interact(
    type: number,
    data: Json,
    part: { channelId?: string; direct?: boolean; source?: Message } = {},
  ): Deed {
    const channelId = part.direct
      ? world.directChannel(account.id).id
      : (part.channelId ?? part.source?.channelId ?? homeId);
    const record: InteractionRecord = {
      id: world.newId(),
      token: `aW50ZXJhY3Rpb246${world.newId()}`,
      userId: account.id,
      channelId,
      type,
      sentAt: world.now(),
      sourceId: part.source?.id,
      callback: undefined,
      callbackAt: undefined,
      replyId: undefined,
      followUpIds: [],
      expired: false,
    };
    world.interactions.set(record.id, record);
    gateway.emit('INTERACTION_CREATE', {
      ...interactionJson(world, world.accounts.get(account.id) ?? account, record, part.direct === true),
      data,
      ...(part.source ? { message: world.messageJson(part.source) } : {}),
    });
    return deedOf(world, record);
  }

  const commandData = (name: string, options: Json[]): Json => {
    const command = [...world.commands.values()].find((other) => other.name === name);
    if (!command) throw new Error(`no command /${name} is registered`);
    return { id: command.id, name, type: 1, options };
  };

  const person: Person = {
    ...account,
    command: (name, subcommand, given = {}, where = {}) =>
      interact(
        2,
        commandData(name, [
          { type: 1, name: subcommand, options: optionsOf(world, name, subcommand, given) },
        ]),
        where,
      ),
    complete(name, subcommand, focused, typed, given = {}) {
      const others = optionsOf(world, name, subcommand, given);
      const options = [...others, { type: 3, name: focused, value: typed, focused: true }];
      return interact(4, commandData(name, [{ type: 1, name: subcommand, options }]));
    },
    press(message, button) {
      const found = partsOf(message).find(({ label, custom_id: id }) => label === button || id === button);
      if (!found) throw new Error(`no button '${button}' in: ${JSON.stringify(latest(message).components)}`);
      if (found.disabled === true) throw new Error(`the button '${button}' cannot be pressed`);
      return person.pressId(message, String(found.custom_id));
    },
    pressId: (message, customId) =>
      interact(3, { custom_id: customId, component_type: 2 }, { source: message }),
    choose(message, values) {
      const menu = partsOf(message).find(({ type }) => type === 3);
      if (!menu) throw new Error('no menu in this message');
      const options = (menu.options ?? []) as Json[];
      const missing = values.filter((value) => !options.some((option) => option.value === value));
      if (missing.length > 0) throw new Error(`the menu does not offer ${missing.join(', ')}`);
      return interact(3, { custom_id: menu.custom_id, component_type: 3, values }, { source: message });
    },
    fillIn(deed, fields) {
      const { data } = deed.callback as { data: Json };
      const components = Object.entries(fields).map(([custom_id, value]) => ({
        type: 1,
        components: [{ type: 4, custom_id, value }],
      }));
      return interact(5, { custom_id: data.custom_id, components }, { channelId: deed.record.channelId });
    },
    slash(name, where = {}) {
      const command = [...world.commands.values()].find((other) => other.name === name);
      const contexts = (command?.contexts ?? [0, 1]) as number[];
      if (!contexts.includes(where.direct ? 1 : 0)) throw new Error(`/${name} is not to be seen here`);
      return interact(2, commandData(name, []), where);
    },
    startThread(channelId, name, message) {
      const thread = world.addChannel(name, {
        type: 11,
        parentId: channelId,
        ownerId: account.id,
        ...(message ? { id: message.id } : {}),
      });
      gateway.emit('THREAD_CREATE', { ...world.channelJson(thread), newly_created: true });
      return thread;
    },
    say(channelId, content, { mentions = [], repliesTo, files = [] } = {}) {
      const channel = world.channels.get(channelId);
      const message = world.addMessage(
        { channelId, authorId: account.id, mentions, referenced: repliesTo },
        { content, files },
      );
      const inGuild = channel?.recipientId === undefined;
      gateway.emit('MESSAGE_CREATE', {
        ...world.messageJson(message),
        channel_type: channel?.type ?? 0,
        ...(inGuild ? { guild_id: world.guild.id, member: world.memberJson(account) } : {}),
      });
      return message;
    },
  };
  return person;
}

function interactionJson(world: World, account: Account, record: InteractionRecord, isDirect: boolean): Json {
  const channel = world.channels.get(record.channelId);
  const user = world.userJson(account);
  return {
    id: record.id,
    application_id: world.applicationId,
    type: record.type,
    token: record.token,
    version: 1,
    channel_id: record.channelId,
    channel: channel ? { ...world.channelJson(channel), permissions } : undefined,
    locale: 'en-US',
    app_permissions: permissions,
    entitlements: [],
    attachment_size_limit: 10 * 1024 ** 2,
    authorizing_integration_owners: { '0': world.guild.id },
    context: isDirect ? 1 : 0,
    ...(isDirect
      ? { user }
      : {
          guild_id: world.guild.id,
          guild: { id: world.guild.id, features: [], locale: 'en-US' },
          guild_locale: 'en-US',
          member: { ...world.memberJson(account), user, permissions },
        }),
  };
}

/** Options with the types that the registered command gives them; what it does not have is refused, as clients do. */
function optionsOf(world: World, name: string, subcommand: string, given: Given): Json[] {
  const command = [...world.commands.values()].find((other) => other.name === name);
  const found = ((command?.options ?? []) as Json[]).find((option) => option.name === subcommand);
  if (!found) throw new Error(`/${name} has no ${subcommand}`);
  const known = (found.options ?? []) as Json[];
  const missing = known.filter(
    (option) => option.required === true && given[String(option.name)] === undefined,
  );
  const focusing = missing.length > 0 && Object.keys(given).length === 0;
  if (missing.length > 0 && !focusing)
    throw new Error(`/${name} ${subcommand} needs ${missing.map((each) => each.name)}`);
  return Object.entries(given).map(([key, value]) => {
    const option = known.find((other) => other.name === key);
    if (!option) throw new Error(`/${name} ${subcommand} has no option ${key}`);
    return { type: option.type, name: key, value };
  });
}

function partsOf(message: Message): Json[] {
  return latest(message).components.flatMap((row) => (row.components ?? []) as Json[]);
}

function deedOf(world: World, record: InteractionRecord): Deed {
  const reply = () => world.messages.get(record.replyId ?? '');
  return {
    record,
    get callback() {
      return record.callback;
    },
    get reply() {
      return reply();
    },
    get text() {
      const message = reply();
      return message && !message.loading ? latest(message).content : '';
    },
    get isAnswered() {
      const message = reply();
      return message !== undefined && !message.loading;
    },
  };
}
