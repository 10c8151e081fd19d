// Puts the Discord side together. This file and what it imports load discord.js; `index.ts` loads it only where there
// is a token.

import type { Client } from 'discord.js';
import { createMask } from '../../skills/process-manager/index.ts';
import { createActors } from './actors.ts';
import { createAttachments } from './attachments.ts';
import { createAutocomplete } from './autocomplete.ts';
import { createCalls } from './calls.ts';
import { type Chart, loadChart } from './chart.ts';
import type { Chat } from './chat/contract.ts';
import { type ChatService, createChat } from './chat/index.ts';
import { stopCommand } from './chat/stops.ts';
import { commandsOf } from './commands.ts';
import { createConfirmations } from './confirmations.ts';
import { type Connection, type ConnectionOptions, connect } from './connection.ts';
import { createConversations } from './conversations.ts';
import { createDelivery } from './delivery.ts';
import { createListening } from './listening.ts';
import { createNoticeSender } from './notice-sender.ts';
import type { NoticeStore } from './notices.ts';
import { createPanels } from './panels.ts';
import { createRegistration } from './register.ts';
import type { Payload } from './render/payload.ts';
import { createWriter } from './render/writer.ts';
import { createRouter } from './router.ts';
import { type Samples, takeSamples } from './samples.ts';
import { type DiscordOptions, type Timing, usualTiming } from './surroundings.ts';

/** The Discord side at work. */
export interface Service {
  readonly isReady: boolean;
  /** A notice was put into the store. */
  noticed(): void;
  /** Says something in a channel; the id of the message. */
  say(channelId: string, text: string): Promise<string>;
  readonly chat: Chat;
  close(): Promise<void>;
}

/** Connects, registers the commands, and serves until it is closed. */
export function startService(options: DiscordOptions, token: string, store: NoticeStore): Service {
  const { config, tools, dispatcher, logger, clock } = options;
  const timing: Timing = { ...usualTiming, ...options.timing };
  const { role } = config.environment;
  const verbs = new Map(
    tools.flatMap(({ tool, skill }) =>
      [tool.name, ...(tool.aliases ?? [])].map((name) => [name, skill.prefix]),
    ),
  );
  const { secrets } = config.environment;
  const mask = createMask(secrets);
  const writer = createWriter(mask, verbs);
  const actorOf = createActors(config);
  const conversations = createConversations(options.database(), logger);
  const confirmations = createConfirmations(clock, logger);
  const autocomplete = createAutocomplete(tools, dispatcher, clock);
  const delivery = createDelivery(() => connection.client(), clock);
  const charts = startCharts(options, timing);
  const calls = createCalls({
    dispatcher,
    delivery,
    conversations,
    confirmations,
    writer,
    timing,
    clock,
    logger,
    decorate: charts.decorate,
  });
  const find = (name: string) => tools.find(({ tool }) => tool.name === name);
  const panels = createPanels({ calls, dispatcher, writer, timing, clock, logger, find });
  const { commands, leftOut } = commandsOf(tools, autocomplete.completes);
  for (const { name } of leftOut) {
    logger.error({ tool: name }, 'Discord takes 25 subcommands; this tool has no slash command');
  }
  const sender = createNoticeSender({
    store,
    delivery,
    writer,
    timing,
    clock,
    logger,
    isReady: () => connection.isReady,
  });
  const chat = createChat({
    database: options.database(),
    client: () => connection.client(),
    delivery,
    confirmations,
    store,
    noticed: sender.kick,
    writer,
    mask,
    secrets,
    timing,
    clock,
    logger,
    onStop: options.onStop,
  });
  const offered = chat.stops ? [...commands, stopCommand] : commands;
  const registration = createRegistration(() => connection.client(), offered, timing, logger);
  const connection: Connection = connect({
    token,
    api: config.environment.discord.api,
    timing,
    logger,
    onReady: () => {
      registration.begin();
      calls.takeUp();
      chat.takeUp();
      sender.kick();
    },
    onInteraction: createRouter({
      tools,
      role,
      actorOf,
      calls,
      panels,
      confirmations,
      autocomplete,
      stops: chat.stops,
      writer,
      logger,
    }),
    ...listening(options, timing, actorOf, chat, () => connection.client()),
  });
  const upkeep = setInterval(() => {
    if (!connection.isReady) return;
    calls.takeUp();
    chat.takeUp();
  }, timing.upkeepMs);
  return {
    get isReady() {
      return connection.isReady;
    },
    noticed: sender.kick,
    chat,
    say: async (channelId, text) =>
      (await delivery.post(channelId, { content: writer.passage(text, 1_900) })).id,
    close: async () => {
      clearInterval(upkeep);
      registration.stop();
      sender.stop();
      panels.close();
      await Promise.all([calls.close(), chat.close()]);
      charts.stop();
      await connection.close();
    },
  };
}

/** Hands messages on to whoever answers them, if somebody does. */
function listening(
  { onMessage, answers = 'owners', config, logger }: DiscordOptions,
  { attachmentsMs }: Timing,
  actorOf: ReturnType<typeof createActors>,
  { stops, heard }: ChatService,
  client: () => Client<true> | undefined,
): Pick<ConnectionOptions, 'onMessage'> {
  if (!onMessage) return {};
  const { api } = config.environment.discord;
  const readAttachments = createAttachments({ api, waitMs: attachmentsMs, logger });
  return {
    onMessage: createListening({
      onMessage,
      answers,
      actorOf,
      client,
      readAttachments,
      stops,
      heard,
      logger,
    }),
  };
}

/** Charts in `status`, where the package that draws them is there; a staging bot may not look. */
function startCharts({ config, dispatcher, clock, logger, loadCanvas }: DiscordOptions, timing: Timing) {
  let chart: Chart | undefined;
  let samples: Samples | undefined;
  let stopped = false;
  if (config.environment.role === 'live') {
    void loadChart(logger, loadCanvas).then((loaded) => {
      if (!loaded || stopped) return;
      chart = loaded;
      samples = takeSamples(dispatcher, clock, timing.sampleMs, logger);
    });
  }
  return {
    async decorate(tool: string, output: Record<string, unknown>, payload: Payload): Promise<Payload> {
      const bot = (output.bot as { name?: string } | undefined)?.name;
      if (tool !== 'status' || bot === undefined || !chart) return payload;
      try {
        const data = chart(samples?.of(bot) ?? []);
        const alt = 'CPU and memory of the last two hours';
        return data
          ? { ...payload, files: [...(payload.files ?? []), { name: 'usage.png', data, alt }] }
          : payload;
      } catch (error) {
        logger.warn({ error: String(error) }, 'a chart could not be drawn');
        return payload;
      }
    },
    stop: () => {
      stopped = true;
      samples?.stop();
    },
  };
}
