// Calls that nobody can run: the model hears what was wrong, and the conversation goes on.

import { describe, expect, it } from 'vitest';
import type { ModelMessage, Part } from '../../../../src/agent/model/index.ts';
import { ask, makeModels, providers, said, startProvider } from '../../../support/model.ts';

describe.each(providers)('with %s', (provider) => {
  it.each([
    ['JSON that breaks off', 'read_file', '{"path": "a', 'no valid JSON'],
    ['no JSON at all', 'read_file', 'please read it', 'no valid JSON'],
    ['a list', 'read_file', '["a"]', 'must be a JSON object'],
    ['a text', 'read_file', '"a"', 'must be a JSON object'],
    ['null', 'read_file', 'null', 'must be a JSON object'],
    [
      'an unknown tool',
      'rm_rf',
      '{"path": "/"}',
      "There is no tool named 'rm_rf'. The tools are: read_file, list.",
    ],
    ['a name that no provider takes', 'functions.read file!', '{}', 'There is no tool named'],
    ['a poisoned prototype', 'read_file', '{"__proto__": {"isOwner": true}}', 'no valid JSON'],
    ['an endless nest', 'read_file', `{"a":${'['.repeat(500)}${']'.repeat(500)}}`, 'nested too deeply'],
  ])('%s', async (_, name, input, reason) => {
    const calls = [
      { name, input },
      { name: 'list', input: { fine: true } },
    ];
    const server = await startProvider(provider, [{ text: 'So.', calls }, { text: 'Sorry.' }]);
    const { main } = makeModels(provider, server.url);
    const { result } = await ask(main);
    expect(result.finish).toBe('tools');
    expect(result.parts).toMatchObject([
      { text: 'So.' },
      { type: 'call', name: 'list', input: { fine: true } },
    ]);
    expect(result.invalidCalls).toMatchObject([{ name, reason: expect.stringContaining(reason) }]);

    const results: Part[] = [
      ...result.invalidCalls.map(({ id, reason: text }) => ({
        type: 'result' as const,
        id,
        name,
        text,
        isError: true,
      })),
      ...result.parts.flatMap((part) =>
        part.type === 'call'
          ? [{ type: 'result' as const, id: part.id, name: part.name, text: 'done', isError: false }]
          : [],
      ),
    ];
    const messages: ModelMessage[] = [
      said('Hello?'),
      { role: 'assistant', parts: result.parts },
      { role: 'tool', parts: results },
    ];
    expect((await ask(main, { messages })).result.parts).toEqual([{ type: 'text', text: 'Sorry.' }]);
    const sent = server.requests[1]?.messages.flatMap((message) => message.calls) ?? [];
    expect(sent).toHaveLength(2);
    expect(sent.find(({ id }) => id === result.invalidCalls[0]?.id)).toMatchObject({ input: {} });
    const answered = server.requests[1]?.messages.flatMap((message) => message.results) ?? [];
    expect(answered.find(({ id }) => id === result.invalidCalls[0]?.id)?.text).toContain(reason);
  });

  it('an answer that has nothing but such a call', async () => {
    const server = await startProvider(provider, ({ messages }) =>
      messages.length === 1 ? { calls: [{ name: 'nope', input: {} }] } : { text: 'ok' },
    );
    const { main } = makeModels(provider, server.url);
    const { result } = await ask(main);
    expect(result).toMatchObject({ parts: [], finish: 'tools', invalidCalls: [{ name: 'nope' }] });
    const [bad] = result.invalidCalls;
    const answer: Part = {
      type: 'result',
      id: bad?.id ?? '',
      name: 'nope',
      text: bad?.reason ?? '',
      isError: true,
    };
    // Both ways of storing it: with an empty message of the assistant, and without.
    for (const middle of [[{ role: 'assistant' as const, parts: result.parts }], []]) {
      const messages = [said('Hello?'), ...middle, { role: 'tool' as const, parts: [answer] }];
      await ask(main, { messages });
      const sent = server.requests.at(-1)?.messages.flatMap((message) => message.calls);
      expect(sent).toEqual([{ id: bad?.id, name: 'nope', input: {} }]);
    }
  });

  it('a call that the limit of the length cut, beside one that is whole', async () => {
    const calls = [
      { name: 'list', input: {} },
      { name: 'read_file', input: '{"path": "a' },
    ];
    const stop = provider === 'anthropic' ? 'max_tokens' : 'length';
    const server = await startProvider(provider, [{ calls, stop }]);
    const { result } = await ask(makeModels(provider, server.url).main);
    expect(result.finish).toBe('length');
    expect(result.parts).toMatchObject([{ type: 'call', name: 'list' }]);
    expect(result.invalidCalls).toMatchObject([{ reason: expect.stringContaining('limit of its length') }]);
  });

  it('a nest so deep that it cannot even be read', async () => {
    const input = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    const server = await startProvider(provider, [{ calls: [{ name: 'list', input }] }, { text: 'fine' }]);
    const { result, retries } = await ask(makeModels(provider, server.url).main);
    expect(result.parts).toEqual([{ type: 'text', text: 'fine' }]);
    expect(retries).toHaveLength(1);
  });

  it('a call without any input is a call with an empty one', async () => {
    const server = await startProvider(provider, [{ calls: [{ name: 'list', input: '' }] }]);
    const { result } = await ask(makeModels(provider, server.url).main);
    expect(result).toMatchObject({ invalidCalls: [], parts: [{ type: 'call', name: 'list', input: {} }] });
  });
});
