// Which branches are at work in this process: at most so many at once, each in one turn. The table of branches says what
// there is to do, so starting is only looking.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../skills/tool.ts';
import type { Branch, Branches } from './branches.ts';
import type { Break } from './turn-state.ts';

const mostAtOnce = 4;
/** After a turn that could not be ended in order, as on a full disk, its branch is left alone for so long. */
const restMs = 10_000;
/** Branches that hooks began take at most these of the places, so that a person never waits for hooks alone. */
const mostOfHooks = 3;

/** What runs the turns. */
export interface Work {
  /** Looks for branches that want to run, and starts them. */
  kick(): void;
  /** Breaks the turn of a branch off; false when it has none. */
  breakOff(id: string, reason: Break): boolean;
  /** True while its turn is under way here. */
  has(id: string): boolean;
  readonly size: number;
  /** Leaves every turn as it is for the next process; resolves when all have stopped, or the time is over. */
  close(withinMs: number): Promise<void>;
}

/** What turns are, and what is done after each. */
export interface WorkOptions {
  readonly branches: Branches;
  readonly logger: Logger;
  run(id: string, signal: AbortSignal): Promise<void>;
  /** The turn is gone: whoever puts news now finds the branch at rest. */
  after(id: string): void;
}

/** Without any work yet. */
export function createWork({ branches, logger, run, after }: WorkOptions): Work {
  const turns = new Map<
    string,
    { controller: AbortController; origin: Branch['origin']; done: Promise<void> }
  >();
  let isClosed = false;
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      logger.warn({ error: String(error) }, 'the branches could not be read or moved this time');
    }
  };
  const start = ({ id, origin }: Branch) => {
    const controller = new AbortController();
    const done = run(id, controller.signal)
      .catch((error: unknown) => {
        // Nothing that a turn does may end the bot. It rests, or it would be started again at once.
        logger.error(
          { branch: id, error: error instanceof Error ? error.stack : String(error) },
          'a turn broke',
        );
        attempt(() => branches.move(id, 'rested'));
        return sleep(restMs, undefined, { signal: controller.signal, ref: false }).catch(() => {});
      })
      .finally(() => {
        turns.delete(id);
        if (isClosed) return;
        attempt(() => after(id));
        kick();
      });
    turns.set(id, { controller, origin, done });
  };
  const kick = () => {
    if (isClosed) return;
    attempt(() => {
      for (const branch of branches.withStatus('running')) {
        if (turns.size >= mostAtOnce) return;
        if (turns.has(branch.id)) continue;
        const ofHooks = [...turns.values()].filter(({ origin }) => origin === 'hook').length;
        if (branch.origin !== 'hook' || ofHooks < mostOfHooks) start(branch);
      }
    });
  };
  return {
    kick,
    breakOff(id, reason) {
      const turn = turns.get(id);
      turn?.controller.abort(reason);
      return turn !== undefined;
    },
    has: (id) => turns.has(id),
    get size() {
      return turns.size;
    },
    async close(withinMs) {
      isClosed = true;
      const reason: Break = { kind: 'end', by: 'the end of the bot' };
      for (const { controller } of turns.values()) controller.abort(reason);
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([Promise.all([...turns.values()].map(({ done }) => done)), enough]);
      clearTimeout(timer);
    },
  };
}
