// The judges are judged: each kind of request that a real server refuses is refused here too, and a good one is not.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeRoot } from '../support/instance.ts';
import { type AgentServer, startAnthropicServer, startOpenAiServer } from './index.ts';

interface Body {
  [key: string]: unknown;
  messages: Record<string, unknown>[];
  tools?: Record<string, unknown>[];
}

const post = async (server: AgentServer, path: string, body: unknown) => {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
};

const start = async (starting: Promise<AgentServer>) => {
  const server = await starting;
  onTestFinished(() => server.close());
  return server;
};

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });

describe("Anthropic's", () => {
  const use = (id = 'a') => ({ type: 'tool_use', id, name: 'list', input: {} });
  const done = (id = 'a', content: unknown = 'ok') => ({ type: 'tool_result', tool_use_id: id, content });
  const good = (): Body => ({
    model: 'm',
    max_tokens: 10,
    system: 'You are.',
    stream: true,
    tools: [{ name: 'list', input_schema: { type: 'object' } }],
    messages: [
      user('Hi'),
      assistant([use(), use('b')]),
      user([done(), done('b'), { type: 'text', text: 'And?' }]),
    ],
  });

  it('takes a good request, and streams', async () => {
    const server = await start(startAnthropicServer({ replies: [{ text: 'Hello.' }] }));
    const { status, text } = await post(server, '/v1/messages', good());
    expect(status).toBe(200);
    for (const type of ['message_start', 'ping', 'content_block_delta', 'message_delta', 'message_stop']) {
      expect(text).toContain(`event: ${type}\n`);
    }
    expect(server.requests[0]).toMatchObject({ system: 'You are.', tools: ['list'], problems: [] });
  });

  it.each<[string, (body: Body) => void, RegExp]>([
    ['no max_tokens', (body) => void delete body.max_tokens, /max_tokens/],
    ['no system', (body) => void delete body.system, /system/],
    ['an empty system', (body) => Object.assign(body, { system: ' ' }), /system/],
    ['no messages', (body) => Object.assign(body, { messages: [] }), /messages/],
    ['an unknown key', (body) => Object.assign(body, { max_completion_tokens: 1 }), /Unrecognized/],
    [
      'an empty text',
      (body) => body.messages.splice(0, 1, user([{ type: 'text', text: '' }])),
      /non-whitespace/,
    ],
    ['a blank text', (body) => body.messages.splice(0, 1, user('\n')), /messages\.0/],
    ['an assistant first', (body) => body.messages.shift(), /first message/],
    ['an assistant last', (body) => body.messages.push(assistant('So')), /prefill/],
    ['two users in a row', (body) => body.messages.push(user('Hello?')), /alternate/],
    [
      'a call without a result',
      (body) => body.messages.splice(2, 1, user([done()])),
      /without `tool_result`/,
    ],
    ['a call without anything after it', (body) => body.messages.pop(), /without `tool_result`/],
    ['a result without a call', (body) => body.messages.splice(0, 1, user([done('x')])), /unexpected/],
    [
      'results after text',
      (body) => body.messages.splice(2, 1, user([{ type: 'text', text: 'x' }, done(), done('b')])),
      /first/,
    ],
    [
      'two results of one call',
      (body) => body.messages.splice(2, 1, user([done(), done(), done('b')])),
      /single/,
    ],
    [
      'one id twice',
      (body) => body.messages.splice(1, 2, assistant([use(), use()]), user([done()])),
      /unique/,
    ],
    [
      'an empty result',
      (body) => body.messages.splice(2, 1, user([done('a', ''), done('b')])),
      /messages\.2/,
    ],
    [
      'an id that is none',
      (body) => body.messages.splice(1, 2, assistant([use('ü')]), user([done('ü')])),
      /match/,
    ],
    [
      'input that is no object',
      (body) => body.messages.splice(1, 1, assistant([{ ...use(), input: [] }, use('b')])),
      /input/,
    ],
    ['calls without tools', (body) => void delete body.tools, /required/],
    [
      'a union at the root',
      (body) => Object.assign(body.tools?.[0] ?? {}, { input_schema: { type: 'object', oneOf: [] } }),
      /oneOf/,
    ],
    [
      'a root that is no object',
      (body) => Object.assign(body.tools?.[0] ?? {}, { input_schema: { type: 'string' } }),
      /input_schema/,
    ],
    ['two tools of one name', (body) => body.tools?.push({ ...body.tools[0] }), /unique/],
    ['half a character', (body) => body.messages.splice(0, 1, user('\ud83d')), /surrogate/],
  ])('refuses %s', async (_, spoil, reason) => {
    const server = await start(startAnthropicServer({ replies: [{ text: 'unused' }] }));
    const body = good();
    spoil(body);
    const { status, text } = await post(server, '/v1/messages', body);
    expect(status).toBe(400);
    expect((JSON.parse(text) as { error: { message: string } }).error.message).toMatch(reason);
    // A request that is refused uses no reply of the script.
    expect((await post(server, '/v1/messages', good())).text).toContain('unused');
  });
});

