// Whatever stands in the database can be sent: the servers' own checks are the judge.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interrupted, type ModelMessage, type Part } from '../../../../src/agent/model/index.ts';
import { ask, makeModels, providers, said, startProvider } from '../../../support/model.ts';

const call = (id: string, name = 'list', input: unknown = {}): Part => ({ type: 'call', id, name, input });
const result = (id: string, text = 'done', isError = false): Part => ({
  type: 'result',
  id,
  name: 'list',
  text,
  isError,
});
const answer = (...parts: Part[]): ModelMessage => ({ role: 'assistant', parts });
const tool = (...parts: Part[]): ModelMessage => ({ role: 'tool', parts });

const text = fc.oneof(
  fc.string(),
  fc.constantFrom('', ' \n\t', '\ud83d', 'half \udc00 of', '\0', '\u200b', '</data>', 'x'.repeat(5_000)),
);
const id = fc.constantFrom('a', 'b', 'call_1', 'call_2', '', 'ü ö', 'x'.repeat(100), 'toolu_01');
const input = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(text, fc.jsonValue()),
  fc.constant(JSON.parse('{"__proto__": {"a": "\\ud800"}}')),
);
const name = fc.constantFrom('list', 'read_file', '', 'no such tool!', 'n'.repeat(200));
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text }),
  fc.record({ type: fc.constant('call' as const), id, name, input }),
  fc.record({ type: fc.constant('result' as const), id, name, text, isError: fc.boolean() }),
  fc.record({
    type: fc.constant('thought' as const),
    text,
    seal: fc.constantFrom(
      { signature: 's', model: 'm' },
      { redactedData: 'd', model: 'm' },
      { model: 'other' },
      {},
    ),
  }),
);
const message: fc.Arbitrary<ModelMessage> = fc.record({
  role: fc.constantFrom('user' as const, 'assistant' as const, 'tool' as const),
  parts: fc.array(part, { maxLength: 5 }),
});

describe.each(providers)('stored messages for %s', (provider) => {
  it('are a valid request, whatever they are, with tools and without', async () => {
    const server = await startProvider(provider, () => ({ text: 'ok' }));
    const { main } = makeModels(provider, server.url, { agent: { model: 'm' } });
    const property = fc.asyncProperty(
      fc.array(message, { maxLength: 12 }),
      fc.boolean(),
      async (messages, withTools) => {
        await ask(main, withTools ? { messages } : { messages, tools: [] });
        expect(server.requests.at(-1)?.problems).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  }, 120_000);

  it('lose nothing: each text and each result is in the request, and each call has its own result', async () => {
    const server = await startProvider(provider, () => ({ text: 'ok' }));
    const { main } = makeModels(provider, server.url);
    const property = fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (messages) => {
      let count = 0;
      const marks: string[] = [];
      const mark = () => {
        marks.push(`mark${++count}.`);
        return marks.at(-1) ?? '';
      };
      const marked = messages.map(({ role, parts }) => ({
        role,
        parts: parts.map((one) =>
          one.type === 'text' || one.type === 'result' ? { ...one, text: mark() } : one,
        ),
      }));
      await ask(main, { messages: marked });
      const sent = server.requests.at(-1)?.messages ?? [];
      const shown = sent.flatMap((one) => [one.text, ...one.results.map((each) => each.text)]).join('\n');
      for (const each of marks) expect(shown).toContain(each);
      const calls = sent.flatMap((one) => one.calls.map((each) => each.id));
      expect(new Set(calls).size).toBe(calls.length);
      expect(sent.flatMap((one) => one.results.map((each) => each.id)).sort()).toEqual([...calls].sort());
    });
    await fc.assert(property, { numRuns: 100 });
  }, 120_000);

  const sentFor = async (messages: ModelMessage[]) => {
    const server = await startProvider(provider, [{ text: 'ok' }]);
    await ask(makeModels(provider, server.url).main, { messages });
    return server.requests[0]?.messages ?? [];
  };

  it('say of a call without a result that it was interrupted', async () => {
    const sent = await sentFor([
      said('Go.'),
      answer(call('a'), call('b')),
      tool(result('b', 'b is done')),
      said('And?'),
    ]);
    const results = sent.flatMap((one) => one.results);
    expect(results.map((one) => one.id)).toEqual(['a', 'b']);
    expect(results[0]?.text).toContain(interrupted);
    expect(results[1]?.text).toBe('b is done');
    expect(sent.at(-1)?.text).toBe('And?');
  });

  it('take a result to the newest call with its id, where a server uses ids again', async () => {
    const sent = await sentFor([
      said('Go.'),
      answer(call('call_0')),
      said('Again.'),
      answer(call('call_0', 'read_file')),
      tool(result('call_0', 'the second')),
    ]);
    const byId = new Map(sent.flatMap((one) => one.results).map((one) => [one.id, one.text]));
    const [first, second] = sent.flatMap((one) => one.calls);
    expect(byId.get(first?.id ?? '')).toContain(interrupted);
    expect(second).toMatchObject({ name: 'read_file' });
    expect(byId.get(second?.id ?? '')).toBe('the second');
  });

  it('have what was said meanwhile after the results', async () => {
    const sent = await sentFor([
      said('Go.'),
      answer(call('a')),
      said('Also do this.'),
      tool(result('a', 'late')),
    ]);
    const places = sent.map((one) => (one.results.length > 0 ? 'results' : one.text));
    const both = sent.at(-1);
    if (provider === 'openai') expect(places).toEqual(['Go.', '', 'results', 'Also do this.']);
    else expect(both).toMatchObject({ text: 'Also do this.', results: [{ text: 'late' }] });
  });

  it('are the same request each time, so that a cache holds', async () => {
    const server = await startProvider(provider, () => ({ text: 'ok' }));
    const { main } = makeModels(provider, server.url);
    const messages = [said('Go.'), answer(call('ü')), tool(result('ü')), said('On.')];
    await ask(main, { messages });
    await ask(main, { messages });
    const more = [...messages, answer({ type: 'text', text: 'Yes.' }), said('More.')];
    await ask(main, { messages: more });
    const [one, two, three] = server.requests;
    expect(one?.body).toEqual(two?.body);
    expect(three?.messages.slice(0, one?.messages.length)).toEqual(one?.messages);
  });
});
