import { describe, expect, it } from 'vitest';
import type { Confirmation } from '../../../skills/tool.ts';
import { createPageChat, dashboardMigrations } from '../../../src/dashboard/index.ts';
import { openDatabase } from '../../../src/database.ts';
import { finishedPart } from '../../../src/discord/index.ts';
import { openStream, startPage, type TestPage } from '../../support/dashboard.ts';
import { failureOf } from '../../support/failure.ts';
import { makeInstance, until } from '../../support/instance.ts';
import { makeActor, makeLogger, makeSkill, makeTool } from '../../support/skill.ts';

function confirmation(part: Partial<Confirmation> = {}): Confirmation {
  return {
    id: 'q1',
    actor: makeActor('page'),
    tool: 'promote',
    input: { version: 'v1.2', note: 'secret-value' },
    question: 'Promote staging to live: v1.2?',
    expiresAt: Date.now() + 60_000,
    ...part,
  };
}

function makeChat(root = makeInstance(), clock = { now: Date.now }) {
  const logger = makeLogger();
  const database = openDatabase(root, dashboardMigrations);
  const mask = (text: string) => text.replaceAll('secret-value', '[masked]');
  const finished = (text: string) => finishedPart(text, ['secret-value', 'two words']);
  const chat = createPageChat({ database: () => database, clock, logger, mask, finished });
  return { root, database, logger, chat };
}

describe('the conversation', () => {
  it('grows live, masked, and stays over a restart; what a kill cut off says so', async () => {
    const { root, database, chat } = makeChat();
    expect(chat.say('hello')).toBe('page:1');
    const done = chat.open('page:console', { branch: 'b' });
    done.doing('thinking');
    done.write('the secret-value is');
    expect(chat.messages().at(-1)).toMatchObject({
      text: 'the [masked] ',
      doing: 'thinking',
      state: 'growing',
    });
    expect(await done.finish('the secret-value is here')).toEqual(['page:2']);
    chat.open('page:console', { branch: 'b' }).write('half of it');
    chat.notice('worker has ended');
    database.close();
    const again = makeChat(root).chat;
    expect(again.messages().map(({ author, state, text }) => [author, state, text])).toEqual([
      ['person', 'done', 'hello'],
      ['agent', 'done', 'the [masked] is here'],
      ['agent', 'cut', 'half of '],
      ['notice', 'done', 'worker has ended'],
    ]);
    expect(again.say('next')).toBe('page:5');
  });

  it('shows no half of a secret while it is being written, which no mask would know', async () => {
    const { chat } = makeChat();
    const text = 'It is secret-value, or two words of it.';
    const message = chat.open('page:console', { branch: 'b' });
    for (let length = 1; length <= text.length; length++) {
      message.write(text.slice(0, length));
      expect(chat.messages().at(-1)?.text).not.toMatch(/secr|two(?! words)/);
    }
    await message.finish(text);
    expect(chat.messages().at(-1)?.text).toBe('It is [masked], or two words of it.');
  });

  it('is bounded, in number and in length', async () => {
    const { root, database, chat } = makeChat();
    for (let count = 0; count < 450; count++) chat.notice(`n${count}`);
    const message = chat.open('page:console', { branch: 'b' });
    await message.finish('x'.repeat(300_000));
    expect(chat.messages()).toHaveLength(200);
    expect(chat.messages().at(-1)?.text).toHaveLength(100_000);
    const { count } = database.prepare('SELECT COUNT(*) AS count FROM dashboard_messages').get() as {
      count: number;
    };
    expect(count).toBe(200);
    // A message that has been pushed out may still be growing.
    message.write('late');
    database.close();
    expect(makeChat(root).chat.messages()).toHaveLength(200);
  });

  it('begins without its table, too', () => {
    const { database, chat } = makeChat();
    database.exec('DROP TABLE dashboard_messages');
    expect(chat.messages()).toEqual([]);
    chat.notice('a bot has ended');
    expect(chat.messages().map(({ text }) => text)).toEqual(['a bot has ended']);
  });

  it('goes on without its table, and says so in the log', async () => {
    const { database, chat, logger } = makeChat();
    chat.say('before');
    database.exec('DROP TABLE dashboard_messages');
    chat.say('after');
    expect(await chat.open('page:console', { branch: 'b' }).finish('still here')).toHaveLength(1);
    expect(chat.messages().map(({ text }) => text)).toEqual(['before', 'after', 'still here']);
    expect(logger.lines.map(({ message }) => message)).toContain(
      'the conversation of the page could not be written down',
    );
  });
});

