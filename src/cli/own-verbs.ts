// The verbs that are no tools, in the order in which the overview shows them.

import { completionVerb } from './completion.ts';
import { dashboardVerb } from './dashboard.ts';
import { initVerb } from './init.ts';
import { mcpVerb } from './mcp.ts';
import type { OwnVerb } from './own-verb.ts';
import { serviceVerb } from './service.ts';
import { startAllVerb } from './start-all.ts';

/** All of them. */
export const ownVerbs: readonly OwnVerb[] = [
  initVerb,
  serviceVerb,
  startAllVerb,
  dashboardVerb,
  mcpVerb,
  completionVerb,
];
