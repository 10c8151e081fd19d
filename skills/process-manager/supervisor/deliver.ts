// Takes what hooks have to say to those above: to the agent, and to people. A message leaves the outbox once the other
// side has kept it. Dying in between gives it again, under the same key, to whoever is elected next; so each message
// arrives, and counts once. It is carried by nobody but the elected supervisor, one round at a time.

import type { Clock, Logger } from '../../tool.ts';
import type { Hooks, Message, MessageAction } from '../hooks/index.ts';

const mostAtOnce = 100;
/** The agent has room for a few, and those without room are not to be in the way of what a branch is told. */
const mostBranchesAtOnce = 3;
/** The agent is given another chance for so long, when it fails on a message for a reason of its own. */
const patienceMs = 60_000;
/** A database that others hold, or a disk without space: it passes, and concerns every message. */
const passing = /^(SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY)|ENOSPC|EDQUOT|EIO|EROFS)/;

/** What delivery works on, and whom it tells. */
export interface DeliveryOptions {
  readonly hooks: Hooks;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Takes a notification to its channel. When it throws, it is called again later. */
  onNotice(message: Message): void;
  /**
   * Takes a message to the agent, and returns when it is kept there; false when there is no such branch, or, for a new
   * one, no room. Left out while there is no agent: its messages wait.
   */
  readonly toAgent?: ((message: Message) => boolean) | undefined;
}

/** Delivers what waits, each time that it is called. */
export function createDelivery(options: DeliveryOptions): () => void {
  const { hooks, logger } = options;
  const toAgent = createAgentDelivery(options);
  /** At first what a supervisor before has left; later what this one could not put back. */
  let hasLeftovers = true;
  return () => {
    if (hasLeftovers) hooks.outbox.putBackTaken();
    hasLeftovers = true;
    toAgent();
    for (const message of hooks.outbox.take(['notify_channel'], mostAtOnce)) {
      try {
        hooks.outbox.finish(message.id, () => options.onNotice(message));
      } catch (error) {
        hooks.outbox.putBack(message.id);
        logger.warn({ message: message.id, error: String(error) }, 'a notification has to wait');
      }
    }
    hasLeftovers = false;
  };
}

/** Why people are told what was meant for the agent. */
const instead = {
  inject_context: "the agent's work that this was for is over, so it is told here",
  stop_branch: "the agent's work that was to be stopped is over already",
  spawn_branch: 'the agent could not begin to work on it',
} as const satisfies Partial<Record<MessageAction, string>>;

function createAgentDelivery({ hooks, logger, clock, toAgent }: DeliveryOptions): () => void {
  const { outbox } = hooks;
  /** Since when the agent fails on a message. */
  const failing = new Map<string, number>();

  const hasFailedForLong = ({ key }: Message) => {
    const since = failing.get(key) ?? clock.now();
    failing.set(key, since);
    return clock.now() - since >= patienceMs;
  };
  const tellPeople = (message: Message, action: keyof typeof instead, why = '') => {
    outbox.tellInstead(message, `${message.text}\n(${instead[action]}${why})`);
    failing.delete(message.key);
  };
  const settle = (message: Message, action: keyof typeof instead, isKept: boolean): void => {
    if (isKept) {
      outbox.finish(message.id);
      failing.delete(message.key);
    } else if (action === 'spawn_branch') outbox.putBack(message.id);
    else tellPeople(message, action);
  };
  return () => {
    if (!toAgent) return;
    let hasRoom = true;
    let isPassing = false;
    const told = outbox.take(['inject_context', 'stop_branch'], mostAtOnce);
    const spawned = outbox.take(['spawn_branch'], mostBranchesAtOnce);
    for (const message of [...told, ...spawned]) {
      const action = message.action as keyof typeof instead;
      if (isPassing || (action === 'spawn_branch' && !hasRoom)) {
        outbox.putBack(message.id);
        continue;
      }
      let isKept: boolean;
      try {
        isKept = toAgent(message);
      } catch (error) {
        isPassing = passing.test(String((error as { code?: unknown } | undefined)?.code));
        if (!isPassing && hasFailedForLong(message)) tellPeople(message, action, `: ${String(error)}`);
        else outbox.putBack(message.id);
        logger.warn({ message: message.key, error: String(error) }, 'the agent could not take a message');
        continue;
      }
      if (action === 'spawn_branch') hasRoom = isKept;
      settle(message, action, isKept);
    }
  };
}
