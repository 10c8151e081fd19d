// The only door of the workshop: how the bot reads and changes its own code, in staging/ and nowhere else.

import type { Skill } from '../tool.ts';
import { createWorkshop, type Workshop } from './engine.ts';
import { tools } from './tools/index.ts';

const workshop: Skill<unknown, Workshop> = {
  name: 'workshop',
  description: 'Reads, searches, writes and edits the code in staging/, and runs commands there.',
  prefix: 'workshop',
  allowedInStaging: false,
  migrations: [],
  tools,
  open: createWorkshop,
};

export default workshop;
