// Bots as people have them, made instances by `understudy init` and then led through their whole life: watched,
// changed in staging, promoted, taken back by themselves when they are bad, rolled back by hand.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { splitWords } from '../../src/init/words.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot, understudy, until } from '../support/instance.ts';
import { endEverything, liveLog, livePids } from '../watchdog/support.ts';

const timeout = 180_000;

const nodeBot = {
  'package.json': JSON.stringify({
    name: 'greeter',
    type: 'commonjs',
    scripts: { start: 'node src/bot.js' },
  }),
  'src/bot.js': `const { text } = require('./words.js');
console.log('greeter says', text, process.env.GREETING);
setInterval(() => {}, 1000);
process.on('SIGTERM', () => process.exit(0));
`,
  'src/words.js': "exports.text = 'one';\n",
  '.env': 'GREETING=hello\n',
  'users.db': 'somebody',
};

const pythonBot = {
  'requirements.txt': '',
  'bot.py': `import signal, sys, time
from words import text
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("greeter says", text, sys.prefix)
while True:
    time.sleep(1)
`,
  'words.py': 'text = "one"\n',
  'users.db': 'somebody',
};

it('leads a Node bot, of a package that says CommonJS, through its life', { timeout }, async () => {
  await live(makeFolder(nodeBot), 'src/words.js', (text) => `exports.text = ${text};\n`);
});

it('leads a Python bot with its own environment through its life', { timeout }, async (context) => {
  const root = makeFolder(pythonBot);
  if (spawnSync('python3', ['-m', 'venv', '--without-pip', join(root, '.venv')]).status !== 0) {
    process.stderr.write('SKIPPED: the Python half of init needs python3 with venv\n');
    return context.skip();
  }
  await live(root, 'words.py', (text) => `text = ${text}\n`);
  expect(liveLog(root)).toContain(`greeter says one ${join(root, '.venv')}`);
  expect(existsSync(join(root, 'staging/.venv'))).toBe(false);
});

async function live(root: string, file: string, content: (text: string) => string): Promise<void> {
  const type = (...words: string[]) => understudy(['--root', root, ...words]);
  const made = await understudy(['init', root]);
  expect(made).toMatchObject({ exitCode: 0, stderr: '' });
  const next = made.stdout
    .split('Next:\n')[1]
    ?.match(/^ {2}\S.*$/gm)
    ?.map((line) => splitWords(line) ?? []);
  expect(next).toHaveLength(2);
  hurry(root);
  startPrinted(root, next?.[0] ?? []);
  await until('the bot runs', () => liveLog(root).includes('greeter says one'));
  const doctor = await type('doctor');
  expect(doctor).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('runs with PID') });

  const reverted = spawnSync(
    process.execPath,
    [join(codeRoot, 'src/cli/understudy.js'), ...(next?.[1] ?? []).slice(next?.[1]?.indexOf('--root'))],
    { env: cleanEnvironment(), encoding: 'utf8' },
  );
  expect(reverted).toMatchObject({ status: 0, stdout: expect.stringContaining('In staging:') });
  expect(readFileSync(join(root, 'staging', file), 'utf8')).toBe(
    content(`'one'`).replaceAll("'", file.endsWith('.py') ? '"' : "'"),
  );

  // The understudy itself: it needs a .env of its own, and is told so.
  expect((await type('start')).stderr).toContain('.env.example');
  writeFileSync(join(root, 'staging/.env'), 'GREETING=psst\n');
  writeFileSync(join(root, 'staging', file), content(`'two'`));
  expect(await type('start')).toMatchObject({ exitCode: 0 });
  await until('staging runs the new words', () =>
    readFileSync(join(root, 'staging/logs/staging.log'), 'utf8').includes('greeter says two'),
  );
  await type('stop');

  writeFileSync(join(root, 'users.db'), 'somebody new');
  expect(existsSync(join(root, 'staging/users.db'))).toBe(false);
  expect(await type('promote')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('v1.1 is live'),
  });
  expect(readFileSync(join(root, 'users.db'), 'utf8')).toBe('somebody new');
  await until('live says it', () => liveLog(root).includes('greeter says two'));

  const entry = file.endsWith('.py') ? 'bot.py' : 'src/bot.js';
  const good = readFileSync(join(root, 'staging', entry), 'utf8');
  writeFileSync(join(root, 'staging', entry), `${good}\n)`);
  const refused = await type('promote');
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/gate/);
  writeFileSync(join(root, 'staging', entry), good);
  writeFileSync(join(root, 'staging', file), 'syntax error here\n');
  const bad = await type('promote');
  expect(bad.exitCode).toBe(1);
  expect(readFileSync(join(root, file), 'utf8')).toBe(content(`'two'`));

  expect(await type('rollback')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('v1.0 is live again'),
  });
  await until('one bot runs', () => livePids(root).length === 1);
  expect(readFileSync(join(root, file), 'utf8')).toContain('one');
  const again = await understudy(['init', root]);
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is an instance already') });
}

/** A test does not wait ten seconds for a bot to prove itself. */
function hurry(root: string): void {
  const path = join(root, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  expect(config.live.ready).toEqual({ uptimeSeconds: 10 });
  config.live = { ...config.live, ready: { uptimeSeconds: 1 }, trialSeconds: 1 };
  writeFileSync(path, JSON.stringify(config));
}

/** Runs the first of the two commands that were printed. */
function startPrinted(root: string, [program, ...words]: readonly string[]): void {
  expect(program).toBe('node');
  const child = spawn(process.execPath, words, { cwd: '/', env: cleanEnvironment(), stdio: 'ignore' });
  onTestFinished(() => endEverything(root, child));
}
