// Bots on one real Docker engine: every verb through the real command line, and hooks, logs and exit codes across
// supervisors that are killed.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { counts, makeCarried, numbers, shellBot } from '../support/carried.ts';
import {
  describeWithEngine,
  eventually,
  loadBaseImages,
  startEngine,
  type TestEngine,
} from '../support/engine.ts';
import { noticesOf, startSupervisorProcess } from '../support/supervisor.ts';

describeWithEngine('bots with "runner": "docker"', () => {
  let engine: TestEngine;

  beforeAll(async () => {
    engine = await startEngine({ hostname: 'lone' });
    await loadBaseImages(engine);
  }, 60_000);
  afterAll(() => engine?.stop());

  // Many command lines, one after the other.
  vi.setConfig({ testTimeout: 120_000 });
  const bot = { directory: 'bot', script: 'run.sh', runner: 'docker', container: { network: 'none' } };
  const containers = async () => engine.docker.listContainers({ all: true });

  it('take every verb that a local bot takes', async () => {
    const {
      ok,
      errorOf,
      bot: status,
      runs,
      lines,
      json,
    } = makeCarried(
      engine.socket,
      { bots: { a: { ...bot, ready: { pattern: 'line 3' } } } },
      shellBot(counts),
    );
    expect(await ok('start', 'a')).toMatch(/a {2}running {2}PID \d+ {2}on Docker/);
    const running = await status('a');
    expect(running).toMatchObject({ state: 'running', runner: 'docker', node: null, startCount: 1 });
    expect(running.memoryBytes).toBeGreaterThan(0);
    expect(await ok('list')).toMatch(/RUNS ON[\s\S]*a +running +\d+ +Docker/);

    await ok('pause', 'a');
    expect(await status('a')).toMatchObject({ state: 'paused' });
    expect((await engine.docker.listContainers())[0]?.State).toBe('paused');
    expect((await errorOf('pause', 'a')).code).toBe('already_paused');
    await ok('resume', 'a');
    expect(await status('a')).toMatchObject({ state: 'running' });

    expect((await json<{ lines: string[] }>('logs', 'a', '--lines', '2')).lines).toHaveLength(2);
    expect(await errorOf('send', 'a', 'hello')).toMatchObject({
      code: 'no_input',
      hint: expect.stringContaining('"input": true'),
    });

    await ok('restart', 'a');
    expect(await status('a')).toMatchObject({ state: 'running', startCount: 2 });
    const [second, first] = await runs();
    expect(first).toMatchObject({ id: running.process, status: 'killed', exitCode: 42 });
    expect(second).toMatchObject({ status: 'running' });

    await ok('kill', second?.id ?? '');
    expect(await status('a')).toMatchObject({ state: 'stopped', exitCode: 42 });
    await ok('start', 'a');
    await ok('stop', 'a');
    expect(lines('a').filter((line) => line === 'bye')).toHaveLength(3);
    expect(lines('a').filter((line) => line === 'begun')).toHaveLength(3);
    expect(await containers()).toEqual([]);
  });

  it('say how they ended: codes, signals, and memory', async () => {
    const { ok, errorOf, runs } = makeCarried(
      engine.socket,
      {
        bots: {
          seven: { ...bot, directory: 'seven', restart: 'no' },
          stubborn: { ...bot, directory: 'stubborn', ready: { pattern: 'begun' } },
          greedy: { ...bot, directory: 'greedy', restart: 'no', memoryLimit: '16MB' },
          wrong: { ...bot, script: undefined, directory: 'seven', restart: 'no', command: ['/nothing/here'] },
        },
      },
      {
        ...shellBot('echo last words; exit 7', 'seven'),
        ...shellBot("trap '' TERM; echo begun; while :; do sleep 0.1; done", 'stubborn'),
        ...shellBot('x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done', 'greedy'),
      },
    );
    expect(await errorOf('start', 'seven')).toMatchObject({
      code: 'bot_crashed',
      message: expect.stringMatching(/ended with code 7[\s\S]*last words/),
    });
    await ok('start', 'stubborn');
    const [running] = await runs();
    await ok('kill', running?.id ?? '', '--grace', '0.3');
    expect((await errorOf('start', 'greedy')).message).toContain('it used more memory than it may');
    expect(await runs()).toMatchObject([
      { name: 'greedy', status: 'exited', exitCode: 137, note: 'it used more memory than it may' },
      { name: 'stubborn', status: 'killed', exitCode: 137, signal: 'SIGKILL' },
      { name: 'seven', status: 'exited', exitCode: 7 },
    ]);
    const wrong = await errorOf('start', 'wrong');
    expect(wrong.message).toMatch(/nothing\/here|code 127/);
    expect(await containers()).toEqual([]);
  });

  it('take input where they are to have one', async () => {
    const { ok, lines } = makeCarried(
      engine.socket,
      { bots: { a: { ...bot, input: true, ready: { pattern: 'begun' } } } },
      shellBot('echo begun; while read line; do echo "heard $line"; done; echo over'),
    );
    await ok('start', 'a');
    await ok('send', 'a', 'one');
    await ok('send', 'a', 'two words');
    await eventually('both are heard', async () => {
      await ok('logs', 'a');
      return lines('a').includes('heard two words');
    });
    expect(lines('a')).toEqual(['begun', 'heard one', 'heard two words']);
  });

  it('fire hooks once for each line and each end, whoever kills the supervisor meanwhile', async () => {
    const {
      root,
      ok,
      bot: status,
      peek,
      lines,
      json,
    } = makeCarried(
      engine.socket,
      { bots: { a: { ...bot, restart: 'no', ready: { pattern: 'line 1$' } } } },
      shellBot('i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo line $i; sleep 0.05; done; exit 9'),
    );
    let supervisor = await startSupervisorProcess(root);
    await eventually('it runs', async () => (await peek('a')).state === 'running');
    await ok(
      'hook',
      'a',
      '--on-output',
      '^line \\d+$',
      '--do',
      'inject_context',
      '--max-fires',
      '0',
      '--delay',
      '0',
    );
    await ok('hook', 'a', '--on-exit', 'failure', '--do', 'notify_channel', '--message', 'it is over');
    for (const line of ['line 20', 'line 60', 'line 100']) {
      await eventually(line, () => lines('a').includes(line));
      await supervisor.kill();
      supervisor = await startSupervisorProcess(root);
    }
    await supervisor.kill();
    // It ends while nobody watches.
    await eventually(
      'its container has ended',
      async () => (await engine.docker.listContainers()).length === 0,
    );
    supervisor = await startSupervisorProcess(root);
    await eventually('its end is told', () => noticesOf(root).some((text) => text.includes('it is over')));
    expect(numbers(lines('a'))).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
    const { entries } = await json<{ entries: { action: string; detail: string }[] }>(
      ...['history', '--limit', '1000'],
    );
    const fired = entries.filter(({ action }) => action === 'hook');
    const lineFires = fired.filter(({ detail }) => detail.includes('line '));
    expect(new Set(lineFires.map(({ detail }) => /line \d+/.exec(detail)?.[0])).size).toBe(lineFires.length);
    expect(await status('a')).toMatchObject({ state: 'failed', exitCode: 9 });
    expect(noticesOf(root).filter((text) => text.includes('it is over'))).toHaveLength(1);
    expect(supervisor.errors()).toBe('');
  }, 60_000);

  it('lose and double nothing when they print more than the engine keeps in one file', async () => {
    const total = 60_000;
    // The engine begins a new file each 10 MB, and repeats much of the old one to whoever follows it.
    const { root, peek, ok, log } = makeCarried(
      engine.socket,
      { bots: { a: { ...bot, restart: 'no', ready: { pattern: 'begun' } } } },
      shellBot(`echo begun; sleep 4; X=${'x'.repeat(150)}; i=0
while [ $i -lt ${total} ]; do i=$((i+1)); echo line $i $X; done; echo all; while :; do sleep 1; done`),
    );
    const supervisor = await startSupervisorProcess(root);
    await eventually('it runs', async () => (await peek('a')).state === 'running');
    await ok(
      'hook',
      'a',
      '--on-output',
      '^line \\d+000 ',
      '--do',
      'inject_context',
      '--max-fires',
      '0',
      '--delay',
      '0',
    );
    await eventually('all is there', () => log('a').includes('\nall\n'), 60_000);
    // Trimming keeps the newest of the log, and what is in it is in its order.
    const kept = log('a')
      .split('\n')
      .flatMap((line) => /^line (\d+) x+$/.exec(line)?.[1] ?? [])
      .map(Number);
    const first = total - kept.length + 1;
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => first + index));
    const fired = async () => {
      const { hooks } = JSON.parse(await ok('--json', 'status', 'a')) as { hooks: { fireCount: number }[] };
      return hooks[0]?.fireCount;
    };
    await eventually('each has fired', async () => (await fired()) === total / 1_000);
    expect(supervisor.errors()).toBe('');
    await supervisor.kill('SIGTERM');
  });

  it('are started again by the supervisor after a crash, and given up after too many', async () => {
    const {
      root,

      peek,
      runs,
    } = makeCarried(
      engine.socket,
      { bots: { a: bot }, globalSettings: { restart_delay: 0.1, max_restart_attempts: 2 } },
      shellBot('echo once more; exit 3'),
    );
    const supervisor = await startSupervisorProcess(root);
    await eventually('it is given up', async () => (await peek('a')).state === 'failed');
    expect(await runs()).toMatchObject(Array.from({ length: 3 }, () => ({ status: 'exited', exitCode: 3 })));
    expect(noticesOf(root)).toEqual([expect.stringContaining("Bot 'a' failed: it ended with code 3")]);
    await supervisor.kill('SIGTERM');
  });

  it('never count an end that nobody saw as a success', async () => {
    const {
      ok,
      bot: status,
      runs,
    } = makeCarried(
      engine.socket,
      { bots: { a: { ...bot, ready: { pattern: 'line 3' } } } },
      shellBot(counts),
    );
    await ok('start', 'a');
    await engine.kill();
    const away = await status('a');
    expect(away).toMatchObject({
      state: 'running',
      detail: expect.stringContaining('what was last seen of it'),
    });
    await engine.boot();
    await ok('list');
    const [run] = await runs();
    expect(run?.status).not.toBe('running');
    expect(run?.exitCode).not.toBe(0);
  });

  it('run Node and Python without a Dockerfile, keep a folder, and have .env only in the container', async () => {
    const {
      ok,
      lines,
      root,
      bot: status,
    } = makeCarried(
      engine.socket,
      {
        bots: {
          node: {
            ...bot,
            directory: 'node',
            script: 'bot.js',
            env: { LEVEL: 'high' },
            ready: { pattern: 'up' },
            container: { network: 'none', keep: ['data'] },
          },
          python: { ...bot, directory: 'python', script: 'bot.py', ready: { pattern: 'up' } },
        },
      },
      {
        'node/bot.js': `const fs = require('fs');
const count = fs.existsSync('data/count') ? Number(fs.readFileSync('data/count', 'utf8')) + 1 : 1;
fs.writeFileSync('data/count', String(count));
console.log('up', count, process.getuid(), process.env.LEVEL, fs.readFileSync('.env', 'utf8').trim());
setInterval(() => {}, 1000);`,
        'node/.env': 'BOT_TOKEN=only-in-the-container\n',
        'python/bot.py': `import os, time
print('up', os.getuid(), os.path.exists('.env'))
while True: time.sleep(1)`,
      },
    );
    await ok('start', 'node');
    await ok('start', 'python');
    expect(lines('node')).toEqual(['up 1 1000 high BOT_TOKEN=only-in-the-container']);
    expect(lines('python')).toEqual(['up 1000 False']);
    await ok('restart', 'node');
    expect(lines('node')[1]).toMatch(/^up 2 /);
    // The image has none of it.
    const image =
      (await engine.docker.listContainers()).find(({ Image }) => Image.includes('/node:'))?.Image ?? '';
    const bare = await engine.docker.createContainer({ Image: image });
    await expect(bare.infoArchive({ path: '/app/.env' })).rejects.toMatchObject({ statusCode: 404 });
    await bare.remove();
    // A change of its code makes another image, and the same code the same.
    appendFileSync(join(root, 'node/bot.js'), "\nconsole.log('changed');");
    await ok('restart', 'node');
    expect(lines('node').at(-1)).toBe('changed');
    expect((await status('node')).startCount).toBe(3);
  }, 60_000);

  it('say what is wrong with an image before anything is stopped', async () => {
    const {
      ok,
      errorOf,
      bot: status,
      root,
    } = makeCarried(
      engine.socket,
      {
        bots: {
          a: { ...bot, ready: { pattern: 'line 1' } },
          ruby: { ...bot, directory: 'ruby', script: undefined, command: ['ruby', 'bot.rb'] },
          image: { ...bot, container: { image: 'understudy-test/none:1' } },
          beat: { ...bot, ready: { heartbeat: true } },
        },
      },
      { ...shellBot(counts), 'ruby/bot.rb': 'puts 1' },
    );
    expect((await errorOf('start', 'ruby')).code).toBe('no_image_recipe');
    expect((await errorOf('start', 'image')).code).toBe('image_missing');
    expect((await errorOf('start', 'beat')).code).toBe('ready_check_unreachable');
    await ok('start', 'a');
    writeFileSync(join(root, 'bot/Dockerfile'), 'FROM understudy-test/shell\nRUN echo so it is; exit 5\n');
    expect(await errorOf('restart', 'a')).toMatchObject({
      code: 'image_not_built',
      message: expect.stringMatching(/so it is/),
    });
    expect(readFileSync(join(root, 'logs/a.log'), 'utf8')).toContain('begun');
    expect(await status('a')).toMatchObject({ state: 'running', startCount: 1 });
  });

  it('say at once that there is no engine, and leave the row alone', async () => {
    const {
      errorOf,
      bot: status,
      json,
    } = makeCarried('/nowhere/docker.sock', { bots: { a: bot } }, shellBot(counts));
    expect(await errorOf('start', 'a')).toMatchObject({ code: 'engine_unreachable' });
    expect(await status('a')).toMatchObject({ state: 'stopped', startCount: 0 });
    const { findings } = await json<{ findings: { name: string; status: string; hint: string }[] }>('doctor');
    expect(findings).toContainEqual(
      expect.objectContaining({
        name: 'docker',
        status: 'problem',
        hint: expect.stringContaining('DOCKER_HOST'),
      }),
    );
  });
});
