// The only door of the agent. It is light: whatever speaks to a model is handed in.

import type { Database } from 'better-sqlite3';
import type { Actor, AgentSeam, BranchSummary } from '../../skills/tool.ts';
import { askerOf, createAllowance, describeSpent } from './allowance.ts';
import { createBranches } from './branches.ts';
import { errorsMs, mostErrors, startCycles } from './cycles.ts';
import { asEvent } from './data.ts';
import { branchFor, isHeard, wordsOf } from './routing.ts';
import { createSeam } from './seam.ts';
import { type AgentOptions, type IncomingMessage, usualTiming, type WakeUpEvent } from './surroundings.ts';
import { createTalk } from './talk.ts';
import { runTurn, sayUnsaid } from './turn.ts';
import { createWork } from './work.ts';

export { agentMigrations } from './migrations.ts';
export { createModels, type Models } from './model/index.ts';
export type { Chat, IncomingMessage } from './surroundings.ts';

/** A branch that has failed is not woken by hooks alone for so long. */
const retryMs = 5 * 60_000;

/** The agent at work. */
export interface Agent {
  /** Somebody wrote something; kept before it returns. */
  onMessage(message: IncomingMessage): void;
  /** Somebody wants the work of one branch to stop, or of the newest in a channel; false when nothing was stopped. */
  onStop(request: { readonly branch?: string; readonly channelId: string; readonly by: Actor }): boolean;
  /** Something has happened that a branch may be waiting for. */
  onEvent(event: WakeUpEvent): void;
  /** What branches are waiting for. */
  awaited(): string[];
  /** For hooks. */
  readonly seam: AgentSeam;
  /** Goes on with what was under way, and begins to look at the clock. */
  start(): void;
  /** How many branches are at work: a switch waits for them. */
  busy(): number;
  close(): Promise<void>;
}