describe('questions', () => {
  it('count once, and only while they are open', async () => {
    let now = 1_000;
    const { chat } = makeChat(makeInstance(), { now: () => now });
    const yes = chat.confirm('page:console', confirmation({ expiresAt: 121_000 }), 'b');
    expect(chat.asked()).toMatchObject([
      { id: 'q1', tool: 'promote', question: 'Promote staging to live: v1.2?' },
    ]);
    expect(chat.asked()[0]?.input).toContain('[masked]');
    expect(chat.asked()[0]?.input).toContain('"version": "v1.2"');
    chat.questions.answer('q1', true);
    expect(await yes).toBe(true);
    expect(chat.asked()).toEqual([]);
    expect(failureOf(() => chat.questions.answer('q1', true)).code).toBe('question_answered');
    expect(failureOf(() => chat.questions.answer('q9', true)).code).toBe('question_unknown');
    const late = chat.confirm('page:console', confirmation({ id: 'q2', expiresAt: 121_000 }), 'b');
    now = 121_000;
    expect(failureOf(() => chat.questions.answer('q2', true)).code).toBe('question_expired');
    expect(await late).toBe(false);
  });

  it('close by themselves when their time is over, or nobody waits for the answer any more', async () => {
    const { chat } = makeChat();
    const gone = new AbortController();
    const left = chat.confirm('page:console', confirmation(), 'b', gone.signal);
    expect(chat.asked()).toHaveLength(1);
    gone.abort();
    expect(await left).toBe(false);
    expect(await chat.confirm('page:console', confirmation(), 'b', gone.signal)).toBe(false);
    expect(await chat.confirm('page:console', confirmation({ expiresAt: Date.now() + 20 }), 'b')).toBe(false);
    expect(chat.asked()).toEqual([]);
  });
});

const askingTool = makeTool('act', 'operate', { decide: () => 'ask' });

/** The id of the question that a call asks, read from its stream. */
async function askFor(page: TestPage) {
  const events: Record<string, unknown>[] = [];
  const gone = new AbortController();
  const body = JSON.stringify({ tool: 'act', input: { target: 'moon' } });
  const response = await page.fetch('/api/call', { method: 'POST', body, signal: gone.signal });
  const ended = (async () => {
    let rest = '';
    for await (const chunk of response.body ?? []) {
      rest += new TextDecoder().decode(chunk as Uint8Array);
      for (const line of rest.split('\n').slice(0, -1)) events.push(JSON.parse(line));
      rest = rest.slice(rest.lastIndexOf('\n') + 1);
    }
  })().catch(() => {});
  await until('it asks', () => events.some(({ type }) => type === 'question'));
  const { question } = events.find(({ type }) => type === 'question') as { question: { id: string } };
  return { question, events, ended, leave: () => gone.abort() };
}

const answer = (page: TestPage, id: string, yes: unknown) =>
  page.fetch('/api/answer', { method: 'POST', body: JSON.stringify({ id, yes }) });

