// The catalogue of the process manager, in the order in which help shows it. To add a tool: write its file beside
// this one, and name it here; every surface, the documentation and SKILL.md follow from that.

import { doctor } from './doctor.ts';
import { history } from './history.ts';
import { list } from './list.ts';

export const tools = [list, history, doctor] as const;
