// The only door of the process manager.

import type { Skill } from '../tool.ts';
import { createEngine, type Engine } from './engine.ts';
import { hookMigrations, outboxMigrations } from './hooks/index.ts';
import { processMigrations } from './processes/index.ts';
import type { Settings } from './settings.ts';
import { startSupervisor } from './supervisor/index.ts';
import { tools } from './tools/index.ts';

export { createMask } from './output/index.ts';
export { type Settings, settingsKeys, settingsShape } from './settings.ts';

const processManager: Skill<Settings, Engine> = {
  name: 'process-manager',
  description:
    'Starts, watches, pauses and restarts processes and bots, and promotes or takes back releases.',
  prefix: 'process',
  allowedInStaging: false,
  migrations: [...processMigrations, ...hookMigrations, ...outboxMigrations],
  tools,
  open: createEngine,
  start: (engine, bot) =>
    startSupervisor({
      root: engine.root,
      database: engine.database(),
      processes: engine.processes,
      hooks: engine.hooks,
      logger: engine.logger,
      clock: engine.clock,
      onNotice: ({ text }) => bot.notify({ text }),
    }),
};

export default processManager;
