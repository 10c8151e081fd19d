import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createModels, type ModelsOptions } from '../../../../src/agent/model/index.ts';
import { configSchema } from '../../../../src/config/schema.ts';
import { cleanEnvironment, codeRoot } from '../../../support/instance.ts';
import { ask, makeModels, providers, startProvider } from '../../../support/model.ts';
import { makeLogger } from '../../../support/skill.ts';

type Given = Partial<ModelsOptions['environment']>;

const create = (environment: Given, agent: object = {}, fetch?: ModelsOptions['fetch']) =>
  createModels({
    config: configSchema.parse({ agent }),
    environment: { anthropic: {}, openai: {}, secrets: [], ...environment },
    logger: makeLogger(),
    clock: { now: Date.now },
    times: { retries: 0 },
    ...(fetch ? { fetch } : {}),
  });

describe('which models there are', () => {
  it('none without a key and without an address', () => {
    expect(create({})).toBeUndefined();
    expect(create({ openai: { apiKey: 'k' } }, { provider: 'anthropic' })).toBeUndefined();
    expect(create({ anthropic: { apiKey: 'k' } }, { provider: 'openai' })).toBeUndefined();
  });

  it.each([
    [{ anthropic: { apiKey: 'k' } }, {}, 'claude-sonnet-4-6'],
    [{ openai: { apiKey: 'k' } }, {}, 'gpt-5.2'],
    [{ anthropic: { apiKey: 'k' }, openai: { apiKey: 'k' } }, {}, 'claude-sonnet-4-6'],
    [{ anthropic: { apiKey: 'k' }, openai: { apiKey: 'k' } }, { provider: 'openai' }, 'gpt-5.2'],
    [{ anthropic: { apiKey: 'k' }, openai: { baseUrl: 'http://localhost:1' } }, {}, 'claude-sonnet-4-6'],
    [{ anthropic: { baseUrl: 'http://localhost:1' }, openai: { apiKey: 'k' } }, {}, 'gpt-5.2'],
    [{ openai: { baseUrl: 'http://localhost:1' } }, { model: 'qwen3' }, 'qwen3'],
  ])('%j with %j is %s', (environment, agent, name) => {
    expect(create(environment, agent)?.main.name).toBe(name);
  });

  it('know what they hold', () => {
    expect(create({ anthropic: { apiKey: 'k' } })?.main.contextTokens).toBe(200_000);
    expect(create({ openai: { baseUrl: 'http://localhost:1' } }, { model: 'x' })?.main.contextTokens).toBe(
      32_000,
    );
    expect(create({ openai: { apiKey: 'k' } }, { contextTokens: 9_000 })?.main.contextTokens).toBe(9_000);
  });
});

describe('what a step costs', () => {
  const usage = { inputTokens: 1_000_000, outputTokens: 100_000, cachedInputTokens: 500_000 };

  it('follows the list, and before it what the owner says', () => {
    const key = { anthropic: { apiKey: 'k' } };
    expect(create(key)?.main.priceOf(usage)).toBeCloseTo(0.5 * 3 + 0.5 * 0.3 + 0.1 * 15, 9);
    const prices = { 'claude-sonnet-4-6': { input: 1, output: 10 } };
    expect(create(key, { prices })?.main.priceOf(usage)).toBeCloseTo(1 + 1, 9);
  });

  it('is not known for another model, nor for a known name at another server', () => {
    expect(
      create({ anthropic: { apiKey: 'k' } }, { model: 'claude-next' })?.main.priceOf(usage),
    ).toBeUndefined();
    expect(
      create({ anthropic: { apiKey: 'k' } }, { model: 'constructor' })?.main.priceOf(usage),
    ).toBeUndefined();
    const proxy = { anthropic: { apiKey: 'k', baseUrl: 'http://localhost:1' } };
    expect(create(proxy)?.main.priceOf(usage)).toBeUndefined();
  });
});

