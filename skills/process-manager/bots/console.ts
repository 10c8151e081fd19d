// Shows what bots print, line by line, to somebody who looks at all of them at once.

import { statSync } from 'node:fs';
import { createFollower, type Follower, linesOf, readLogState } from '../output/index.ts';
import type { BotPlan } from './plan.ts';

const pollMs = 100;
const mostBytes = 256 * 1024;

/** A line for the console. */
export interface ConsoleLine {
  readonly source: string;
  readonly color: string | undefined;
  readonly text: string;
}

/** How far the log of one bot was shown. */
interface Following {
  follower: Follower | undefined;
  size: number;
  /** What was said of a log that cannot be read. */
  problem: string;
}

/** Follows the logs of all bots from now on. */
export function showOutput(
  plans: () => ReadonlyMap<string, BotPlan>,
  print: (line: ConsoleLine) => void,
): { stop(): void } {
  const followers = new Map<string, Following>();
  let shown: ReadonlyMap<string, BotPlan> | undefined;
  const showOne = ({ name, log, color }: BotPlan, known: Following, isNew: boolean) => {
    const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    if (size === known.size) return;
    // What was printed before somebody began to look is in the log.
    known.follower ??= createFollower(log, isNew ? (readLogState(log)?.end ?? 0) : 0);
    const { blocks, missedBytes, more } = known.follower.read({ maxBytes: mostBytes });
    known.size = more ? -1 : size;
    if (missedBytes > 0)
      print({ source: name, color, text: `(${missedBytes} bytes were too fast to be shown)` });
    for (const block of blocks) for (const { text } of linesOf(block)) print({ source: name, color, text });
  };
  const showNew = () => {
    const current = plans();
    // What the configuration has gained is new to somebody who looks, too.
    const isNew = current !== shown;
    shown = current;
    for (const plan of current.values()) {
      const known = followers.get(plan.name) ?? { follower: undefined, size: -1, problem: '' };
      followers.set(plan.name, known);
      try {
        showOne(plan, known, isNew);
        known.problem = '';
      } catch (error) {
        // A log that cannot be read now is no reason to end; it is said once, and tried again.
        const problem = `(its log cannot be read: ${(error as Error).message})`;
        if (problem !== known.problem) print({ source: plan.name, color: plan.color, text: problem });
        known.problem = problem;
      }
    }
  };
  showNew();
  const timer = setInterval(showNew, pollMs);
  return {
    stop: () => {
      clearInterval(timer);
      showNew();
    },
  };
}
