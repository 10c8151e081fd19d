import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStream, startPage, type TestPage } from '../../support/dashboard.ts';
import { until } from '../../support/instance.ts';

interface Rows {
  changed: Record<string, { name: string; state?: string; status?: string; pid: number | null }>;
  gone: string[];
  isWhole: boolean;
}
interface Lines {
  lines: { stream: string; at: number; text: string }[];
  gap: boolean;
  reset: boolean;
}

const runsOn = { directory: '.', command: ['bash', '-c', 'while :; do sleep 0.1; done'], autostart: false };

/** The log of the live bot is the easiest to write to. */
function liveLog(page: TestPage): string {
  mkdirSync(join(page.root, 'logs'), { recursive: true });
  return join(page.root, 'logs/live.log');
}

it('shows a real bot start and stop as it happens, and sends nothing but what has changed', async () => {
  const page = await startPage({ config: { bots: { worker: runsOn, other: runsOn } } });
  const stream = await openStream(page, '/api/events');
  expect(stream.response.headers.get('content-type')).toContain('text/event-stream');
  const rows = () => stream.of<Rows>('rows');
  await until('everything is shown', () => rows().length > 0);
  expect(stream.events[0]?.event).toBe('hello');
  expect(rows()[0]?.isWhole).toBe(true);
  expect(Object.keys(rows()[0]?.changed ?? {}).sort()).toEqual(['bot:other', 'bot:staging', 'bot:worker']);
  const [started] = (await page.call('start', { bot: 'worker' })).slice(-1);
  expect(started).toMatchObject({ type: 'result', failed: false });
  const states = () => rows().flatMap(({ changed }) => changed['bot:worker']?.state ?? []);
  await until('it is seen to run', () => states().includes('running'));
  await page.call('stop', { bot: 'worker' });
  await until('it is seen to stop', () => states().at(-1) === 'stopped');
  const later = rows().slice(1);
  expect(later.length).toBeGreaterThan(1);
  for (const { changed, isWhole } of later) {
    expect(isWhole).toBe(false);
    expect(Object.keys(changed)).not.toContain('bot:other');
  }
});

