// The hooks of one instance behind one object: making them, deciding which triggers are met, and carrying out what
// fired. Deciding derives from what the tables say, so it does not matter who noticed the end of a process, or when.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { type Clock, Failure, type History, type Logger } from '../../tool.ts';
import { compilePattern, createMask } from '../output/index.ts';
import { isFinished, type Processes, type ProcessRow, requireRunning } from '../processes/index.ts';
import { act, tellHeldBack } from './act.ts';
import type { Fire, Hook } from './hook.ts';
import { createOutbox, deepestBranch, type Outbox } from './outbox.ts';
import { createHookStore, type HookStore, type NewHook } from './store.ts';
import { createWatch, type Found } from './watch.ts';
import { describeTrigger } from './words.ts';

const mostHooksPerProcess = 2_000;
/** Fires of one round, and how many of them are carried out side by side. */
const firesAtOnce = 1_000;
const batch = 100;
/** How long after an end a hook may still be made. */
const lateMs = 60_000;
/** A database that is busy or a disk that is full passes: a fire is tried again until then. */
const retryMs = 5_000;
const endAttempts = 50;
const endPauseMs = 20;

/** What can be done with hooks. */
export interface Hooks {
  readonly outbox: Outbox;
  add(hook: Omit<NewHook, 'createdAt'>): Hook;
  /** Fails when it is too late for a hook on this process. */
  requireTriggerable(row: ProcessRow): void;
  ofProcess(processId: string): Hook[];
  describe(hook: Hook): string;
  /** The processes whose output somebody waits for. */
  watched(): string[];
  /** Up to which byte of a log hooks have read; undefined when none reads it. */
  readUntil(processId: string, stream: 'stdout' | 'stderr'): number | undefined;
  /** Matches a chunk of new output, and says whether there was something, and more. */
  scan(processId: string): Found;
  /** Fires what is due: ends, timeouts, and delays that are over. Resolves when all of it was carried out. */
  tick(): Promise<void>;
  /** Matches the last lines of a process that has ended, and fires its end. */
  settleEnd(processId: string): Promise<void>;
  /** Gives the next run of a bot the hooks that its run before has not used up. */
  carryOver(fromProcess: string, toProcess: string): void;
  /** When to tick again although nothing happens: the next timeout or delay. */
  nextMoment(): number | undefined;
}

/** The hooks of the instance whose database and processes these are. */
export function createHooks(options: {
  database: Database;
  processes: Processes;
  history: History;
  logger: Logger;
  clock: Clock;
  /** Values that must not leave the machine. */
  secrets: readonly string[];
}): Hooks {
  const { database, processes, history, logger, clock } = options;
  const store = createHookStore(database);
  const outbox = createOutbox(database);
  const surroundings = { store, outbox, processes, history, clock, mask: createMask(options.secrets) };
  /** Fires that are being carried out by this process right now. */
  const underWay = new Set<number>();

  const watch = createWatch({
    store,
    clock,
    onMissed: (row, stream, bytes) => {
      const detail = `${bytes} bytes of ${stream} were trimmed away before they could be matched: it printed faster than its hooks could read`;
      logger.warn({ process: row.id }, detail);
      const id = history.begin({ actor: 'supervisor', action: 'hook', subject: row.id, isRead: false });
      history.finish(id, 'failed', detail);
    },
  });
  const scan = (processId: string): Found => {
    const hooks = store.waitingForOutput(processId);
    const row = processes.registry.find(processId);
    if (hooks.length > 0 && row) return watch.scan(row, hooks);
    watch.forget(processId);
    return 'nothing';
  };
  /** Carries a fire out; returns what the round has to wait for. */
  const settleFire = (fire: Fire): Promise<void> | undefined => {
    underWay.add(fire.id);
    const acting = act(surroundings, fire)
      .then(() => void underWay.delete(fire.id))
      .catch((error) => {
        logger.error(
          { fire: fire.id, hook: fire.hookId, error: String(error) },
          'a hook has to be tried again',
        );
        // It is due still; the next rounds pass it over for a while.
        setTimeout(() => underWay.delete(fire.id), retryMs).unref();
      });
    return store.find(fire.hookId)?.action === 'stop_process' ? undefined : acting;
  };
  return {
    outbox,
    add: (hook) => add(store, processes, { ...hook, createdAt: new Date(clock.now()).toISOString() }),
    requireTriggerable: (row) => requireTriggerable(processes.settle(row), clock.now()),
    ofProcess: (processId) => store.ofProcess(processId),
    describe: describeTrigger,
    watched: () => store.watchedProcesses(),
    readUntil: (processId, stream) =>
      store.waitingForOutput(processId).length === 0 ? undefined : watch.position(processId, stream),
    scan,
    async tick() {
      for (const hook of store.waitingForFinished()) decideEnd(store, processes, clock, scan, hook);
      decideTimeouts(store, processes, clock);
      tellHeldBack(surroundings);
      for (let left = firesAtOnce; left > 0; ) {
        const due = store.due(clock.now(), batch + underWay.size).filter(({ id }) => !underWay.has(id));
        // Stopping takes seconds when a process does not listen, and nobody else's hook waits for that.
        await Promise.all(due.map((fire) => settleFire(fire)).filter((acting) => acting !== undefined));
        left = due.length < batch ? 0 : left - due.length;
      }
    },
    async settleEnd(processId) {
      for (let attempt = 1; ; attempt++) {
        try {
          for (const hook of store.waitingForFinished())
            if (hook.processId === processId) decideEnd(store, processes, clock, scan, hook);
          while (scan(processId) !== 'nothing');
          return;
        } catch (error) {
          // The supervisor reads the same lines at the same time: one of the two is told to begin again.
          if (attempt === endAttempts) throw error;
          await sleep(endPauseMs);
        }
      }
    },
    carryOver: (from, to) => store.carryOver(from, to, new Date(clock.now()).toISOString()),
    // What is due and under way needs no further round: it ends by itself, or the next sweep tries it again.
    nextMoment: () => nextMoment(store, processes, underWay.size > 0 ? clock.now() : 0),
  };
}

