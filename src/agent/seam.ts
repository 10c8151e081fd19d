// What skills tell the agent and ask of it: the actions of hooks. Each is kept before it answers, and counts once.

import type { AgentMessage, AgentSeam } from '../../skills/tool.ts';
import type { Branches } from './branches.ts';
import { asHook } from './data.ts';
import type { Talk } from './talk.ts';
import type { Work } from './work.ts';

/** How deep hooks may lead; the hooks themselves refuse it too. */
const deepest = 3;
/** Branches of hooks that are under way at once. */
const mostOfHooks = 3;

/** What it works with. */
export interface SeamOptions {
  readonly branches: Branches;
  readonly talk: Talk;
  readonly work: Work;
  /** Goes on with the branch, unless what it waits with may not be worked on now. */
  wake(branch: string): void;
  /** No new branch of a hook may begin at present. */
  isResting(): boolean;
  /** Where a branch talks that has no channel of its own. */
  readonly usualChannel: string | undefined;
}

/** The agent as skills see it. */
export function createSeam({ branches, talk, work, wake, isResting, usualChannel }: SeamOptions): AgentSeam {
  const put = (branch: string, { key, text, creator }: AgentMessage) =>
    talk.together(() => {
      if (talk.put(branch, { key, text: asHook(text), actor: creator })) wake(branch);
    });
  return {
    inject(message) {
      const branch = message.branch === undefined ? undefined : branches.find(message.branch);
      if (!branch || branch.status === 'completed') return false;
      put(branch.id, message);
      work.kick();
      return true;
    },
    spawn(message) {
      // What can never be done is not tried again.
      if (message.depth > deepest) return true;
      const key = `spawn:${message.key}`;
      // One that has asked somebody something does nothing: it must not keep others from their work for ever.
      const underWay = branches
        .withStatus('running', 'waiting')
        .filter(({ origin, status, id }) => origin === 'hook' && (status === 'running' || work.has(id)));
      if ((underWay.length >= mostOfHooks || isResting()) && !branches.hasKey(key)) return false;
      const parent = message.branch === undefined ? undefined : branches.find(message.branch);
      talk.together(() => {
        const { id } = branches.begin({
          key,
          origin: 'hook',
          title: message.text.replace(/\s+/g, ' ').slice(0, 80),
          channel: parent?.channel ?? usualChannel ?? null,
          depth: message.depth,
          actor: message.creator,
        });
        put(id, message);
      });
      work.kick();
      return true;
    },
    stop(message) {
      const branch = message.branch === undefined ? undefined : branches.find(message.branch);
      if (!branch || branch.status === 'completed') return false;
      if (!work.breakOff(branch.id, { kind: 'hook', by: 'a hook' })) branches.move(branch.id, 'ended');
      return true;
    },
  };
}
