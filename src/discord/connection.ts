// The connection to Discord: logs in, and comes back after every fault. discord.js reconnects by itself; what it gives
// up, or does not get done in minutes, is begun anew here with a new client. Only what no repetition mends ends it: a
// token that Discord does not know, and intents that it does not grant.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  Events,
  GatewayIntentBits,
  type Interaction,
  type Message,
  Options,
  Partials,
  RESTEvents,
} from 'discord.js';
import { Failure, type Logger } from '../../skills/tool.ts';
import { endableShards } from './shards.ts';
import type { Timing } from './surroundings.ts';

/** `off`: nobody wants it. `down`: it is wanted, and not there at the moment, or never to be there with this token. */
export type DiscordState = 'ready' | 'down' | 'off';

/** A connection that is kept up. */
export interface Connection {
  readonly isReady: boolean;
  /** The client, while it can be worked with. */
  client(): Client<true> | undefined;
  close(): Promise<void>;
}

/** What a connection needs, and whom it tells. */
export interface ConnectionOptions {
  readonly token: string;
  readonly api: string | undefined;
  readonly timing: Timing;
  readonly logger: Logger;
  /** Connected, for the first time or again. */
  onReady(): void;
  onInteraction(interaction: Interaction): void;
  /** Only who is to hear messages needs the intents for them. */
  readonly onMessage?: (message: Message) => void;
}

const closeCodes = { token: 4_004, intents: [4_013, 4_014] } as const;
/** Who is thrown out sooner waits longer each time: Discord takes a token away that logs in a thousand times a day. */
const stableMs = 60_000;
const messageIntents = [GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages];
/** Discord's answer to our farewell is not waited for longer. */
const farewellMs = 2_000;