it('speaks at most as often as it should, however much happens', async () => {
  const page = await startPage({ timing: { lookMs: 300 } });
  const stream = await openStream(page, '/api/events');
  await until('it begins', () => stream.events.length > 0);
  for (let count = 0; count < 300; count++) {
    page.chat.notice(`news ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (count % 100 === 99)
      await until('some are told', () => JSON.stringify(stream.events).includes(`news ${count}"`));
  }
  const moments = stream.events.filter(({ event }) => event === 'messages').map(({ at }) => at);
  const pauses = moments.slice(1).map((at, index) => at - (moments[index] ?? 0));
  expect(moments.length).toBeGreaterThan(1);
  for (const pause of pauses) expect(pause).toBeGreaterThan(200);
});

it('refuses more streams than it can serve, and takes new ones when old ones have gone', async () => {
  const page = await startPage();
  const streams = await Promise.all(Array.from({ length: 24 }, () => openStream(page, '/api/events')));
  const more = await page.fetch('/api/events');
  expect(more.status).toBe(503);
  expect(await more.json()).toMatchObject({ error: { code: 'too_many_streams' } });
  for (const stream of streams) stream.close();
  let status = 0;
  await until('there is room again', () => {
    const gone = new AbortController();
    const leave = (response?: Response) => {
      status = response?.status ?? status;
      gone.abort();
    };
    void page.fetch('/api/events', { signal: gone.signal }).then(leave, () => leave());
    return status === 200;
  });
});

it('looks at nothing while nobody looks, and ends every stream with the server', async () => {
  const page = await startPage({ timing: { lookMs: 10 } });
  let calls = 0;
  const { dispatcher } = page.instance;
  const call = dispatcher.call.bind(dispatcher);
  const counted: typeof call = (...given) => {
    calls += 1;
    return call(...given);
  };
  Object.assign(dispatcher, { call: counted });
  const stream = await openStream(page, '/api/events');
  await until('it is looked at', () => calls > 3);
  stream.close();
  await stream.ended;
  let before = -1;
  await until('nobody looks any more', () => {
    const isSame = before === calls;
    before = calls;
    return isSame;
  });
  const quiet = calls;
  const last = await openStream(page, '/api/watch?process=live');
  await until('the log is read', () => calls > quiet);
  await page.close();
  await last.ended;
});

it('follows a log line by line: the unfinished one, a burst, a log that was emptied', async () => {
  const page = await startPage({ timing: { lookMs: 20 } });
  const log = liveLog(page);
  writeFileSync(log, Array.from({ length: 1_000 }, (_, index) => `old ${index}\n`).join(''));
  const stream = await openStream(page, '/api/watch?process=live');
  const news = () => stream.of<Lines>('lines');
  await until('the end of the log is there', () => news().length > 0);
  const first = news()[0]?.lines.map(({ text }) => text) ?? [];
  expect(first).toHaveLength(400);
  expect(first.at(-1)).toBe('old 999');
  appendFileSync(log, 'half');
  await until('half a line is shown', () => news().some(({ lines }) => lines.at(-1)?.text === 'half'));
  appendFileSync(log, ' whole\n');
  await until('the line is whole', () => news().some(({ lines }) => lines.at(-1)?.text === 'half whole'));
  const halves = news().flatMap(({ lines }) => lines.filter(({ text }) => text.startsWith('half')));
  expect(new Set(halves.map(({ at }) => at)).size).toBe(1);
  appendFileSync(log, Array.from({ length: 2_000 }, (_, index) => `burst ${index}\n`).join(''));
  await until('the burst is there', () => news().some(({ lines }) => lines.at(-1)?.text === 'burst 1999'));
  const burst = news().flatMap(({ lines }) => lines.filter(({ text }) => text.startsWith('burst')));
  expect(burst.map(({ text }) => text)).toEqual(
    Array.from({ length: 2_000 }, (_, index) => `burst ${index}`),
  );
  expect(news().some(({ gap }) => gap)).toBe(false);
  appendFileSync(log, Array.from({ length: 50_000 }, (_, index) => `flood ${index}\n`).join(''));
  await until('the end of the flood is there', () =>
    news().some(({ lines }) => lines.at(-1)?.text === 'flood 49999'),
  );
  expect(news().some(({ gap }) => gap)).toBe(true);
  writeFileSync(log, 'new\n');
  await until('the new log is there', () =>
    news().some(({ reset, lines }) => reset && lines[0]?.text === 'new'),
  );
  appendFileSync(log, `${'x'.repeat(10_000)}\n`);
  await until('a long line is cut', () =>
    news().some(({ lines }) => lines.at(-1)?.text.endsWith('more]') === true),
  );
});

it('says so when long lines came faster than they are shown', async () => {
  const page = await startPage({ timing: { lookMs: 20 } });
  const log = liveLog(page);
  writeFileSync(log, 'first\n');
  const stream = await openStream(page, '/api/watch?process=live');
  const news = () => stream.of<Lines>('lines');
  await until('it begins', () => news().length > 0);
  appendFileSync(log, Array.from({ length: 350 }, (_, index) => `${index} ${'x'.repeat(3_900)}\n`).join(''));
  await until('the end is there', () => news().some(({ lines }) => lines.at(-1)?.text.startsWith('349 ')));
  const shown = news().flatMap(({ lines }) => lines.map(({ text }) => text.split(' ')[0]));
  expect(shown.includes('0')).toBe(false);
  expect(news().some(({ gap }) => gap)).toBe(true);
});

it('tells the streams of a process apart, and says when there is none of that name', async () => {
  const page = await startPage({ config: { policy: { run: 'allow' } } });
  const ran = await page.call('run', {
    command: 'echo out; echo err >&2; echo out',
    name: 'two',
    wait: 10,
  });
  expect(ran.at(-1)).toMatchObject({ type: 'result' });
  const stream = await openStream(page, '/api/watch?process=two');
  await until('its log is there', () => stream.of('lines').length > 0);
  const { lines } = stream.of<Lines>('lines')[0] ?? { lines: [] };
  expect(lines.map(({ stream: kind, text }) => `${kind} ${text}`)).toEqual([
    'stdout out',
    'stdout out',
    'stderr err',
  ]);
  const none = await openStream(page, '/api/watch?process=nobody');
  await none.ended;
  expect(none.of('log-problem')).toMatchObject([{ code: 'unknown_process' }]);
  expect((await page.fetch('/api/watch')).status).toBe(400);
});

it('masks secrets in a live log, a key too whose lines come one by one, or began before the first that is shown', async () => {
  const secret = 'correct-horse-battery';
  const page = await startPage({ files: { '.env': `OTHER_KEY=${secret}\n` }, timing: { lookMs: 20 } });
  const log = liveLog(page);
  const body = Array.from(
    { length: 30 },
    (_, index) => `MIIEvQIBADANBgkqhkiG9w0BAQEFAASC${String(index).padStart(2, '0')}`,
  );
  const key = ['-----BEGIN PRIVATE KEY-----', ...body, '-----END PRIVATE KEY-----'];
  // The 400 lines that are shown first begin within the key.
  const after = Array.from({ length: 385 }, (_, index) => `line ${index}`);
  writeFileSync(log, `${[...Array.from({ length: 300 }, () => 'before'), ...key, ...after].join('\n')}\n`);
  const stream = await openStream(page, '/api/watch?process=live');
  const text = () => JSON.stringify(stream.of('lines'));
  await until('the log is there', () => text().includes('line 384'));
  appendFileSync(log, `the password is ${secret}\n`);
  await until('the line is there', () => text().includes('the password is'));
  for (const line of key) {
    appendFileSync(log, `${line}\n`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  appendFileSync(log, 'the end\n');
  await until('the end is there', () => text().includes('the end'));
  expect(text()).toContain('the password is [masked]');
  expect(text()).not.toContain(secret);
  for (const line of body) expect(text()).not.toContain(line);
});

it('shows no token of the page in the log of the bot', async () => {
  const page = await startPage();
  writeFileSync(liveLog(page), page.printed.join(''));
  const [event] = await page.call('logs', { process: 'live' });
  expect(JSON.stringify(event)).toContain('/?token=[masked]');
  expect(JSON.stringify(event)).not.toContain(new URL(page.url).searchParams.get('token'));
});

it('samples what is looked at, and keeps the samples for whoever looks next', async () => {
  const page = await startPage({ config: { policy: { run: 'allow' } }, timing: { sampleMs: 50 } });
  await page.call('run', { command: 'while :; do :; done', name: 'busy' });
  const stream = await openStream(page, '/api/watch?process=busy');
  await until('it is sampled', () => stream.of('sample').length > 2, 30_000);
  const [sample] = stream.of<{ cpuPercent: number; memoryBytes: number }>('sample').slice(-1);
  expect(sample?.memoryBytes).toBeGreaterThan(100_000);
  expect(stream.of<{ cpuPercent: number }>('sample').some(({ cpuPercent }) => cpuPercent > 5)).toBe(true);
  stream.close();
  const next = await openStream(page, '/api/watch?process=busy');
  await until('the samples are there', () => next.of('samples').length > 0);
  expect(next.of<unknown[]>('samples')[0]?.length).toBeGreaterThan(2);
});