describe('addresses as people write them', () => {
  const asked = async (provider: 'anthropic' | 'openai', baseUrl: string) => {
    let address = '';
    const models = create({ [provider]: { baseUrl, apiKey: 'k' } }, {}, async (input) => {
      address = String(input);
      return new Response('{}', { status: 400 });
    });
    if (!models) throw new Error('there are no models');
    await ask(models.main).catch(() => {});
    return address;
  };

  it.each([
    ['anthropic', 'https://api.anthropic.com', 'https://api.anthropic.com/v1/messages'],
    ['anthropic', 'https://api.anthropic.com/v1/', 'https://api.anthropic.com/v1/messages'],
    ['anthropic', 'http://localhost:4000/v1/messages', 'http://localhost:4000/v1/messages'],
    ['anthropic', 'https://example.com/anthropic', 'https://example.com/anthropic/v1/messages'],
    ['openai', 'http://localhost:11434', 'http://localhost:11434/v1/chat/completions'],
    ['openai', 'http://localhost:11434/v1', 'http://localhost:11434/v1/chat/completions'],
    ['openai', 'http://localhost:11434/v1//', 'http://localhost:11434/v1/chat/completions'],
    ['openai', 'http://[::1]:8080/v1/chat/completions?x=1#y', 'http://[::1]:8080/v1/chat/completions'],
    ['openai', 'https://example.com/v1beta/openai/', 'https://example.com/v1beta/openai/chat/completions'],
    ['openai', 'https://example.com/api', 'https://example.com/api/v1/chat/completions'],
  ] as const)('%s at %s', async (provider, written, address) => {
    expect(await asked(provider, written)).toBe(address);
  });

  it.each(providers)('reach a real server either way: %s', async (provider) => {
    const server = await startProvider(provider, () => ({ text: 'here' }));
    for (const ending of ['', '/', '/v1', '/v1/']) {
      const { main } = makeModels(provider, `${server.url}${ending}`);
      expect((await ask(main)).result.parts).toEqual([{ type: 'text', text: 'here' }]);
    }
  });

  it('never shows a password that stands in one', async () => {
    const models = create({ openai: { baseUrl: 'http://me:hunter2-secret@127.0.0.1:1/v1' } }, { model: 'x' });
    if (!models) throw new Error('there are no models');
    const error: Error = await ask(models.main).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'model_unreachable' });
    expect(error.message).not.toContain('hunter2');
  });
});

it('loads no package of a provider before a model is asked, and then only what that one needs', async () => {
  const script = `
    const { Session } = await import('node:inspector');
    const session = new Session();
    session.connect();
    const scripts = [];
    session.on('Debugger.scriptParsed', ({ params }) => scripts.push(params.url));
    session.post('Debugger.enable');
    const packages = () => [...new Set(scripts.flatMap((url) => /node_modules.(ai|@ai-sdk.[a-z-]+).dist/.exec(url)?.[1] ?? []))];
    const { createModels } = await import('./src/agent/model/index.ts');
    const { configSchema } = await import('./src/config/schema.ts');
    const models = createModels({ config: configSchema.parse({}), environment: { anthropic: { apiKey: 'k' }, openai: {},
      secrets: [] }, logger: console, clock: Date, fetch: async () => new Response('{}', { status: 400 }) });
    const before = packages();
    await models.main.step({ system: 'a', messages: [], tools: [], signal: new AbortController().signal,
      onText() {}, onRetry() {} }).catch(() => {});
    console.log(JSON.stringify({ before, after: packages() }));`;
  const words = ['--import', 'tsx', '--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    cwd: codeRoot,
    env: cleanEnvironment(),
  });
  const { before, after } = JSON.parse(stdout) as { before: string[]; after: string[] };
  expect(before).toEqual([]);
  expect(after).toEqual(expect.arrayContaining(['ai', '@ai-sdk/anthropic']));
  expect(after).not.toContain('@ai-sdk/openai-compatible');
});
