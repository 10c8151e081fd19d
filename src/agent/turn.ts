// One turn of a branch: the model speaks, its calls are carried out, and so on, until it has nothing more to do, has to
// wait, is stopped, or has used up its budget. Everything is written down before it is shown or done, so a turn that was
// cut off at any line is gone on with by the next process: `runTurn` is that too.

import { isFailure } from '../../skills/tool.ts';
import { askerOf, describeSpent } from './allowance.ts';
import { carryOut, interrupted } from './calls.ts';
import { speak } from './speak.ts';
import type { News } from './talk.ts';
import {
  branchOf,
  breakOf,
  conclude,
  createTurn,
  open,
  type Turn,
  type TurnSurroundings,
} from './turn-state.ts';

/** A turn that was cut off in so many processes may be what ends them. */
const mostAttempts = 3;

/** Works until the branch rests. The reason of the signal is a `Break`. */
export async function runTurn(
  surroundings: TurnSurroundings,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const { branches } = surroundings;
  const turn = createTurn(surroundings, id, signal);
  const isTooOften = branches.enter(id) > mostAttempts;
  try {
    if (isTooOften) await giveUp(turn);
    else await work(turn);
  } catch (error) {
    if (breakOf(signal)?.kind !== 'end') await fail(turn, error);
  }
  branches.leave(id, breakOf(signal)?.kind === 'end');
}

async function work(turn: Turn): Promise<void> {
  const { surroundings, id } = turn;
  const { branches, talk, allowance } = surroundings;
  branches.fail(id, null);
  await sayUnsaid(surroundings, id);
  turn.asker = askerOf(branchOf(turn).asker, talk.waiting(id));
  // What nobody asked for waits in silence; people have been told once.
  if (turn.asker === 'nobody' && allowance.isSpent('nobody')) branches.move(id, 'rested');
  else while (await goOn(turn));
}

async function fail(turn: Turn, error: unknown): Promise<void> {
  const { surroundings, id } = turn;
  const { branches, talk, options } = surroundings;
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
  talk.together(() => {
    giveUpCalls(turn, 'not run: the turn broke off');
    branches.move(id, 'rested');
  });
}

/** Its end is written down before anything else is tried: that, too, may be what ends the bot. */
async function giveUp(turn: Turn): Promise<void> {
  const { branches, talk } = turn.surroundings;
  talk.together(() => {
    giveUpCalls(turn, 'not run: the bot ended again and again');
    takeNews(turn);
    talk.add(turn.id, 'assistant', [{ type: 'text', text: '(given up: the bot ended again and again)' }]);
    branches.fail(turn.id, `given up: the bot ended ${mostAttempts} times in it`);
    branches.owe(
      turn.id,
      `⚠ The bot ended ${mostAttempts} times while I worked on this, so I have given it up. The log may say why (logs/live.log). Say "go on", and I try once more.`,
    );
    branches.move(turn.id, 'rested');
  });
  await sayUnsaid(turn.surroundings, turn.id);
}

/** One step of the model, and what it calls for; false when the turn is over. */
async function goOn(turn: Turn): Promise<boolean> {
  const { surroundings, id, signal } = turn;
  const { branches, talk } = surroundings;
  const isEnding = () => breakOf(signal)?.kind === 'end';
  if (talk.calls(id).length > 0) {
    const outcome = await carryOut(surroundings, branchOf(turn), open(turn), signal, isEnding);
    if (isEnding()) return false;
    if (outcome.kind !== 'go on') {
      await conclude(turn, outcome.kind === 'ask' ? outcome.question : '');
      if (!signal.aborted) {
        if (outcome.kind === 'hand over') branches.move(id, 'paused');
        return false;
      }
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
  const { branches, talk, options } = surroundings;
  return talk.together(() => {
    const news = talk.take(id, options.model.contextTokens);
    if (news.length === 0) return news;
    // Data changes nothing of whom the turn serves; nobody's news add to the rights.
    const person = news.filter(({ key }) => key.startsWith('message:')).at(-1)?.actor;
    const served = person ?? branchOf(turn).actor;
    const rights = served.rights.filter((right) => news.every(({ actor }) => actor.rights.includes(right)));
    turn.asker = askerOf(turn.asker, news);
    branches.serve(id, { ...served, rights }, turn.asker);
    if (person) branches.answer(id);
    return news;
  });
}

function isAnswered({ surroundings, id }: Turn): boolean {
  const last = surroundings.talk.said(id).at(-1);
  return last === undefined || last.role === 'assistant';
}

/** The budget of one turn, and of whoever asked for it; a person can say that it shall go on. */
async function isSpent(turn: Turn): Promise<boolean> {
  const { options, allowance } = turn.surroundings;
  const { maxSteps, maxTokens, maxTokensUnasked } = options.config.agent;
  const why =
    turn.steps >= maxSteps
      ? `${maxSteps} steps (agent.maxSteps)`
      : turn.tokens >= maxTokens
        ? `${maxTokens} tokens (agent.maxTokens)`
        : undefined;
  const isOverdrawn = allowance.isSpent(turn.asker);
  if (why === undefined && !isOverdrawn) return false;
  const { branches, talk } = turn.surroundings;
  const said = isOverdrawn
    ? `I stop here: ${describeSpent(turn.asker, maxTokensUnasked)}. Whoever may operate me can say "go on".`
    : `I have stopped after ${why} and am not finished. Say "go on", and I go on.`;
  talk.add(turn.id, 'assistant', [{ type: 'text', text: `(not finished) ${said}` }]);
  await conclude(turn, said);
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
  const calls = talk.calls(id);
  if (calls.length === 0) return;
  for (const { position, state } of calls) {
    if (state !== 'done') talk.close(id, position, state === 'running' ? interrupted : why, true);
  }
  talk.closeStep(id);
}

/** An answer that was kept, but perhaps never shown. */
export async function sayUnsaid(surroundings: TurnSurroundings, id: string): Promise<void> {
  const unsaid = surroundings.branches.find(id)?.unsaid ?? null;
  if (unsaid !== null) await conclude(createTurn(surroundings, id, new AbortController().signal), unsaid);
}
