import { describe, expect, it } from 'vitest';
import type { ModelMessage } from '../../../../src/agent/model/index.ts';
import { ask, makeModels, modelTool, providers, said, startProvider } from '../../../support/model.ts';

describe.each(providers)('a step with %s', (provider) => {
  it('streams text, and tells what it used', async () => {
    const text = 'Grüße 🙂, this is an answer that comes in several pieces.';
    const server = await startProvider(provider, [{ text, usage: { input: 1000, output: 50, cached: 600 } }]);
    const { main } = makeModels(provider, server.url, { agent: { model: 'tiny-1' } });
    const { result, shown, retries } = await ask(main);
    expect(shown.join('')).toBe(text);
    expect(shown.length).toBeGreaterThan(1);
    expect(retries).toEqual([]);
    expect(result).toEqual({
      parts: [{ type: 'text', text }],
      invalidCalls: [],
      usage: { inputTokens: 1000, outputTokens: 50, cachedInputTokens: 600 },
      finish: 'stop',
      model: 'tiny-1',
    });
  });

  it('shows the first text before the last is there', async () => {
    const server = await startProvider(provider, [{ text: 'a'.repeat(100), hangMs: 10_000 }]);
    const { main } = makeModels(provider, server.url);
    const ending = new AbortController();
    const first = ask(main, { signal: ending.signal, onText: () => ending.abort() });
    await expect(first).rejects.toMatchObject({ code: 'stopped' });
  });

  it('brings text and several calls, whose results go back, errors marked', async () => {
    const calls = [
      { name: 'read_file', input: { path: 'a "quoted" \\ path/ü.ts', lines: [1, 2], deep: { yes: true } } },
      { name: 'list', input: {} },
    ];
    const server = await startProvider(provider, [{ text: 'I look.', calls }, { text: 'Seen.' }]);
    const { main } = makeModels(provider, server.url);
    const { result } = await ask(main);
    expect(result.finish).toBe('tools');
    expect(result.invalidCalls).toEqual([]);
    const [text, one, two] = result.parts;
    expect(text).toEqual({ type: 'text', text: 'I look.' });
    if (one?.type !== 'call' || two?.type !== 'call') throw new Error('no calls');
    expect([one, two].map(({ name, input }) => ({ name, input }))).toEqual(calls);
    expect(one.id).not.toBe(two.id);

    const messages: ModelMessage[] = [
      said('Hello?'),
      { role: 'assistant', parts: result.parts },
      {
        role: 'tool',
        parts: [
          { type: 'result', id: two.id, name: two.name, text: 'no such folder', isError: true },
          { type: 'result', id: one.id, name: one.name, text: 'const a = 1;', isError: false },
        ],
      },
    ];
    expect((await ask(main, { messages })).result.parts).toEqual([{ type: 'text', text: 'Seen.' }]);
    const sent = server.requests[1]?.messages ?? [];
    expect(sent.flatMap((message) => message.calls)).toEqual(
      [one, two].map(({ id, name, input }) => ({ id, name, input })),
    );
    const failed = provider === 'anthropic' ? 'no such folder' : 'Error: no such folder';
    expect(sent.flatMap((message) => message.results)).toEqual([
      { id: one.id, text: 'const a = 1;', isError: false },
      { id: two.id, text: failed, isError: provider === 'anthropic' },
    ]);
  });

  it('tells the end of an answer that was too long, and of one that was refused', async () => {
    const stops =
      provider === 'anthropic'
        ? (['max_tokens', 'refusal'] as const)
        : (['length', 'content_filter'] as const);
    const server = await startProvider(
      provider,
      stops.map((stop) => ({ text: 'Well', stop })),
    );
    const { main } = makeModels(provider, server.url);
    expect((await ask(main)).result.finish).toBe('length');
    expect((await ask(main)).result.finish).toBe('refused');
  });

  it('takes an answer with nothing in it', async () => {
    const server = await startProvider(provider, [{}, { text: ' \n' }]);
    const { main } = makeModels(provider, server.url);
    for (const _ of [1, 2]) {
      expect((await ask(main)).result).toMatchObject({ parts: [], finish: 'stop', invalidCalls: [] });
    }
  });

  it('estimates what a server does not count', async () => {
    const server = await startProvider(provider, [{ text: 'x'.repeat(400), usage: false }]);
    const { main } = makeModels(provider, server.url);
    const { usage } = (await ask(main, { messages: [said('y'.repeat(4000))] })).result;
    expect(usage.outputTokens).toBe(100);
    expect(usage.inputTokens).toBeGreaterThanOrEqual(1000);
    expect(usage.inputTokens).toBeLessThan(1100);
  });

  it('needs no key where an address is enough', async () => {
    const server = await startProvider(provider, [{ text: 'local' }]);
    const { main } = makeModels(provider, server.url, { key: undefined });
    expect((await ask(main)).result.parts).toEqual([{ type: 'text', text: 'local' }]);
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(server.requests[0]?.headers).not.toHaveProperty('x-api-key');
  });

  it('works without tools, also where the conversation has calls', async () => {
    const server = await startProvider(provider, [{ text: 'A summary.' }]);
    const { main } = makeModels(provider, server.url);
    const messages: ModelMessage[] = [
      said('Look.'),
      { role: 'assistant', parts: [{ type: 'call', id: 'a', name: 'list', input: { at: 1 } }] },
      { role: 'tool', parts: [{ type: 'result', id: 'a', name: 'list', text: 'empty', isError: false }] },
    ];
    await ask(main, { messages, tools: [] });
    expect(server.requests[0]?.messages.map(({ text }) => text)).toEqual([
      'Look.',
      '[called list {"at":1}]',
      '[result of list]\nempty',
    ]);
  });

  it('goes on when showing the text fails', async () => {
    const server = await startProvider(provider, [{ status: 500 }, { text: 'fine' }]);
    const { main, logged } = makeModels(provider, server.url);
    const broken = () => {
      throw new Error('the display broke');
    };
    const { result } = await ask(main, { onText: broken, onRetry: broken });
    expect(result.parts).toEqual([{ type: 'text', text: 'fine' }]);
    expect(logged()).toContain('the display broke');
  });
});

