// What the process manager does all the time, in a bot that stays up or in `understudy start_all`: it supervises, reads
// the command file, shows what bots print, and takes the bots along when its host ends for good.

import { statSync } from 'node:fs';
import type { Bot, Running } from '../tool.ts';
import { createCommandFile, offerCommandFile } from './bots/index.ts';
import { carryOutCommands } from './commands.ts';
import type { Engine } from './engine.ts';
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
