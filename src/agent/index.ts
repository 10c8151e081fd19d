// The only door of the agent. It is light: whatever speaks to a model is handed in.

import type { Database } from 'better-sqlite3';
import type { Actor, AgentSeam, BranchSummary } from '../../skills/tool.ts';
import { createBranches } from './branches.ts';
import { startCycles } from './cycles.ts';
import { branchFor, isHeard, wordsOf } from './routing.ts';
import { createSeam } from './seam.ts';
import { type AgentOptions, type IncomingMessage, usualTiming, type WakeUpEvent } from './surroundings.ts';
import { createTalk } from './talk.ts';
import { runTurn } from './turn.ts';
import { createWork } from './work.ts';

export { agentMigrations } from './migrations.ts';
export { createModels, type Models } from './model/index.ts';
export type { Chat, IncomingMessage } from './surroundings.ts';

/** The agent at work. */
export interface Agent {
  /** Somebody wrote something; kept before it returns. */
  onMessage(message: IncomingMessage): void;
  /** Somebody wants the work of one branch to stop, or of the newest in a channel; false when nothing was stopped. */
  onStop(request: { readonly branch?: string; readonly channelId: string; readonly by: Actor }): boolean;
  /** Something has happened that a branch may be waiting for. */
  onEvent(event: WakeUpEvent): void;
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
  const { database, clock, logger } = options;
  const timing = { ...usualTiming, ...options.timing };
  const branches = createBranches(database(), clock);
  const talk = createTalk(database(), clock);
  const surroundings = { options, branches, talk, version: process.env.UNDERSTUDY_VERSION };
  const work = createWork(branches, logger, async (id, signal) => {
    await runTurn(surroundings, id, signal);
    // What came while the turn was being ended.
    if (branches.find(id)?.status === 'idle' && talk.hasNews(id)) branches.move(id, 'news');
  });
  const tidy = () => {
    try {
      branches.tidy(new Date(clock.now() - timing.idleMs).toISOString());
      work.kick();
    } catch (error) {
      logger.warn({ error: String(error) }, 'the branches could not be tidied this time');
    }
  };
  let cycles: { stop(): void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    onMessage(message) {
      if (!isHeard(options, branches, message)) return;
      const { id } = talk.together(() => {
        const branch = branchFor(branches, message);
        const news = { key: `message:${message.id}`, text: wordsOf(message), actor: message.author };
        const isNew = talk.put(branch.id, { ...news, replyTo: message.id });
        if (isNew && !work.has(branch.id)) branches.move(branch.id, 'news');
        return branch;
      });
      if (!work.has(id)) options.chat.typing(message.channelId);
      work.kick();
    },
    onStop({ branch: id, channelId, by }) {
      const branch = id === undefined ? branches.newestIn(channelId) : branches.find(id);
      if (!branch || (branch.status !== 'running' && branch.status !== 'waiting')) return false;
      if (branch.actor.id !== by.id && !by.rights.includes('operate')) return false;
      if (!work.breakOff(branch.id, { kind: 'stop', by: by.name })) branches.move(branch.id, 'stopped');
      return true;
    },
    onEvent({ id, subject, forAgent }) {
      const concerned = branches
        .withStatus('running', 'waiting')
        .filter(({ status, waitsFor }) => status === 'running' || waitsFor === subject);
      for (const branch of concerned) {
        talk.together(() => {
          if (branch.waitsFor === subject) branches.satisfy(branch.id);
          const text = `Understudy tells you what happened meanwhile:\n${forAgent}`;
          const isNew = talk.put(branch.id, { key: `event:${id}:${branch.id}`, text, actor: branch.actor });
          if (isNew && !work.has(branch.id)) branches.move(branch.id, 'news');
        });
      }
      work.kick();
    },
    seam: createSeam({ branches, talk, work, usualChannel: options.usualChannel }),
    start() {
      resume(branches);
      cycles = startCycles({ options, branches, talk, work });
      timer = setInterval(tidy, timing.tidyMs);
      work.kick();
    },
    busy: () => branches.withStatus('running').length,
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
    waitsFor: branch.waitsFor,
    steps: branch.steps,
    inputTokens: branch.inputTokens,
    outputTokens: branch.outputTokens,
    costUsd: branch.cost,
    activeAt: branch.activeAt,
  }));
}
