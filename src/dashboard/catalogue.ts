// The tools as the page knows them: enough to complete and understand a typed command, made from the catalogue alone.

import { z } from 'zod';
import type { OfferedTool } from './options.ts';

/** A field of a tool's input. */
interface ToolField {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly choices?: readonly string[];
}

/** A tool as the console needs it. */
export interface PageTool {
  readonly name: string;
  readonly aliases: readonly string[];
  /** The word behind the slash. */
  readonly prefix: string;
  readonly title: string;
  readonly description: string;
  readonly permission: string;
  readonly positionals: readonly string[];
  readonly fields: readonly ToolField[];
  readonly examples: readonly string[];
}

/** All of them. */
export function describeTools(tools: readonly OfferedTool[]): PageTool[] {
  return tools.map(({ tool, skill }) => ({
    name: tool.name,
    aliases: tool.aliases ?? [],
    prefix: skill.prefix,
    title: tool.title,
    description: tool.description,
    permission: tool.permission,
    positionals: tool.positionals ?? [],
    fields: fieldsOf(tool.input),
    examples: (tool.examples ?? []).map(({ command }) => command),
  }));
}

function fieldsOf(input: z.ZodObject): ToolField[] {
  const schema = z.toJSONSchema(input, { io: 'input' });
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const { type, description, enum: choices } = typeof field === 'object' ? field : {};
    return {
      name,
      type: typeof type === 'string' ? type : 'string',
      description: description ?? '',
      isRequired: required.has(name),
      ...(choices ? { choices: choices.map(String) } : {}),
    };
  });
}
