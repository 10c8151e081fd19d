// The body of a request to /v1/messages, and all for which the real server answers 400.

import { z } from 'zod';
import { filledText, inputSchema, parseBody, toolName, twice } from './check.ts';

const cacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() });
const id = z.string().regex(/^[a-zA-Z0-9_-]+$/, "should match pattern '^[a-zA-Z0-9_-]+$'");
const textBlock = z.strictObject({
  type: z.literal('text'),
  text: filledText,
  cache_control: cacheControl.optional(),
});
const callBlock = z.strictObject({
  type: z.literal('tool_use'),
  id,
  name: toolName,
  input: z.record(z.string(), z.unknown()),
  cache_control: cacheControl.optional(),
});
const resultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: id,
  content: z.union([filledText, z.array(textBlock).min(1)]),
  is_error: z.boolean().optional(),
  cache_control: cacheControl.optional(),
});
const thinkingBlock = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string().min(1),
});
const redactedBlock = z.strictObject({ type: z.literal('redacted_thinking'), data: z.string().min(1) });
const block = z.discriminatedUnion('type', [textBlock, callBlock, resultBlock, thinkingBlock, redactedBlock]);
const shape = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.number().int().min(1),
  system: z.union([filledText, z.array(textBlock).min(1)]),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant']),
        content: z.union([filledText, z.array(block).min(1)]),
      }),
    )
    .min(1),
  tools: z
    .array(
      z.strictObject({
        name: toolName,
        description: z.string().optional(),
        input_schema: inputSchema,
        cache_control: cacheControl.optional(),
        eager_input_streaming: z.boolean().optional(),
      }),
    )
    .min(1)
    .optional(),
  tool_choice: z.looseObject({ type: z.enum(['auto', 'any', 'tool', 'none']) }).optional(),
  stream: z.literal(true),
});

/** The body once it is checked. */
export type AnthropicBody = z.infer<typeof shape>;
type Block = z.infer<typeof block>;
type Message = AnthropicBody['messages'][number];

/** Problems with a body; none for one that the real server takes. */
export function checkAnthropicBody(body: unknown, text: string): string[] {
  const { problems, data } = parseBody(shape, body, text);
  if (!data) return problems;
  problems.push(...checkOrder(data.messages), ...checkCalls(data.messages));
  const blocks = data.messages.flatMap(blocksOf);
  for (const name of twice((data.tools ?? []).map((tool) => tool.name))) {
    problems.push(`tools: Tool names must be unique: ${name}`);
  }
  const usesTools = blocks.some(({ type }) => type === 'tool_use' || type === 'tool_result');
  if (usesTools && !data.tools) problems.push('tools: required for tool_use and tool_result blocks');
  if ((text.match(/"cache_control"/g) ?? []).length > 4) {
    problems.push('A maximum of 4 blocks with cache_control may be provided');
  }
  return problems;
}

/** The blocks of a message whose content may be a text. */
export function blocksOf({ content }: Message): readonly Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function checkOrder(messages: readonly Message[]): string[] {
  const problems: string[] = [];
  if (messages[0]?.role !== 'user') problems.push('messages: first message must use the "user" role');
  if (messages.at(-1)?.role !== 'user') {
    problems.push(
      'messages: This model does not support assistant message prefill. It must end with a user message',
    );
  }
  messages.forEach((message, at) => {
    if (message.role === messages[at - 1]?.role) {
      problems.push(`messages.${at}: roles must alternate between "user" and "assistant"`);
    }
    for (const { type } of blocksOf(message)) {
      const belongs = type === 'text' || (message.role === 'user') === (type === 'tool_result');
      if (!belongs)
        problems.push(`messages.${at}: ${type} is not allowed in a message of the ${message.role}`);
    }
  });
  return problems;
}

function checkCalls(messages: readonly Message[]): string[] {
  const problems: string[] = [];
  const calls = (message: Message | undefined) =>
    message ? blocksOf(message).flatMap((part) => (part.type === 'tool_use' ? [part.id] : [])) : [];
  for (const doubled of twice(messages.flatMap(calls))) {
    problems.push(`messages: \`tool_use\` ids must be unique: ${doubled}`);
  }
  messages.forEach((message, at) => {
    const blocks = blocksOf(message);
    const results = blocks.flatMap((part) => (part.type === 'tool_result' ? [part.tool_use_id] : []));
    const before = calls(messages[at - 1]);
    for (const one of results.filter((result) => !before.includes(result))) {
      problems.push(`messages.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${one}`);
    }
    for (const doubled of twice(results)) {
      problems.push(`messages.${at}: each tool_use must have a single result: ${doubled}`);
    }
    const firstOther = blocks.findIndex(({ type }) => type !== 'tool_result');
    if (firstOther !== -1 && blocks.slice(firstOther).some(({ type }) => type === 'tool_result')) {
      problems.push(`messages.${at}: tool_result blocks must come first`);
    }
    const answered = messages[at + 1];
    const next = answered ? blocksOf(answered) : [];
    for (const one of calls(message)) {
      if (!next.some((part) => part.type === 'tool_result' && part.tool_use_id === one)) {
        problems.push(`messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks: ${one}`);
      }
    }
  });
  return problems;
}
