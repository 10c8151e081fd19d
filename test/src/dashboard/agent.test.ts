// The page and the real agent: what a person writes goes through a real model server and the real dispatcher, and comes
// back to every page.

import { expect, it, onTestFinished } from 'vitest';
import { type Agent, createAgent } from '../../../src/agent/index.ts';
import { createModels } from '../../../src/agent/model/index.ts';
import { isPageChannel } from '../../../src/dashboard/index.ts';
import { startAnthropicServer } from '../../agent-servers/index.ts';
import { openStream, startPage } from '../../support/dashboard.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

it('answers on the page, growing, and asks there before it acts', async () => {
  const server = await startAnthropicServer({
    replies: [
      {
        text: `Let me see. ${'I think. '.repeat(40)}`,
        chunkMs: 5,
        calls: [{ name: 'trial_act', input: { target: 'moon' } }],
      },
      { text: 'The moon is done.' },
    ],
  });
  onTestFinished(() => server.close());
  const acted: string[] = [];
  const act = makeTool('act', 'operate', {
    decide: () => 'ask',
    handler: async ({ actor }, { target }) => {
      acted.push(`${actor.id} ${target}`);
      return { done: target };
    },
  });
  let agent: Agent | undefined;
  const page = await startPage({
    skills: [makeSkill([act])],
    env: { ANTHROPIC_API_KEY: 'sk-test', ANTHROPIC_BASE_URL: server.url },
    timing: { lookMs: 5 },
    makeAgent: () => ({
      onMessage: (message) => agent?.onMessage(message),
      onStop: (request) => agent?.onStop(request) ?? false,
    }),
  });
  const { root, config, catalogue, dispatcher, database, briefings } = page.instance;
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const clock = { now: Date.now };
  const models = createModels({ config, environment: config.environment, logger, clock });
  if (!models) throw new Error('there is no model');
  agent = createAgent({
    ...{ root, config, tools: catalogue.entries, dispatcher, database, logger, clock, briefings },
    ...{ chat: page.chat, model: models.main, notify: () => {} },
  });
  agent.start();
  onTestFinished(async () => agent?.close());
  const stream = await openStream(page, '/api/events');
  await page.fetch('/api/say', { method: 'POST', body: '{"text":"do the moon"}' });
  await until('it asks on the page', () => page.chat.asked().length > 0);
  await until('the page is told', () => stream.of('questions').length > 0);
  expect(acted).toEqual([]);
  const [question] = page.chat.asked();
  expect(question).toMatchObject({ tool: 'act', question: 'act: moon?' });
  await page.fetch('/api/answer', { method: 'POST', body: JSON.stringify({ id: question?.id, yes: true }) });
  await until('it is done', () =>
    page.chat.messages().some(({ text }) => text.includes('The moon is done.')),
  );
  await until('the page shows it', () => JSON.stringify(stream.of('messages')).includes('The moon is done.'));
  expect(acted).toEqual(['page:owner moon']);
  const drafts = new Set(
    stream.of<{ text: string }[]>('messages').flatMap((all) => all.map(({ text }) => text)),
  );
  expect(drafts.size).toBeGreaterThan(3);
  expect(page.chat.messages().every(({ state }) => state === 'done')).toBe(true);
  expect([isPageChannel('page:console'), isPageChannel('123'), isPageChannel(undefined)]).toEqual([
    true,
    false,
    false,
  ]);
});
