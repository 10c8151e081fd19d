// One turn of a branch: the model speaks, its calls are carried out, and so on, until it has nothing more to do, has to
// wait, is stopped, or has used up its budget. Everything is written down before it is shown or done, so a turn that was
// cut off at any line is gone on with by the next process: `runTurn` is that too.

import { isFailure } from '../../skills/tool.ts';
import { carryOut } from './calls.ts';
import { speak } from './speak.ts';
import type { News } from './talk.ts';
import { branchOf, breakOf, conclude, open, type Turn, type TurnSurroundings } from './turn-state.ts';

/** Works until the branch rests. The reason of the signal is a `Break`. */
export async function runTurn(
  surroundings: TurnSurroundings,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const { branches, talk, options } = surroundings;
  const turn: Turn = {
    surroundings,
    id,
    signal,
    text: '',
    growing: undefined,
    replyTo: undefined,
    system: undefined,
    steps: 0,
    tokens: 0,
  };
  branches.fail(id, null);
  try {
    await sayUnsaid(turn);
    while (await goOn(turn));
  } catch (error) {
    if (breakOf(signal)?.kind === 'end') return;
    if (!isFailure(error))
      options.logger.error(
        { branch: id, error: error instanceof Error ? error.stack : String(error) },
        'a turn failed unexpectedly',
      );
    const said = isFailure(error)
      ? `${error.message}\n-> ${error.hint}`
      : 'Something went wrong in me; the log says what (logs/live.log).';
    branches.fail(id, isFailure(error) ? `${error.code}: ${error.message}` : String(error));
    await conclude(turn, `⚠ ${said}`);
    if (talk.calls(id).length > 0) giveUpCalls(turn, 'not run: the turn broke off');
    branches.move(id, 'rested');
  }
}

/** One step of the model, and what it calls for; false when the turn is over. */
async function goOn(turn: Turn): Promise<boolean> {
  const { surroundings, id, signal } = turn;
  const { branches, talk } = surroundings;
  if (talk.calls(id).length > 0) {
    const outcome = await carryOut(
      surroundings,
      branchOf(turn),
      open(turn),
      signal,
      () => breakOf(signal)?.kind === 'end',
    );
    if (breakOf(signal)?.kind === 'end') return false;
    if (outcome.kind === 'pause') {
      await conclude(turn, outcome.question ?? '');
      // What came meanwhile wakes it at once.
      branches.move(id, 'paused', outcome.waitsFor);
      if (outcome.question !== undefined && talk.hasNews(id)) branches.move(id, 'news');
      return false;
    }
  }
  if (signal.aborted) return leave(turn);
  const news = takeNews(turn);
  if (news.length === 0 && isAnswered(turn)) {
    return talk.together(() => {
      if (talk.hasNews(id)) return true;
      branches.move(id, 'rested');
      return false;
    });
  }
  if (news.length > 0) {
    turn.replyTo = news.at(-1)?.replyTo ?? turn.replyTo;
    turn.system = undefined;
  }
  if (await isSpent(turn)) return false;
  await speak(turn);
  return true;
}

/** What waits becomes part of the conversation; the turn has the rights that all who wrote it have. */
function takeNews(turn: Turn): News[] {
  const { surroundings, id } = turn;
  const { branches, talk } = surroundings;
  return talk.together(() => {
    const news = talk.take(id);
    // Data changes nothing of whom the turn serves; nobody's news add to the rights.
    const person = news.filter(({ key }) => key.startsWith('message:')).at(-1)?.actor;
    const served = person ?? branchOf(turn).actor;
    const rights = served.rights.filter((right) => news.every(({ actor }) => actor.rights.includes(right)));
    if (news.length > 0) branches.serve(id, { ...served, rights });
    return news;
  });
}

function isAnswered({ surroundings, id }: Turn): boolean {
  const last = surroundings.talk.said(id).at(-1);
  return last === undefined || last.role === 'assistant';
}

/** The budget of one turn; a person can say that it shall go on. */
async function isSpent(turn: Turn): Promise<boolean> {
  const { maxSteps, maxTokens } = turn.surroundings.options.config.agent;
  const why =
    turn.steps >= maxSteps
      ? `${maxSteps} steps (agent.maxSteps)`
      : turn.tokens >= maxTokens
        ? `${maxTokens} tokens (agent.maxTokens)`
        : undefined;
  if (why === undefined) return false;
  const { branches, talk } = turn.surroundings;
  talk.add(turn.id, 'assistant', [{ type: 'text', text: `(stopped after ${why}; not finished)` }]);
  await conclude(turn, `I have stopped after ${why} and am not finished. Say "go on", and I go on.`);
  branches.move(turn.id, 'rested');
  return true;
}

/** A person or a hook broke the turn off: it ends in order. */
async function leave(turn: Turn): Promise<boolean> {
  const reason = breakOf(turn.signal);
  if (!reason || reason.kind === 'end') return false;
  const { branches, talk } = turn.surroundings;
  // What was said before the stop is read, but not worked on.
  takeNews(turn);
  talk.add(turn.id, 'assistant', [{ type: 'text', text: `(stopped by ${reason.by})` }]);
  await conclude(turn, `Stopped by ${reason.by}.`);
  branches.move(turn.id, reason.kind === 'hook' ? 'ended' : 'stopped');
  return false;
}

function giveUpCalls({ surroundings: { talk }, id }: Turn, why: string): void {
  for (const { position, state } of talk.calls(id)) if (state !== 'done') talk.close(id, position, why, true);
  talk.closeStep(id);
}

/** An answer that was kept, but perhaps never shown. */
async function sayUnsaid(turn: Turn): Promise<void> {
  const { unsaid } = branchOf(turn);
  if (unsaid === null) return;
  turn.text = unsaid;
  await conclude(turn, '');
}
