// The slash commands, made from the catalogue: one for each skill, named by its prefix, with a subcommand for each tool
// and an option for each field of its input. Nothing here knows any tool by name.

import { z } from 'zod';
import type { Tool } from '../../skills/tool.ts';
import { cut } from './render/text.ts';
import type { Offered } from './surroundings.ts';

/** Discord's numbers for kinds of options. */
const kinds = { subcommand: 1, text: 3, integer: 4, yesNo: 5, number: 10 } as const;
const mostSubcommands = 25;
const mostOptions = 25;
const mostChoices = 25;
const longestDescription = 100;
/** Names, descriptions and choices of one command together. */
const longestCommand = 8_000;
const longestText = 6_000;
/** Administrators: whoever the owner of the guild trusts with it. They can let others see the command. */
const administrator = '8';

/** A command as it is registered. */
export interface Command {
  readonly name: string;
  readonly description: string;
  readonly type: 1;
  readonly options: readonly Subcommand[];
  readonly default_member_permissions?: string;
  readonly contexts: readonly number[];
  readonly integration_types: readonly number[];
}

/** A verb of a command. */
interface Subcommand {
  readonly type: 1;
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
}

/** One input of a verb. */
interface Option {
  readonly type: number;
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  readonly autocomplete?: boolean;
  readonly choices?: readonly { name: string; value: string }[];
  readonly min_value?: number;
  readonly max_value?: number;
  readonly min_length?: number;
  readonly max_length?: number;
}

/** What a field of a tool's input looks like in JSON Schema. */
interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** The commands, and the tools that found no room: Discord takes 25 subcommands. */
export function commandsOf(
  tools: readonly Offered[],
  completes: (tool: Tool, field: string) => boolean,
): { commands: Command[]; leftOut: Tool[] } {
  const prefixes = [...new Set(tools.map(({ skill }) => skill.prefix))];
  const leftOut: Tool[] = [];
  const commands = prefixes.map((prefix) => {
    const own = tools.filter(({ skill }) => skill.prefix === prefix).map(({ tool }) => tool);
    leftOut.push(...own.slice(mostSubcommands));
    const subcommands = own.slice(0, mostSubcommands).map((tool) => subcommand(tool, completes));
    const name =
      own.length === 1 ? own[0]?.title : tools.find(({ skill }) => skill.prefix === prefix)?.skill.name;
    return shortened({
      name: optionName(prefix),
      description: cut(`${name}: ${own.map((tool) => tool.name).join(', ')}`, longestDescription),
      type: 1,
      options: subcommands,
      default_member_permissions: administrator,
      contexts: [0],
      integration_types: [0],
    });
  });
  return { commands, leftOut };
}

/** The tool that a subcommand stands for. */
export function findTool(
  tools: readonly Offered[],
  command: string,
  subcommand: string | null,
): Offered | undefined {
  return tools.find(
    ({ tool, skill }) => optionName(skill.prefix) === command && optionName(tool.name) === subcommand,
  );
}

/** The input that options make; fields have the names of the schema, options those that Discord allows. */
export function inputOf(
  tool: Tool,
  options: readonly { readonly name: string; readonly value?: unknown }[],
): Record<string, unknown> {
  const fields = new Map(Object.keys(fieldsOf(tool).fields).map((field) => [optionName(field), field]));
  return Object.fromEntries(options.map(({ name, value }) => [fields.get(name) ?? name, value]));
}

/** `dryRun` as an option: `dry-run`. */
export function optionName(name: string): string {
  return name
    .replaceAll(/[A-Z]/g, (letter, index: number) => `${index === 0 ? '' : '-'}${letter.toLowerCase()}`)
    .replaceAll(/[^-_\p{Ll}\p{N}]/gu, '-')
    .slice(0, 32);
}

function subcommand(tool: Tool, completes: (tool: Tool, field: string) => boolean): Subcommand {
  const { fields, required } = fieldsOf(tool);
  const positions = tool.positionals ?? [];
  const rank = (name: string) => {
    const position = positions.indexOf(name as never);
    return position < 0 ? positions.length : position;
  };
  // Required options come first; then those that the command line takes by position.
  const names = Object.keys(fields).sort(
    (one, other) => Number(required.has(other)) - Number(required.has(one)) || rank(one) - rank(other),
  );
  return {
    type: kinds.subcommand,
    name: optionName(tool.name),
    description: cut(tool.title, longestDescription),
    options: names
      .slice(0, mostOptions)
      .map((name) => option(name, fields[name] ?? {}, required.has(name), completes(tool, name))),
  };
}

function option(name: string, field: Field, isRequired: boolean, isCompleted: boolean): Option {
  const common = {
    name: optionName(name),
    description: cut(describe(name, field), longestDescription),
    ...(isRequired ? { required: true } : {}),
  };
  const isWhole = field.type === 'integer';
  if (isWhole || field.type === 'number') {
    return {
      type: isWhole ? kinds.integer : kinds.number,
      ...common,
      ...(field.minimum === undefined ? {} : { min_value: field.minimum }),
      ...(field.maximum === undefined ? {} : { max_value: field.maximum }),
    };
  }
  if (field.type === 'boolean') return { type: kinds.yesNo, ...common };
  if (field.enum && field.enum.length <= mostChoices) {
    return { type: kinds.text, ...common, choices: field.enum.map((value) => ({ name: value, value })) };
  }
  const { minLength, maxLength } = field;
  return {
    type: kinds.text,
    ...common,
    ...(isCompleted ? { autocomplete: true } : {}),
    ...(minLength === undefined || minLength > longestText ? {} : { min_length: minLength }),
    ...(maxLength === undefined || maxLength > longestText ? {} : { max_length: maxLength }),
  };
}

function describe(name: string, { description, default: fallback }: Field): string {
  const otherwise = fallback === undefined || fallback === false ? '' : ` (default: ${String(fallback)})`;
  const text = description ?? name;
  return `${cut(text, longestDescription - otherwise.length)}${otherwise}`;
}

function fieldsOf(tool: Tool): { fields: Record<string, Field>; required: ReadonlySet<string> } {
  const schema = z.toJSONSchema(tool.input, { io: 'input' });
  return {
    fields: (schema.properties ?? {}) as Record<string, Field>,
    required: new Set(schema.required ?? []),
  };
}

/** Shortens descriptions of options, as far as needed, until Discord takes the command. */
function shortened(command: Command): Command {
  for (let most = longestDescription; most >= 10; most -= 5) {
    const options = command.options.map((sub) => ({
      ...sub,
      options: sub.options.map((each) => ({ ...each, description: cut(each.description, most) })),
    }));
    if (lengthOf({ ...command, options }) <= longestCommand) return { ...command, options };
  }
  return command;
}

interface Described {
  readonly name: string;
  readonly description: string;
  readonly options?: readonly Described[];
  readonly choices?: readonly { readonly name: string; readonly value: string }[];
}

function lengthOf({ name, description, options = [], choices = [] }: Described): number {
  const own = name.length + description.length;
  const inChoices = choices.reduce((sum, choice) => sum + choice.name.length + choice.value.length, 0);
  return options.reduce((sum, each) => sum + lengthOf(each), own + inChoices);
}