function add(store: HookStore, processes: Processes, hook: NewHook): Hook {
  const row = processes.registry.find(hook.processId);
  if (row) requireTriggerable(processes.settle(row), Date.parse(hook.createdAt));
  if (hook.trigger.type === 'on_output_match') compilePattern(hook.trigger.pattern);
  const depth = Math.max(row?.hookDepth ?? 0, hook.depth ?? 0);
  if (row && hook.action === 'spawn_branch' && depth >= deepestBranch) {
    throw new Failure(
      'hooks_too_deep',
      `A branch that this hook spawns would be ${depth + 1} hooks deep, and ${deepestBranch} is the deepest.`,
      'Let the hook notify a channel instead.',
    );
  }
  if (store.ofProcess(hook.processId).length >= mostHooksPerProcess) {
    throw new Failure(
      'too_many_hooks',
      `This process has ${mostHooksPerProcess} hooks, which is as many as one may have.`,
      'Join patterns into one: a|b|c.',
    );
  }
  return store.insert(hook);
}

/**
 * A hook may be a moment late: what just ended fires it all the same, so that a script that runs a command and then adds
 * a hook does not depend on who was faster.
 */
function requireTriggerable(row: ProcessRow, at: number): void {
  const endedMs = row.endedAt === null ? 0 : at - Date.parse(row.endedAt);
  if (endedMs > lateMs) requireRunning(row);
}

function decideEnd(
  store: HookStore,
  processes: Processes,
  clock: Clock,
  scan: (processId: string) => Found,
  hook: Hook,
): void {
  const row = processes.registry.find(hook.processId);
  if (!row || hook.trigger.type !== 'on_exit') return;
  // What it printed last comes before its end.
  while (scan(row.id) !== 'nothing');
  const { filter } = hook.trigger;
  const succeeded = row.exitCode === 0;
  store.together(() => {
    if (filter === 'any' || (filter === 'success') === succeeded) store.fire(hook, clock.now());
    store.finish(hook.id);
  });
}

function decideTimeouts(store: HookStore, processes: Processes, clock: Clock): void {
  for (const hook of store.waitingForTimeout()) {
    const row = processes.registry.find(hook.processId);
    const moment = timeoutMoment(hook, row);
    if (!row || isFinished(row.status)) store.finish(hook.id);
    else if (moment !== undefined && clock.now() >= moment) {
      store.together(() => {
        store.fire(hook, clock.now());
        store.finish(hook.id);
      });
    }
  }
}

/** A timeout counts from the start of the process, however often the supervisor was started since. */
function timeoutMoment({ trigger }: Hook, row: ProcessRow | undefined): number | undefined {
  if (trigger.type !== 'on_timeout' || !row) return undefined;
  return Date.parse(row.startedAt) + trigger.seconds * 1_000;
}

function nextMoment(store: HookStore, processes: Processes, dueAfter: number): number | undefined {
  const timeouts = store
    .waitingForTimeout()
    .map((hook) => timeoutMoment(hook, processes.registry.find(hook.processId)));
  const moments = [store.nextDue(dueAfter), ...timeouts].filter((moment) => moment !== undefined);
  return moments.length === 0 ? undefined : Math.min(...moments);
}
