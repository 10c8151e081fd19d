// The catalogue as MCP describes tools: names, schemas and hints, all taken from the tools themselves.

import type { Tool as Description } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { modelName, type OfferedTool } from './surroundings.ts';

/** Every tool in the words of the protocol. One that cannot be described is told and left out; the others stay. */
export function describeTools(
  offered: readonly OfferedTool[],
  tell: (name: string, error: unknown) => void,
): Description[] {
  return offered.flatMap((each) => {
    try {
      return [describeTool(each)];
    } catch (error) {
      tell(modelName(each), error);
      return [];
    }
  });
}

function describeTool(offered: OfferedTool): Description {
  const { title, description, input, output, annotations } = offered.tool;
  return {
    name: modelName(offered),
    title,
    description,
    inputSchema: schemaOf(input, 'input'),
    outputSchema: schemaOf(output, 'output'),
    annotations: {
      readOnlyHint: annotations.readOnly,
      destructiveHint: annotations.destructive,
      idempotentHint: annotations.idempotent,
      // What only looks, looks at this instance; everything else may start programs that reach anything.
      openWorldHint: !annotations.readOnly,
    },
  };
}

function schemaOf(schema: z.ZodObject, io: 'input' | 'output'): Description['inputSchema'] {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io });
  return described as Description['inputSchema'];
}
