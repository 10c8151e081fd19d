// Takes every interaction to where it belongs: commands, what is typed, buttons and menus. Whatever goes wrong on the
// way stays here: one interaction never takes the bot down.

import type {
  AutocompleteInteraction,
  ButtonInteraction,
  ChatInputCommandInteraction,
  Interaction,
  StringSelectMenuInteraction,
} from 'discord.js';
import { type Actor, Failure, type Logger } from '../../skills/tool.ts';
import { rolesOf, type Somebody } from './actors.ts';
import type { Autocomplete } from './autocomplete.ts';
import type { Calls } from './calls.ts';
import { stopPrefix } from './chat/growing-message.ts';
import { type Stops, stopName } from './chat/stops.ts';
import { findTool, inputOf, optionName } from './commands.ts';
import { type Confirmations, confirmPrefix, whisper } from './confirmations.ts';
import { panelPrefix } from './panel-view.ts';
import type { Panels } from './panels.ts';
import { ephemeral } from './render/payload.ts';
import type { Writer } from './render/writer.ts';
import type { Offered } from './surroundings.ts';

/** Where interactions go. */
export interface RouterOptions {
  readonly tools: readonly Offered[];
  readonly role: 'live' | 'staging';
  actorOf(who: Somebody): Actor;
  readonly calls: Calls;
  readonly panels: Panels;
  readonly confirmations: Confirmations;
  readonly autocomplete: Autocomplete;
  /** Left out where nothing is ever at work that could be stopped. */
  readonly stops: Stops | undefined;
  readonly writer: Writer;
  readonly logger: Logger;
}

/** A function that takes interactions; it never throws. */
export function createRouter(options: RouterOptions): (interaction: Interaction) => void {
  const { logger } = options;
  return (interaction) => {
    take(options, interaction).catch((error: unknown) => {
      logger.error(
        { error: error instanceof Error ? error.stack : String(error) },
        'an interaction of Discord could not be dealt with',
      );
    });
  };
}

async function take(options: RouterOptions, interaction: Interaction): Promise<void> {
  const actor = options.actorOf({
    id: interaction.user.id,
    name: interaction.user.username,
    roleIds: rolesOf(interaction.member),
  });
  if (interaction.isAutocomplete()) return complete(options, interaction, actor);
  if (interaction.isChatInputCommand()) return carryOut(options, interaction, actor);
  if (interaction.isButton() || interaction.isStringSelectMenu()) return press(options, interaction, actor);
}

async function carryOut(
  { tools, role, calls, panels, writer, stops }: RouterOptions,
  interaction: ChatInputCommandInteraction,
  actor: Actor,
): Promise<void> {
  if (interaction.commandName === stopName && stops) return stops.command(interaction, actor);
  const offered = findTool(tools, interaction.commandName, interaction.options.getSubcommand(false));
  const refusal = offered ? (interaction.inGuild() ? undefined : onlyInServers) : gone;
  if (refusal || !offered) {
    const { content } = writer.failure(refusal ?? gone);
    await interaction.reply({ content, flags: ephemeral, allowedMentions: { parse: [] } });
    return;
  }
  const { tool } = offered;
  const [given] = interaction.options.data;
  const input = inputOf(tool, given?.options ?? []);
  const isPrivate = willBeRefused(role, actor, offered);
  const address = await calls.acknowledge(interaction, isPrivate);
  if (!address) return;
  if (tool.name === 'list' && !isPrivate) return panels.open(address, actor, input);
  return calls.run({ address, actor, offered, input, isPrivate });
}

/** The dispatcher refuses; that it will is foreseen here, so that nobody else has to read it. */
function willBeRefused(role: RouterOptions['role'], actor: Actor, { tool }: Offered): boolean {
  return role === 'staging' || !actor.rights.includes(tool.permission);
}

async function complete(
  { tools, autocomplete }: RouterOptions,
  interaction: AutocompleteInteraction,
  actor: Actor,
): Promise<void> {
  const offered = findTool(tools, interaction.commandName, interaction.options.getSubcommand(false));
  const { name } = interaction.options.getFocused(true);
  const field = Object.keys(offered?.tool.input.shape ?? {}).find((each) => optionName(each) === name);
  if (!offered || !field) return interaction.respond([]);
  return autocomplete.answer(interaction, actor, offered.tool, field);
}

async function press(
  { tools, role, calls, panels, confirmations, writer, stops }: RouterOptions,
  interaction: ButtonInteraction | StringSelectMenuInteraction,
  actor: Actor,
): Promise<void> {
  const [prefix] = interaction.customId.split(':');
  if (prefix === confirmPrefix && interaction.isButton()) return confirmations.answer(interaction, actor);
  if (prefix === stopPrefix && interaction.isButton() && stops) return stops.press(interaction, actor);
  const list = tools.find(({ tool }) => tool.name === 'list');
  if (prefix !== panelPrefix || !list) return whisper(interaction, writer.failure(gone).content);
  if (!willBeRefused(role, actor, list)) return panels.use(interaction, actor);
  const address = await calls.acknowledge(interaction, true);
  if (address) await calls.run({ address, actor, offered: list, input: {}, isPrivate: true });
}

const onlyInServers = new Failure(
  'only_in_servers',
  'Commands work in a server only.',
  'Use it in a channel of the server where the bot is.',
);
const gone = new Failure(
  'unknown_command',
  'This is no longer there.',
  'Type / to see the commands of this version.',
);