describe("OpenAI's", () => {
  const call = (id = 'a', input = '{}') => ({
    id,
    type: 'function',
    function: { name: 'list', arguments: input },
  });
  const asks = (...tool_calls: unknown[]) => ({ role: 'assistant', content: null, tool_calls });
  const done = (id = 'a', content = 'ok') => ({ role: 'tool', tool_call_id: id, content });
  const good = (): Body => ({
    model: 'm',
    max_tokens: 10,
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: 'function', function: { name: 'list', parameters: { type: 'object' } } }],
    messages: [
      { role: 'system', content: 'You are.' },
      user('Hi'),
      asks(call(), call('b')),
      done('b'),
      done(),
      user('And?'),
    ],
  });

  it('takes a good request, and streams', async () => {
    const server = await start(startOpenAiServer({ replies: [{ text: 'Hello.' }] }));
    const { status, text } = await post(server, '/v1/chat/completions', good());
    expect(status).toBe(200);
    expect(text).toContain('"content":"Hello."');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(server.requests[0]).toMatchObject({ system: 'You are.', tools: ['list'], problems: [] });
  });

  it.each<[string, (body: Body) => void, RegExp]>([
    ['no limit', (body) => void delete body.max_tokens, /max_tokens/],
    ['no usage', (body) => void delete body.stream_options, /stream_options/],
    ['no system', (body) => body.messages.shift(), /system/],
    ['a system in the middle', (body) => body.messages.push({ role: 'system', content: 'x' }), /middle/],
    ['a message without anything', (body) => body.messages.splice(2, 3, assistant(null)), /empty/],
    ['two users in a row', (body) => body.messages.push(user('Hello?')), /alternate/],
    ['an assistant last', (body) => body.messages.push(assistant('So')), /last/],
    ['a call without a result', (body) => body.messages.splice(3, 1), /must be followed/],
    ['a result after a user', (body) => body.messages.push(done()), /must follow/],
    ['a result of another call', (body) => body.messages.splice(3, 1, done('x')), /must follow/],
    [
      'arguments that are no JSON',
      (body) => body.messages.splice(2, 3, asks(call('a', '{')), done()),
      /no JSON object/,
    ],
    [
      'arguments that are no object',
      (body) => body.messages.splice(2, 3, asks(call('a', '[]')), done()),
      /no JSON object/,
    ],
    ['one id twice', (body) => body.messages.splice(2, 3, asks(call(), call()), done(), done()), /twice/],
    ['an empty text', (body) => body.messages.splice(1, 1, user('')), /messages\.1/],
    ['an empty result', (body) => body.messages.splice(3, 1, done('b', '')), /messages\.3/],
    ['results without tools', (body) => void delete body.tools, /need tools/],
    ['half a character', (body) => body.messages.splice(1, 1, user('\udc00')), /surrogate/],
  ])('refuses %s', async (_, spoil, reason) => {
    const server = await start(startOpenAiServer({ replies: [{ text: 'unused' }] }));
    const body = good();
    spoil(body);
    const { status, text } = await post(server, '/v1/chat/completions', body);
    expect(status).toBe(400);
    expect((JSON.parse(text) as { error: { message: string } }).error.message).toMatch(reason);
  });
});

it('say that the script has ended', async () => {
  const server = await start(startOpenAiServer({ replies: [] }));
  const body = { model: 'm', max_tokens: 1, stream: true, stream_options: { include_usage: true } };
  const messages = [{ role: 'system', content: 'a' }, user('b')];
  const { status, text } = await post(server, '/v1/chat/completions', { ...body, messages });
  expect({ status, text }).toMatchObject({
    status: 400,
    text: expect.stringContaining('0 replies and no more'),
  });
});

it('work in a script without a test runner, which ends when they are closed', async () => {
  const script = `
    const { startAnthropicServer } = await import('./test/agent-servers/index.ts');
    const server = await startAnthropicServer({ replies: ({ system }) => ({ text: 'You said ' + system }) });
    const body = { model: 'm', max_tokens: 1, system: 'hello', stream: true, messages: [{ role: 'user', content: 'a' }] };
    const response = await fetch(server.url + '/v1/messages', { method: 'POST', body: JSON.stringify(body),
      headers: { 'anthropic-version': '2023-06-01' } });
    console.log((await response.text()).includes('You said hello'), server.requests.length);
    await server.close();`;
  const words = ['--import', 'tsx', '--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: codeRoot, timeout: 20_000 });
  expect(stdout.trim()).toBe('true 1');
});
