// A skill for tests of what stands around skills: its tools note that they ran, and do as each test says.

import { z } from 'zod';
import { defineTool } from '../../skills/dispatch.ts';
import type { AnySkill } from '../../skills/registry.ts';
import type {
  Actor,
  Confirmation,
  Logger,
  Permission,
  Surface,
  Tool,
  ToolContext,
  ToolSpec,
} from '../../skills/tool.ts';

const inputSchema = z.strictObject({
  target: z.string().min(1).default('all').describe('What it is about'),
  count: z.number().int().optional().describe('How often'),
});
const outputSchema = z.object({ done: z.string() });

type Spec = ToolSpec<unknown, typeof inputSchema, typeof outputSchema>;
type Handler = (
  context: ToolContext<unknown>,
  input: z.infer<typeof inputSchema>,
) => Promise<z.input<typeof outputSchema>>;

/** A tool that returns `{done: target}` unless it is given another handler. */
export function makeTool(name: string, permission: Permission, part: Partial<Spec> = {}): Tool {
  const handler: Handler = async (_, { target }) => ({ done: target });
  return defineTool({
    name,
    title: name,
    description: name,
    input: inputSchema,
    output: outputSchema,
    annotations: { readOnly: permission === 'read', destructive: false, idempotent: true },
    permission,
    subject: ({ target }) => target,
    handler,
    ...part,
  });
}

/** A skill of these tools. */
export function makeSkill(tools: readonly Tool[], part: Partial<AnySkill> = {}): AnySkill {
  return {
    name: 'trial',
    description: 'for tests',
    prefix: 'trial',
    allowedInStaging: false,
    migrations: [],
    tools,
    open: (host) => host,
    ...part,
  };
}

/** Someone who asks; every right unless told otherwise. */
export function makeActor(
  surface: Surface = 'discord',
  rights: readonly Permission[] = ['read', 'operate', 'deploy'],
): Actor {
  return { id: `${surface}:1`, name: 'Ada', surface, rights };
}

/** A logger that keeps what it is told. */
export function makeLogger(): Logger & {
  readonly lines: { level: string; fields: object; message: string }[];
} {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A person who answers every question in the same way, and the questions that they were asked. */
export function makePerson(answer: boolean) {
  const asked: Confirmation[] = [];
  const confirm = async (confirmation: Confirmation) => {
    asked.push(confirmation);
    return answer;
  };
  return { asked, confirm };
}
