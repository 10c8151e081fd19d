// One follower for each process whose output somebody waits for, made and ended as hooks come and go.

import type { Logger } from '../../tool.ts';
import type { Hooks } from '../hooks/index.ts';
import { isFinished, type Processes } from '../processes/index.ts';
import { type Follower, follow } from './follow.ts';

/** The followers of one supervisor. */
export interface Followers {
  /** Makes those that are missing, ends those that nobody needs, and tells those whose process has ended. */
  refresh(): void;
  /** Somebody else wrote something: a hook may be new. */
  nudge(): void;
  stop(): void;
}

/** `onRead` is called after each reading that found something. */
export function createFollowers(
  { processes, hooks, logger }: { processes: Processes; hooks: Hooks; logger: Logger },
  onRead: () => void,
): Followers {
  const followers = new Map<string, Follower>();
  const make = (id: string) => {
    const row = processes.registry.find(id);
    if (!row) return;
    const onError = (error: unknown) =>
      logger.error(
        { process: id, error: String(error) },
        'the output of a process could not be read this time',
      );
    followers.set(
      id,
      follow([row.stdoutLog, row.stderrLog], () => hooks.scan(id), onRead, onError),
    );
  };
  return {
    refresh() {
      const wanted = new Set(hooks.watched());
      for (const [id, follower] of followers) {
        if (wanted.has(id)) continue;
        follower.stop();
        followers.delete(id);
      }
      for (const id of wanted) {
        const follower = followers.get(id);
        if (!follower) make(id);
        else if (isFinished(processes.registry.find(id)?.status ?? 'lost')) follower.nudge();
      }
    },
    nudge() {
      for (const follower of followers.values()) follower.nudge();
    },
    stop() {
      for (const follower of followers.values()) follower.stop();
    },
  };
}