describe('a call that asks', () => {
  it('waits for yes, which counts once and for this very input', async () => {
    const page = await startPage({ skills: [makeSkill([askingTool])] });
    const { question, events, ended } = await askFor(page);
    expect(question).toMatchObject({ tool: 'act', question: 'act: moon?' });
    expect(question).toMatchObject({ input: JSON.stringify({ target: 'moon' }, null, 1) });
    for (const bad of ['yes', 1, null]) expect((await answer(page, question.id, bad)).status).toBe(400);
    expect((await answer(page, question.id, true)).status).toBe(200);
    await ended;
    expect(events.at(-1)).toMatchObject({ type: 'result', output: { done: 'moon' } });
    const again = await answer(page, question.id, true);
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ error: { code: 'question_answered' } });
  });

  it('does nothing after no, after its time, or when the page has gone', async () => {
    let now = Date.now();
    const page = await startPage({ skills: [makeSkill([askingTool])], clock: { now: () => now } });
    const no = await askFor(page);
    await answer(page, no.question.id, false);
    await no.ended;
    expect(no.events.at(-1)).toMatchObject({ type: 'failure', error: { code: 'not_confirmed' } });
    const late = await askFor(page);
    now += 120_000;
    expect((await answer(page, late.question.id, true)).status).toBe(409);
    await late.ended;
    expect(late.events.at(-1)).toMatchObject({ type: 'failure', error: { code: 'not_confirmed' } });
    const left = await askFor(page);
    left.leave();
    await until('it is over', () => page.instance.history.recent({ limit: 1 })[0]?.outcome === 'refused');
    await until('the third is over', () => page.instance.history.recent({ limit: 9 }).length === 3);
    const gone = await answer(page, left.question.id, true);
    expect(await gone.json()).toMatchObject({ error: { code: 'question_expired' } });
    expect(page.instance.history.recent({ limit: 9 }).map(({ outcome }) => outcome)).toEqual(
      Array(3).fill('refused'),
    );
  });
});

describe('talking to the agent', () => {
  it('says which key is missing when there is none', async () => {
    const page = await startPage();
    const answered = await page.fetch('/api/say', { method: 'POST', body: '{"text":"hello"}' });
    expect(answered.status).toBe(400);
    const { error } = (await answered.json()) as { error: { code: string; hint: string } };
    expect(error.code).toBe('no_agent');
    expect(error.hint).toContain('ANTHROPIC_API_KEY');
    expect(page.chat.messages()).toEqual([]);
  });

  it('brings messages to it, its growing answer and its questions to every page, and the stop', async () => {
    const heard: object[] = [];
    const page = await startPage({
      makeAgent: () => ({
        onMessage: (message) => void heard.push(message),
        onStop: ({ channelId }) => `Stopped in ${channelId}`,
      }),
    });
    const streams = [await openStream(page, '/api/events'), await openStream(page, '/api/events')];
    const said = await page.fetch('/api/say', { method: 'POST', body: '{"text":" hello <b> "}' });
    expect(said.status).toBe(200);
    expect(heard).toMatchObject([
      {
        id: 'page:1',
        channelId: 'page:console',
        text: 'hello <b>',
        isDirect: true,
        author: { id: 'page:owner' },
      },
    ]);
    const growing = page.chat.open('page:console', { branch: 'b' });
    growing.write('I am at');
    const asked = page.chat.confirm('page:console', confirmation(), 'b');
    for (const stream of streams) {
      await until('the answer is shown', () => JSON.stringify(stream.of('messages')).includes('I am'));
      await until('the question is shown', () => stream.of('questions').length > 0);
    }
    await answer(page, 'q1', true);
    expect(await asked).toBe(true);
    await growing.finish('I am done');
    for (const stream of streams) {
      await until('its end is shown', () => JSON.stringify(stream.of('messages')).includes('I am done'));
      await until('nothing is asked any more', () => JSON.stringify(stream.of('questions').at(-1)) === '[]');
    }
    const stopped = await page.fetch('/api/stop', { method: 'POST', body: '{}' });
    expect(await stopped.json()).toEqual({ text: 'Stopped in page:console' });
    for (const bad of ['{}', '{"text":""}', '{"text":"   "}', `{"text":"${'x'.repeat(8_001)}"}`]) {
      expect((await page.fetch('/api/say', { method: 'POST', body: bad })).status).toBe(400);
    }
  });
});
