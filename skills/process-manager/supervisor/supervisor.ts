// The supervisor: notices what ends, matches output, fires hooks, trims logs. One for each instance, in the live bot or
// in `start_all`. It owns no process: it works from the registry and from the files, so it can be killed at any moment,
// and whoever is elected next goes on where it stopped. There is no other way to start.

import { type FSWatcher, mkdirSync, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Logger } from '../../tool.ts';
import { removeIfThere } from '../base/index.ts';
import type { Bots, CommandFile, Keeper } from '../bots/index.ts';
import type { Processes } from '../processes/index.ts';
import { createDelivery, type DeliveryOptions } from './deliver.ts';
import { createFollowers } from './followers.ts';
import { type SupervisorLock, takeSupervisorLock } from './lock.ts';
import { noteMemory, trimLogs } from './upkeep.ts';

const electionMs = 1_000;
/** How soon a change by another process is noticed (`PRAGMA data_version`, a few microseconds a look). */
const noticeMs = 100;
/** Behind the folder of endings, which tells at once: for the endings that it missed. */
const sweepMs = 5_000;
const upkeepMs = 1_000;
const memoryMs = 10_000;
const memoryLimitMs = 5_000;
const commandsMs = 500;
const forgetMs = 3_600_000;
const endedUpkeepMs = 10_000;
/** How long after an end a log is looked at: children may print on. */
const endedLogsMs = 86_400_000;
/** A moment after which nothing has ended. */
const never = '9999';

/** What the supervisor works on, and whom it tells. */
export interface SupervisorOptions extends DeliveryOptions {
  readonly root: string;
  readonly database: Database;
  readonly processes: Processes;
  readonly bots: Bots;
  readonly commands: CommandFile;
}

/** A supervisor, or a candidate that waits for the present one to end. */
export interface Supervisor {
  readonly isElected: boolean;
  /** Begins nothing new, and resolves when what is under way has ended. It is still elected then. */
  rest(): Promise<void>;
  stop(): void;
}

/** Stands for election until it is stopped, and supervises once it is elected. */
export function startSupervisor(options: SupervisorOptions): Supervisor {
  let lock: SupervisorLock | undefined;
  let work: Work | undefined;
  let hasWaited = false;
  const stand = guard(options.logger, () => {
    lock ??= takeSupervisorLock(options.root);
    if (!lock) {
      hasWaited = true;
      return;
    }
    // Should this fail, on a full disk for example, the next second tries again.
    work ??= supervise(options);
    clearInterval(timer);
    if (hasWaited) options.logger.info({}, 'the supervisor before has ended: this process supervises now');
  });
  const timer = setInterval(() => stand(), electionMs);
  stand();
  return {
    get isElected() {
      return work !== undefined;
    },
    rest: async () => {
      clearInterval(timer);
      await work?.rest();
    },
    stop: () => {
      clearInterval(timer);
      work?.stop();
      lock?.release();
    },
  };
}

/** What the elected supervisor does. */
interface Work {
  rest(): Promise<void>;
  stop(): void;
}

