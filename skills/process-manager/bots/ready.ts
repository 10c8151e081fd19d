// Finds out whether a run of a bot is ready, in the way that its settings say. Whoever waits may ask again and again:
// what was read of a log before is remembered, and a request that is still under way is not made twice.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../tool.ts';
import {
  compilePattern,
  createFollower,
  createMatcher,
  type Follower,
  type Matcher,
} from '../output/index.ts';
import type { ProcessRow } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';

const requestMs = 2_000;
const betweenRequestsMs = 250;
const mostBytes = 4 * 1024 * 1024;

/** Asks whether runs are ready. */
export interface Readiness {
  isReady(plan: BotPlan, run: ProcessRow): boolean;
  forget(run: string): void;
}

/** What was read of the log of one run; a bot has one run at a time. */
interface Reading {
  readonly run: string;
  readonly follower: Follower;
  readonly matcher: Matcher<true>;
  found: boolean;
}

interface Requests {
  readonly run: string;
  answered: boolean;
  at: number;
  isUnderWay: boolean;
}

const heartbeatSchema = z.object({ pid: z.number(), state: z.string(), at: z.string() });

/** What one process remembers of the runs that it waits for. */
export function createReadiness(clock: Clock): Readiness {
  const readings = new Map<string, Reading>();
  const requests = new Map<string, Requests>();
  const matches = (pattern: string, plan: BotPlan, run: ProcessRow) => {
    const known = readings.get(plan.name);
    const reading: Reading = (known?.run === run.id ? known : undefined) ?? {
      run: run.id,
      follower: createFollower(plan.log, run.logFrom),
      matcher: createMatcher([{ id: true as const, pattern: compilePattern(pattern) }]),
      found: false,
    };
    readings.set(plan.name, reading);
    const { blocks } = reading.follower.read({ maxBytes: mostBytes });
    // The line is read once; whoever could not write down that it came asks again.
    reading.found ||= blocks.some((block) => reading.matcher.match(block).length > 0);
    return reading.found;
  };
  const answers = (url: string, plan: BotPlan, run: string) => {
    const before = requests.get(plan.name);
    const known: Requests = (before?.run === run ? before : undefined) ?? {
      run,
      answered: false,
      at: Number.NEGATIVE_INFINITY,
      isUnderWay: false,
    };
    requests.set(plan.name, known);
    if (known.isUnderWay || known.answered || performance.now() - known.at < betweenRequestsMs) {
      return known.answered;
    }
    known.isUnderWay = true;
    known.at = performance.now();
    fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(requestMs) })
      .then(async (response) => {
        known.answered = response.ok;
        await response.body?.cancel();
      })
      // Nobody listens yet: it is asked again.
      .catch(() => {})
      .finally(() => {
        known.isUnderWay = false;
      });
    return false;
  };
  return {
    isReady(plan, run) {
      const { ready } = plan;
      if (ready?.pattern !== undefined) return matches(ready.pattern, plan, run);
      if (ready?.url !== undefined) return answers(ready.url, plan, run.id);
      if (ready?.uptimeSeconds !== undefined)
        return clock.now() - Date.parse(run.startedAt) >= ready.uptimeSeconds * 1_000;
      if (ready?.heartbeat) return saysReady(plan.directory, run);
      return true;
    },
    forget: (run) => {
      for (const known of [readings, requests])
        for (const [name, { run: each }] of known) if (each === run) known.delete(name);
    },
  };
}

/** Whether the .heartbeat of a bot made by Understudy is of this very run, and says that it is ready. */
function saysReady(directory: string, { pid, startedAt }: ProcessRow): boolean {
  try {
    const beat = heartbeatSchema.parse(JSON.parse(readFileSync(join(directory, '.heartbeat'), 'utf8')));
    // In a container every run has the same PID, so a heartbeat that an earlier run left is told by its time.
    const isOwn = beat.pid === pid && Date.parse(beat.at) >= Date.parse(startedAt);
    return isOwn && beat.state === 'ready';
  } catch {
    // Not written yet, or torn: the next look tells.
    return false;
  }
}