/** Makes the agent of an instance. Nothing runs before `start`. */
export function createAgent(options: AgentOptions): Agent {
  const { database, clock, logger, config } = options;
  const timing = { ...usualTiming, ...options.timing };
  const branches = createBranches(database(), clock);
  const talk = createTalk(database(), clock);
  const { maxTokensUnasked } = config.agent;
  const allowance = createAllowance(database(), clock, maxTokensUnasked);
  const surroundings = { options, branches, talk, allowance, version: process.env.UNDERSTUDY_VERSION };
  const isSpent = () => allowance.isSpent('nobody');
  const isResting = () =>
    isSpent() ||
    branches.activeSince('hook', clock.now() - errorsMs).filter(({ error }) => error !== null).length >=
      mostErrors;
  const wake = (id: string) => {
    if (work.has(id)) return;
    const branch = branches.find(id);
    if (!branch) return;
    // A switch does not wait for what hooks say. What failed is not tried again for each line that a program prints.
    const sinceMs = clock.now() - Date.parse(branch.activeAt);
    const hasFailed = branch.error !== null && sinceMs >= 0 && sinceMs < retryMs;
    const isHeldBack = isSpent() || branch.awaits !== null || hasFailed;
    if (!isHeldBack || askerOf('nobody', talk.waiting(id)) !== 'nobody') branches.move(id, 'news');
  };
  const work = createWork({
    branches,
    logger,
    run: (id, signal) => runTurn(surroundings, id, signal),
    // What came while the turn was being ended.
    after: (id) => wakeForNews(id),
  });
  const wakeForNews = (id: string) => {
    const status = branches.find(id)?.status;
    if ((status === 'idle' || status === 'waiting') && talk.hasNews(id)) wake(id);
  };
  const tidy = () => {
    try {
      branches.tidy(new Date(clock.now() - timing.idleMs).toISOString());
      talk.tidy();
      allowance.tidy();
      // What was held back may go on by now.
      for (const id of talk.withNews()) wakeForNews(id);
      work.kick();
    } catch (error) {
      logger.warn({ error: String(error) }, 'the branches could not be tidied this time');
    }
  };
  const hear = (message: IncomingMessage) =>
    talk.together(() => {
      const branch = branchFor(branches, message);
      const text = wordsOf(message, options.model.contextTokens);
      const news = { key: `message:${message.id}`, text, actor: message.author, replyTo: message.id };
      if (talk.put(branch.id, news)) wake(branch.id);
      return branch.id;
    });
  let busy = 0;
  let cycles: { stop(): void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    onMessage(message) {
      if (!isHeard(options, branches, message)) return;
      try {
        const id = hear(message);
        if (!work.has(id)) options.chat.typing(message.channelId);
      } catch (error) {
        // Whoever wrote it must not wait for an answer that never comes.
        const sorry = options.chat.open(message.channelId, { branch: '', replyTo: message.id });
        void sorry.finish(
          '⚠ I could not keep your message, so I do nothing about it. Say it again in a while.',
        );
        throw error;
      }
      work.kick();
    },
    onStop({ branch: id, channelId, by }) {
      const branch = id === undefined ? branches.newestIn(channelId) : branches.find(id);
      if (!branch || (branch.status !== 'running' && branch.status !== 'waiting')) return false;
      if (branch.actor.id !== by.id && !by.rights.includes('operate')) return false;
      if (!work.breakOff(branch.id, { kind: 'stop', by: by.name })) branches.move(branch.id, 'stopped');
      return true;
    },
    onEvent({ id, subject, forAgent, isOld }) {
      const concerned = branches
        .withStatus('running', 'waiting')
        .filter(({ status, awaits }) => awaits === subject || (status === 'running' && !isOld));
      for (const branch of concerned) {
        talk.together(() => {
          if (branch.awaits === subject) branches.satisfy(branch.id);
          const news = { key: `event:${id}:${branch.id}`, text: asEvent(forAgent), actor: branch.actor };
          // It comes once, so it is told also where something has failed just now.
          if (talk.put(branch.id, news) && !work.has(branch.id) && !isSpent())
            branches.move(branch.id, 'news');
        });
      }
      work.kick();
    },
    awaited: () => branches.withStatus('running', 'waiting').flatMap(({ awaits }) => awaits ?? []),
    seam: createSeam({ branches, talk, work, wake, isResting, usualChannel: options.usualChannel }),
    start() {
      resume(branches);
      for (const { id } of branches.withUnsaid()) {
        sayUnsaid(surroundings, id).catch((error: unknown) => {
          logger.warn({ branch: id, error: String(error) }, 'an answer of the process before has to wait');
        });
      }
      const obstacle = () => (isSpent() ? describeSpent('nobody', maxTokensUnasked) : undefined);
      cycles = startCycles({ options, branches, talk, work, obstacle });
      timer = setInterval(tidy, timing.tidyMs);
      work.kick();
    },
    busy() {
      try {
        busy = branches.countRunning();
      } catch {
        // The heart goes on beating, and a switch does not come too early, while the database is away.
      }
      return busy;
    },
    async close() {
      cycles?.stop();
      clearInterval(timer);
      await work.close(timing.closeMs);
    },
  };
}

/** Whoever was asked something by the process before is asked again: nothing was done yet. */
function resume(branches: ReturnType<typeof createBranches>): void {
  for (const { id, waitsFor } of branches.withStatus('waiting')) {
    if (waitsFor?.startsWith('confirmation: ')) branches.move(id, 'news');
  }
}

/** What `status` and people are shown of the branches. */
export function describeBranches(database: Database): BranchSummary[] {
  const branches = createBranches(database, { now: Date.now });
  return branches.withStatus('running', 'waiting', 'idle').map((branch) => ({
    id: branch.id,
    depth: branch.depth,
    title: branch.title,
    status: branch.status,
    waitsFor: branch.waitsFor ?? branch.awaits,
    steps: branch.steps,
    inputTokens: branch.inputTokens,
    outputTokens: branch.outputTokens,
    costUsd: branch.cost,
    activeAt: branch.activeAt,
  }));
}
