// Confirmations that somebody tries to get round: the input is changed after the yes, the yes is used again, nobody
// answers, the client fails. The server is this process's own, so that the clock can be turned.

import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openInstance } from '../../../src/instance.ts';
import { serveMcp } from '../../../src/mcp/index.ts';
import { makeInstance } from '../../support/instance.ts';
import { callMessage, type Message } from '../../support/mcp.ts';
import { makeActor, makeLogger, makeSkill, makeTool } from '../../support/skill.ts';

afterEach(() => void vi.useRealTimers());

/** A server over two streams, with tools that note what they were called with. */
function serve() {
  const ran: string[] = [];
  const act = makeTool('act', 'operate', {
    decide: () => 'ask',
    handler: async (_, { target }) => {
      ran.push(target);
      return { done: target };
    },
  });
  const twice = makeTool('twice', 'operate', {
    handler: async ({ confirm }) => ({
      done: `${await confirm('The first?')} ${await confirm('The second?')}`,
    }),
  });
  let release = () => {};
  const slow = makeTool('slow', 'operate', {
    decide: () => 'ask',
    handler: async (_, { target }) => {
      ran.push(target);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { done: target };
    },
  });
  const instance = openInstance({
    root: makeInstance(),
    loaded: { skills: [makeSkill([act, twice, slow])], failures: [] },
    environment: {},
    logger: makeLogger(),
  });
  const [input, output, stop] = [new PassThrough(), new PassThrough(), new AbortController()];
  const messages: Message[] = [];
  output.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter(Boolean)) messages.push(JSON.parse(line) as Message);
  });
  const logger = makeLogger();
  const over = serveMcp({
    version: '1',
    instructions: '',
    tools: instance.catalogue.entries,
    dispatcher: instance.dispatcher,
    actor: makeActor('mcp'),
    logger,
    input,
    output,
    stop: stop.signal,
    draw: (view) => view.text ?? '',
  });
  onTestFinished(async () => {
    vi.useRealTimers();
    stop.abort();
    await over;
    instance.close();
  });
  const send = (message: object) => void input.write(`${JSON.stringify(message)}\n`);
  return {
    ran,
    release: () => release(),
    messages,
    send,
    input,
    over,
    instance,
    logger,
    find: finder(messages),
  };
}

/** Waits in turns of the event loop, since the clock may stand still. */
function finder(messages: readonly Message[]) {
  return async (what: string, matches: (message: Message) => boolean): Promise<Message> => {
    for (let turn = 0; turn < 20_000; turn++) {
      const found = messages.find(matches);
      if (found) return found;
      await nextTurn();
    }
    throw new Error(`no message came: ${what}; there are ${JSON.stringify(messages)}`);
  };
}

const answerTo = (id: number) => (message: Message) => message.id === id && message.method === undefined;
const errorOf = ({ result }: Message) =>
  (result as { _meta?: Record<string, { code: string; message: string }> })._meta?.['understudy/error'];

/** A request of 2026, which says with each request what the client can do. */
function modern(id: number, name: string, input: object, rest: object = {}): object {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'a test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
  };
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: input, _meta, ...rest } };
}

const yes = { confirmation: { action: 'accept', content: { confirm: true } } };

async function ask(
  server: ReturnType<typeof serve>,
  id: number,
  name: string,
  input: object,
): Promise<string> {
  server.send(modern(id, name, input));
  const { result } = await server.find(`a question for ${id}`, answerTo(id));
  expect(result).toMatchObject({ resultType: 'input_required', inputRequests: { confirmation: {} } });
  return (result as { requestState: string }).requestState;
}

