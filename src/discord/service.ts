// Puts the Discord side together. This file and what it imports load discord.js; `index.ts` loads it only where there
// is a token.

import type { Message } from 'discord.js';
import { createMask } from '../../skills/process-manager/index.ts';
import { createActors, rolesOf } from './actors.ts';
import { createAutocomplete } from './autocomplete.ts';
import { createCalls } from './calls.ts';
import { type Chart, loadChart } from './chart.ts';
import { commandsOf } from './commands.ts';
import { createConfirmations } from './confirmations.ts';
import { type Connection, connect } from './connection.ts';
import { createConversations } from './conversations.ts';
import { createDelivery } from './delivery.ts';
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
  const writer = createWriter(createMask(config.environment.secrets), verbs);
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
  const registration = createRegistration(() => connection.client(), commands, timing, logger);
  const connection: Connection = connect({
    token,
    api: config.environment.discord.api,
    timing,
    logger,
    onReady: () => {
      registration.begin();
      calls.takeUp();
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
      writer,
      logger,
    }),
    ...listening(options, actorOf, () => connection.client()?.user.id),
  });
  const upkeep = setInterval(() => {
    if (connection.isReady) calls.takeUp();
  }, timing.upkeepMs);
  return {
    get isReady() {
      return connection.isReady;
    },
    noticed: sender.kick,
    say: async (channelId, text) =>
      (await delivery.post(channelId, { content: writer.passage(text, 1_900) })).id,
    close: async () => {
      clearInterval(upkeep);
      registration.stop();
      sender.stop();
      panels.close();
      await calls.close();
      charts.stop();
      await connection.close();
    },
  };
}

/** Hands messages on to whoever answers them, if somebody does. */
function listening(
  { onMessage }: DiscordOptions,
  actorOf: ReturnType<typeof createActors>,
  ownId: () => string | undefined,
): { onMessage?: (message: Message) => void } {
  if (!onMessage) return {};
  return {
    onMessage: (message) => {
      if (message.author.bot) return;
      const { id, channelId, content, author, member, reference } = message;
      onMessage({
        id,
        channelId,
        text: content,
        author: actorOf({ id: author.id, name: author.username, roleIds: rolesOf(member) }),
        isDirect: !message.inGuild(),
        mentionsBot: message.mentions.users.has(ownId() ?? ''),
        ...(reference?.messageId === undefined ? {} : { repliesTo: reference.messageId }),
      });
    },
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
