import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStream, startPage, type TestPage } from '../../support/dashboard.ts';
import { codeRoot, understudy, until } from '../../support/instance.ts';

/** A request as no browser would let a page send it; fetch sets Host by itself. */
function raw(page: TestPage, path: string, headers: Record<string, string>, method = 'GET', body = '') {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = request(new URL(path, page.origin), { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function refusal(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string; message: string; hint: string } };
  expect(error.message).not.toBe('');
  expect(error.hint).not.toBe('');
  return [response.status, error.code];
}

const worker = { directory: '.', command: ['sleep', '60'], autostart: false };

describe('who is let in', () => {
  it('takes the token out of the address and gives a cookie that scripts cannot read', async () => {
    const page = await startPage();
    expect(page.printed.join('')).toContain(page.url);
    expect(new URL(page.url).searchParams.get('token')).toMatch(/^[\w-]{43}$/);
    const answer = await fetch(page.url, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    expect(answer.headers.get('set-cookie')).toMatch(/; HttpOnly; SameSite=Strict$/);
    const home = await page.fetch('/');
    expect(home.status).toBe(200);
    expect(home.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(home.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(home.headers.get('referrer-policy')).toBe('no-referrer');
    expect(home.headers.get('x-frame-options')).toBe('DENY');
    expect(home.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('refuses everybody without a cookie, and says how to get in', async () => {
    const page = await startPage();
    for (const path of ['/api/catalogue', '/api/events', '/api/watch?process=live']) {
      expect(await refusal(await fetch(new URL(path, page.origin)))).toEqual([401, 'not_let_in']);
    }
    for (const path of ['/', '/main.js', '/nothing']) {
      const answer = await fetch(new URL(path, page.origin));
      expect(answer.status).toBe(401);
      expect(await answer.text()).toContain('understudy dashboard');
    }
    const call = await fetch(new URL('/api/call', page.origin), {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: page.origin },
      body: JSON.stringify({ tool: 'list' }),
    });
    expect(await refusal(call)).toEqual([401, 'not_let_in']);
    expect(page.instance.history.recent({ limit: 10 })).toEqual([]);
  });

  it('refuses cookies that it did not sign, that are cut, and that are over', async () => {
    let now = Date.now();
    const page = await startPage({ clock: { now: () => now } });
    const [name = '', value = ''] = page.cookie.split('=');
    const [until = '', signature = ''] = value.split('.');
    const later = `${Number(until) + 1}.${signature}`;
    for (const forged of [
      '',
      'x',
      '.',
      until,
      `${until}.`,
      later,
      `${value}.x`,
      `${until}.${'A'.repeat(43)}`,
    ]) {
      const answer = await page.fetch('/api/catalogue', { headers: { cookie: `${name}=${forged}` } });
      expect([forged, answer.status]).toEqual([forged, 401]);
    }
    expect((await page.fetch('/api/catalogue')).status).toBe(200);
    now += 31 * 24 * 3_600_000;
    expect((await page.fetch('/api/catalogue')).status).toBe(401);
  });

  it('takes no token of an earlier start, and none at all after ten wrong ones within a minute', async () => {
    let now = Date.now();
    const page = await startPage({ clock: { now: () => now } });
    const attempt = async (token: string) =>
      (await fetch(`${page.origin}/?token=${token}`, { redirect: 'manual' })).status;
    await page.close();
    const next = await startPage({ root: page.root, clock: { now: () => now } });
    // The same port: open pages find the bot again.
    expect(next.origin).toBe(page.origin);
    expect(next.url).not.toBe(page.url);
    expect((await fetch(page.url, { redirect: 'manual' })).status).toBe(401);
    for (let count = 0; count < 9; count++) expect(await attempt('wrong')).toBe(401);
    expect(await attempt('wrong')).toBe(429);
    expect((await fetch(next.url, { redirect: 'manual' })).status).toBe(429);
    // Who is in stays in.
    expect((await next.fetch('/api/catalogue')).status).toBe(200);
    now += 60_000;
    expect((await fetch(next.url, { redirect: 'manual' })).status).toBe(303);
  });

  it('knows the cookie again after a restart, and no cookie of another instance', async () => {
    const [page, other] = [await startPage(), await startPage()];
    await page.close();
    const next = await startPage({ root: page.root });
    const again = await next.fetch('/api/catalogue', { headers: { cookie: page.cookie } });
    expect(again.status).toBe(200);
    const foreign = await next.fetch('/api/catalogue', { headers: { cookie: other.cookie } });
    expect(foreign.status).toBe(401);
    expect(other.cookie.split('=')[0]).not.toBe(page.cookie.split('=')[0]);
  });

  it('takes a token nowhere but at the door', async () => {
    const page = await startPage();
    const token = new URL(page.url).search;
    for (const path of ['/api/catalogue', '/main.js']) {
      expect((await fetch(`${page.origin}${path}${token}`)).status).toBe(401);
    }
    expect((await raw(page, `/${token}`, {}, 'POST')).status).toBe(403);
  });
});

describe('where requests come from', () => {
  it('refuses every name of this machine but its own two', async () => {
    const page = await startPage();
    const { port } = new URL(page.origin);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', 'localhost', `[::1]:${port}`]) {
      const { status, text } = await raw(page, '/api/catalogue', { cookie: page.cookie, host });
      expect([host, status]).toEqual([host, 403]);
      expect(text).toContain('wrong_host');
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect((await raw(page, '/api/catalogue', { cookie: page.cookie, host })).status).toBe(200);
    }
    const withToken = await raw(page, new URL(page.url).search, { host: `evil.example:${port}` });
    expect(withToken.status).toBe(403);
  });

  it('refuses what another page sends, also one of another port of this machine', async () => {
    const page = await startPage();
    const { port } = new URL(page.origin);
    const json = { 'content-type': 'application/json', cookie: page.cookie };
    const body = JSON.stringify({ tool: 'list' });
    const send = (headers: Record<string, string>) =>
      raw(page, '/api/call', { ...json, ...headers }, 'POST', body);
    for (const headers of [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${Number(port) + 1}` },
      { origin: `http://localhost:${port}` },
      { origin: page.origin, 'sec-fetch-site': 'same-site' },
      { origin: page.origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ]) {
      const { status, text } = await send(headers as Record<string, string>);
      expect([headers, status]).toEqual([headers, 403]);
      expect(text).toContain('wrong_origin');
    }
    expect((await send({ origin: page.origin, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    for (const site of ['same-site', 'cross-site']) {
      const look = await raw(page, '/api/events', { cookie: page.cookie, 'sec-fetch-site': site });
      expect(look.status).toBe(403);
    }
    expect(page.instance.history.recent({ limit: 10 })).toHaveLength(1);
  });

  it('lets in whoever follows a link of another site, where browsers hold the cookie back once', async () => {
    const page = await startPage();
    for (const site of ['cross-site', 'same-site']) {
      const visit = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
      expect((await raw(page, `/${new URL(page.url).search}`, visit)).status).toBe(303);
      const first = await raw(page, '/', visit);
      expect([first.status, first.text]).toEqual([200, expect.stringContaining('content="0;url=/"')]);
      expect(first.text).not.toContain('main.js');
      // From there on the browser asks as the page itself does.
      expect((await raw(page, '/', { 'sec-fetch-site': 'same-origin' })).status).toBe(401);
      expect((await raw(page, '/api/events', visit)).status).toBe(403);
    }
  });

  it('demands JSON, and only as much of it as a request needs', async () => {
    const page = await startPage();
    const post = (body: string, headers = {}) => page.fetch('/api/call', { method: 'POST', body, headers });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await refusal(await post('tool=list', form))).toEqual([415, 'not_json']);
    expect(await refusal(await post('{"tool":"list"}', { 'content-type': 'text/plain' }))).toEqual([
      415,
      'not_json',
    ]);
    for (const bad of [
      '',
      '{',
      '[]',
      'null',
      '{"tool":1}',
      '{"tool":"list","more":1}',
      '{"tool":"list","input":[]}',
    ])
      expect([bad, ...(await refusal(await post(bad)))]).toEqual([bad, 400, 'bad_request']);
    const huge = JSON.stringify({ tool: 'run', input: { command: 'x'.repeat(100_000) } });
    expect(await refusal(await post(huge))).toEqual([413, 'too_large']);
    expect(await refusal(await page.fetch('/api/nothing'))).toEqual([404, 'not_found']);
    expect((await page.fetch('/../package.json')).status).toBe(404);
    expect((await page.fetch('/%2e%2e/index.ts')).status).toBe(404);
    expect((await page.fetch('/page/main.js')).status).toBe(404);
  });
});

describe('calls', () => {
  it('runs a tool through the dispatcher, with its view, and writes the history', async () => {
    const page = await startPage();
    const events = await page.call('history', { limit: 5 });
    expect(events).toEqual([
      {
        type: 'result',
        output: { entries: [] },
        view: { text: 'Nothing was done yet.' },
        failed: false,
      },
    ]);
    expect(page.instance.history.recent({ limit: 5 })).toMatchObject([
      { actor: 'page:owner', action: 'history', outcome: 'ok' },
    ]);
    await page.call('list', {}, { isRepeated: true });
    expect(page.instance.history.recent({ limit: 5 })).toHaveLength(1);
  });

  it('says of every failure what happened and what to do', async () => {
    const page = await startPage();
    const cases = [
      [await page.call('fly'), 'unknown_tool'],
      [await page.call('__proto__'), 'unknown_tool'],
      [await page.call('logs', {}), 'invalid_input'],
      [await page.call('logs', { process: 'nobody' }), 'unknown_process'],
    ] as const;
    for (const [events, code] of cases) {
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ type: 'failure', error: { code } });
    }
  });

  it('refuses everything in a staging bot, and says why, without filling the history', async () => {
    const page = await startPage({ env: { BOT_ROLE: 'staging' }, timing: { lookMs: 10 } });
    const [event] = await page.call('list');
    expect(event).toMatchObject({ type: 'failure', error: { code: 'staging_role' } });
    const stream = await openStream(page, '/api/events');
    await until('the page says so', () => stream.of('problem').length > 0);
    expect(stream.of('problem')).toMatchObject([{ code: 'staging_role' }]);
    const rows = page.instance.history.recent({ limit: 100 }).length;
    await until('some time passes', () => stream.of('beat').length > 1);
    expect(page.instance.history.recent({ limit: 100 })).toHaveLength(rows);
  });

  it.each([
    ['in a staging bot', { env: { BOT_ROLE: 'staging' } }, 'list'],
    [
      'where the policy denies to look',
      { config: { policy: { status: 'deny' }, bots: { worker } } },
      'status',
    ],
  ])('takes no samples %s, and does not try for ever', async (_, options, action) => {
    const page = await startPage({ ...options, timing: { quietSampleMs: 20 } });
    if (action === 'status') await page.call('start', { bot: 'worker' });
    const refused = () => page.instance.history.recent({ limit: 100, action }).length;
    await until('it has tried', () => refused() > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(refused()).toBe(1);
  });

  it('holds to the policy, also where the page would only look', async () => {
    const page = await startPage({ config: { policy: { logs: 'deny', run: 'deny' } } });
    expect((await page.call('run', { command: 'true' }))[0]).toMatchObject({
      error: { code: 'denied_by_policy' },
    });
    const stream = await openStream(page, '/api/watch?process=live');
    await stream.ended;
    expect(stream.of('log-problem')).toMatchObject([{ code: 'denied_by_policy' }]);
  });
});

describe('its port and its files', () => {
  it('lets the rest of the bot run when its port is taken, and says so', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const page = await startPage({ config: { dashboard: { port } } });
    expect(page.url).toBe('');
    expect(page.log.map(({ message }) => message).join('\n')).toMatch(
      new RegExp(`The page is off.*port ${port} .*another program.*dashboard\\.port`),
    );
    expect(existsSync(join(page.root, 'memory/dashboard.address'))).toBe(false);
  });

  it('takes another port when the one of before is gone to somebody else', async () => {
    const page = await startPage();
    await page.close();
    const { port } = new URL(page.origin);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(Number(port), '127.0.0.1', () => resolve()));
    onTestFinished(() => void taken.close());
    const next = await startPage({ root: page.root });
    expect(next.origin).not.toBe(page.origin);
    expect((await next.fetch('/api/catalogue')).status).toBe(200);
  });

  it('listens on this machine alone', async () => {
    const page = await startPage();
    const { port } = new URL(page.origin);
    const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFileSync(path, 'utf8')).join('\n');
    const hex = Number(port).toString(16).toUpperCase().padStart(4, '0');
    const listening = tables.split('\n').filter((line) => line.includes(`:${hex} `) && / 0A /.test(line));
    expect(listening).toHaveLength(1);
    expect(listening[0]).toContain(`0100007F:${hex}`);
  });

  it('tells its address to whoever may read the files, while it runs', async () => {
    const page = await startPage();
    for (const name of ['dashboard.json', 'dashboard.address']) {
      expect(statSync(join(page.root, 'memory', name)).mode & 0o777).toBe(0o600);
    }
    const told = await understudy(['dashboard', '--root', page.root]);
    expect([told.exitCode, told.stdout]).toEqual([0, `${page.url}\n`]);
    const json = await understudy(['dashboard', '--root', page.root, '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ url: page.url });
    await page.close();
    expect(existsSync(join(page.root, 'memory/dashboard.address'))).toBe(false);
    const none = await understudy(['dashboard', '--root', page.root]);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('npm start');
  });

  it('tells another user of the machine whose page it is, and not that there is none', async (context) => {
    if (process.getuid?.() !== 0) return context.skip();
    const page = await startPage();
    for (const folder of [page.root, join(page.root, 'memory')]) chmodSync(folder, 0o755);
    const program = `import('${join(codeRoot, 'src/dashboard/keys.ts')}').then(({ findPage }) => findPage('${page.root}')).catch((error) => console.log(error.code))`;
    const nobody = { cwd: codeRoot, uid: 65_534, encoding: 'utf8' } as const;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '-e', program], nobody);
    expect(stdout).toBe('dashboard_of_another\n');
  });

  it('begins anew with a torn file, and gives out no address of a bot that was killed', async () => {
    const page = await startPage();
    await page.close();
    writeFileSync(join(page.root, 'memory/dashboard.json'), '{"key":"short"');
    writeFileSync(
      join(page.root, 'memory/dashboard.address'),
      '{"url":"http://127.0.0.1:1/?token=x","pid":4194303}',
    );
    const none = await understudy(['dashboard', '--root', page.root]);
    expect(none.exitCode).toBe(1);
    const next = await startPage({ root: page.root });
    expect((await next.fetch('/api/catalogue')).status).toBe(200);
    expect((await next.fetch('/api/catalogue', { headers: { cookie: page.cookie } })).status).toBe(401);
  });
});
