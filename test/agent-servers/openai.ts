// A server that speaks OpenAI's /v1/chat/completions as a stream.

import { pieces } from './anthropic.ts';
import { callsOf, checkOpenAiBody, type OpenAiBody } from './check-openai.ts';
import type { AgentServer, Reply, SeenMessage, ServerOptions } from './reply.ts';
import { startServer, type Wire } from './server.ts';

/** Starts one, on a port of its own. */
export function startOpenAiServer(options: ServerOptions): Promise<AgentServer> {
  return startServer(wire, options);
}

const wire: Wire = {
  path: '/v1/chat/completions',
  keyIn: (request) => request.headers.authorization?.replace(/^Bearer /, ''),
  check: (body, text) => checkOpenAiBody(body, text),
  read(body) {
    const { model, tools = [], messages } = body as OpenAiBody;
    const [system, ...rest] = messages;
    return {
      model,
      system: textOf(system),
      tools: tools.map((tool) => tool.function.name),
      messages: rest.map(readMessage),
    };
  },
  frames,
  error: (_, type, message) => ({
    error: { message, type: type ?? 'server_error', param: null, code: type ?? null },
  }),
  tooLong: (tokens, limit) => ({
    type: 'context_length_exceeded',
    message: `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${tokens} tokens.`,
  }),
  unknownModel: (model) => ({
    type: 'model_not_found',
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
  }),
};

function textOf(message: OpenAiBody['messages'][number] | undefined): string {
  const content = message?.content ?? '';
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

function readMessage(message: OpenAiBody['messages'][number]): SeenMessage {
  const text = textOf(message);
  const isResult = message.role === 'tool';
  return {
    role: message.role,
    text: isResult ? '' : text,
    calls: callsOf(message).map((call) => ({
      id: call.id,
      name: call.function.name,
      input: JSON.parse(call.function.arguments) as unknown,
    })),
    // This wire does not say whether a result is an error.
    results: isResult ? [{ id: message.tool_call_id, text, isError: false }] : [],
  };
}

function frames(reply: Reply, model: string, count: number): { before: string[]; after: string[] } {
  const head = { id: `chatcmpl-${count}`, object: 'chat.completion.chunk', created: 1_700_000_000, model };
  const chunk = (delta: object, finish: string | null = null) =>
    frame({ ...head, choices: [{ index: 0, delta, finish_reason: finish }], usage: null });
  const before = [chunk({ role: 'assistant', content: '' })];
  before.push(...pieces(reply.text ?? '').map((content) => chunk({ content })));
  const calls = reply.calls ?? [];
  for (const [index, call] of calls.entries()) {
    const id = call.id ?? `call_${count}_${index}`;
    before.push(
      chunk({ tool_calls: [{ index, id, type: 'function', function: { name: call.name, arguments: '' } }] }),
    );
  }
  // The fragments of all calls come mixed, told apart by their index alone.
  const fragments = calls.map((call) =>
    pieces(typeof call.input === 'string' ? call.input : JSON.stringify(call.input)),
  );
  const longest = Math.max(0, ...fragments.map((parts) => parts.length));
  for (let at = 0; at < (reply.cut === 'mid-json' ? Math.ceil(longest / 2) : longest); at++) {
    for (const [index, parts] of fragments.entries()) {
      const part = reply.cut === 'mid-json' ? parts[at]?.slice(0, -1) : parts[at];
      if (part !== undefined) before.push(chunk({ tool_calls: [{ index, function: { arguments: part } }] }));
    }
  }
  if (reply.errorEvent) {
    return { before, after: [frame({ error: { ...reply.errorEvent, param: null, code: null } })] };
  }
  const after = [chunk({}, reply.stop ?? (calls.length > 0 ? 'tool_calls' : 'stop'))];
  if (reply.usage !== false) after.push(frame({ ...head, choices: [], usage: usageOf(reply) }));
  return { before, after: [...after, 'data: [DONE]\n\n'] };
}

function usageOf(reply: Reply): object {
  const { input = 100, output = 20, cached = 0 } = reply.usage || {};
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
