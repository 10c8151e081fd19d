// Stopping what is at work: by the button below a growing message, by `/stop` as a command, and by the word in a
// channel. Whoever has rights may stop anything; whoever has none only what answers them.

import {
  type ButtonInteraction,
  type ChatInputCommandInteraction,
  MessageFlags,
  type StringSelectMenuInteraction,
} from 'discord.js';
import type { Actor, Logger } from '../../../skills/tool.ts';
import type { Command } from '../commands.ts';
import type { StopRequest } from './contract.ts';

/** The command, and the word. */
export const stopName = 'stop';
const inGuilds = 0;
const inDirectMessages = 1;

/** `/stop`, in servers and in direct messages. Everybody sees it: they may stop what answers them. */
export const stopCommand: Command = {
  name: stopName,
  description: 'Stops what the bot is doing here',
  type: 1,
  options: [],
  contexts: [inGuilds, inDirectMessages],
  integration_types: [0],
};

/** An answer that is being written. */
export interface Growing {
  readonly channelId: string;
  readonly branch: string;
  /** The id of the actor whom it answers, where that is known. */
  readonly askedBy: string | undefined;
}

/** What stops are carried out with. */
export interface StopSurroundings {
  readonly onStop: (request: StopRequest) => unknown;
  growing(): Iterable<Growing>;
  /** Questions that wait are denied. */
  dismiss(which: { readonly branch?: string; readonly channelId: string }): void;
  readonly logger: Logger;
}

/** Something of Discord that can be answered in private. */
type Answerable = ButtonInteraction | ChatInputCommandInteraction | StringSelectMenuInteraction;

/** The ways to stop something. */
export interface Stops {
  press(click: ButtonInteraction, actor: Actor): Promise<void>;
  command(interaction: ChatInputCommandInteraction, actor: Actor): Promise<void>;
  /** The word in a channel. */
  say(channelId: string, actor: Actor): void;
}

type Outcome = 'stopped' | 'idle' | 'refused' | 'failed';

const words: Record<Outcome, string> = {
  stopped: 'Stopping …',
  idle: 'Nothing is at work here.',
  refused: 'Only whoever asked for it, and the owners of the bot, can stop this.',
  failed: 'It could not be stopped; the log says why.',
};

/** Nothing is stopped yet. */
export function createStops({ onStop, growing, dismiss, logger }: StopSurroundings): Stops {
  const own = (actor: Actor) => [...growing()].filter(({ askedBy }) => askedBy === actor.id);
  const stop = (requests: readonly StopRequest[]): Outcome => {
    try {
      const answers = requests.map((request) => {
        dismiss(request);
        return onStop(request);
      });
      return answers.every((answer) => answer === false) ? 'idle' : 'stopped';
    } catch (error) {
      logger.error({ error: String(error) }, 'what somebody wanted stopped could not be stopped');
      return 'failed';
    }
  };
  /** Whoever has no rights stops their own answers in the channel, and those alone. */
  const stopIn = (channelId: string, by: Actor): Outcome => {
    if (hasRights(by)) return stop([{ channelId, by }]);
    const branches = new Set(own(by).flatMap((each) => (each.channelId === channelId ? [each.branch] : [])));
    if (branches.size === 0) return 'refused';
    return stop([...branches].map((branch) => ({ branch, channelId, by })));
  };
  return {
    async press(click, by) {
      const branch = click.customId.slice(click.customId.indexOf(':') + 1);
      const { channelId } = click;
      const isTheirs = own(by).some((each) => each.branch === branch);
      const outcome = hasRights(by) || isTheirs ? stop([{ branch, channelId, by }]) : 'refused';
      await answer(click, words[outcome]);
    },
    command: async (interaction, by) => answer(interaction, words[stopIn(interaction.channelId, by)]),
    say: (channelId, by) => void stopIn(channelId, by),
  };
}

/** What somebody may read here, as part of everyone, is no right. */
function hasRights({ rights }: Actor): boolean {
  return rights.some((right) => right !== 'read');
}

async function answer(interaction: Answerable, content: string): Promise<void> {
  await interaction.reply({ content, flags: MessageFlags.Ephemeral, allowedMentions: { parse: [] } });
}
