// Carries out what fired. Whatever somebody above has to do is put into the outbox in the same transaction that closes
// the fire and writes the history, so it happens once; stopping a process may be asked for twice and means the same.

import type { Clock, History } from '../../tool.ts';
import type { Processes, ProcessRow } from '../processes/index.ts';
import type { Fire, Hook } from './hook.ts';
import type { MessageAction, Outbox } from './outbox.ts';
import type { HookStore } from './store.ts';
import { describeTrigger, nameOf, textForAgent, textForPeople } from './words.ts';

/** Between two notifications of one hook. */
const notifyPauseMs = 180_000;

/** What the actions need. */
export interface ActSurroundings {
  readonly store: HookStore;
  readonly outbox: Outbox;
  readonly processes: Processes;
  readonly history: History;
  readonly clock: Clock;
  /** Hides secrets in what is meant for the agent. */
  mask(text: string): string;
}

/** Carries out one fire. */
export async function act(surroundings: ActSurroundings, fire: Fire): Promise<void> {
  const { store, processes } = surroundings;
  const hook = store.find(fire.hookId);
  const row = processes.registry.find(fire.processId);
  if (!hook || !row) {
    store.close(fire, 'failed');
    return;
  }
  if (hook.action === 'stop_process') {
    await processes.kill(row, { reason: `hook ${hook.id}: ${describeTrigger(hook)}` });
    store.together(() => close(surroundings, fire, hook, row, 'done', 'stopped'));
    return;
  }
  const { action } = hook;
  store.together(() => {
    try {
      const said =
        action === 'notify_channel'
          ? notify(surroundings, fire, hook, row)
          : tell(surroundings, fire, hook, row, action);
      close(surroundings, fire, hook, row, 'done', said);
    } catch (error) {
      close(surroundings, fire, hook, row, 'refused', (error as Error).message);
    }
  });
}

/** Tells of notifications that were held back, once the pause is over. */
export function tellHeldBack(surroundings: ActSurroundings): void {
  const { store, processes, clock } = surroundings;
  for (const hook of store.heldBackUntil(new Date(clock.now() - notifyPauseMs).toISOString())) {
    const row = processes.registry.find(hook.processId);
    store.together(() => {
      if (row) {
        put(
          surroundings,
          hook,
          row,
          'notify_channel',
          `${nameOf(row)}: ${describeTrigger(hook)} ${hook.heldBack} more times.`,
        );
      }
      store.noteSent(hook.id, new Date(clock.now()).toISOString());
    });
  }
}

function notify(surroundings: ActSurroundings, fire: Fire, hook: Hook, row: ProcessRow): string {
  const { store, clock } = surroundings;
  const since =
    hook.notifiedAt === null ? Number.POSITIVE_INFINITY : clock.now() - Date.parse(hook.notifiedAt);
  if (since < notifyPauseMs) {
    store.noteHeldBack(hook.id);
    return 'held back: the last notification was less than 180 s ago';
  }
  const before = hook.heldBack === 0 ? '' : ` (${hook.heldBack} more were held back before this)`;
  put(surroundings, hook, row, 'notify_channel', `${textForPeople(fire, hook, row)}${before}`);
  store.noteSent(hook.id, new Date(clock.now()).toISOString());
  return 'notified';
}

function tell(
  surroundings: ActSurroundings,
  fire: Fire,
  hook: Hook,
  row: ProcessRow,
  action: Exclude<MessageAction, 'notify_channel'>,
): string {
  put(surroundings, hook, row, action, textForAgent(fire, hook, row, surroundings.mask));
  return action;
}

function put(
  { outbox, clock }: ActSurroundings,
  hook: Hook,
  row: ProcessRow,
  action: MessageAction,
  text: string,
): void {
  outbox.put({
    action,
    hookId: hook.id,
    processId: row.id,
    at: new Date(clock.now()).toISOString(),
    text,
    // Whoever asked is told, and what was begun is stopped.
    branch: action === 'stop_branch' ? (row.branch ?? hook.branch) : (hook.branch ?? row.branch),
    depth: Math.max(row.hookDepth, hook.depth) + 1,
    creator: hook.creator,
  });
}

function close(
  { store, history }: ActSurroundings,
  fire: Fire,
  hook: Hook,
  row: ProcessRow,
  state: 'done' | 'refused',
  detail: string,
): void {
  store.close(fire, state);
  const line = fire.line === null ? '' : `: ${fire.line.slice(0, 200)}`;
  const id = history.begin({ actor: hook.creator.id, action: 'hook', subject: row.id, isRead: false });
  history.finish(
    id,
    state === 'done' ? 'ok' : 'refused',
    `hook ${hook.id}, ${hook.action}: ${describeTrigger(hook)}${line} -> ${detail}`,
  );
}
