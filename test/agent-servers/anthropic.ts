// A server that speaks Anthropic's /v1/messages as a stream.

import { type AnthropicBody, blocksOf, checkAnthropicBody } from './check-anthropic.ts';
import type { AgentServer, Reply, SeenMessage, ServerOptions } from './reply.ts';
import { startServer, type Wire } from './server.ts';

/** Starts one, on a port of its own. */
export function startAnthropicServer(options: ServerOptions): Promise<AgentServer> {
  return startServer(wire, options);
}

const wire: Wire = {
  path: '/v1/messages',
  keyIn: (request) => request.headers['x-api-key']?.toString(),
  check(body, text, headers) {
    const problems = checkAnthropicBody(body, text);
    if (headers['anthropic-version'] === undefined) problems.push('anthropic-version: header is required');
    return problems;
  },
  read(body) {
    const { model, system, tools = [], messages } = body as AnthropicBody;
    const texts = typeof system === 'string' ? [system] : system.map(({ text }) => text);
    return {
      model,
      system: texts.join('\n'),
      tools: tools.map(({ name }) => name),
      messages: messages.map(readMessage),
    };
  },
  frames,
  error: (status, type, message) => ({
    type: 'error',
    error: { type: type ?? typeOf(status), message },
    request_id: 'req_test',
  }),
  tooLong: (tokens, limit) => ({
    type: 'invalid_request_error',
    message: `prompt is too long: ${tokens} tokens > ${limit} maximum`,
  }),
  unknownModel: (model) => ({ type: 'not_found_error', message: `model: ${model}` }),
};

function typeOf(status: number): string {
  const types: Readonly<Record<number, string>> = {
    400: 'invalid_request_error',
    401: 'authentication_error',
    402: 'billing_error',
    403: 'permission_error',
    404: 'not_found_error',
    413: 'request_too_large',
    429: 'rate_limit_error',
    529: 'overloaded_error',
  };
  return types[status] ?? 'api_error';
}

function readMessage(message: AnthropicBody['messages'][number]): SeenMessage {
  const blocks = blocksOf(message);
  return {
    role: message.role,
    text: blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n'),
    calls: blocks.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    results: blocks.flatMap((block) => {
      if (block.type !== 'tool_result') return [];
      const { content } = block;
      const text = typeof content === 'string' ? content : content.map((part) => part.text).join('\n');
      return [{ id: block.tool_use_id, text, isError: block.is_error === true }];
    }),
  };
}

function frames(reply: Reply, model: string, count: number): { before: string[]; after: string[] } {
  const { input = 100, output = 20, cached = 0, written = 0 } = reply.usage || {};
  const usage = {
    // Here, unlike elsewhere, what came from a cache is counted apart.
    input_tokens: reply.usage === false ? 0 : input - cached - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
  };
  const message = { id: `msg_${count}`, type: 'message', role: 'assistant', model, content: [] };
  const start = { ...message, stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } };
  const before = [frame('message_start', { message: start }), frame('ping', {})];
  let index = 0;
  if (reply.thought) {
    before.push(
      ...block(index++, { type: 'thinking', thinking: '', signature: '' }, [
        { type: 'thinking_delta', thinking: reply.thought.text },
        { type: 'signature_delta', signature: reply.thought.signature },
      ]),
    );
  }
  if (reply.text !== undefined) {
    before.push(
      ...block(
        index++,
        { type: 'text', text: '' },
        pieces(reply.text).map((text) => ({ type: 'text_delta', text })),
      ),
    );
  }
  for (const [at, call] of (reply.calls ?? []).entries()) {
    const json = typeof call.input === 'string' ? call.input : JSON.stringify(call.input);
    const start = { type: 'tool_use', id: call.id ?? `toolu_${count}_${at}`, name: call.name, input: {} };
    const deltas = pieces(json).map((part) => ({ type: 'input_json_delta', partial_json: part }));
    const all = block(index++, start, [{ type: 'input_json_delta', partial_json: '' }, ...deltas]);
    if (reply.cut === 'mid-json') {
      before.push(...all.slice(0, Math.max(2, Math.floor(all.length / 2))));
      break;
    }
    before.push(...all);
  }
  if (reply.errorEvent) return { before, after: [frame('error', { error: reply.errorEvent })] };
  const stop = reply.stop ?? (reply.calls?.length ? 'tool_use' : 'end_turn');
  const delta = { stop_reason: stop, stop_sequence: null };
  const used = { ...usage, output_tokens: reply.usage === false ? 0 : output };
  // An answer that is cut here says how it ends, and yet did not.
  const end = frame('message_delta', { delta, usage: used });
  return reply.cut === 'before-end'
    ? { before: [...before, end], after: [] }
    : { before, after: [end, frame('message_stop', {})] };
}

function block(index: number, content: object, deltas: readonly object[]): string[] {
  return [
    frame('content_block_start', { index, content_block: content }),
    ...deltas.map((delta) => frame('content_block_delta', { index, delta })),
    frame('content_block_stop', { index }),
  ];
}

function frame(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

/** A text in a few pieces, as it would come. */
export function pieces(text: string): string[] {
  return text === '' ? [] : (text.match(/[\s\S]{1,24}/gu) ?? []);
}
