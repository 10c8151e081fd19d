// The only door of the process manager.

import type { Skill } from '../tool.ts';
import { botMigrations, commandFileMigrations } from './bots/index.ts';
import { briefing } from './briefing.ts';
import { containerMigrations } from './containers/index.ts';
import { createEngine, type Engine } from './engine.ts';
import { hookMigrations, outboxMigrations } from './hooks/index.ts';
import { engineNoteMigrations, processMigrations } from './processes/index.ts';
import type { Settings } from './settings.ts';
import { supervise } from './supervise.ts';
import { tools } from './tools/index.ts';

export { createMask } from './output/index.ts';
export { problemsAcross, type Settings, settingsKeys, settingsShape } from './settings.ts';

const processManager: Skill<Settings, Engine> = {
  name: 'process-manager',
  description:
    'Starts, watches, pauses and restarts processes and bots, and promotes or takes back releases.',
  prefix: 'process',
  allowedInStaging: false,
  migrations: [
    ...processMigrations,
    ...engineNoteMigrations,
    ...containerMigrations,
    ...hookMigrations,
    ...outboxMigrations,
    ...botMigrations,
    ...commandFileMigrations,
  ],
  tools,
  open: createEngine,
  briefing,
  start: supervise,
};

export default processManager;
