// Registers the commands at Discord, and only when they differ from what is registered: Discord limits how often.

import { type Client, Routes } from 'discord.js';
import type { Logger } from '../../skills/tool.ts';
import type { Command } from './commands.ts';
import type { Timing } from './surroundings.ts';

/** Registers the commands once. */
export interface Registration {
  /** There is a connection: tries until it has succeeded, and then never again. */
  begin(): void;
  stop(): void;
}

/** Without any attempt yet. */
export function createRegistration(
  client: () => Client<true> | undefined,
  commands: readonly Command[],
  timing: Timing,
  logger: Logger,
): Registration {
  let state: 'open' | 'trying' | 'over' = 'open';
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const attempt = async () => {
    clearTimeout(timer);
    const connected = client();
    if (state !== 'open' || !connected) return;
    state = 'trying';
    try {
      await registerCommands(connected, commands, logger);
      state = 'over';
    } catch (error) {
      if (state !== 'trying') return;
      state = 'open';
      logger.error({ error: String(error) }, 'the slash commands could not be registered');
      const waitMs = Math.min(timing.loginMs * 2 ** Math.min(failures++, 10), timing.loginMostMs);
      timer = setTimeout(() => void attempt(), waitMs);
    }
  };
  return {
    begin: () => void attempt(),
    stop() {
      state = 'over';
      clearTimeout(timer);
    },
  };
}

/** Brings the registered commands to what the catalogue says. */
async function registerCommands(
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
