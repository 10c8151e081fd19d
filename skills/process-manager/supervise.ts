// What the process manager does all the time, in a bot that stays up or in `understudy start_all`: it supervises, tells
// people and the agent what hooks say, reads the command file, shows what bots print, and takes the bots along when its
// host ends for good.

import { statSync } from 'node:fs';
import type { AgentSeam, Bot, Running } from '../tool.ts';
import { createCommandFile, offerCommandFile } from './bots/index.ts';
import { carryOutCommands } from './commands.ts';
import type { Engine } from './engine.ts';
import type { Message } from './hooks/index.ts';
import { createMask } from './output/index.ts';
import { startSupervisor } from './supervisor/index.ts';

const configurationMs = 1_000;

/** Stands for election as the supervisor of the instance. */
export function supervise(engine: Engine, bot: Bot): Running {
  const commands = createCommandFile({
    root: engine.root,
    database: engine.database(),
    clock: engine.clock,
    logger: engine.logger,
    carryOut: carryOutCommands(bot),
  });
  // First, or what a bot says at its start would not be shown.
  const shown = bot.print && engine.bots.show(bot.print);
  const supervisor = startSupervisor({
    root: engine.root,
    database: engine.database(),
    processes: engine.processes,
    hooks: engine.hooks,
    bots: engine.bots,
    commands,
    logger: engine.logger,
    clock: engine.clock,
    onNotice: ({ text }) => bot.notify({ text }),
    toAgent: bot.agent && handTo(bot.agent, createMask(engine.secrets)),
  });
  const configuration = followConfiguration(engine);
  const end = () => {
    clearInterval(configuration);
    shown?.stop();
  };
  return {
    get isInCharge() {
      return supervisor.isElected;
    },
    stop: () => {
      supervisor.stop();
      end();
    },
    stopAll: async (tell, signal) => {
      const isInCharge = supervisor.isElected;
      const resting = supervisor.rest();
      if (isInCharge) await engine.bots.stopAll({ who: 'the manager', tell, signal });
      // What is under way sees that its bot is held, and ends.
      await resting;
      end();
    },
  };
}

/** Takes what hooks say to the agent; what programs printed leaves the machine with it, so its secrets are hidden. */
function handTo(agent: AgentSeam, mask: (text: string) => string): (message: Message) => boolean {
  return ({ action, key, text, branch, depth, creator }) => {
    const message = { key, text: mask(text), ...(branch === null ? {} : { branch }), depth, creator };
    switch (action) {
      case 'inject_context':
        return agent.inject(message);
      case 'spawn_branch':
        return agent.spawn(message);
      case 'stop_branch':
        return agent.stop(message);
      case 'notify_channel':
        throw new Error('a notification is for people');
    }
  };
}

/** Bots that are added or changed are looked after from then on, without a restart of the manager. */
function followConfiguration(engine: Engine): NodeJS.Timeout {
  // Only who has bots needs a file to command them by.
  const offer = () => engine.bots.names.length > 1 && offerCommandFile(engine.root);
  offer();
  const stamp = () =>
    engine.settingsFiles
      .map((path) => statSync(path, { throwIfNoEntry: false }))
      .map((found) => `${found?.ino} ${found?.size} ${found?.mtimeMs}`)
      .join();
  let before = stamp();
  return setInterval(() => {
    const now = stamp();
    if (now === before) return;
    before = now;
    try {
      engine.bots.configure(engine.readSettings());
      offer();
      engine.logger.info({}, 'the configuration has changed, and was read again');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      engine.logger.warn(
        {},
        `the configuration has changed and cannot be used, so the one before holds: ${reason}`,
      );
    }
  }, configurationMs);
}
