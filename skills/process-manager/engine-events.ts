// What an engine does by itself, told to whoever keeps hooks, the history and people informed.

import type { Clock, History } from '../tool.ts';
import type { EngineEvents } from './containers/index.ts';
import type { Hooks } from './hooks/index.ts';
import type { ProcessRow } from './processes/index.ts';

/** Everything here is written where the next process finds it, in the transaction of what it tells. */
export function engineEvents({
  hooks,
  history,
  clock,
  isAskedFor,
}: {
  readonly hooks: () => Hooks;
  /** True while somebody waits for a bot to be started anew. */
  isAskedFor(bot: string): boolean;
  readonly history: History;
  readonly clock: Clock;
}): EngineEvents {
  const note = (action: string, subject: string, outcome: 'ok' | 'failed', detail: string) => {
    const id = history.begin({ actor: 'supervisor', action, subject, isRead: false });
    history.finish(id, outcome, detail);
  };
  const tell = (text: string, run: ProcessRow | undefined) =>
    hooks().outbox.put({
      action: 'notify_channel',
      hookId: null,
      processId: run?.id ?? null,
      at: new Date(clock.now()).toISOString(),
      text,
      branch: null,
      depth: 0,
      creator: { id: 'supervisor', name: 'supervisor', surface: 'system', rights: [] },
    });
  return {
    settleEnd: (row) => hooks().settleEnd(row.id),
    succeeded: (before, next) => {
      hooks().carryOver(before.id, next.id);
      if (next.bot === null || before.runner !== 'swarm' || before.stopReason !== null) return;
      // Whoever asked for it has an entry of their own.
      if (isAskedFor(next.bot)) return;
      const where = next.node === null ? '' : ` on ${next.node}`;
      note(
        'restart',
        next.bot,
        'ok',
        `the swarm runs it again${where}${next.note === null ? '' : `: ${next.note}`}`,
      );
      if (next.note !== null) tell(`Bot '${next.bot}' runs${where} now: ${next.note}.`, next);
    },
    rolledBack: (bot, run, reason) => {
      note('update', bot, 'failed', `rolled back by the swarm: ${reason}`);
      tell(
        `An update of bot '${bot}' was rolled back by the swarm: ${reason}. The version before runs again. See: understudy logs ${bot}`,
        run,
      );
    },
    missed: (row) =>
      note(
        'hook',
        row.id,
        'failed',
        'some of its output was thrown away by the engine before it could be fetched',
      ),
  };
}
