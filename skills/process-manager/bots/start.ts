// Starts one run of a bot: what it needs is there, nothing of the run before is left, its code is updated where that was
// asked for, and then it is spawned like every other process. Only the holder of the bot's claim may call this.

import { existsSync } from 'node:fs';
import { Failure } from '../../tool.ts';
import { compilePattern, readLogState } from '../output/index.ts';
import type { ProcessRow, SpawnOptions } from '../processes/index.ts';
import type { BotPlan } from './plan.ts';
import type { Claim } from './store.ts';
import type { BotSurroundings, Tell } from './surroundings.ts';
import { recoverUpdate, type UpdateResult, updateFromGit } from './update/update.ts';

const wishPollMs = 200;
const leftoverGraceMs = 5_000;

/** What is started, and on whose behalf. */
export interface StartOptions {
  readonly plan: BotPlan;
  readonly previous: ProcessRow | undefined;
  /** A restart after a crash; nobody waits for it, and it does not go to the network first. */
  readonly isAutomatic: boolean;
  /** The run before is still there, and its engine replaces it. */
  readonly isReplacing: boolean;
  readonly claim: Claim;
  readonly tell: Tell;
}

/** Starts it, unless somebody wishes meanwhile that it should not run. */
export async function startRun(surroundings: BotSurroundings, options: StartOptions): Promise<void> {
  const { plan, previous, claim, isAutomatic } = options;
  const { hooks } = surroundings;
  requireStartable(plan);
  claim.say('starting', 'starting');
  if (previous && !options.isReplacing) {
    await endLeftovers(surroundings, previous);
    await hooks.settleEnd(previous.id);
  }
  if (plan.update) {
    const purpose = isAutomatic || !plan.update.automatic ? 'recover' : 'start';
    await updateCode(surroundings, { ...options, purpose });
  }
  if (!isWanted(surroundings, plan.name)) return;
  claim.say('starting', 'starting');
  const run = await spawnRun(surroundings, options);
  noteRun(surroundings, plan.name, run, isAutomatic);
  if (isAutomatic)
    surroundings.logger.info({ bot: plan.name }, `${plan.name}: started again (PID ${run.pid})`);
}

async function spawnRun(
  surroundings: BotSurroundings,
  { plan, claim, tell, isReplacing }: StartOptions,
): Promise<ProcessRow> {
  const unwanted = new AbortController();
  const timer = setInterval(() => {
    if (!isWanted(surroundings, plan.name)) unwanted.abort();
  }, wishPollMs);
  const say = (text: string) => {
    claim.say('starting', text);
    tell(text);
  };
  try {
    const options = { ...runOptions(plan, say), isReplacing, signal: unwanted.signal };
    return await surroundings.processes.spawn(options, plan.runner);
  } finally {
    clearInterval(timer);
  }
}

/** Does what takes long before a run that is there is ended, so that a mistake in it costs nothing. */
export async function prepareRun({ processes }: BotSurroundings, plan: BotPlan, tell: Tell): Promise<void> {
  if (plan.runner !== 'local') await processes.prepare(runOptions(plan, tell), plan.runner);
}

function runOptions(plan: BotPlan, tell: Tell): SpawnOptions {
  return {
    argv: plan.argv,
    command: plan.argv.join(' '),
    name: plan.name,
    bot: plan.name,
    directory: plan.directory,
    environment: plan.runner === 'local' ? plan.environment() : {},
    type: 'background',
    agent: undefined,
    takesInput: plan.takesInput,
    logs: { stdout: plan.log, stderr: plan.log, from: existsSync(plan.log) ? endOf(plan.log) : 0 },
    ...(plan.container ? { container: plan.container } : {}),
    tell,
  };
}

