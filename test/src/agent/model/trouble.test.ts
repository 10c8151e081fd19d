// Each way in which a provider fails: what the person reads, whether it is tried again, and that nothing is lost or kept.

import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createSocket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Reply } from '../../../agent-servers/index.ts';
import { until } from '../../../support/instance.ts';
import { ask, makeModels, providers, said, startProvider, testKey } from '../../../support/model.ts';

const fine: Reply = { text: 'fine' };
const fineParts = [{ type: 'text', text: 'fine' }];

describe.each(providers)('with %s', (provider) => {
  const keyName = provider === 'anthropic' ? 'ANTHROPIC_API_KEY' : 'OPENAI_API_KEY';
  const urlName = provider === 'anthropic' ? 'ANTHROPIC_BASE_URL' : 'OPENAI_BASE_URL';

  it.each([429, 500, 502, 503, 529, 408])('asks again after status %i', async (status) => {
    const server = await startProvider(provider, [{ status }, { status }, fine]);
    const { result, retries } = await ask(makeModels(provider, server.url).main);
    expect(result.parts).toEqual(fineParts);
    expect(retries).toHaveLength(2);
    expect(retries[0]).toContain(`(${status})`);
    expect(retries[0]).toContain('Trying again in 1 s (1 of 4).');
  });

  it('gives up after five attempts', async () => {
    const server = await startProvider(provider, () => ({ status: 529, error: { message: 'Overloaded' } }));
    const { main } = makeModels(provider, server.url);
    await expect(ask(main)).rejects.toMatchObject({
      code: 'model_busy',
      message: expect.stringContaining('Overloaded'),
      hint: expect.stringContaining('again'),
    });
    expect(server.requests).toHaveLength(5);
  });

  it('waits as long as it is asked to, in seconds and as a date', async () => {
    const date = () => new Date(Date.now() + 2_000).toUTCString();
    const replies: Reply[] = [{ status: 429, headers: { 'retry-after': '1' } }, fine, fine];
    const server = await startProvider(provider, ({ messages }) =>
      messages[0]?.text === 'date' && server.requests.length === 3
        ? { status: 429, headers: { 'retry-after': date() } }
        : (replies.shift() ?? fine),
    );
    const { main } = makeModels(provider, server.url);
    const begun = performance.now();
    await ask(main);
    expect(performance.now() - begun).toBeGreaterThan(950);
    const again = performance.now();
    await ask(main, { messages: [said('date')] });
    // The date has whole seconds, so that 2 s from now are at least 1.
    expect(performance.now() - again).toBeGreaterThan(800);
    expect(server.requests).toHaveLength(4);
  });

  it('does not come back earlier than it is asked to, but says that it gave up', async () => {
    const server = await startProvider(provider, [{ status: 429, headers: { 'retry-after': '3600' } }]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({ code: 'model_busy' });
    expect(server.requests).toHaveLength(1);
  });

  it('says that nobody is there', async () => {
    const server = await startProvider(provider, []);
    await server.close();
    const { main } = makeModels(provider, server.url);
    const retries: string[] = [];
    await expect(ask(main, { onRetry: (reason) => retries.push(reason) })).rejects.toMatchObject({
      code: 'model_unreachable',
      message: expect.stringMatching(/127\.0\.0\.1:\d+.*ECONNREFUSED/),
    });
    expect(retries).toHaveLength(4);
  });

  it.each(['reset', 'before-end', 'mid-json'] as const)(
    'does not take an answer for whole that ends by %s',
    async (cut) => {
      const calls = [
        { name: 'read_file', input: { path: 'a/rather/long/path/to/some/file/in/the/tree.ts' } },
      ];
      const server = await startProvider(provider, [
        { text: 'Half of the', calls, cut },
        { text: 'whole', calls },
      ]);
      const events: string[] = [];
      const { result } = await ask(makeModels(provider, server.url).main, {
        onText: (delta) => events.push(delta),
        onRetry: () => events.push('(again)'),
      });
      expect(events.join('')).toMatch(/^Half of the\(again\)whole$/);
      expect(result.parts).toMatchObject([{ text: 'whole' }, { type: 'call', input: calls[0]?.input }]);
      expect(result.parts).toHaveLength(2);
    },
  );

  it('gives up on answers that always break off', async () => {
    const server = await startProvider(provider, () => ({ text: 'Half', cut: 'before-end' }));
    const retries: string[] = [];
    const asked = ask(makeModels(provider, server.url).main, { onRetry: (reason) => retries.push(reason) });
    await expect(asked).rejects.toMatchObject({ code: 'model_cut_off' });
    expect(retries).toHaveLength(4);
    expect(server.requests).toHaveLength(5);
  });

  it('asks again when the server reports an error in the middle of an answer', async () => {
    const errorEvent = { type: 'overloaded_error', message: 'Overloaded' };
    const server = await startProvider(provider, [{ text: 'Well,', errorEvent }, { errorEvent }, fine]);
    const { result, retries } = await ask(makeModels(provider, server.url).main);
    expect(result.parts).toEqual(fineParts);
    expect(retries).toHaveLength(2);
    expect(retries[0]).toContain('Overloaded');
  });

  it('does not ask again when an error in the middle will not pass', async () => {
    const errorEvent = { type: 'authentication_error', message: 'who are you' };
    const server = await startProvider(provider, [{ text: 'Well,', errorEvent }]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({
      code: 'model_key_refused',
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['before anything', {}],
    ['in the middle of an answer', { text: 'Well' }],
  ])('asks again when a server hangs %s, and ends the request that hung', async (_, part) => {
    const server = await startProvider(provider, [{ ...part, hangMs: 60_000 }, fine]);
    const { main } = makeModels(provider, server.url, { times: { silenceMs: 800 } });
    const { result, retries } = await ask(main);
    expect(result.parts).toEqual(fineParts);
    expect(retries[0]).toContain('sent nothing for');
    await until('the hanging request was ended', () => server.requests[0]?.wasAborted);
  });

  it('waits for a server that is slow but not silent', async () => {
    const text = 'x'.repeat(240);
    const server = await startProvider(provider, [{ text, chunkMs: 150 }]);
    const { main } = makeModels(provider, server.url, { times: { silenceMs: 1_000 } });
    const { result, retries } = await ask(main);
    expect(result.parts).toEqual([{ type: 'text', text }]);
    expect(retries).toEqual([]);
  });

  it('ends after its time, however alive the server is', async () => {
    const server = await startProvider(provider, () => ({ text: 'x'.repeat(20_000), chunkMs: 20 }));
    const { main } = makeModels(provider, server.url, { times: { totalMs: 2_000 } });
    await expect(ask(main)).rejects.toMatchObject({ code: 'model_timeout' });
    await until('the request was ended', () => server.requests[0]?.wasAborted);
  });

  it('ends the request within a second when it is stopped, also while it waits', async () => {
    const server = await startProvider(provider, [
      { text: 'x'.repeat(20_000), chunkMs: 20 },
      { hangMs: 60_000 },
      { status: 429, headers: { 'retry-after': '2' } },
    ]);
    const { main } = makeModels(provider, server.url);
    for (const at of [0, 1, 2]) {
      const ending = new AbortController();
      const retries: string[] = [];
      const asked = ask(main, { signal: ending.signal, onRetry: (reason) => retries.push(reason) });
      const outcome = expect(asked).rejects.toMatchObject({ code: 'stopped' });
      await until('the request is there', () => server.requests[at]);
      const begun = performance.now();
      ending.abort();
      await outcome;
      if (at < 2) await until('the server sees it', () => server.requests[at]?.wasAborted, 1_000);
      expect(performance.now() - begun).toBeLessThan(1_000);
      if (at < 2) expect(retries).toEqual([]);
    }
    expect(server.requests).toHaveLength(3);
  });

  it('asks nobody when it is stopped before it began', async () => {
    const server = await startProvider(provider, [fine]);
    const asked = ask(makeModels(provider, server.url).main, { signal: AbortSignal.abort() });
    await expect(asked).rejects.toMatchObject({ code: 'stopped' });
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['garbage', '\u0000\u0001\u0002\n\n\u00ff: {{{\ndata: {"half": \n\n'],
    ['nothing', ''],
    ['JSON of another kind', 'data: {"hello": "world"}\n\n'],
    ['events that are no JSON', 'data: <oops>\n\ndata: <oops>\n\n'],
  ])('does not take %s for an answer', async (_, body) => {
    const server = await startProvider(provider, [{ body }, { body }, fine]);
    const { result, retries } = await ask(makeModels(provider, server.url).main);
    expect(result.parts).toEqual(fineParts);
    expect(retries).toHaveLength(2);
  });

  it('says that a web page answers', async () => {
    const page = { body: '<html><body>Welcome</body></html>', headers: { 'content-type': 'text/html' } };
    const server = await startProvider(provider, [page]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({
      code: 'model_wrong_address',
      hint: expect.stringContaining(urlName),
    });
  });

  it('asks again where an answer is no stream', async () => {
    const json = { body: '{"choices": []}', headers: { 'content-type': 'application/json' } };
    const server = await startProvider(provider, [json, fine]);
    expect((await ask(makeModels(provider, server.url).main)).result.parts).toEqual(fineParts);
  });

  it('follows nobody to another address, and sends no key there', async () => {
    const elsewhere = await startProvider(provider, [fine]);
    const location = `${elsewhere.url}/v1/messages?key=${testKey}`;
    const server = await startProvider(provider, [{ status: 307, headers: { location }, body: '' }]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({
      code: 'model_wrong_address',
      message: expect.stringContaining(elsewhere.url),
    });
    expect(elsewhere.requests).toEqual([]);
  });

  it.each([401, 403])('names the variable of the key after %i', async (status) => {
    const server = await startProvider(provider, [{ status, error: { message: 'no' } }]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({
      code: 'model_key_refused',
      message: expect.stringContaining(`the key in ${keyName} (${status})`),
      hint: expect.stringContaining('.env'),
    });
    expect(server.requests).toHaveLength(1);
  });

  it('says that a key is missing', async () => {
    const server = await startProvider(provider, { replies: [], key: 'something' });
    await expect(ask(makeModels(provider, server.url, { key: undefined }).main)).rejects.toMatchObject({
      code: 'model_key_refused',
      message: expect.stringContaining('needs a key'),
      hint: expect.stringContaining(keyName),
    });
  });

  it('names the setting of the model that is unknown, for each of the two', async () => {
    const server = await startProvider(provider, { replies: [], models: ['other'] });
    const { main, think } = makeModels(provider, server.url, {
      agent: { model: 'gone-1', hookModel: 'gone-2' },
    });
    await expect(ask(main)).rejects.toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining("'gone-1'"),
      hint: expect.stringContaining('"agent.model"'),
    });
    const thought = { instructions: 'a', text: 'b', signal: new AbortController().signal };
    await expect(think(thought)).rejects.toMatchObject({
      code: 'model_not_found',
      hint: expect.stringContaining('"agent.hookModel"'),
    });
  });

  it('tells a wrong path from an unknown model', async () => {
    const server = await startProvider(provider, [fine]);
    await expect(ask(makeModels(provider, `${server.url}/v7`).main)).rejects.toMatchObject({
      code: 'model_wrong_address',
      hint: expect.stringContaining(urlName),
    });
  });

  it.each([
    ['a request that is too long', { contextTokens: 100 }, undefined],
    ['a body that is too large', {}, { status: 413, error: { message: 'Request too large' } }],
    [
      'llama.cpp',
      {},
      {
        status: 400,
        error: {
          type: 'exceed_context_size_error',
          message: 'the request exceeds the available context size',
        },
      },
    ],
    ['vLLM', {}, { status: 400, error: { message: "This model's maximum context length is 4096 tokens." } }],
    [
      'Anthropic with the answer',
      {},
      {
        status: 400,
        error: { message: 'input length and `max_tokens` exceed context limit: 198000 + 32000 > 200000' },
      },
    ],
  ])('has a code of its own for %s', async (_, options, reply) => {
    const server = await startProvider(provider, { replies: reply ? [reply] : [], ...options });
    const asked = ask(makeModels(provider, server.url).main, { messages: [said('long '.repeat(1_000))] });
    await expect(asked).rejects.toMatchObject({ code: 'context_too_long' });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    { status: 400, error: { message: 'Your credit balance is too low to access the API.' } },
    { status: 429, error: { type: 'insufficient_quota', message: 'You exceeded your current quota' } },
    { status: 402, error: { message: 'Insufficient credits' } },
  ])('does not wait for money: $error.message', async (reply) => {
    const server = await startProvider(provider, [reply]);
    await expect(ask(makeModels(provider, server.url).main)).rejects.toMatchObject({ code: 'model_quota' });
    expect(server.requests).toHaveLength(1);
  });

  it('does not take a limit of tokens a minute for a conversation that is too long', async () => {
    const message = 'Request too large on tokens per min (TPM): context window, too many tokens';
    const server = await startProvider(provider, [{ status: 429, error: { message } }, fine]);
    expect((await ask(makeModels(provider, server.url).main)).result.parts).toEqual(fineParts);
  });

  it('asks again when the server itself refuses what the model called', async () => {
    const error = { type: 'tool_use_failed', message: 'Failed to call a function (tool_use_failed)' };
    const server = await startProvider(provider, [{ status: 400, error }, fine]);
    expect((await ask(makeModels(provider, server.url).main)).result.parts).toEqual(fineParts);
  });

  it('says what a server refuses, shortened', async () => {
    const server = await startProvider(provider, [{ status: 400, error: { message: 'bad '.repeat(500) } }]);
    const error: Error = await ask(makeModels(provider, server.url).main).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'model_refused_request' });
    expect(error.message).toContain('bad bad');
    expect(error.message.length).toBeLessThan(500);
  });

  it('never shows the key, also when the server sends it back', async () => {
    const echoes: Reply[] = [
      { status: 401, error: { message: `bad key ${testKey}` } },
      { status: 400, error: { message: `bad key ${testKey}` } },
      { status: 500, body: `<html>your header was Bearer ${testKey}</html>` },
      { text: 'a', errorEvent: { type: 'overloaded_error', message: `busy ${testKey}` } },
      { errorEvent: { type: 'api_error', message: testKey } },
      { status: 404, error: { message: `model ${testKey} not found` } },
    ];
    for (const reply of echoes) {
      const server = await startProvider(provider, () => reply);
      const { main, logged } = makeModels(provider, server.url, { times: { retries: 1 } });
      const retries: string[] = [];
      const error: Error = await ask(main, { onRetry: (reason) => retries.push(reason) }).catch(
        (reason) => reason,
      );
      const everything = [
        ...retries,
        logged(),
        JSON.stringify(error),
        error.stack,
        error.message,
        String(error.cause),
      ];
      expect(everything.join('\n')).not.toContain(testKey);
      expect(everything.join('\n')).toContain('[masked]');
      expect(JSON.stringify(server.requests[0]?.headers)).toContain(testKey);
    }
  });

  it('masks the key in what it sends', async () => {
    const server = await startProvider(provider, [fine]);
    const { main } = makeModels(provider, server.url);
    await ask(main, { system: `The key is ${testKey}.`, messages: [said(`Is it ${testKey}?`)] });
    expect(JSON.stringify(server.requests[0]?.body)).not.toContain(testKey);
    expect(server.requests[0]?.messages[0]?.text).toBe('Is it [masked]?');
  });

  it('does not read an answer without end', async () => {
    const page = Buffer.alloc(1024 * 1024, 'x');
    const endless = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const pour = () => {
        while (!response.destroyed && response.write(page));
      };
      response.on('drain', pour).on('error', () => {});
      pour();
    });
    await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void endless.close().closeAllConnections());
    const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}`;
    const { main } = makeModels(provider, url, { times: { retries: 0 } });
    await expect(ask(main)).rejects.toMatchObject({ code: 'model_unreadable' });
  });
});

describe('nobody else is asked', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(providers)('whatever the environment of the process says: %s', async (provider) => {
    const decoy = createSocket();
    let visits = 0;
    decoy.on('connection', (socket) => {
      visits++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => decoy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void decoy.close());
    const { port } = decoy.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    for (const name of [
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'http_proxy',
      'ALL_PROXY',
      'ANTHROPIC_BASE_URL',
      'OPENAI_BASE_URL',
      'AI_GATEWAY_BASE_URL',
    ]) {
      vi.stubEnv(name, url);
    }
    for (const name of [
      'ANTHROPIC_API_KEY',
      'OPENAI_API_KEY',
      'ANTHROPIC_AUTH_TOKEN',
      'AI_GATEWAY_API_KEY',
    ]) {
      vi.stubEnv(name, 'sk-of-the-process');
    }
    const hosts = new Set<string>();
    const server = await startProvider(provider, [fine, { status: 500 }, fine]);
    const { main } = makeModels(provider, server.url, {
      key: undefined,
      fetch: (input, init) => {
        hosts.add(new URL(String(input)).origin);
        return fetch(input, init);
      },
    });
    await ask(main);
    await ask(main);
    expect([...hosts]).toEqual([server.url]);
    expect(JSON.stringify(server.requests.map(({ headers }) => headers))).not.toContain('sk-of-the-process');
    // The decoy is there: it would have been seen.
    await new Promise<void>((resolve) =>
      connect(port, '127.0.0.1')
        .on('close', () => resolve())
        .on('error', () => {}),
    );
    expect(visits).toBe(1);
  });

  it.each(providers)('and nothing is printed: %s', async (provider) => {
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => {}),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    const server = await startProvider(provider, [{ status: 500 }, { text: 'a', cut: 'reset' }, fine]);
    const agent = { model: 'claude-haiku-4-5', maxOutputTokens: 900_000 };
    await ask(makeModels(provider, server.url, { agent }).main);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });
});
