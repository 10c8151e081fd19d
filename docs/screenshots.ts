// Takes the pictures of the local page for docs/dashboard.md: a small instance with a real watchdog, real processes and
// real releases, looked at with a real browser. `npm run screenshots` writes docs/images/; nothing else is changed.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import manager from '../skills/process-manager/index.ts';
import type { Actor } from '../skills/tool.ts';
import { createPageChat, dashboardMigrations, startDashboard } from '../src/dashboard/index.ts';
import { type Instance, openInstance } from '../src/instance.ts';
import { createLogger } from '../src/log.ts';
import { browserPath, startBrowser } from '../test/support/chromium.ts';

const codeRoot = join(import.meta.dirname, '..');
const images = join(import.meta.dirname, 'images');
const mostBytes = 200 * 1024;
const ann: Actor = { id: 'cli:ann', name: 'ann', surface: 'cli', rights: ['read', 'operate', 'deploy'] };
const clock = { now: Date.now };

const live = (version: string, more = '') =>
  `console.log('bot ${version} is up');${more}\nprocess.on('SIGTERM', () => process.exit(0));\nsetInterval(() => {}, 1000);\n`;
const busy = (ms: number) =>
  `let n = 0; setInterval(() => { const end = Date.now() + ${ms}; while (Date.now() < end); console.log(new Date().toISOString().slice(11, 19), 'handled request', ++n, n % 7 ? 'in ${ms} ms' : 'SLOW: cache was cold'); }, 300);`;

const config = {
  live: { command: ['node', 'src/bot.js'], ready: { uptimeSeconds: 1 }, trialSeconds: 3, readySeconds: 10 },
  releases: { gates: ['node --check src/bot.js', 'node src/test.js'] },
  bots: {
    worker: { directory: '.', command: ['node', '-e', busy(20)], description: 'answers requests' },
    mailer: {
      directory: '.',
      command: ['node', '-e', busy(3)],
      description: 'sends what waits in the queue',
    },
    importer: {
      directory: '.',
      command: ['node', 'src/import.js'],
      description: 'runs at night',
      autostart: false,
    },
  },
};

const root = mkdtempSync(join(tmpdir(), 'understudy-pictures-'));
for (const [path, text] of Object.entries({
  'config.json': JSON.stringify(config),
  'src/bot.js': live('v1.0'),
  'src/test.js': "console.log('12 tests passed');\n",
  'package.json': '{"name":"bot","type":"module"}\n',
})) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

if (browserPath === undefined) throw new Error('there is no Chromium: apt-get install chromium');
const watchdog = spawn(process.execPath, ['watchdog.js', '--root', root], { cwd: codeRoot, stdio: 'ignore' });
const instance = openInstance({
  root,
  loaded: { skills: [manager as never], failures: [] },
  environment: {},
  logger: createLogger(() => {}),
  migrations: dashboardMigrations,
});
const chat = createPageChat({
  ...{ database: instance.database, clock, mask: (text: string) => text, finished: (text: string) => text },
  logger: createLogger(() => {}),
});
const page = startDashboard({
  ...{ root, config: instance.config, tools: instance.catalogue.entries, chat, clock },
  ...{ dispatcher: instance.dispatcher, logger: createLogger(() => {}) },
  agent: { onMessage: () => {}, onStop: () => false },
  print: () => {},
});
const skills = instance.startSkills({ notify: () => {} });
const browser = await startBrowser();
try {
  await prepare(instance);
  const url = await page.url;
  if (url === undefined) throw new Error('the page is not there');
  for (const colorScheme of ['light', 'dark'] as const) await takeAll(browser, url, colorScheme);
} finally {
  await browser.close();
  await endAll(instance, watchdog);
}

/** Three releases, one of which is taken back; bots at work; something that was said. */
async function prepare({ dispatcher }: Instance): Promise<void> {
  const call = (tool: string, input: object) => dispatcher.call(ann, tool, input).catch(() => ({}));
  await sleep(2_500);
  await call('revert', {});
  const promote = async (version: string, text: string, reason: string) => {
    writeFileSync(join(root, 'staging/src/bot.js'), text);
    writeFileSync(join(root, `staging/src/${version}.js`), `export const version = '${version}';\n`);
    await call('promote', { reason });
  };
  await promote('v1.1', live('v1.1'), 'answers in threads');
  await promote('v1.2', live('v1.2', ' process.exit(1);'), 'a faster cache');
  await promote('v1.3', live('v1.3'), 'the faster cache, mended');
  await call('run', { command: 'npm run build -- --watch', name: 'build' });
  await call('run', { command: 'for i in $(seq 1000); do echo "row $i"; sleep 1; done', name: 'migration' });
  chat.say('Why was v1.2 taken back?');
  await chat
    .open('page:console', { branch: 'b' })
    .finish(
      'It ended with exit code 1 as soon as it was started, so the watchdog made v1.1 live again. The cache was opened before its folder existed; v1.3 makes the folder first, and it is live now.',
    );
}

async function takeAll(browser: Browser, url: string, colorScheme: 'light' | 'dark'): Promise<void> {
  const wide = await browser.newContext({ viewport: { width: 1_100, height: 760 }, colorScheme });
  const tab = await wide.newPage();
  const { origin } = new URL(url);
  const take = async (name: string) => {
    const path = join(images, `page-${name}-${colorScheme}.png`);
    mkdirSync(images, { recursive: true });
    await tab.screenshot({ path });
    const { size } = statSync(path);
    if (size > mostBytes) throw new Error(`${path} has ${size} bytes, over ${mostBytes}`);
    process.stdout.write(`${path} ${size} bytes\n`);
  };
  await tab.goto(url);
  await tab.locator('tr[data-row="bot:worker"]').getByText('running').waitFor();
  await take('processes');
  await tab.goto(`${origin}/#/process/worker`);
  await tab.locator('figure canvas').nth(1).waitFor();
  await sleep(16_000);
  await take('process');
  await tab.goto(`${origin}/#/console`);
  await tab.getByText('it is live now').waitFor();
  const input = tab.getByRole('combobox');
  await input.fill('/process logs worker --lines 3');
  await input.press('Escape');
  await input.press('Enter');
  await tab.locator('.talk pre').first().waitFor();
  await input.pressSequentially('/process re');
  await take('console');
  await tab.goto(`${origin}/#/releases`);
  await tab.locator('.timeline details').first().click();
  await tab.getByText('12 tests passed').waitFor();
  await take('releases');
  await tab.goto(`${origin}/#/history`);
  await tab.locator('.cards td').first().waitFor();
  await take('history');
  await tab.setViewportSize({ width: 360, height: 720 });
  await tab.goto(`${origin}/#/`);
  await tab.locator('tr[data-row="bot:worker"]').waitFor();
  await take('phone');
  await wide.close();
}

async function endAll({ dispatcher, close }: Instance, child: ChildProcess): Promise<void> {
  const call = (tool: string, input: object) => dispatcher.call(ann, tool, input).catch(() => ({}));
  for (const bot of ['worker', 'mailer']) await call('stop', { bot });
  for (const process of ['build', 'migration']) await call('kill', { process });
  skills.stop();
  await page.close();
  close();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  rmSync(root, { recursive: true, force: true });
}