/** Connects, and keeps connected until it is closed. */
export function connect(options: ConnectionOptions): Connection {
  const { timing, logger } = options;
  let current: Client | undefined;
  let ready = false;
  let closed = false;
  let readySince = 0;
  let attempts = 0;
  let retry: NodeJS.Timeout | undefined;
  let patience: NodeJS.Timeout | undefined;
  let readsContent = true;

  const up = (client: Client) => {
    if (client !== current || closed || !client.isReady()) return;
    if (!ready) logger.info({ as: client.user.tag }, 'Discord is connected');
    if (!ready) readySince = performance.now();
    ready = true;
    clearTimeout(patience);
    options.onReady();
  };
  const noteAway = () => {
    if (ready && performance.now() - readySince > stableMs) attempts = 0;
    ready = false;
  };
  const down = (client: Client, reason: string) => {
    // It is said of every attempt to come back; the time counts from the first.
    if (client !== current || closed || !ready) return;
    logger.warn({ reason }, 'the connection to Discord is interrupted');
    noteAway();
    bePatient(client);
  };
  const bePatient = (client: Client) => {
    clearTimeout(patience);
    patience = setTimeout(() => giveUp(client, 'it did not come back'), timing.awayMs);
  };
  const giveUp = (client: Client, reason: string) => {
    if (client !== current || closed) return;
    current = undefined;
    noteAway();
    clearTimeout(patience);
    void endClient(client, logger);
    const waitMs = Math.min(timing.loginMs * 2 ** Math.min(attempts, 10), timing.loginMostMs);
    attempts++;
    logger.warn({ reason, again: `in ${Math.ceil(waitMs / 1_000)} s` }, 'Discord cannot be reached');
    clearTimeout(retry);
    retry = setTimeout(() => void login(), waitMs);
  };
  /** True where trying again as before is of no use. */
  const isHopeless = (client: Client, error: unknown, closeCode: number | undefined): boolean => {
    if (client !== current || closed) return true;
    const isToken = closeCode === closeCodes.token || (error as { code?: string })?.code === 'TokenInvalid';
    const isIntents =
      closeCode !== undefined && (closeCodes.intents as readonly number[]).includes(closeCode);
    if (!isToken && !isIntents) return false;
    current = undefined;
    ready = false;
    clearTimeout(patience);
    void endClient(client, logger);
    if (isIntents && options.onMessage && readsContent) {
      readsContent = false;
      logger.warn({}, `${intentsFailure.message} ${intentsFailure.hint}`);
      void login();
      return true;
    }
    const failure = isToken ? tokenFailure : intentsFailure;
    logger.error({ code: failure.code }, `${failure.message} -> ${failure.hint}`);
    return true;
  };
  const login = async (): Promise<void> => {
    if (closed) return;
    const client: Client = makeClient(options, readsContent, () => closed || client !== current);
    current = client;
    let closeCode: number | undefined;
    client.on(Events.ClientReady, () => up(client));
    client.on(Events.ShardReady, () => up(client));
    client.on(Events.ShardResume, () => up(client));
    client.on(Events.ShardReconnecting, () => down(client, 'reconnecting'));
    client.on(Events.ShardError, (error) => down(client, error.message));
    client.on(Events.Error, (error) => logger.warn({ error: error.message }, 'discord.js reports an error'));
    client.on(Events.ShardDisconnect, ({ code }) => {
      closeCode = code;
      // While it logs in, the login itself fails too.
      if (ready && !isHopeless(client, undefined, code)) giveUp(client, `closed with code ${code}`);
    });
    client.rest.on(RESTEvents.Response, ({ path }, { status }) => {
      // discord.js forgets its token at a 401; of interactions only their own tokens are meant.
      if (ready && status === 401 && !/^\/(webhooks|interactions)\//.test(path))
        giveUp(client, 'it answered 401');
    });
    client.on(Events.InteractionCreate, (interaction) => options.onInteraction(interaction));
    if (options.onMessage) client.on(Events.MessageCreate, options.onMessage);
    bePatient(client);
    try {
      await client.login(options.token);
    } catch (error) {
      if (!isHopeless(client, error, closeCode)) giveUp(client, messageOf(error));
    }
  };

  void login();
  return {
    get isReady() {
      return ready;
    },
    client: () => (current?.isReady() ? current : undefined),
    close: async () => {
      closed = true;
      clearTimeout(retry);
      clearTimeout(patience);
      const client = current;
      current = undefined;
      ready = false;
      if (client) await endClient(client, logger);
    },
  };
}

const tokenFailure = new Failure(
  'discord_token_refused',
  'Discord does not know the token in DISCORD_TOKEN, so the bot is not on Discord; everything else works.',
  'Make a new one (https://discord.com/developers/applications, your application, Bot, Reset Token), put it into .env, and start the bot again.',
);
const intentsFailure = new Failure(
  'discord_intents_refused',
  'Discord does not let this bot read messages that do not mention it.',
  'Switch on "Message Content Intent" (https://discord.com/developers/applications, your application, Bot), and start the bot again.',
);

function makeClient(
  { api, onMessage }: ConnectionOptions,
  readsContent: boolean,
  isOver: () => boolean,
): Client {
  const content = readsContent ? [GatewayIntentBits.MessageContent] : [];
  const listening = onMessage ? [...messageIntents, ...content] : [];
  return new Client({
    intents: [GatewayIntentBits.Guilds, ...listening],
    partials: onMessage ? [Partials.Channel] : [],
    rest: api === undefined ? {} : { api },
    ws: { ...Options.createDefault().ws, buildStrategy: endableShards(isOver) },
    allowedMentions: { parse: [] },
    // Nothing of this is looked up in a cache.
    makeCache: Options.cacheWithLimits({
      ...Options.DefaultMakeCacheSettings,
      MessageManager: 0,
      PresenceManager: 0,
      ReactionManager: 0,
      GuildMemberManager: { maxSize: 200, keepOverLimit: ({ id, client }) => id === client.user.id },
    }),
  });
}

async function endClient(client: Client, logger: Logger): Promise<void> {
  client.removeAllListeners();
  client.on(Events.Error, () => {});
  try {
    await Promise.race([client.destroy(), sleep(farewellMs, undefined, { ref: false })]);
  } catch (error) {
    logger.debug({ error: messageOf(error) }, 'a client of Discord ended with an error');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
