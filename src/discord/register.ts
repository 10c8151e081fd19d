// Registers the commands at Discord, and only when they differ from what is registered: Discord limits how often.

import { type Client, Routes } from 'discord.js';
import type { Logger } from '../../skills/tool.ts';
import type { Command } from './commands.ts';

/** Brings the registered commands to what the catalogue says. */
export async function registerCommands(
  client: Client<true>,
  commands: readonly Command[],
  logger: Logger,
): Promise<void> {
  const path = Routes.applicationCommands(client.application.id);
  const registered = (await client.rest.get(path)) as unknown[];
  if (sameCommands(registered, commands)) return;
  await client.rest.put(path, { body: commands });
  logger.info(
    { commands: commands.map(({ name }) => `/${name}`).join(' ') },
    'slash commands are registered',
  );
}

/** Whether the two say the same, whatever Discord has added to its answer. */
function sameCommands(registered: readonly unknown[], wanted: readonly Command[]): boolean {
  const texts = (list: readonly unknown[]) => list.map((each) => JSON.stringify(essence(each))).sort();
  return JSON.stringify(texts(registered)) === JSON.stringify(texts(wanted));
}

const ours = [
  'type',
  'name',
  'description',
  'required',
  'autocomplete',
  'choices',
  'min_value',
  'max_value',
  'min_length',
  'max_length',
  'default_member_permissions',
  'contexts',
  'integration_types',
  'options',
  'value',
] as const;

/** The keys that we set, in one order, without those that say what is so anyway. */
function essence(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(essence);
  if (typeof part !== 'object' || part === null) return part;
  const found = part as Record<string, unknown>;
  const isNothing = (value: unknown) =>
    value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(
    ours.filter((key) => !isNothing(found[key])).map((key) => [key, essence(found[key])]),
  );
}