describe('a question of 2026', () => {
  it('is answered once, for exactly its input', async () => {
    const server = serve();
    const requestState = await ask(server, 1, 'trial_act', { target: 'a' });
    expect(server.ran).toEqual([]);
    server.send(modern(2, 'trial_act', { target: 'a' }, { requestState, inputResponses: yes }));
    expect((await server.find('the result', answerTo(2))).result).toMatchObject({
      structuredContent: { done: 'a' },
    });
    server.send(modern(3, 'trial_act', { target: 'a' }, { requestState, inputResponses: yes }));
    expect(errorOf(await server.find('a refusal', answerTo(3)))?.message).toContain('open no more');
    expect(server.ran).toEqual(['a']);
  });

  it('is answered once also while the call runs, and the first answer gets the result', async () => {
    const server = serve();
    const requestState = await ask(server, 1, 'trial_slow', { target: 'a' });
    for (const id of [2, 3]) {
      server.send(modern(id, 'trial_slow', { target: 'a' }, { requestState, inputResponses: yes }));
    }
    expect(errorOf(await server.find('a refusal', answerTo(3)))?.message).toContain('open no more');
    await server.find('the work begins', () => server.ran.length > 0);
    server.release();
    expect((await server.find('the result', answerTo(2))).result).toMatchObject({
      structuredContent: { done: 'a' },
    });
    expect(server.ran).toEqual(['a']);
  });

  it.each([
    ['another input', 'trial_act', { target: 'b' }, yes],
    ['more input', 'trial_act', { target: 'a', count: 1 }, yes],
    ['another tool', 'trial_twice', { target: 'a' }, yes],
    ['no answer', 'trial_act', { target: 'a' }, {}],
    ['a no', 'trial_act', { target: 'a' }, { confirmation: { action: 'decline' } }],
    ['no tick', 'trial_act', { target: 'a' }, { confirmation: { action: 'accept', content: {} } }],
    [
      'a text in place of the tick',
      'trial_act',
      { target: 'a' },
      {
        confirmation: { action: 'accept', content: { confirm: 'true' } },
      },
    ],
    ['the answer under another name', 'trial_act', { target: 'a' }, { confirm: yes.confirmation }],
  ])('is no yes with %s, and then closed', async (_, name, input, inputResponses) => {
    const server = serve();
    const requestState = await ask(server, 1, 'trial_act', { target: 'a' });
    server.send(modern(2, name, input, { requestState, inputResponses }));
    expect(errorOf(await server.find('a refusal', answerTo(2)))?.code).toBe('not_confirmed');
    server.send(modern(3, 'trial_act', { target: 'a' }, { requestState, inputResponses: yes }));
    expect(errorOf(await server.find('a refusal', answerTo(3)))?.code).toBe('not_confirmed');
    expect(server.ran).toEqual([]);
  });

  it('that nobody asked is none', async () => {
    const server = serve();
    const rest = { requestState: 'made-up', inputResponses: yes };
    server.send(modern(1, 'trial_act', { target: 'a' }, rest));
    expect(errorOf(await server.find('a refusal', answerTo(1)))?.code).toBe('not_confirmed');
    server.send(modern(2, 'trial_act', { target: 'a' }, { inputResponses: yes }));
    expect((await server.find('a question', answerTo(2))).result).toMatchObject({
      resultType: 'input_required',
    });
    expect(server.ran).toEqual([]);
  });

  it('expires after two minutes, and the history says that it was refused', async () => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance', 'setInterval', 'clearInterval'],
    });
    const server = serve();
    const requestState = await ask(server, 1, 'trial_act', { target: 'a' });
    await vi.advanceTimersByTimeAsync(120_000);
    server.send(modern(2, 'trial_act', { target: 'a' }, { requestState, inputResponses: yes }));
    expect(errorOf(await server.find('a refusal', answerTo(2)))?.code).toBe('not_confirmed');
    expect(server.ran).toEqual([]);
    expect(server.instance.history.recent({ limit: 5 })).toMatchObject([
      { action: 'act', outcome: 'refused' },
    ]);
  });

  it('may be followed by another one of the same call', async () => {
    const server = serve();
    const first = await ask(server, 1, 'trial_twice', { target: 'a' });
    server.send(modern(2, 'trial_twice', { target: 'a' }, { requestState: first, inputResponses: yes }));
    const { result } = await server.find('the second question', answerTo(2));
    const second = (result as { requestState: string }).requestState;
    expect(second).not.toBe(first);
    const inputResponses = { confirmation: { action: 'decline' } };
    server.send(modern(3, 'trial_twice', { target: 'a' }, { requestState: second, inputResponses }));
    expect((await server.find('the result', answerTo(3))).result).toMatchObject({
      structuredContent: { done: 'true false' },
    });
  });

  it('is closed with the connection, and nothing was done', async () => {
    const server = serve();
    await ask(server, 1, 'trial_act', { target: 'a' });
    server.input.end();
    await server.over;
    expect(server.ran).toEqual([]);
    expect(server.instance.history.recent({ limit: 5 })).toMatchObject([
      { action: 'act', outcome: 'refused' },
    ]);
  });
});

