// The catalogue as a model sees it: names, descriptions and schemas, and results as text.

import { z } from 'zod';
import type { Actor, Failure } from '../../skills/tool.ts';
import { shorten } from './data.ts';
import type { ModelTool } from './model/index.ts';
import type { OfferedTool } from './surroundings.ts';

const longestResult = 24_000;

/** The agent's own tool: it ends the turn until the person has answered. */
export const askPerson = 'ask_person';

const askSchema = z.strictObject({
  question: z.string().min(1).max(1_500).describe('What you need to know, in one or two sentences'),
});

/** The tools of one turn: what the role offers and the actor may use. */
export function toolsFor(
  offered: readonly OfferedTool[],
  role: 'live' | 'staging',
  actor: Actor,
): ModelTool[] {
  const usable = offered.filter(
    ({ tool, skill }) =>
      (role === 'live' || skill.allowedInStaging) && actor.rights.includes(tool.permission),
  );
  return [
    ...usable.map(({ tool, skill }) => ({
      name: `${skill.prefix}_${tool.name}`,
      description: tool.description,
      schema: schemaOf(tool.input),
    })),
    {
      name: askPerson,
      description: 'Asks the person you serve something, and ends your turn until they have answered.',
      schema: schemaOf(askSchema),
    },
  ];
}

/** The question of a call of ask_person; undefined when it has none. */
export function questionOf(input: unknown): string | undefined {
  const parsed = askSchema.safeParse(input);
  return parsed.success ? parsed.data.question : undefined;
}

/** A tool's output for the model: texts as they are, everything else as JSON. */
export function describeOutput(output: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(output).map(([key, value]) => {
    if (isLines(value)) return `${key}:\n${value.join('\n')}`;
    if (typeof value === 'string' && value.includes('\n')) return `${key}:\n${value}`;
    return `${key}: ${JSON.stringify(value)}`;
  });
  return shorten(lines.join('\n') || 'done', longestResult);
}

/** A refusal that the model can correct. */
export function describeFailure({ code, message, hint }: Failure): string {
  return shorten(`${code}: ${message}\n-> ${hint}`, longestResult);
}

/** What a call is about, for people who look on. */
export function describeCall(offered: readonly OfferedTool[], name: string, input: unknown): string {
  const entry = offered.find(({ tool, skill }) => `${skill.prefix}_${tool.name}` === name);
  if (!entry) return name;
  const parsed = entry.tool.input.safeParse(input);
  const subject = parsed.success ? entry.tool.subject(parsed.data) : '';
  return subject === '' ? entry.tool.title : `${entry.tool.title}: ${subject.slice(0, 150)}`;
}

function isLines(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function schemaOf(input: z.ZodObject): ModelTool['schema'] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return schema as ModelTool['schema'];
}
