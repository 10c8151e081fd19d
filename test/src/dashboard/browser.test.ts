// The page in a real browser.

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { browserPath, openTab, overflow, startBrowser } from '../../support/browser.ts';
import { openStream, startPage } from '../../support/dashboard.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const runsOn = {
  directory: '.',
  command: ['bash', '-c', 'echo up; while :; do sleep 0.1; done'],
  autostart: false,
};
const away =
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|Failed to load/;
const script = '<img src=x onerror=alert(1)><script>alert(2)</script>';

describe.skipIf(browserPath === undefined)('the page in a browser', { timeout: 90_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 60_000);
  afterAll(() => browser?.close());

  it('opens with the token, which is gone from the address and the history at once', async () => {
    const page = await startPage();
    const tab = await openTab(browser, { expects: /401/ });
    await tab.goto(`${page.origin}/`);
    await tab.getByText('understudy dashboard').waitFor();
    await tab.goto(page.url);
    await tab.getByText('● live').waitFor();
    expect(tab.url()).toBe(`${page.origin}/`);
    expect(await tab.evaluate('document.cookie')).toBe('');
    const entries = (await tab.evaluate(
      'performance.getEntriesByType("navigation").map((e) => e.name)',
    )) as string[];
    expect(entries.join()).not.toContain('token');
    await tab.getByText('Nothing runs, and nothing ended').waitFor();
    await tab.goBack();
    expect(tab.url()).not.toContain('token');
  });

  it('opens from a link on another site, and asks also where the clock of the browser is wrong', async () => {
    const page = await startPage();
    const other = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<a href="${page.url}">The page</a>`);
    }).listen(0);
    onTestFinished(() => void other.close());
    const tab = await openTab(browser);
    await tab.addInitScript('const now = Date.now; Date.now = () => now() + 600_000;');
    await tab.goto(`http://localhost:${(other.address() as AddressInfo).port}/`);
    await tab.getByText('The page').click();
    await tab.getByText('● live').waitFor();
    expect(tab.url()).toBe(`${page.origin}/`);
    await tab.getByRole('textbox', { name: 'Command' }).fill('sleep 71');
    await tab.getByRole('button', { name: 'Run', exact: true }).click();
    await tab
      .getByRole('dialog')
      .getByText(/1[12]\d s left/)
      .waitFor();
    await tab.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click();
    await tab.locator('tr[data-row]', { hasText: 'sleep 71' }).getByText('running').waitFor();
  });

  it('starts and stops a real bot, and shows what somebody else does to it', async () => {
    const page = await startPage({ config: { bots: { worker: runsOn, other: runsOn } } });
    const tab = await openTab(browser);
    await tab.goto(page.url);
    const row = tab.locator('tr[data-row="bot:worker"]');
    await row.getByText('never started').waitFor();
    await tab.getByRole('button', { name: 'Start worker' }).click();
    await row.getByText('running', { exact: true }).waitFor();
    // What has not changed is not drawn anew: a button that is being pressed must not go away under the finger.
    await tab.getByRole('button', { name: 'Stop worker' }).waitFor();
    const stop = await tab.locator('[data-key="stop:worker"]').elementHandle();
    await tab.evaluate('document.querySelector(\'[data-key="link:worker"]\').focus()');
    await page.call('start', { bot: 'other' });
    await tab.locator('tr[data-row="bot:other"]').getByText('running', { exact: true }).waitFor();
    expect(await tab.evaluate('document.activeElement.textContent')).toBe('worker');
    expect(await stop?.isVisible()).toBe(true);
    await page.call('stop', { bot: 'worker' });
    await row.getByText('stopped', { exact: true }).waitFor();
    await page.call('start', { bot: 'worker' });
    await row.getByRole('link', { name: 'worker' }).click();
    await tab.getByRole('heading', { name: /worker/ }).waitFor();
    await tab.getByRole('log').getByText('up').first().waitFor();
    await tab.locator('figure canvas').nth(1).waitFor();
    await tab.getByRole('button', { name: 'Stop worker' }).click();
    await tab.getByRole('heading', { name: 'worker stopped' }).waitFor();
  });

  it('searches and pauses a log while 500 lines a second come in, and stays small', async () => {
    const page = await startPage({ timing: { lookMs: 300 } });
    mkdirSync(join(page.root, 'logs'), { recursive: true });
    const log = join(page.root, 'logs/live.log');
    let count = 0;
    const write = () => {
      const lines = Array.from(
        { length: 50 },
        () => `line ${++count} ${count % 100 === 0 ? 'NEEDLE' : 'hay'}\n`,
      );
      appendFileSync(log, lines.join(''));
    };
    write();
    const tab = await openTab(browser);
    await tab.goto(page.url);
    await tab.goto(`${page.origin}/#/process/live`);
    await tab.getByRole('log').getByText('line 1 hay').waitFor();
    const timer = setInterval(write, 100);
    try {
      await until('many lines were written', () => count > 2_500, 20_000);
      expect(await tab.locator('.log li').count()).toBeLessThanOrEqual(1_000);
      // The newest line is in sight.
      const seen = async () =>
        Number(/line (\d+)/.exec((await tab.locator('.log li').last().textContent()) ?? '')?.[1]);
      const before = await seen();
      await expect.poll(seen, { timeout: 10_000 }).toBeGreaterThan(before);
      expect(
        await tab.evaluate(
          "(() => { const l = document.querySelector('.log'); return l.scrollHeight - l.scrollTop - l.clientHeight < 60 })()",
        ),
      ).toBe(true);
      await tab.getByRole('searchbox', { name: 'Search the log' }).fill('needle');
      await tab.locator('.log mark').first().waitFor();
      const texts = await tab.locator('.log li').allTextContents();
      expect(texts.length).toBeGreaterThan(10);
      for (const text of texts) expect(text).toContain('NEEDLE');
      await tab.getByRole('button', { name: 'Pause' }).click();
      const held = await tab.locator('.log li').count();
      const written = count;
      await until('more lines come', () => count > written + 500, 10_000);
      await tab.getByText(/Paused; \d{2,} new lines wait/).waitFor();
      expect(await tab.locator('.log li').count()).toBe(held);
      await tab.getByRole('button', { name: 'Go on' }).click();
      await expect.poll(() => tab.locator('.log li').count(), { timeout: 10_000 }).toBeGreaterThan(held);
    } finally {
      clearInterval(timer);
    }
    const last = count;
    await tab.getByRole('searchbox', { name: 'Search the log' }).fill(`line ${last} `);
    await tab.getByRole('log').getByText(`line ${last} `).waitFor();
  });

  it('asks before it does what the policy wants asked, and does it after yes alone', async () => {
    let now = Date.now();
    const page = await startPage({ clock: { now: () => now } });
    const tab = await openTab(browser, { expects: /409/ });
    await tab.goto(page.url);
    const ask = async (command: string) => {
      await tab.getByRole('textbox', { name: 'Command' }).fill(command);
      await tab.getByRole('button', { name: 'Run', exact: true }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByRole('heading', { name: `Run a command: ${command}` }).waitFor();
      expect(await dialog.locator('pre').textContent()).toContain(`"command": "${command}"`);
      return dialog;
    };
    await (await ask('sleep 71')).getByRole('button', { name: 'Confirm' }).click();
    await tab.locator('tr[data-row]', { hasText: 'sleep 71' }).getByText('running').waitFor();
    await (await ask('sleep 72')).getByRole('button', { name: 'Cancel' }).click();
    await tab.locator('#activity').getByText('needs a confirmation, and there was none').waitFor();
    const late = await ask('sleep 73');
    now += 121_000;
    await late.getByRole('button', { name: 'Confirm' }).click();
    await late.getByText('This question has expired, and nothing was done.').waitFor();
    await late.getByRole('button', { name: 'Close' }).click();
    await ask('sleep 74');
    await tab.keyboard.press('Escape');
    await tab.getByRole('dialog').waitFor({ state: 'detached' });
    const [{ output }] = (await page.call('list')) as [{ output: { processes: { command: string }[] } }];
    expect(output.processes.map(({ command }) => command)).toEqual(['sleep 71']);
  });

  it('has a console that completes, recalls, asks and explains', async () => {
    const page = await startPage({ config: { bots: { worker: runsOn } } });
    const tab = await openTab(browser);
    await tab.goto(`${page.url}#/console`);
    const input = tab.getByRole('combobox', { name: 'Command or message' });
    await tab.getByText('set ANTHROPIC_API_KEY or OPENAI_API_KEY').waitFor();
    await expect.poll(() => tab.evaluate('document.activeElement.id')).toBe('command');
    await tab.keyboard.type('/pr');
    await tab.keyboard.press('Tab');
    await tab.keyboard.type('sta');
    await tab.getByRole('option', { name: /^status/ }).waitFor();
    await tab.keyboard.press('Tab');
    expect(await input.inputValue()).toBe('/process status ');
    await tab.keyboard.type('wor');
    await tab.keyboard.press('ArrowDown');
    expect(await input.getAttribute('aria-activedescendant')).toBe('suggestion-0');
    await tab.keyboard.press('Enter');
    expect(await input.inputValue()).toBe('/process status worker ');
    await tab.keyboard.press('Escape');
    await tab.keyboard.press('Enter');
    await tab.locator('.talk').getByText('stopped').first().waitFor();
    await tab.keyboard.type('/process logs');
    await tab.keyboard.press('Escape');
    await tab.keyboard.press('Enter');
    await tab.getByText("'logs' needs process").waitFor();
    await tab.keyboard.press('ArrowUp');
    await tab.keyboard.press('ArrowUp');
    expect(await input.inputValue()).toBe('/process status worker');
    await input.fill('/process run "echo hi; sleep 75" --name hello');
    await tab.keyboard.press('Enter');
    await tab.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click();
    await tab.locator('.talk').getByText('sleep 75').last().waitFor();
    await input.fill('what is the weather?');
    await tab.keyboard.press('Enter');
    await tab.getByText('There is no agent to talk to. ').first().waitFor({ state: 'attached' });
    // What was typed is there again after a look at something else.
    await tab.getByRole('link', { name: 'History' }).click();
    await tab.getByRole('cell', { name: 'run', exact: true }).first().waitFor();
    await tab.getByRole('link', { name: 'Console' }).click();
    await tab.getByText("'logs' needs process").waitFor();
  });

  it('talks with the agent: answers that grow, questions, stop, and all of it again after a reload', async () => {
    let stopped = 0;
    const heard: string[] = [];
    const page = await startPage({
      makeAgent: () => ({
        onMessage: ({ text }) => void heard.push(text),
        onStop: () => {
          stopped += 1;
          return 'Stopped: the work';
        },
      }),
    });
    const tab = await openTab(browser);
    await tab.goto(`${page.url}#/console`);
    await tab.getByText('everything else is said to the agent').waitFor();
    await tab.getByRole('combobox').fill(`hello ${script}`);
    await tab.keyboard.press('Enter');
    await until('it is heard', () => heard.length > 0);
    const growing = page.chat.open('page:console', { branch: 'b' });
    growing.doing('thinking');
    await tab.getByText('thinking …').waitFor();
    growing.write(`I will ${script} now`);
    await tab.getByText(`I will ${script}`).waitFor();
    const asked = page.chat.confirm(
      'page:console',
      {
        ...{
          id: 'q',
          tool: 'promote',
          input: {},
          question: 'Promote staging to live?',
          expiresAt: Date.now() + 60_000,
        },
        actor: { id: 'page:owner', name: 'page', surface: 'page', rights: [] },
      },
      'b',
    );
    await tab.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click();
    expect(await asked).toBe(true);
    await tab.getByRole('button', { name: 'Stop the agent' }).click();
    await tab.getByText('Stopped: the work').waitFor();
    expect(stopped).toBe(1);
    await growing.finish('It is done.');
    await tab.getByText('It is done.').waitFor();
    await tab.reload();
    await tab.getByText('It is done.').waitFor();
    await tab.getByText(`hello ${script}`).waitFor();
  });

  it('shows what programs and people write as text, whatever it is', async () => {
    const page = await startPage({
      config: { policy: { run: 'allow' }, bots: { worker: { ...runsOn, description: script } } },
    });
    await page.call('run', {
      command: `printf '%s\\n' '${script}' '\u001b[31mred\u001b[0m'; : '${script}'; sleep 76`,
      name: 'evil',
    });
    await page.call('logs', { process: script });
    const tab = await openTab(browser);
    await tab.goto(page.url);
    await tab.getByText(script).first().waitFor();
    await tab.getByRole('link', { name: 'evil' }).click();
    await tab.locator('.log').getByText(script, { exact: true }).waitFor();
    await tab.locator('.log').getByText('red', { exact: true }).waitFor();
    await tab.getByRole('searchbox').fill('<img');
    await tab.locator('.log mark').first().waitFor();
    await tab.getByRole('link', { name: 'History' }).click();
    await tab.getByText(script).first().waitFor();
    await tab.goto(`${page.origin}/#/process/${encodeURIComponent(script)}`);
    await tab.getByRole('heading', { name: script }).waitFor();
    await tab
      .getByText(/no process/i)
      .first()
      .waitFor();
    await tab.goto(`${page.origin}/#/process/%E0%A4%A`);
    await tab.getByRole('heading', { name: '%E0%A4%A' }).waitFor();
    expect(await tab.locator('main img, main script').count()).toBe(0);
  });

  it('can be used by keyboard alone, with the focus in sight', async () => {
    const page = await startPage({ config: { bots: { worker: runsOn } } });
    const tab = await openTab(browser);
    await tab.goto(page.url);
    await tab.getByRole('button', { name: 'Start worker' }).waitFor();
    await tab.keyboard.press('Tab');
    expect(await tab.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await tab.keyboard.press('Enter');
    expect(await tab.evaluate('document.activeElement.id')).toBe('main');
    const until = async (name: string) => {
      for (let count = 0; count < 40; count++) {
        await tab.keyboard.press('Tab');
        const focused = await tab.evaluate(
          "(() => { const e = document.activeElement; return [e.getAttribute('aria-label') ?? e.textContent, getComputedStyle(e).outlineStyle] })()",
        );
        const [label, outline] = focused as [string, string];
        expect([label, outline]).toEqual([label, 'solid']);
        if (label === name) return;
      }
      throw new Error(`Tab never came to ${name}`);
    };
    await until('Start worker');
    await tab.keyboard.press('Enter');
    await tab.locator('tr[data-row="bot:worker"]').getByText('running', { exact: true }).waitFor();
    await tab.evaluate('document.getElementById("main").focus()');
    await until('Command');
    await tab.keyboard.type('sleep 77');
    await tab.keyboard.press('Enter');
    await tab.getByRole('dialog').waitFor();
    // A dialog begins with the answer that does nothing.
    expect(await tab.evaluate('document.activeElement.textContent')).toBe('Cancel');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Enter');
    await tab.locator('tr[data-row]', { hasText: 'sleep 77' }).getByText('running').waitFor();
    await tab.evaluate('document.querySelector("nav a").focus()');
    await until('Releases');
    await tab.keyboard.press('Enter');
    await tab.getByText('Nothing has been promoted yet.').waitFor();
    expect(await tab.evaluate('document.activeElement.id')).toBe('main');
  });

  it('fits a phone of 360 pixels, in every view', async () => {
    const page = await startPage({ config: { policy: { run: 'allow' }, bots: { worker: runsOn } } });
    await page.call('run', {
      command: `echo ${'x'.repeat(500)}; sleep 78; : ${'long/'.repeat(60)}`,
      name: 'a-very-long-name-of-a-process-that-goes-on-and-on',
    });
    await page.call('start', { bot: 'worker' });
    const tab = await openTab(browser, { width: 360, height: 700 });
    await tab.goto(page.url);
    await tab.getByRole('link', { name: 'a-very-long' }).waitFor();
    expect(await overflow(tab)).toEqual([]);
    await tab.getByRole('link', { name: 'a-very-long' }).click();
    await tab.locator('.log').getByText('xxx').first().waitFor();
    await tab.locator('figure canvas').nth(1).waitFor();
    expect(await overflow(tab)).toEqual([]);
    for (const name of ['Console', 'Releases', 'History']) {
      await tab.getByRole('link', { name }).click();
      await tab.getByRole('heading', { name, level: 1 }).waitFor();
      if (name === 'Console') {
        await tab.keyboard.type('/process list');
        await tab.keyboard.press('Escape');
        await tab.keyboard.press('Enter');
        await tab.locator('.talk table').first().waitFor();
      }
      if (name === 'History') await tab.locator('.cards td').first().waitFor();
      expect([name, await overflow(tab)]).toEqual([name, []]);
    }
  });

  it('is dark where the machine is, and as somebody chose, also after a reload', async () => {
    const page = await startPage();
    const tab = await openTab(browser, { colorScheme: 'dark' });
    await tab.goto(page.url);
    const isDark = async () => {
      const colour = (await tab.evaluate('getComputedStyle(document.body).backgroundColor')) as string;
      return Number(/\d+/.exec(colour)?.[0]) < 100;
    };
    expect(await isDark()).toBe(true);
    const button = tab.getByRole('button', { name: /^Colours/ });
    await button.click();
    expect(await button.getAttribute('aria-label')).toContain('light');
    expect(await isDark()).toBe(false);
    await tab.reload();
    expect(await isDark()).toBe(false);
    await button.click();
    await button.click();
    await tab.emulateMedia({ colorScheme: 'light' });
    expect(await isDark()).toBe(false);
  });

  it('connects again by itself when the bot has been restarted, says so, and goes on with the log', async () => {
    const page = await startPage({ config: { bots: { worker: runsOn } } });
    mkdirSync(join(page.root, 'logs'), { recursive: true });
    const log = join(page.root, 'logs/live.log');
    writeFileSync(log, 'before\n');
    const tab = await openTab(browser, { expects: away });
    await tab.goto(`${page.url}#/process/live`);
    await tab.locator('.log').getByText('before').waitFor();
    await page.close();
    await tab.getByText('This page connects again by itself').waitFor();
    appendFileSync(log, 'while it was away\n');
    const next = await startPage({ root: page.root });
    expect(next.origin).toBe(page.origin);
    await tab.getByText('The bot was restarted').waitFor();
    await tab.getByText('● live').waitFor();
    await tab.locator('.log').getByText('while it was away').waitFor();
    expect(await tab.locator('.log').getByText('before').count()).toBe(1);
    await tab.getByRole('link', { name: 'Processes', exact: true }).click();
    await tab.getByRole('button', { name: 'Start worker' }).click();
    await tab.locator('tr[data-row="bot:worker"]').getByText('running', { exact: true }).waitFor();
  });

  it('works in several tabs at once, and asks for nothing while nobody sees it', async () => {
    const page = await startPage({ config: { bots: { worker: runsOn } }, timing: { lookMs: 100 } });
    await page.call('start', { bot: 'worker' });
    const tab = await openTab(browser);
    await tab.goto(page.url);
    const others = [await tab.context().newPage(), await tab.context().newPage()];
    for (const each of [tab, ...others.slice(1)]) {
      await each.goto(`${page.origin}/#/process/worker`);
      await each.locator('.log').getByText('up').first().waitFor();
    }
    // A browser opens no more than six connections, for all tabs together.
    await tab.bringToFront();
    await tab.getByRole('button', { name: 'Pause worker' }).click();
    await tab.getByRole('heading', { name: 'worker paused' }).waitFor();
    for (const each of others) await each.close();
    let calls = 0;
    const { dispatcher } = page.instance;
    const call = dispatcher.call.bind(dispatcher);
    const counted: typeof call = (...given) => {
      if (given[0].surface === 'page') calls += 1;
      return call(...given);
    };
    Object.assign(dispatcher, { call: counted });
    await until('it looks', () => calls > 3);
    const hide = (isHidden: boolean) =>
      tab.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    await hide(true);
    let [before, since] = [-1, Date.now()];
    await until(
      'nothing is asked for a second',
      () => {
        if (before !== calls) since = Date.now();
        before = calls;
        return Date.now() - since > 1_000;
      },
      20_000,
    );
    await page.call('resume', { process: 'worker' });
    await hide(false);
    await tab.getByRole('heading', { name: 'worker running' }).waitFor();
  });

  it('says so when it is open too often, and goes on when there is room again', async () => {
    const page = await startPage();
    const streams = [];
    for (let count = 0; count < 24; count++) streams.push(await openStream(page, '/api/events'));
    const tab = await openTab(browser, { expects: /503/ });
    await tab.goto(page.url);
    await tab.getByText('This page is open too often.').waitFor();
    for (const stream of streams) stream.close();
    await tab.getByText('● live').waitFor();
    await tab.getByText('This page is open too often.').waitFor({ state: 'detached' });
  });

  it('says so when the bot ends in the middle of a call, and in a staging bot why nothing can be done', async () => {
    const slow = makeTool('slow', 'operate', { handler: () => new Promise(() => {}) });
    const page = await startPage({ skills: [makeSkill([slow])] });
    const tab = await openTab(browser, { expects: away });
    await tab.goto(`${page.url}#/console`);
    await tab.getByText('● live').waitFor();
    await tab.keyboard.type('/trial slow');
    await tab.keyboard.press('Escape');
    await tab.keyboard.press('Enter');
    await tab.getByText('Under way …').waitFor();
    await page.close();
    await tab.getByText("The bot ended while 'slow' was under way.").waitFor();
    const staging = await startPage({ env: { BOT_ROLE: 'staging' } });
    const other = await openTab(browser);
    await other.goto(staging.url);
    await other.getByText('a staging bot manages nothing').first().waitFor();
    await other.getByText('● staging').waitFor();
  });
});
