// The only door of the process manager.

import type { Skill } from '../tool.ts';
import type { Engine } from './engine.ts';
import { processMigrations } from './processes/index.ts';
import type { Settings } from './settings.ts';
import { tools } from './tools/index.ts';

export { type Settings, settingsKeys, settingsShape } from './settings.ts';

const processManager: Skill<Settings, Engine> = {
  name: 'process-manager',
  description:
    'Starts, watches, pauses and restarts processes and bots, and promotes or takes back releases.',
  prefix: 'process',
  allowedInStaging: false,
  migrations: processMigrations,
  tools,
  open: (host) => host,
};

export default processManager;
