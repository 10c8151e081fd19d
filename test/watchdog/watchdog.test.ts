// The real watchdog.js in a folder of its own, with a small live bot, and once with the real one.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive, startOf } from '../../skills/process-manager/base/index.ts';
import {
  cleanEnvironment,
  codeRoot,
  makeInstance,
  runProgram,
  understudy,
  until,
} from '../support/instance.ts';
import { promote, readJson, releaseOf } from './support.ts';

interface Running {
  readonly child: ChildProcess;
  readonly root: string;
  output(): string;
  readonly ended: Promise<number | null>;
}

function makeRoot(behaviour: string): string {
  const root = makeInstance({
    'config.json': JSON.stringify({ live: { command: ['node', 'live.js', behaviour] } }),
  });
  copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'watchdog.js'));
  copyFileSync(join(codeRoot, 'test/fixtures/live.js'), join(root, 'live.js'));
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  return root;
}

/** Starts the watchdog of a root; whatever it started is ended with the test. */
function startWatchdog(root: string, environment: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, ['watchdog.js'], {
    cwd: root,
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  onTestFinished(() => {
    child.kill('SIGKILL');
    for (const pid of livePids(root)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
  });
  return { child, root, output: () => output, ended };
}

function livePids(root: string): number[] {
  const file = join(root, 'live.pids');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
}

const liveLog = (root: string) => readFileSync(join(root, 'logs/live.log'), 'utf8');

describe('watching', () => {
  it('starts live, shows and keeps its output, and stops it on SIGTERM', async () => {
    const root = makeRoot('steady');
    const watchdog = startWatchdog(root);
    await until('the terminal shows the output', () => watchdog.output().includes('grüß Gott'));
    expect(liveLog(root)).toContain('grüß Gott');
    watchdog.child.kill('SIGTERM');
    expect(await watchdog.ended).toBe(0);
    expect(liveLog(root)).toContain('told to stop');
    expect(watchdog.output()).toContain('told to stop');
    expect(startOf(livePids(root)[0] ?? 0)).toBeUndefined();
    expect(readdirSync(root).filter((name) => name.startsWith('.watchdog'))).toEqual([
      '.watchdog.json',
      '.watchdog.json.2',
    ]);
  });

  it('kills a live bot that does not listen', async () => {
    const watchdog = startWatchdog(makeRoot('stubborn'), { UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '500' });
    await until('live runs', () => watchdog.output().includes('grüß Gott'));
    watchdog.child.kill('SIGINT');
    expect(await watchdog.ended).toBe(0);
    expect(startOf(livePids(watchdog.root)[0] ?? 0)).toBeUndefined();
  });

  it('starts live again after a crash', async () => {
    const watchdog = startWatchdog(makeRoot('crash-once'));
    await until('live ran twice', () => livePids(watchdog.root).length === 2);
    expect(watchdog.output()).toContain('exit code 3');
  });

  it('takes exit code 0 for a wish to stop', async () => {
    const watchdog = startWatchdog(makeRoot('finish'));
    expect(await watchdog.ended).toBe(0);
    expect(livePids(watchdog.root)).toHaveLength(1);
  });

  it('does not start a bot again that refuses its configuration', async () => {
    const watchdog = startWatchdog(makeRoot('refuse'));
    expect(await watchdog.ended).toBe(78);
    expect(livePids(watchdog.root)).toHaveLength(1);
    expect(watchdog.output()).toContain('npm start');
  });

  it('says what is wrong when the command does not exist', async () => {
    const root = makeRoot('steady');
    writeFileSync(join(root, 'config.json'), '{"live": {"command": ["no-such-program"]}}');
    const watchdog = startWatchdog(root);
    await until('it says so', () => /could not be started: .*no-such-program/.test(watchdog.output()));
    watchdog.child.kill('SIGTERM');
    expect(await watchdog.ended).toBe(0);
  });

  it('ends with one sentence when config.json is malformed, and changes nothing', async () => {
    const root = makeRoot('steady');
    writeFileSync(join(root, 'config.json'), '{"live": ');
    const watchdog = startWatchdog(root);
    expect(await watchdog.ended).toBe(78);
    expect(watchdog.output()).toMatch(/config\.json cannot be read: .*\n-> /);
    expect(readFileSync(join(root, 'config.json'), 'utf8')).toBe('{"live": ');
    expect(existsSync(join(root, '.watchdog.lock'))).toBe(false);
  });
});

describe('one watchdog for each root', () => {
  it('refuses a second one, and names the first', async () => {
    const first = startWatchdog(makeRoot('steady'));
    await until('live runs', () => first.output().includes('grüß Gott'));
    const second = startWatchdog(first.root);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`with PID ${first.child.pid}`);
    expect(livePids(first.root)).toHaveLength(1);
  });

  it('lets one of many that start at once win', async () => {
    const root = makeRoot('steady');
    writeFileSync(join(root, '.watchdog.lock'), '{"pid": 1, "start": "another boot"}');
    const all = Array.from({ length: 8 }, () => startWatchdog(root));
    const refused = await until('seven have ended', () => {
      const ended = all.filter(({ child }) => child.exitCode !== null);
      return ended.length === 7 && ended;
    });
    expect(refused.every(({ child }) => child.exitCode === 1)).toBe(true);
    await until('live runs', () => livePids(root).length > 0);
    expect(livePids(root)).toHaveLength(1);
  });

  it.each([
    ['torn by a power cut', ''],
    ['of a process that is gone', '{"pid": 999999999, "start": "x"}'],
    ['of a PID that somebody else has now', `{"pid": ${process.pid}, "start": "another boot"}`],
  ])('takes a lock that is %s', async (_, lock) => {
    const root = makeRoot('finish');
    writeFileSync(join(root, '.watchdog.lock'), lock);
    expect(await startWatchdog(root).ended).toBe(0);
  });

  it('adopts the live bot of a watchdog that was killed with -9', async () => {
    const first = startWatchdog(makeRoot('steady'));
    await until('live runs', () => first.output().includes('grüß Gott'));
    const [pid = 0] = livePids(first.root);
    const live = { pid, start: startOf(pid) ?? '' };
    first.child.kill('SIGKILL');
    await first.ended;
    expect(isAlive(live)).toBe(true);
    const second = startWatchdog(first.root);
    await until('it adopts', () => second.output().includes(`already runs with PID ${pid}`));
    expect((await understudy(['--root', first.root, 'doctor'])).stdout).toContain(
      `runs with PID ${second.child.pid}`,
    );
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(isAlive(live)).toBe(false);
    expect(livePids(first.root)).toEqual([pid]);
  });
});

describe('the first run', () => {
  it('installs what package-lock.json names, with its progress shown, and once only', async () => {
    const root = makeRoot('finish');
    mkdirSync(join(root, 'local'));
    writeFileSync(join(root, 'local/package.json'), '{"name": "local", "version": "1.0.0"}');
    writeFileSync(join(root, 'package.json'), '{"type": "module", "dependencies": {"local": "file:local"}}');
    const made = spawnSync('npm', ['install', '--package-lock-only', '--offline'], { cwd: root });
    expect(made.status).toBe(0);
    const first = startWatchdog(root);
    expect(await first.ended).toBe(0);
    expect(first.output()).toContain('installing the packages');
    expect(existsSync(join(root, 'node_modules/local/package.json'))).toBe(true);
    const second = startWatchdog(root);
    expect(await second.ended).toBe(0);
    expect(second.output()).not.toContain('installing');
  });

  it('says so when the installation fails, and starts nothing', async () => {
    const root = makeRoot('finish');
    writeFileSync(join(root, 'package.json'), '{"dependencies": {"local": "file:local"}}');
    writeFileSync(join(root, 'package-lock.json'), '{"lockfileVersion": 3, "packages": {}}');
    const watchdog = startWatchdog(root);
    expect(await watchdog.ended).toBe(1);
    expect(watchdog.output()).toMatch(/npm ci failed.*\n-> /);
    expect(livePids(root)).toEqual([]);
  });
});

describe('the real bot', () => {
  it('says what works without any token, stays up, and stops cleanly', async () => {
    const root = makeInstance();
    for (const name of ['src', 'skills', 'package.json', 'tsconfig.json', 'watchdog.js']) {
      cpSync(join(codeRoot, name), join(root, name), { recursive: true });
    }
    symlinkSync(join(codeRoot, 'node_modules'), join(root, 'node_modules'));
    const watchdog = startWatchdog(root);
    const said = await until(
      'it says what works',
      () => watchdog.output().includes('npx understudy doctor') && watchdog.output(),
    );
    expect(said).toContain('Command line');
    expect(said).toMatch(/Discord +off: set DISCORD_TOKEN/);
    expect(said).toMatch(/Language model +off: set ANTHROPIC_API_KEY or OPENAI_API_KEY/);
    const listed = await understudy(['--json', 'list'], { code: root, cwd: root });
    expect(listed.stdout).toMatch(/^\{"processes":\[\],"bots":\[/);
    expect(watchdog.child.exitCode).toBeNull();
    watchdog.child.kill('SIGTERM');
    expect(await watchdog.ended).toBe(0);
    expect(liveLog(root)).toContain('stopping');
  });

  it('reports ready and is promoted, and its successor tells so', async () => {
    const root = makeInstance({
      'config.json': JSON.stringify({ live: { trialSeconds: 5, readySeconds: 20 } }),
    });
    for (const name of ['src', 'skills', 'package.json', 'tsconfig.json', 'watchdog.js']) {
      cpSync(join(codeRoot, name), join(root, name), { recursive: true });
    }
    symlinkSync(join(codeRoot, 'node_modules'), join(root, 'node_modules'));
    const watchdog = startWatchdog(root);
    const beat = () => readJson(join(root, '.heartbeat'));
    await until('it is ready', () => beat()?.state === 'ready');
    expect(beat()).toMatchObject({ version: 'v1.0', busy: 0, discord: 'off' });
    const name = promote(root, { version: 'v1.1', files: { 'src/new.txt': 'new' } });
    await until('it is good', () => releaseOf(root, name).state === 'good', 40_000);
    expect(beat()).toMatchObject({ version: 'v1.1', state: 'ready' });
    await until('it tells', () => liveLog(root).includes('v1.1 is live.'));
    watchdog.child.kill('SIGTERM');
    expect(await watchdog.ended).toBe(0);
    expect(beat()).toBeUndefined();
  }, 60_000);

  it('checks itself: --check opens everything and ends', async () => {
    const words = ['--import', 'tsx', join(codeRoot, 'src/index.ts'), '--check'];
    const good = await runProgram(process.execPath, words, {
      cwd: codeRoot,
      env: cleanEnvironment({ UNDERSTUDY_ROOT: makeInstance() }),
    });
    expect(good).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ok: /) });
    const bad = await runProgram(process.execPath, words, {
      cwd: codeRoot,
      env: cleanEnvironment({ UNDERSTUDY_ROOT: makeInstance({ 'config.json': '{"nonsense": 1}' }) }),
    });
    expect(bad.exitCode).toBe(78);
    expect(bad.stderr).toContain('nonsense');
  });
});

it('is written in words that an old Node can read as far as the sentence that says it is too old', async () => {
  const source = readFileSync(join(codeRoot, 'watchdog.js'), 'utf8');
  const [old, present] = await Promise.all(
    ['es2020', 'esnext'].map((target) => transform(source, { target, format: 'esm' })),
  );
  expect(old?.code).toBe(present?.code);
  const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"16.20.0"})';
  const result = await runProgram(process.execPath, ['--import', pretend, join(codeRoot, 'watchdog.js')]);
  expect(result.exitCode).toBe(1);
  expect(result.stdout).toContain('Node 16.20.0');
});
