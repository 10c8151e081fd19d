// Follows the logs of the processes whose output somebody waits for. A log that is quiet costs nothing but a watch on
// its files; one that grows is read twenty times a second, however many writes a second there are.

import { type FSWatcher, statSync, watch } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

const betweenReadsMs = 50;
/** After an error that may pass: a busy database, a full disk. */
const afterErrorMs = 1_000;
/** A watch may miss an event (network file systems, exhausted inotify): then this is how late we are. */
const patienceMs = 5_000;

/** Reads one chunk: `nothing` new, `all` that there was, or there is `more` already. */
export type Scan = () => 'nothing' | 'all' | 'more';

/** Follows logs until it is stopped. `nudge` says that the process has ended, or that somebody else waits for it. */
export interface Follower {
  nudge(): void;
  stop(): void;
}

/** Calls `scan` whenever one of the files may have grown; `onRead` after each time that it found something. */
export function follow(
  paths: readonly string[],
  scan: Scan,
  onRead: () => void,
  onError: (error: unknown) => void,
): Follower {
  const ended = new AbortController();
  let wake = () => {};
  const look = async () => {
    const before = sizes(paths);
    const found = scan();
    if (found !== 'nothing') onRead();
    // A fast writer is followed at the speed of the matcher; everybody else gets a turn in between.
    if (found === 'more') await nextTurn();
    else if (found === 'all') await sleep(betweenReadsMs);
    else {
      await growth(paths, before, (wakeUp) => {
        wake = wakeUp;
      });
    }
  };
  const loop = async () => {
    while (!ended.signal.aborted) {
      try {
        await look();
      } catch (error) {
        onError(error);
        await sleep(afterErrorMs);
      }
    }
  };
  void loop();
  return {
    nudge: () => wake(),
    stop: () => {
      ended.abort();
      wake();
    },
  };
}

/** Resolves when one of the files differs from `before`, when it is woken, or when patience ends. */
async function growth(
  paths: readonly string[],
  before: string,
  offerWake: (wake: () => void) => void,
): Promise<void> {
  const watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve) => {
      offerWake(resolve);
      for (const path of paths) {
        try {
          watchers.push(watch(path, { persistent: false }, () => resolve()).on('error', () => resolve()));
        } catch {
          // Not there yet, or no watches left: patience does it.
        }
      }
      // It may have grown between the reading and the watch.
      if (sizes(paths) !== before) resolve();
      timer = setTimeout(resolve, patienceMs).unref();
    });
  } finally {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  }
}

function sizes(paths: readonly string[]): string {
  return paths.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0).join(' ');
}