/** Writes a run down as the bot's newest, and gives it the hooks that the one before has left. */
export function noteRun(
  { store, hooks }: BotSurroundings,
  name: string,
  run: ProcessRow,
  isAutomatic: boolean,
): void {
  store.together(() => {
    const before = store.read(name).runId;
    if (!store.noteRun(name, run.id, run.startedAt, isAutomatic)) return;
    // The runs that a swarm begins by itself have theirs from the moment on at which they were seen.
    if (before !== null && run.runner !== 'swarm') hooks.carryOver(before, run.id);
  });
}

/** Fails with a next step when a bot cannot be started as it is configured. */
export function requireStartable(plan: BotPlan): void {
  plan.prepare();
  if (plan.runner !== 'local' && plan.ready?.heartbeat) {
    throw new Failure(
      'ready_check_unreachable',
      `'${plan.name}' is to say that it is ready in a file of this machine, which it cannot reach on ${plan.runner}.`,
      `Let 'ready' in its configuration be a pattern of its output, for example: {"pattern": "logged in"}`,
    );
  }
  if (plan.ready?.pattern !== undefined) compilePattern(plan.ready.pattern);
}

/** What an update is for: a start that it must not prevent, its own sake, or only to put back what a killed one left. */
type Purpose = 'start' | 'update' | 'recover';

/** Updates the code of a bot. A failure is returned: it never keeps a bot from starting. */
export async function updateCode(
  { root, store, logger, history }: BotSurroundings,
  { plan, claim, tell, purpose }: Pick<StartOptions, 'plan' | 'claim' | 'tell'> & { purpose: Purpose },
): Promise<UpdateResult | Failure | undefined> {
  const { update, name, directory } = plan;
  if (!update) return undefined;
  const say = throttled((text: string) => {
    claim.say('updating', text);
    tell(text);
  });
  const wish = new AbortController();
  const timer = setInterval(() => {
    if (purpose === 'start' && !isWanted({ store }, name)) wish.abort();
  }, wishPollMs);
  try {
    await recoverUpdate({ name, root, directory, onProgress: say });
    if (purpose === 'recover') return undefined;
    say('updating from git');
    const options = { ...update, name, root, directory, onProgress: say, signal: wish.signal };
    const result = await updateFromGit(options);
    if (result.outcome !== 'current') {
      tell(`${result.outcome === 'updated' ? 'updated' : 'not updated'}: ${result.detail}`);
      logger.info({ bot: name }, `${name}: ${result.outcome}: ${result.detail}`);
    }
    return result;
  } catch (error) {
    const failure = error instanceof Failure ? error : undefined;
    if (!failure) throw error;
    if (purpose === 'update') return failure;
    logger.warn({ bot: name, code: failure.code }, `${name} could not be updated: ${failure.message}`);
    const id = history.begin({ actor: 'supervisor', action: 'update', subject: name, isRead: false });
    history.finish(id, 'failed', `${failure.code}: ${failure.message}`);
    tell(`not updated: ${failure.message} -> ${failure.hint}`);
    return failure;
  } finally {
    clearInterval(timer);
  }
}

function isWanted({ store }: Pick<BotSurroundings, 'store'>, name: string): boolean {
  const { desired, isHeld } = store.read(name);
  return desired === 'running' && isHeld === 0;
}

/** Children of the run before may hold its port and its files. */
async function endLeftovers({ processes }: BotSurroundings, previous: ProcessRow): Promise<void> {
  if (processes.leftovers(previous).length === 0) return;
  await processes.kill(previous, { reason: 'the bot is started again', graceMs: leftoverGraceMs });
}

function endOf(log: string): number {
  return readLogState(log)?.end ?? 0;
}

/** Every step counts for whoever waits, and a percentage that changes a hundred times a second does not. */
function throttled(say: Tell): Tell {
  let [lastAt, lastWords] = [Number.NEGATIVE_INFINITY, ''];
  return (text) => {
    const words = text.replace(/[\d.%]+/g, '').trim();
    if (words === lastWords && performance.now() - lastAt < 500) return;
    lastAt = performance.now();
    lastWords = words;
    say(text);
  };
}
