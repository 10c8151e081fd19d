// The catalogue of the process manager, in the order in which help shows it. To add a tool: write its file beside
// this one, and name it here; every surface, the documentation and SKILL.md follow from that.

import { doctor } from './doctor.ts';
import { history } from './history.ts';
import { hook } from './hook.ts';
import { kill } from './kill.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { run } from './run.ts';
import { send } from './send.ts';
import { status } from './status.ts';

export const tools = [list, status, logs, run, kill, send, hook, history, doctor] as const;
