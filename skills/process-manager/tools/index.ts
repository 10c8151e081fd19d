// The catalogue of the process manager, in the order in which help shows it. To add a tool: write its file beside
// this one, and name it here; every surface, the documentation and SKILL.md follow from that.

import { doctor } from './doctor.ts';
import { history } from './history.ts';
import { hook } from './hook.ts';
import { kill } from './kill.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { pause, resume } from './pause.ts';
import { promote } from './promote.ts';
import { releases } from './releases.ts';
import { revert } from './revert.ts';
import { rollback } from './rollback.ts';
import { run } from './run.ts';
import { selfRestart } from './self-restart.ts';
import { send } from './send.ts';
import { restart, start, startAll } from './start.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { update } from './update.ts';

export const tools = [
  list,
  status,
  logs,
  start,
  stop,
  restart,
  pause,
  resume,
  startAll,
  update,
  run,
  kill,
  send,
  hook,
  promote,
  revert,
  rollback,
  releases,
  selfRestart,
  history,
  doctor,
] as const;
