// What the tools of this skill work with: the surroundings that the host gave, and nothing opened before its use.

import type { Host } from '../tool.ts';
import type { Settings } from './settings.ts';

/** Handed to every handler as `context.engine`. */
export type Engine = Host<Settings>;
