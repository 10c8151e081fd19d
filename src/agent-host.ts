// Puts the agent of an instance together with those through whom people talk to it.

import type { Bot, Clock, Logger } from '../skills/tool.ts';
import { type Agent, type Chat, createAgent } from './agent/index.ts';
import type { Instance } from './instance.ts';

/** A surface on which people talk. */
interface Place {
  readonly chat: Chat;
  /** True of its own channels, while it is there. */
  owns(channel: string): boolean;
}

/** What the agent is put together of. */
export interface AgentHostOptions {
  readonly instance: Instance;
  readonly places: readonly Place[];
  readonly notify: Bot['notify'];
  /** Where work talks that nobody has asked for in a channel. */
  readonly usualChannel: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The agent, which works from `start` on; undefined where there is no model for it. */
export function createAgentOf(options: AgentHostOptions): Agent | undefined {
  const { instance, places, notify, usualChannel, logger, clock } = options;
  const models = instance.models();
  if (!models) return undefined;
  const { root, config, catalogue, dispatcher, database, briefings } = instance;
  return createAgent({
    ...{ root, config, dispatcher, database, briefings, notify, usualChannel, logger, clock },
    tools: catalogue.entries,
    model: models.main,
    chat: joined(places),
  });
}

/** One chat over all places. Where nobody is, what is said stays in the branch. */
function joined(places: readonly Place[]): Chat {
  const of = (channel: string) => places.find(({ owns }) => owns(channel))?.chat;
  return {
    open: (channel, options) => of(channel)?.open(channel, options) ?? silent,
    confirm: async (channel, ...rest) => (await of(channel)?.confirm(channel, ...rest)) ?? false,
    typing: (channel) => of(channel)?.typing(channel),
  };
}

const silent = { write: () => {}, doing: () => {}, finish: async () => [] };
