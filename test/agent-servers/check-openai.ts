// The body of a request to /v1/chat/completions, and all for which OpenAI, or a local server with a strict template,
// answers 400.

import { z } from 'zod';
import { filledText, inputSchema, parseBody, toolName, twice } from './check.ts';

const id = z.string().min(1).max(40);
const textPart = z.strictObject({ type: z.literal('text'), text: filledText });
const call = z.strictObject({
  id,
  type: z.literal('function'),
  function: z.strictObject({ name: toolName, arguments: z.string() }),
});
const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer']), content: filledText }),
  z.strictObject({ role: z.literal('user'), content: z.union([filledText, z.array(textPart).min(1)]) }),
  z.strictObject({
    role: z.literal('assistant'),
    content: filledText.nullish(),
    tool_calls: z.array(call).min(1).optional(),
  }),
  z.strictObject({ role: z.literal('tool'), tool_call_id: id, content: filledText }),
]);
const shape = z
  .strictObject({
    model: z.string().min(1),
    max_tokens: z.number().int().min(1).optional(),
    max_completion_tokens: z.number().int().min(1).optional(),
    messages: z.array(message).min(2),
    tools: z
      .array(
        z.strictObject({
          type: z.literal('function'),
          function: z.strictObject({
            name: toolName,
            description: z.string().optional(),
            parameters: inputSchema,
            strict: z.boolean().optional(),
          }),
        }),
      )
      .min(1)
      .optional(),
    tool_choice: z.enum(['auto', 'none', 'required']).optional(),
    stream: z.literal(true),
    stream_options: z.strictObject({ include_usage: z.literal(true) }),
  })
  .refine((body) => body.max_tokens !== undefined || body.max_completion_tokens !== undefined, {
    error: 'max_tokens is missing',
  });

/** The body once it is checked. */
export type OpenAiBody = z.infer<typeof shape>;
type Message = OpenAiBody['messages'][number];

/** Problems with a body; none for one that every server takes. */
export function checkOpenAiBody(body: unknown, text: string): string[] {
  const { problems, data } = parseBody(shape, body, text);
  if (!data) return problems;
  const { messages, tools = [] } = data;
  for (const name of twice(tools.map((tool) => tool.function.name))) {
    problems.push(`tools: the name ${name} stands there twice`);
  }
  if (messages[0]?.role !== 'system' && messages[0]?.role !== 'developer') {
    problems.push('messages.0: the system prompt comes first');
  }
  if (messages[1]?.role !== 'user') problems.push('messages.1: the user speaks first');
  problems.push(...checkOrder(messages), ...messages.flatMap((one, at) => checkCalls(one, at, messages)));
  if (messages.some(({ role }) => role === 'tool') && tools.length === 0) {
    problems.push('tools: messages of tools need tools');
  }
  return problems;
}

/** The calls of a message. */
export function callsOf(one: Message | undefined): readonly z.infer<typeof call>[] {
  return one?.role === 'assistant' ? (one.tool_calls ?? []) : [];
}

function checkOrder(messages: readonly Message[]): string[] {
  const problems: string[] = [];
  messages.forEach((one, at) => {
    const before = messages[at - 1];
    if (at > 0 && (one.role === 'system' || one.role === 'developer')) {
      problems.push(`messages.${at}: the system prompt stands in the middle`);
    }
    const isSame = one.role === before?.role && one.role !== 'tool';
    if (isSame) problems.push(`messages.${at}: conversation roles must alternate user/assistant`);
  });
  const last = messages.at(-1);
  if (last?.role === 'assistant') problems.push('messages: the last message must not be the assistant');
  return problems;
}

function checkCalls(one: Message, at: number, messages: readonly Message[]): string[] {
  const problems: string[] = [];
  if (one.role === 'assistant' && !one.content && callsOf(one).length === 0) {
    problems.push(`messages.${at}: content is empty and there are no tool_calls`);
  }
  for (const { function: called } of callsOf(one)) {
    try {
      const input: unknown = JSON.parse(called.arguments);
      if (typeof input !== 'object' || input === null || Array.isArray(input)) throw new Error('no object');
    } catch {
      problems.push(`messages.${at}: the arguments of ${called.name} are no JSON object`);
    }
  }
  const ids = callsOf(one).map((each) => each.id);
  for (const doubled of twice(ids)) problems.push(`messages.${at}: the id ${doubled} stands there twice`);
  if (ids.length > 0) {
    const following = messages.slice(at + 1, at + 1 + ids.length);
    const answered = following.flatMap((next) => (next.role === 'tool' ? [next.tool_call_id] : []));
    for (const missing of ids.filter((each) => !answered.includes(each))) {
      problems.push(
        `messages.${at}: an assistant message with 'tool_calls' must be followed by tool messages: ${missing}`,
      );
    }
  }
  if (one.role === 'tool') {
    const asked = messages.slice(0, at).findLast(({ role }) => role !== 'tool');
    if (!callsOf(asked).some((each) => each.id === one.tool_call_id)) {
      problems.push(`messages.${at}: a tool message must follow its 'tool_calls': ${one.tool_call_id}`);
    }
  }
  return problems;
}
