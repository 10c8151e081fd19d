// The live (or staging) bot. Wiring only: it opens the instance of its own folder, says what works, and stays up
// until it is told to stop. `--check` opens everything, says so, and ends: the smallest gate of a release.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMask } from '../skills/process-manager/index.ts';
import { loadSkills } from '../skills/registry.ts';
import { isFailure } from '../skills/tool.ts';
import { findRoot } from './config.ts';
import {
  checkDashboard,
  createPageChat,
  dashboardMigrations,
  isPageChannel,
  startDashboard,
} from './dashboard/index.ts';
import { checkDiscord, type Discord, discordMigrations, startDiscord } from './discord/index.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { type Instance, openInstance, skillsFolder } from './instance.ts';
import { createLogger } from './log.ts';
import { startWakeUp } from './wake-up.ts';
import { welcome } from './welcome.ts';

const codeRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const logger = createLogger();
/** sysexits.h: the configuration is wrong, so that the watchdog need not try again. */
const configurationExit = 78;

/** How Discord is, as soon as somebody knows. */
interface DiscordState {
  read: Discord['state'];
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
  const discordState: DiscordState = { read: () => 'off' };
  // Nothing is at work yet that a switch would have to wait for: that comes with the agent.
  const heartbeat = isCheck
    ? undefined
    : startHeartbeat({
        root,
        codeRoot,
        environment: process.env,
        logger,
        clock: { now: Date.now },
        busy: () => 0,
        discord: () => discordState.read(),
      });
  try {
    await open(root, heartbeat, discordState);
  } catch (error) {
    heartbeat?.stop();
    throw error;
  }
}

async function open(
  root: string,
  heartbeat: Heartbeat | undefined,
  discordState: DiscordState,
): Promise<void> {
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
  const discord = startDiscord({
    config: instance.config,
    tools: instance.catalogue.entries,
    dispatcher: instance.dispatcher,
    database: instance.database,
    logger,
    clock: { now: Date.now },
  });
  discordState.read = discord.state;
  const page = openPage(instance);
  // What was asked for on the page is told there.
  const notify: Discord['notify'] = (notice) =>
    isPageChannel(notice.channel) ? page.chat.notice(notice.text) : discord.notify(notice);
  const skills = instance.startSkills({ notify });
  const wakeUp = startWakeUp({ root, logger, tell: notify });
  stayUp(instance, [wakeUp, skills, page, heartbeat], discord);
  // Last: whoever reads it may ask the bot to end at once, and it has to know how.
  heartbeat.ready();
}

/** The local page; its `chat` is also how an agent talks there. */
function openPage({ root, config, catalogue, dispatcher, database }: Instance) {
  const clock = { now: Date.now };
  const chat = createPageChat({ database, clock, logger, mask: createMask(config.environment.secrets) });
  const page = startDashboard({
    ...{ root, config, tools: catalogue.entries, dispatcher, logger, clock, chat },
    print: (text) => process.stdout.write(text),
  });
  return { chat, stop: () => void page.close() };
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
function stayUp(instance: Instance, parts: readonly { stop(): void }[], discord: Discord): void {
  const alive = setInterval(() => {}, 2 ** 30);
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    clearInterval(alive);
    for (const part of parts) part.stop();
    void discord.close().finally(() => instance.close());
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