describe('what only one provider has', () => {
  it('marks for Anthropic how far a cache may reach, and counts what was written to it', async () => {
    const usage = { input: 1000, cached: 600, written: 300, output: 1 };
    const server = await startProvider('anthropic', [{ text: 'ok', usage }]);
    const { main } = makeModels('anthropic', server.url, {
      agent: { prices: { m: { input: 10, output: 0, cachedInput: 1, cacheWrite: 20 } }, model: 'm' },
    });
    const { result } = await ask(main, { messages: [said('one'), said('two')] });
    expect(result.usage).toEqual({
      inputTokens: 1000,
      outputTokens: 1,
      cachedInputTokens: 600,
      cacheWriteTokens: 300,
    });
    expect(main.priceOf(result.usage)).toBeCloseTo((100 * 10 + 600 * 1 + 300 * 20) / 1e6, 10);
    const cache_control = { type: 'ephemeral' };
    expect(server.requests[0]?.body).toMatchObject({
      system: [{ text: 'You are a test.', cache_control }],
      messages: [{ content: [{ text: 'one\n\ntwo', cache_control }] }],
    });
  });

  it("gives Anthropic's model its sealed thoughts back, and no other model", async () => {
    const thought = { text: 'Let me see.', signature: 'c2VhbA==' };
    const call = { name: 'list', input: {} };
    const server = await startProvider('anthropic', [
      { thought, calls: [call] },
      { text: 'a' },
      { text: 'b' },
    ]);
    const { main } = makeModels('anthropic', server.url, { agent: { model: 'm-1' } });
    const { result } = await ask(main);
    expect(result.parts.map(({ type }) => type)).toEqual(['thought', 'call']);
    const messages: ModelMessage[] = JSON.parse(
      JSON.stringify([said('Hi'), { role: 'assistant', parts: result.parts }]),
    );
    await ask(main, { messages });
    const block = { type: 'thinking', thinking: thought.text, signature: thought.signature };
    expect(JSON.stringify(server.requests[1]?.body)).toContain(JSON.stringify(block));
    await ask(makeModels('anthropic', server.url, { agent: { model: 'm-2' } }).main, { messages });
    expect(JSON.stringify(server.requests[2]?.body)).not.toContain('thinking');
  });

  it("takes the refusal of OpenAI's models, which stands in a field of its own", async () => {
    const chunk = (delta: object, finish_reason: string | null) =>
      `data: ${JSON.stringify({ id: '1', model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const body = `${chunk({ refusal: 'I will ' }, null)}${chunk({ refusal: 'not.' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`;
    const server = await startProvider('openai', [{ body }]);
    const { result, shown } = await ask(makeModels('openai', server.url).main);
    expect(result).toMatchObject({ finish: 'refused', parts: [{ type: 'text', text: 'I will not.' }] });
    expect(shown.join('')).toBe('I will not.');
  });

  it("sends the limit of the length to a server of one's own under the name that all of them know", async () => {
    const server = await startProvider('openai', [{ text: 'ok' }]);
    await ask(makeModels('openai', server.url, { agent: { maxOutputTokens: 777 } }).main);
    expect(server.requests[0]?.body).toMatchObject({ max_tokens: 777 });
  });

  it('sends it to OpenAI under its new name', async () => {
    const bodies: string[] = [];
    const { main } = makeModels('openai', 'https://api.openai.com', {
      agent: { maxOutputTokens: 777 },
      fetch: async (input, init) => {
        bodies.push(`${input} ${init?.body}`);
        return new Response('{"error":{"message":"no"}}', { status: 400 });
      },
    });
    await expect(ask(main)).rejects.toMatchObject({ code: 'model_refused_request' });
    expect(bodies[0]).toContain('https://api.openai.com/v1/chat/completions');
    expect(bodies[0]).toContain('"max_completion_tokens":777');
    expect(bodies[0]).not.toContain('"max_tokens"');
  });
});

it('tells the model of each tool what it has to know', async () => {
  const server = await startProvider('anthropic', [{ text: 'ok' }]);
  await ask(makeModels('anthropic', server.url).main, { tools: [modelTool('read_file')] });
  expect(server.requests[0]?.tools).toEqual(['read_file']);
  expect(server.requests[0]?.body).toMatchObject({
    tools: [{ description: 'Does read_file.', input_schema: { properties: { path: { type: 'string' } } } }],
  });
});