function supervise(options: SupervisorOptions): Work {
  const { processes, bots, commands, database, logger, clock } = options;
  const keeper = bots.keep(() => rounds.next());
  const rounds = createRounds(options, keeper);
  processes.settleAll();
  let version = dataVersion(database);
  const timers: NodeJS.Timeout[] = [];
  const every = (ms: number, work: () => void) => timers.push(setInterval(guard(logger, work), ms));
  const endings = watchEndings(options, rounds.next);
  const attendance = processes.attend(bots.engines, () => {
    rounds.nudge();
    rounds.next();
  });
  every(noticeMs, () => {
    const now = dataVersion(database);
    if (now === version) return;
    version = now;
    rounds.nudge();
    rounds.next();
  });
  every(sweepMs, () => {
    endings.look();
    processes.settleAll();
    rounds.next();
  });
  every(upkeepMs, () => trimLogs(processes.registry.logs(never), options));
  every(memoryMs, () => noteMemory(database, processes));
  every(memoryLimitMs, () => keeper.checkMemory());
  every(commandsMs, () => commands.poll());
  every(forgetMs, () => processes.forgetOld());
  // What has ended is trimmed too: its children may print on, and a trimmer may have been killed in its work.
  const trimEnded = (repair: boolean) => {
    const since = new Date(clock.now() - endedLogsMs).toISOString();
    trimLogs(processes.registry.logs(since), options, { repair });
  };
  every(endedUpkeepMs, () => trimEnded(false));
  guard(logger, () => processes.forgetOld())();
  guard(logger, () => trimEnded(true))();
  rounds.next();
  const stop = () => {
    for (const timer of timers) clearInterval(timer);
    endings.close();
    rounds.stop();
    // What is under way ends by itself, and leaves nothing that the next one does not find.
    attending ??= attendance.stop();
  };
  let attending: Promise<void> | undefined;
  return {
    stop,
    rest: async () => {
      stop();
      await Promise.all([keeper.rest(), commands.rest(), attending]);
    },
  };
}

/** One round of decisions at a time; whatever asks meanwhile gets another round. */
function createRounds(
  options: SupervisorOptions,
  keeper: Keeper,
): { next(): void; nudge(): void; stop(): void } {
  const { hooks, logger, clock } = options;
  const followers = createFollowers(options, () => next());
  const deliver = createDelivery(options);
  let moment: NodeJS.Timeout | undefined;
  let stopped = false;
  let running = false;
  let again = false;
  const round = async () => {
    do {
      again = false;
      try {
        followers.refresh();
        keeper.look();
        await hooks.tick();
        // Whoever was stopped meanwhile may no longer be the one who was elected.
        if (!stopped) deliver();
      } catch (error) {
        // A busy database or a full disk passes: the sweep asks for another round.
        logger.error({ error: describe(error) }, 'a round of the supervisor failed');
      }
    } while (again && !stopped);
  };
  const waitForNextMoment = guard(logger, () => {
    clearTimeout(moment);
    const moments = [hooks.nextMoment(), keeper.nextMoment()].filter((each) => each !== undefined);
    const at = stopped || moments.length === 0 ? undefined : Math.min(...moments);
    if (at !== undefined) moment = setTimeout(next, Math.min(Math.max(1, at - clock.now()), 2 ** 30));
  });
  const next = () => {
    again = true;
    if (running || stopped) return;
    running = true;
    void round().finally(() => {
      running = false;
      waitForNextMoment();
    });
  };
  return {
    next,
    nudge: followers.nudge,
    stop: () => {
      stopped = true;
      clearTimeout(moment);
      followers.stop();
    },
  };
}

/** Settles a process as soon as its shim has written its status down. */
function watchEndings(options: SupervisorOptions, onEnded: () => void): { look(): void; close(): void } {
  const { processes, logger } = options;
  const folder = processes.endingsFolder;
  let watcher: FSWatcher | undefined;
  const look = guard(logger, () => {
    // Somebody may have removed the folder, and the watch with it.
    mkdirSync(folder, { recursive: true });
    const names = readdirSync(folder);
    for (const id of names) {
      const row = processes.registry.find(id);
      const settled = row && processes.settle(row);
      // The runs of a bot share a log, and the next one may have begun: the upkeep looks at all of them together.
      if (settled?.bot === null) trimLogs([settled], options);
      removeIfThere(join(folder, id));
    }
    if (names.length > 0) onEnded();
  });
  let watched = 0;
  /** Looks, and watches anew where the folder is another one than before. */
  const lookAndWatch = guard(logger, () => {
    look();
    const { ino } = statSync(folder);
    if (ino === watched) return;
    watcher?.close();
    watcher = watch(folder, look).on('error', () => {
      watched = 0;
    });
    watched = ino;
    look();
  });
  lookAndWatch();
  return { look: lookAndWatch, close: () => watcher?.close() };
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