describe('a question of 2025', () => {
  async function begin(capabilities: object = { elicitation: {} }) {
    const server = serve();
    const clientInfo = { name: 'a test', version: '1' };
    const params = { protocolVersion: '2025-06-18', capabilities, clientInfo };
    server.send({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await server.find('initialize', answerTo(0));
    server.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return server;
  }
  const isQuestion = ({ method }: Message) => method === 'elicitation/create';

  it('expires after two minutes, is taken back, and a late yes does nothing', async () => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance', 'setInterval', 'clearInterval'],
    });
    const server = await begin();
    server.send(callMessage(1, 'trial_act', { target: 'a' }));
    const { id } = await server.find('the question', isQuestion);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(errorOf(await server.find('a refusal', answerTo(1)))?.code).toBe('not_confirmed');
    await server.find('it is taken back', ({ method, params }) => {
      return method === 'notifications/cancelled' && params?.requestId === id;
    });
    server.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { confirm: true } } });
    server.send({ jsonrpc: '2.0', id: 9, method: 'ping' });
    await server.find('a pong', answerTo(9));
    expect(server.ran).toEqual([]);
  });

  it.each([
    ['an error', { error: { code: -32601, message: 'Method not found' } }],
    ['nonsense', { result: { action: 'perhaps' } }],
    ['a yes without the tick', { result: { action: 'accept' } }],
  ])('that is answered with %s is no yes', async (_, answer) => {
    const server = await begin();
    server.send(callMessage(1, 'trial_act', { target: 'a' }));
    const { id } = await server.find('the question', isQuestion);
    server.send({ jsonrpc: '2.0', id, ...answer });
    expect(errorOf(await server.find('a refusal', answerTo(1)))?.code).toBe('not_confirmed');
    expect(server.ran).toEqual([]);
  });

  it('is taken back when the call is called off', async () => {
    const server = await begin();
    server.send(callMessage(1, 'trial_act', { target: 'a' }));
    const { id } = await server.find('the question', isQuestion);
    server.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await server.find('it is taken back', ({ method, params }) => {
      return method === 'notifications/cancelled' && params?.requestId === id;
    });
    server.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { confirm: true } } });
    server.send({ jsonrpc: '2.0', id: 9, method: 'ping' });
    await server.find('a pong', answerTo(9));
    expect(server.ran).toEqual([]);
    expect(server.messages.filter(answerTo(1))).toEqual([]);
  });

  it.each([
    ['nothing', {}],
    ['addresses only', { elicitation: { url: {} } }],
  ])('is not put to a client that can show %s', async (_, capabilities) => {
    const server = await begin(capabilities);
    server.send(callMessage(1, 'trial_act', { target: 'a' }));
    expect(errorOf(await server.find('a refusal', answerTo(1)))?.message).toContain(
      'does not declare elicitation',
    );
    expect(server.messages.filter(isQuestion)).toEqual([]);
  });

  it('shows both ends of a long input, and says how much it leaves out', async () => {
    const server = await begin();
    server.send(callMessage(1, 'trial_act', { target: `echo ok ${'#'.repeat(50_000)}; rm -rf everything` }));
    const { params } = await server.find('the question', isQuestion);
    const message = String(params?.message);
    expect(message).toMatch(/echo ok #+ \[… \d+ more characters …\] #+; rm -rf everything/);
    expect(message.length).toBeLessThan(10_000);
  });
});
