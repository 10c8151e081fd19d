// The live (or staging) bot. Wiring only: it opens the instance of its own folder, says what works, and stays up
// until it is told to stop. `--check` opens everything, says so, and ends: the smallest gate of a release.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMask } from '../skills/process-manager/index.ts';
import { loadSkills } from '../skills/registry.ts';
import { isFailure } from '../skills/tool.ts';
import type { Agent } from './agent/index.ts';
import { createAgentOf } from './agent-host.ts';
import { findRoot } from './config.ts';
import {
  checkDashboard,
  createPageChat,
  dashboardMigrations,
  isPageChannel,
  pageChannel,
  startDashboard,
} from './dashboard/index.ts';
import {
  checkDiscord,
  type Discord,
  discordMigrations,
  finishedPart,
  startDiscord,
} from './discord/index.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { type Instance, openInstance, skillsFolder } from './instance.ts';
import { createLogger } from './log.ts';
import { startWakeUp } from './wake-up.ts';
import { welcome } from './welcome.ts';

const codeRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const logger = createLogger();
/** sysexits.h: the configuration is wrong, so that the watchdog need not try again. */
const configurationExit = 78;
const farewellMs = 1_000;

/** What the heart tells of the rest, as soon as there is one. */
interface Pulse {
  discord: Discord['state'];
  busy(): number;
}

try {
  await start();
} catch (error) {
  process.exitCode = 1;
  if (isFailure(error)) {
    process.stderr.write(`${error.message}\n-> ${error.hint}\n`);
    if (/^(config|environment)_/.test(error.code)) process.exitCode = configurationExit;
  } else {
    logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'the bot could not start');
  }
}

async function start(): Promise<void> {
  const root = findRoot(process.env.UNDERSTUDY_ROOT ?? process.cwd(), process.cwd());
  const isCheck = process.argv.includes('--check');
  // The heart beats before there is a Discord side, since opening the database may take a while.
  const pulse: Pulse = { discord: () => 'off', busy: () => 0 };
  const heartbeat = isCheck
    ? undefined
    : startHeartbeat({
        root,
        codeRoot,
        environment: process.env,
        logger,
        clock: { now: Date.now },
        busy: () => pulse.busy(),
        discord: () => pulse.discord(),
      });
  try {
    await open(root, heartbeat, pulse);
  } catch (error) {
    heartbeat?.stop();
    throw error;
  }
}

async function open(root: string, heartbeat: Heartbeat | undefined, pulse: Pulse): Promise<void> {
  const loaded = await loadSkills(skillsFolder(codeRoot));
  const instance = openInstance({
    root,
    loaded,
    environment: process.env,
    logger,
    migrations: [...discordMigrations, ...dashboardMigrations],
  });
  instance.database();
  if (!heartbeat) {
    await checkDiscord();
    await checkDashboard();
    check(instance, loaded.failures);
    return;
  }
  for (const { name, reason } of loaded.failures)
    logger.error({ skill: name, reason }, 'a skill did not load');
  process.stdout.write(welcome(instance));
  const clock = { now: Date.now };
  let agent: Agent | undefined;
  const discord = startDiscord({
    config: instance.config,
    tools: instance.catalogue.entries,
    dispatcher: instance.dispatcher,
    database: instance.database,
    logger,
    clock,
    ...(instance.models() === undefined
      ? {}
      : {
          answers: instance.config.agent.answers,
          onMessage: (message) => agent?.onMessage(message),
          onStop: (request) => agent?.onStop(request) ?? false,
        }),
  });
  const { config, database } = instance;
  const mask = createMask(config.environment.secrets);
  const finished = (text: string) => finishedPart(text, config.environment.secrets);
  const pageChat = createPageChat({ database, clock, logger, mask, finished });
  const notify: Discord['notify'] = (notice) => {
    // What was asked for on the page is told there; where nobody wants Discord, the page is where people look.
    if (isPageChannel(notice.channel) || discord.state() === 'off') pageChat.notice(notice.text);
    if (!isPageChannel(notice.channel)) discord.notify(notice);
  };
  agent = createAgentOf({
    ...{ instance, notify, logger, clock },
    places: [
      { chat: pageChat, owns: isPageChannel },
      { chat: discord.chat, owns: () => discord.state() !== 'off' },
    ],
    usualChannel: config.environment.wakeChannelId ?? (discord.state() === 'off' ? pageChannel : undefined),
  });
  const page = startDashboard({
    ...{ root, config, tools: instance.catalogue.entries, dispatcher: instance.dispatcher },
    ...{ logger, clock, chat: pageChat, print: (text) => process.stdout.write(text) },
    ...(agent && { agent }),
  });
  pulse.discord = discord.state;
  pulse.busy = () => agent?.busy() ?? 0;
  const skills = instance.startSkills({ notify, ...(agent && { agent: agent.seam }) });
  const wakeUp = startWakeUp({
    ...{ root, logger },
    // The agent first: it knows what it was told already, should telling people fail.
    tell: (event) => {
      agent?.onEvent(event);
      if (!event.isOld) notify(event);
    },
    awaited: () => agent?.awaited() ?? [],
  });
  agent?.start();
  stayUp(instance, [wakeUp, skills, heartbeat], [agent, page, discord]);
  // Last: whoever reads it may ask the bot to end at once, and it has to know how.
  heartbeat.ready();
}

function check(instance: Instance, failures: readonly { name: string; reason: string }[]): void {
  instance.close();
  for (const { name, reason } of failures) process.stderr.write(`skills/${name} does not load: ${reason}\n`);
  if (failures.length > 0) process.exitCode = 1;
  else
    process.stdout.write(
      `ok: ${instance.catalogue.entries.length} tools, configuration and database are sound\n`,
    );
}

/** Nothing else holds the process open while neither Discord nor the page is on. */
function stayUp(
  instance: Instance,
  parts: readonly { stop(): void }[],
  talkers: readonly ({ close(): Promise<void> } | undefined)[],
): void {
  const alive = setInterval(() => {}, 2 ** 30);
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    clearInterval(alive);
    for (const part of parts) part.stop();
    void closeAll(talkers).finally(() => {
      instance.close();
      // Whatever still waits, such as a request that nobody answers, is not waited for.
      setTimeout(() => process.exit(), farewellMs).unref();
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/** One after the other: who speaks before the one through whom it is said. */
async function closeAll(talkers: readonly ({ close(): Promise<void> } | undefined)[]): Promise<void> {
  for (const talker of talkers) {
    await talker?.close().catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'something did not end in order');
    });
  }
}
