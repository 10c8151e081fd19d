// The supervisor: notices what ends, matches output, fires hooks, trims logs. One for each instance, in the live bot or
// in `start_all`. It owns no process: it works from the registry and from the files, so it can be killed at any moment,
// and whoever is elected next goes on where it stopped. There is no other way to start.

import { type FSWatcher, mkdirSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Clock, Logger } from '../../tool.ts';
import { removeIfThere } from '../base/index.ts';
import type { Hooks, Message } from '../hooks/index.ts';
import { isFinished, type Processes } from '../processes/index.ts';
import { type Follower, follow } from './follow.ts';
import { type SupervisorLock, takeSupervisorLock } from './lock.ts';
import { noteMemory, trimLogs } from './upkeep.ts';

const electionMs = 1_000;
/** How soon a change by another process is noticed (`PRAGMA data_version`, a few microseconds a look). */
const noticeMs = 100;
/** Behind the folder of endings, which tells at once: for the endings that it missed. */
const sweepMs = 5_000;
const upkeepMs = 1_000;
const memoryMs = 10_000;
const forgetMs = 3_600_000;
/** As many endings as are kept, and more than run anywhere. */
const mostLogsAtStart = 5_000;

/** What the supervisor works on, and whom it tells. */
export interface SupervisorOptions {
  readonly root: string;
  readonly database: Database;
  readonly processes: Processes;
  readonly hooks: Hooks;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Takes a notification to its channel. Called once for each; when it throws, it is called again later. */
  onNotice(message: Message): void;
}

/** A supervisor, or a candidate that waits for the present one to end. */
export interface Supervisor {
  readonly isElected: boolean;
  stop(): void;
}

/** Stands for election until it is stopped, and supervises once it is elected. */
export function startSupervisor(options: SupervisorOptions): Supervisor {
  let lock: SupervisorLock | undefined;
  let work: { stop(): void } | undefined;
  const stand = () => {
    if (lock) return;
    lock = takeSupervisorLock(options.root);
    if (!lock) return;
    clearInterval(timer);
    work = supervise(options);
  };
  const timer = setInterval(stand, electionMs);
  stand();
  return {
    get isElected() {
      return lock !== undefined;
    },
    stop: () => {
      clearInterval(timer);
      work?.stop();
      lock?.release();
    },
  };
}

function supervise(options: SupervisorOptions): { stop(): void } {
  const { processes, hooks, database, logger, clock } = options;
  const followers = new Map<string, Follower>();
  const timers: NodeJS.Timeout[] = [];
  let moment: NodeJS.Timeout | undefined;
  let stopped = false;
  let ticking = false;
  let again = false;

  /** One round of decisions at a time; whatever asks meanwhile gets another round. */
  const tick = () => {
    if (stopped) return;
    if (ticking) {
      again = true;
      return;
    }
    ticking = true;
    refreshFollowers();
    hooks
      .tick()
      .then(() => deliver(options))
      .catch((error) => logger.error({ error: describe(error) }, 'a round of the supervisor failed'))
      .finally(() => {
        ticking = false;
        if (again) {
          again = false;
          tick();
        } else {
          waitForNextMoment();
        }
      });
  };
  const waitForNextMoment = () => {
    clearTimeout(moment);
    const next = stopped ? undefined : hooks.nextMoment();
    if (next !== undefined) moment = setTimeout(tick, Math.min(Math.max(0, next - clock.now()), 2 ** 30));
  };
  const refreshFollowers = () => {
    const wanted = new Set(hooks.watched());
    for (const [id, follower] of followers) {
      if (wanted.has(id)) continue;
      follower.stop();
      followers.delete(id);
    }
    for (const id of wanted) {
      const row = processes.registry.find(id);
      if (!row) continue;
      const known = followers.get(id);
      if (known) {
        if (isFinished(row.status)) known.nudge();
        continue;
      }
      followers.set(
        id,
        follow(
          [row.stdoutLog, row.stderrLog],
          () => hooks.scan(id),
          tick,
          (error) => {
            followers.delete(id);
            logger.error(
              { process: id, error: describe(error) },
              'the output of a process can no longer be followed',
            );
          },
        ),
      );
    }
  };
  const nudgeAll = () => {
    for (const follower of followers.values()) follower.nudge();
  };

  hooks.outbox.putBackTaken();
  processes.settleAll();
  // What has ended too: a trimmer may have been killed in the middle of its work.
  trimLogs(processes.registry.recent({ since: '', limit: mostLogsAtStart }), options);
  const endings = watchEndings(options, tick);
  let version = dataVersion(database);
  const every = (ms: number, work: () => void) => timers.push(setInterval(guard(logger, work), ms));
  every(noticeMs, () => {
    const now = dataVersion(database);
    if (now === version) return;
    version = now;
    nudgeAll();
    tick();
  });
  every(sweepMs, () => {
    if (processes.settleAll().length > 0) tick();
  });
  every(upkeepMs, () => trimLogs(processes.registry.unfinished(), options));
  every(memoryMs, () => noteMemory(database, processes));
  every(forgetMs, () => processes.forgetOld());
  processes.forgetOld();
  tick();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(moment);
      for (const timer of timers) clearInterval(timer);
      for (const follower of followers.values()) follower.stop();
      endings.close();
    },
  };
}

/** Settles a process as soon as its shim has written its status down. */
function watchEndings(options: SupervisorOptions, onEnded: () => void): FSWatcher {
  const { processes } = options;
  const folder = processes.endingsFolder;
  mkdirSync(folder, { recursive: true });
  const look = () => {
    const names = readdirSync(folder);
    for (const id of names) {
      const row = processes.registry.find(id);
      if (row) trimLogs([processes.settle(row)], options);
      removeIfThere(join(folder, id));
    }
    if (names.length > 0) onEnded();
  };
  const watcher = watch(folder, look);
  look();
  return watcher;
}

function deliver({ hooks, onNotice, logger }: SupervisorOptions): void {
  for (const message of hooks.outbox.take(['notify_channel'], 100)) {
    try {
      onNotice(message);
      hooks.outbox.finish(message.id);
    } catch (error) {
      logger.warn({ message: message.id, error: describe(error) }, 'a notification has to wait');
    }
  }
}

function guard(logger: Logger, work: () => void): () => void {
  return () => {
    try {
      work();
    } catch (error) {
      // A full disk or a busy database passes; the next round tries again.
      logger.error({ error: describe(error) }, 'the supervisor could not do its work this time');
    }
  };
}

function dataVersion(database: Database): unknown {
  return database.prepare('PRAGMA data_version').pluck().get();
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
