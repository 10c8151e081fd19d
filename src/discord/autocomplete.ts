// Completes names while they are typed: bots and processes from `list`, versions from `releases`, asked for as whoever
// types. Whoever may not read gets nothing to choose from.

import type { AutocompleteInteraction } from 'discord.js';
import { z } from 'zod';
import type { Actor, Clock, Dispatcher, Tool } from '../../skills/tool.ts';
import { cut } from './render/text.ts';
import type { Offered } from './surroundings.ts';

const mostChoices = 25;
const longestChoice = 100;
const listed = 500;
/** People type faster than things change. */
const freshMs = 3_000;
/** Discord waits three seconds. */
const patienceMs = 2_000;
const keptAnswers = 50;

const listSchema = z.object({
  bots: z.array(z.object({ name: z.string(), state: z.string() })).default([]),
  processes: z.array(z.object({ id: z.string(), name: z.string(), status: z.string(), command: z.string() })),
});
const releasesSchema = z.object({ releases: z.array(z.object({ version: z.string(), state: z.string() })) });

interface Choice {
  readonly name: string;
  readonly value: string;
}

/** Which fields are completed, and with what. */
export interface Autocomplete {
  completes(tool: Tool, field: string): boolean;
  answer(interaction: AutocompleteInteraction, actor: Actor, tool: Tool, field: string): Promise<void>;
}

/** Completes from the tools of this catalogue. */
export function createAutocomplete(
  tools: readonly Offered[],
  dispatcher: Dispatcher,
  clock: Clock,
): Autocomplete {
  const names = new Set(tools.map(({ tool }) => tool.name));
  const kept = new Map<string, { at: number; choices: Promise<Choice[]> }>();
  const sourceOf = (tool: Tool, field: string): keyof typeof sources | undefined => {
    const source = field === 'bot' ? 'bots' : field === 'process' ? 'processes' : undefined;
    const found = field === 'version' && tool.name === 'rollback' ? 'versions' : source;
    return found && names.has(sources[found].tool) ? found : undefined;
  };
  const ask = (actor: Actor, source: keyof typeof sources): Promise<Choice[]> => {
    const key = `${actor.id} ${source}`;
    const known = kept.get(key);
    if (known && clock.now() - known.at < freshMs) return known.choices;
    const { tool, input, read } = sources[source];
    const choices = dispatcher.call(actor, tool, input, { isRepeated: true }).then(read, () => []);
    if (kept.size >= keptAnswers) kept.clear();
    kept.set(key, { at: clock.now(), choices });
    return choices;
  };
  return {
    completes: (tool, field) => sourceOf(tool, field) !== undefined,
    async answer(interaction, actor, tool, field) {
      const source = sourceOf(tool, field);
      const typed = interaction.options.getFocused().toLowerCase();
      const choices = source ? await orNothing(ask(actor, source)) : [];
      await interaction.respond(
        choices
          .filter(({ name, value }) => `${name} ${value}`.toLowerCase().includes(typed))
          .slice(0, mostChoices),
      );
    },
  };
}

const sources = {
  bots: {
    tool: 'list',
    input: { limit: 1 },
    read: (output: unknown) => botChoices(listSchema.parse(output)),
  },
  processes: {
    tool: 'list',
    input: { limit: listed },
    read: (output: unknown) => {
      const list = listSchema.parse(output);
      return [...botChoices(list), ...processChoices(list)];
    },
  },
  versions: {
    tool: 'releases',
    input: {},
    read: (output: unknown) =>
      releasesSchema
        .parse(output)
        .releases.map(({ version, state }) => choice(`${version} · ${state}`, version)),
  },
} as const;

function botChoices({ bots }: z.infer<typeof listSchema>): Choice[] {
  return bots.map(({ name, state }) => choice(`${name} · ${state}`, name));
}

/** Those that run come first; both halves stay newest first. */
function processChoices({ processes }: z.infer<typeof listSchema>): Choice[] {
  const isOver = ({ status }: { status: string }) => Number(!['running', 'paused'].includes(status));
  return [...processes]
    .sort((one, other) => isOver(one) - isOver(other))
    .map(({ id, name, status, command }) => choice(`${name} · ${status} · ${command}`, id));
}

function choice(name: string, value: string): Choice {
  return { name: cut(name.replaceAll(/\s+/g, ' '), longestChoice), value: value.slice(0, longestChoice) };
}

function orNothing(choices: Promise<Choice[]>): Promise<Choice[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Choice[]>((resolve) => {
    timer = setTimeout(() => resolve([]), patienceMs);
  });
  return Promise.race([choices, late]).finally(() => clearTimeout(timer));
}
