// What may be spent on work that nobody in charge asked for: tokens within 24 hours, over all branches and turns. Hooks,
// cycles and wake-ups share one allowance, people who may only read have another; owners are bounded turn by turn alone.

import type { Database } from 'better-sqlite3';
import type { Actor, Clock } from '../../skills/tool.ts';

/** Who asked for a turn: somebody who may operate the bot, somebody who may not, or a hook, the clock, a release. */
export type Asker = 'owner' | 'guest' | 'nobody';

/** The allowances of an instance. */
export interface Allowance {
  /** Counts what a turn has used; true when that was the end of its allowance. */
  spend(asker: Asker, tokens: number): boolean;
  isSpent(asker: Asker): boolean;
  /** Forgets what counts no more. */
  tidy(): void;
}

const hourMs = 3_600_000;
const windowHours = 24;

/** Opens them. */
export function createAllowance(database: Database, clock: Clock, mostTokens: number): Allowance {
  const hourOf = (hoursAgo: number) => new Date(clock.now() - hoursAgo * hourMs).toISOString().slice(0, 13);
  // Hours that have not come yet were counted before somebody put the clock back.
  const used = (asker: Asker) =>
    database
      .prepare<string[], number>(
        'SELECT coalesce(sum(tokens), 0) FROM agent_spending WHERE asker = ? AND hour > ? AND hour <= ?',
      )
      .pluck()
      .get(asker, hourOf(windowHours), hourOf(0)) ?? 0;
  const isSpent = (asker: Asker) => asker !== 'owner' && used(asker) >= mostTokens;
  return {
    spend(asker, tokens) {
      const wasSpent = isSpent(asker);
      database
        .prepare(
          `INSERT INTO agent_spending (asker, hour, tokens) VALUES (?, ?, ?)
           ON CONFLICT (asker, hour) DO UPDATE SET tokens = tokens + excluded.tokens`,
        )
        .run(asker, hourOf(0), tokens);
      return !wasSpent && isSpent(asker);
    },
    isSpent,
    tidy: () =>
      void database.prepare('DELETE FROM agent_spending WHERE hour <= ?').run(hourOf(2 * windowHours)),
  };
}

/** Who asks for a turn with these news, given who asked for what is under way. */
export function askerOf(
  before: Asker,
  news: readonly { readonly key: string; readonly actor: Actor }[],
): Asker {
  const people = news.filter(({ key }) => key.startsWith('message:'));
  if (before === 'owner' || people.some(({ actor }) => actor.rights.includes('operate'))) return 'owner';
  return before === 'guest' || people.length > 0 ? 'guest' : 'nobody';
}

/** In words, for people. */
export function describeSpent(asker: Asker, mostTokens: number): string {
  const whose = asker === 'guest' ? 'people without rights' : 'hooks, cycles and wake-ups';
  return `the ${mostTokens} tokens that ${whose} may use within 24 hours are used up (agent.maxTokensUnasked)`;
}
