// The only door of the Discord side. Notices are taken from the first moment on; everything else begins when discord.js
// is loaded and a login has succeeded. Nothing that fails here stops the rest of the bot.

import { createMask } from '../../skills/process-manager/index.ts';
import { type Bot, Failure } from '../../skills/tool.ts';
import type { Chat } from './chat/contract.ts';
import { keepAnswer } from './chat/keep.ts';
import { createLateChat } from './chat/late.ts';
import type { DiscordState } from './connection.ts';
import { createNoticeStore } from './notices.ts';
import type { DiscordOptions } from './surroundings.ts';

export { finishedPart } from './chat/unfinished.ts';
export { discordMigrations } from './migrations.ts';
export type { DiscordOptions } from './surroundings.ts';

/** Loads everything that a connection needs: a version in which that fails is not fit to run. */
export async function checkDiscord(): Promise<void> {
  await import('./service.ts');
}

/** The Discord side of a bot. */
export interface Discord {
  /** For the heartbeat. */
  state(): DiscordState;
  /** Takes a notice; it is kept until Discord has it. */
  readonly notify: Bot['notify'];
  /** Answers, questions and "is typing". Can be used at once; fails where nobody wants Discord. */
  readonly chat: Chat;
  /** Says something in a channel now; fails when Discord is away. The id of the message. */
  say(channelId: string, text: string): Promise<string>;
  /** Ends the connection; what is under way is taken up by the next process. */
  close(): Promise<void>;
}

/** Starts the Discord side. Returns at once, and works without a token too: then notices go to the log alone. */
export function startDiscord(options: DiscordOptions): Discord {
  const { config, logger } = options;
  const { token } = config.environment.discord;
  const usual = config.discord.noticesChannel ?? config.environment.wakeChannelId;
  const store = createNoticeStore(options.database(), options.clock);
  const mask = createMask(config.environment.secrets);
  let closed = false;
  const service =
    token === undefined
      ? undefined
      : import('./service.ts')
          .then(({ startService }) => (closed ? undefined : startService(options, token, store)))
          .catch((error: unknown) => {
            logger.error(
              { error: error instanceof Error ? error.message : String(error) },
              'Discord could not be started; the rest of the bot runs on. Perhaps a package is missing: npm ci',
            );
            return undefined;
          });
  let running: Awaited<typeof service>;
  void service?.then((started) => {
    running = started;
    started?.noticed();
  });
  return {
    state: () => (token === undefined ? 'off' : running?.isReady ? 'ready' : 'down'),
    notify({ text, channel = usual }) {
      logger.info({}, text);
      if (token === undefined || channel === undefined) return;
      // Before it is shortened, or half of a secret would be left that nobody knows any more.
      store.put(channel, mask(text));
      // Later, for this may be part of a transaction; and what is told at the same moment goes together.
      setImmediate(() => running?.noticed());
    },
    chat: service
      ? createLateChat({
          coming: service.then((started) => started?.chat),
          present: () => running?.chat,
          keep: (channelId, text) => keepAnswer(store, channelId, mask(text), logger),
        })
      : absentChat,
    say: async (channelId, text) => {
      const started = await service;
      if (!started) throw new Error('Discord is not there');
      return started.say(channelId, text);
    },
    close: async () => {
      closed = true;
      await (await service)?.close();
    },
  };
}

const notThere = () =>
  new Failure(
    'discord_off',
    'Discord is not there: this bot has no token for it.',
    'Put DISCORD_TOKEN into .env and start the bot again; see docs/discord.md.',
  );

/** Where nobody wants Discord. */
const absentChat: Chat = {
  open: () => {
    throw notThere();
  },
  confirm: () => Promise.reject(notThere()),
  typing: () => {},
};
