// The only door of the memory: what a bot knows beyond one conversation, in files that people can read and edit.

import type { Skill } from '../tool.ts';
import { briefing } from './briefing.ts';
import { createMemory, type Memory } from './engine.ts';
import { memoryMigrations } from './search-index.ts';
import { tools } from './tools/index.ts';

const memory: Skill<unknown, Memory> = {
  name: 'memory',
  description: 'Remembers facts and notes beyond one conversation, and finds them again.',
  prefix: 'memory',
  allowedInStaging: true,
  migrations: memoryMigrations,
  tools,
  open: createMemory,
  briefing,
};

export default memory;
