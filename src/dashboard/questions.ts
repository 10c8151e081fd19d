// The open questions of the page. A question belongs to one exact input, counts once, and expires; an answer that comes
// too late, or again, changes nothing and is told so.

import { type Clock, type Confirmation, Failure } from '../../skills/tool.ts';

const keptEndings = 500;

/** A question as the page shows it. */
export interface Question {
  readonly id: string;
  readonly tool: string;
  readonly question: string;
  /** The exact input, in words. */
  readonly input: string;
  /** How long it is open still; a moment would be another one on a machine whose clock is wrong. */
  readonly leftMs: number;
}

/** The open questions of this process. */
export interface Questions {
  /** Resolves with the answer; `show` is told when it begins, `over` when it is closed in whatever way. */
  ask(confirmation: Confirmation, show?: (question: Question) => void): Promise<boolean>;
  answer(id: string, yes: boolean): void;
  /** Whoever asked is gone: the answer is no. */
  forget(ids: Iterable<string>): void;
}

/** Without any question yet. `mask` hides secrets in the input, which the dispatcher hands over as it is. */
export function createQuestions(clock: Clock, mask: (text: string) => string): Questions {
  const open = new Map<string, { expiresAt: number; resolve: (yes: boolean) => void }>();
  const endings = new Map<string, 'answered' | 'expired'>();
  const settle = (id: string, ending: 'answered' | 'expired', yes: boolean) => {
    const found = open.get(id);
    open.delete(id);
    endings.set(id, ending);
    const [oldest] = endings.keys();
    if (endings.size > keptEndings && oldest !== undefined) endings.delete(oldest);
    found?.resolve(yes);
  };
  return {
    ask({ id, tool, question, input, expiresAt }, show) {
      return new Promise((resolve) => {
        open.set(id, { expiresAt, resolve });
        const leftMs = Math.max(0, expiresAt - clock.now());
        show?.({ id, tool, question, input: mask(JSON.stringify(input, null, 1)), leftMs });
      });
    },
    answer(id, yes) {
      const found = open.get(id);
      if (!found) {
        const ending = endings.get(id) ?? 'unknown';
        throw new Failure(`question_${ending}`, reasons[ending], 'Ask again.');
      }
      if (clock.now() >= found.expiresAt) {
        settle(id, 'expired', false);
        throw new Failure('question_expired', reasons.expired, 'Ask again.');
      }
      settle(id, 'answered', yes);
    },
    forget(ids) {
      for (const id of ids) if (open.has(id)) settle(id, 'expired', false);
    },
  };
}

const reasons = {
  answered: 'This question was answered already.',
  expired: 'This question has expired, and nothing was done.',
  unknown: 'This question is open no more: the bot was restarted, and nothing was done.',
};
