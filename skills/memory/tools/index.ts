// The catalogue of the memory.

import type { Tool } from '../../tool.ts';
import { forget } from './forget.ts';
import { recall } from './recall.ts';
import { remember } from './remember.ts';

/** In the order in which they are shown. */
export const tools: readonly Tool[] = [remember, recall, forget];
