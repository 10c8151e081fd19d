// Carries out what fired. Whatever somebody above has to do is put into the outbox in the same transaction that closes
// the fire and writes the history, so it happens once; stopping a process may be asked for twice and means the same.

import type { Clock, History } from '../../tool.ts';
import { lastLines } from '../output/index.ts';
import { isFinished, type Processes, type ProcessRow } from '../processes/index.ts';
import type { Fire, Hook } from './hook.ts';
import type { MessageAction, Outbox } from './outbox.ts';
import type { HookStore } from './store.ts';

/** Between two notifications of one hook. */
const notifyPauseMs = 180_000;
const linesAfterMatch = 20;
const linesForBranch = 30;

/** What the actions need. */
export interface ActSurroundings {
  readonly store: HookStore;
  readonly outbox: Outbox;
  readonly processes: Processes;
  readonly history: History;
  readonly clock: Clock;
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

/** The trigger in words. */
export function describeTrigger({ trigger }: Pick<Hook, 'trigger'>): string {
  switch (trigger.type) {
    case 'on_exit':
      return trigger.filter === 'any' ? 'it ended' : `it ended with ${trigger.filter}`;
    case 'on_output_match':
      return `it printed a line that matches ${trigger.pattern}`;
    case 'on_timeout':
      return `it still ran after ${trigger.seconds} s`;
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
  put(surroundings, hook, row, 'notify_channel', `${explain(fire, hook, row)}${before}`);
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
  const count = action === 'spawn_branch' ? linesForBranch : linesAfterMatch;
  const tails = [...new Set([row.stdoutLog, row.stderrLog])].map((path) =>
    lastLines(path, count, row.logUntil === null ? {} : { before: row.logUntil }),
  );
  const lines = tails.flat().map(({ text }) => text);
  const tail = lines.length === 0 ? '' : `\nThe last lines of its output:\n${lines.join('\n')}`;
  put(surroundings, hook, row, action, `${explain(fire, hook, row)}${tail}`);
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
    branch: row.branch,
    depth: row.hookDepth + 1,
    creator: hook.creator,
  });
}

function explain(fire: Fire, hook: Hook, row: ProcessRow): string {
  const ending = isFinished(row.status) && hook.trigger.type === 'on_exit' ? `, ${describeEnding(row)}` : '';
  const line = fire.line === null ? '' : `\n${fire.line}`;
  const message = hook.message === null ? '' : `\n${hook.message}`;
  return `${nameOf(row)}: ${describeTrigger(hook)}${ending}.${line}${message}`;
}

function describeEnding({ status, exitCode, signal }: ProcessRow): string {
  if (exitCode === null) return signal === null ? status : `${status} by ${signal}`;
  return `${status} with code ${exitCode}${signal === null ? '' : ` (${signal})`}`;
}

function nameOf(row: ProcessRow): string {
  return `${row.name} (${row.command.length > 80 ? `${row.command.slice(0, 79)}…` : row.command})`;
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
