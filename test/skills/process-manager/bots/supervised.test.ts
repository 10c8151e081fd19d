// Bots under a supervisor that runs in a process of its own, so that it can be killed at any moment.

import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startOf } from '../../../../skills/process-manager/base/index.ts';
import { botConfig, makeAsker, makeBots, quick, reaches, runsOn, startsOf } from '../../../support/bots.ts';
import { understudy, until } from '../../../support/instance.ts';
import { noticesOf, startSupervisorProcess } from '../../../support/supervisor.ts';

describe('a manager that is killed', () => {
  it('leaves its bots running; the next one adopts them, and none runs twice', async () => {
    const { bots, root, engine } = makeBots(
      { a: { sh: `echo x >> starts; ${runsOn}` }, b: { sh: runsOn } },
      quick,
    );
    const first = await startSupervisorProcess(root);
    const before = [await reaches(bots, 'a', 'running'), await reaches(bots, 'b', 'running')];
    await first.kill();
    expect(before.every(({ pid }) => startOf(pid ?? 0))).toBe(true);
    await startSupervisorProcess(root);
    // It was restarted by whoever watches now: so somebody does.
    process.kill(before[1]?.pid ?? 0, 'SIGKILL');
    await until('the adopted bot is looked after', () => startOf(before[1]?.pid ?? 0) === undefined);
    await until('b runs again', () => {
      const run = engine.processes.registry.lastRun('b');
      return run?.id !== before[1]?.process && run?.status === 'running';
    });
    expect(await bots.status('a')).toMatchObject({ pid: before[0]?.pid, startCount: 1 });
    expect(startsOf(root)).toBe(1);
    expect(engine.processes.registry.unfinished()).toHaveLength(2);
  });

  it('finds what ended meanwhile, and judges it once', async () => {
    const { bots, root } = makeBots({ a: { sh: `echo x >> starts; ${runsOn}` } }, { restart_delay: 0.1 });
    const first = await startSupervisorProcess(root);
    const { pid } = await reaches(bots, 'a', 'running');
    await first.kill();
    process.kill(pid ?? 0, 'SIGKILL');
    await startSupervisorProcess(root);
    await until('it runs again', () => startsOf(root) === 2);
    expect(await reaches(bots, 'a', 'running')).toMatchObject({ restarts: 1, startCount: 2 });
  });

  it('between spawning a run and noting it leaves a run that the next one finds', async () => {
    const { bots, root, engine } = makeBots({ a: { sh: runsOn } });
    await bots.start('a', makeAsker());
    // What a kill in that moment leaves behind: the row of the process, and a bot that knows nothing of it.
    engine
      .database()
      .prepare('UPDATE bots SET run_id = NULL, start_count = 0, start_reason = ?')
      .run('asked');
    await startSupervisorProcess(root);
    await until('it is noted', () => {
      const row = engine.database().prepare('SELECT run_id FROM bots').pluck().get();
      return row !== null;
    });
    expect(await reaches(bots, 'a', 'running')).toMatchObject({ startCount: 1 });
    expect(engine.processes.registry.unfinished()).toHaveLength(1);
  });

  it('while it holds the claim on a bot blocks nobody', async () => {
    const { bots, root } = makeBots({ slow: { sh: `trap '' TERM; ${runsOn}` } });
    const first = await startSupervisorProcess(root);
    await reaches(bots, 'slow', 'running');
    appendFileSync(join(root, 'bot_commands.txt'), 'stop slow\n');
    await reaches(bots, 'slow', 'stopping');
    await first.kill();
    expect((await bots.status('slow')).state).toBe('running');
    await startSupervisorProcess(root);
    await reaches(bots, 'slow', 'stopped', 25_000);
  }, 60_000);
});

describe('bots that need each other', () => {
  it('start in their order, and wait while one of them is away', async () => {
    const { bots, root } = makeBots(
      {
        c: { sh: `echo c >> order; ${runsOn}`, dependsOn: ['b'] },
        b: {
          sh: `sleep 0.3; echo b >> order; echo ready; ${runsOn}`,
          dependsOn: ['a'],
          ready: { pattern: 'ready' },
        },
        a: { sh: `sleep 0.3; echo a >> order; echo ready; ${runsOn}`, ready: { pattern: 'ready' } },
      },
      quick,
    );
    await startSupervisorProcess(root);
    await reaches(bots, 'c', 'running');
    expect(readFileSync(join(root, 'order'), 'utf8')).toBe('a\nb\nc\n');
    await bots.stop('a', makeAsker());
    const { pid } = await bots.status('b');
    process.kill(pid ?? 0, 'SIGKILL');
    await reaches(bots, 'b', 'waiting');
    await bots.start('a', makeAsker());
    await reaches(bots, 'b', 'running');
  });

  it('say which one is not ready', async () => {
    const { bots, root } = makeBots({
      web: { sh: runsOn, dependsOn: ['db'] },
      db: { sh: runsOn, ready: { pattern: 'never' }, readySeconds: 0.3 },
    });
    await startSupervisorProcess(root);
    await until('the notice is given', () => noticesOf(root).length > 0);
    expect(noticesOf(root)[0]).toContain(
      "Bot 'db' runs, but is not ready after 0.3 s. These wait for it: web",
    );
    expect(await bots.status('web')).toMatchObject({ state: 'waiting', desired: 'running' });
    expect(noticesOf(root)).toHaveLength(1);
  });
});

describe('ready', () => {
  it.each([
    ['pattern', { pattern: 'up' }],
    ['uptime', { uptimeSeconds: 0.5 }],
  ])('by %s', async (_, ready) => {
    const { bots, root } = makeBots({ a: { sh: `sleep 0.3; ${runsOn}`, ready } });
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'starting');
    await reaches(bots, 'a', 'running');
  });

  it('by url', async () => {
    let status = 503;
    const server = createServer((_, response) => {
      response.statusCode = status;
      response.end();
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await until('the server listens', () => server.listening);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
    const { bots, root } = makeBots({ a: { sh: runsOn, ready: { url } } });
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'starting');
    status = 204;
    await reaches(bots, 'a', 'running');
  });
});

describe('the command file', () => {
  it('is carried out and answered, by the tools and under their rules', async () => {
    const { bots, root } = makeBots({ 'Task-Master': { sh: runsOn, autostart: false } });
    await startSupervisorProcess(root);
    const answers = () =>
      existsSync(join(root, 'bot_commands.log')) ? readFileSync(join(root, 'bot_commands.log'), 'utf8') : '';
    await until('the file is offered', () => existsSync(join(root, 'bot_commands.txt')));
    appendFileSync(
      join(root, 'bot_commands.txt'),
      'start Task-Master\npause Task-Master\nresume Task-Master\ndance Task-Master\nstop Nobody\nstatus_all now\n',
    );
    await until('all is answered', () => answers().split('\n').length > 7);
    expect(answers()).toMatch(/start Task-Master -> Task-Master running \(PID \d+\)/);
    expect(answers()).toMatch(/pause Task-Master -> Task-Master paused/);
    expect(answers()).toMatch(/resume Task-Master -> Task-Master running/);
    expect(answers()).toContain("dance Task-Master -> error unknown_command: 'dance' is no command.");
    expect(answers()).toContain("stop Nobody -> error unknown_bot: There is no bot 'Nobody'.");
    expect(answers()).toMatch(/status_all now -> staging stopped/);
    expect(await bots.status('Task-Master')).toMatchObject({ state: 'running' });
    const { stdout } = await understudy([
      '--root',
      root,
      '--json',
      'history',
      '--actor',
      'file:bot_commands.txt',
    ]);
    expect(JSON.parse(stdout).entries.map(({ action }: { action: string }) => action)).toContain('pause');
  });
});

it('a configuration that changes is read again; one that is broken changes nothing', async () => {
  const { bots, root } = makeBots({ a: { sh: runsOn } });
  await startSupervisorProcess(root);
  await reaches(bots, 'a', 'running');
  writeFileSync(join(root, 'config.json'), '{');
  writeFileSync(
    join(root, 'config.json'),
    botConfig({ a: { sh: runsOn }, b: { sh: `echo x >> starts; ${runsOn}` } }),
  );
  await until('the new bot is started', () => startsOf(root) === 1);
  writeFileSync(join(root, 'config.json'), '{"bots": 3}');
  const { pid } = await bots.status('a');
  process.kill(pid ?? 0, 'SIGKILL');
  await until('it is still looked after', () => startOf(pid ?? 0) === undefined);
  await reaches(bots, 'a', 'backoff');
});

it('a broken or empty configuration forgets no bot', async () => {
  const { bots, root } = makeBots({ a: { sh: runsOn } });
  await bots.start('a', makeAsker());
  writeFileSync(join(root, 'config.json'), '{}');
  await understudy(['--root', root, 'list']);
  const supervisor = await startSupervisorProcess(root);
  await supervisor.kill();
  writeFileSync(join(root, 'config.json'), botConfig({ a: { sh: runsOn } }));
  expect(await bots.status('a')).toMatchObject({ state: 'running', desired: 'running', startCount: 1 });
});

it('the log that runs of a bot share is trimmed, but not before the hooks of the newest run have read it', async () => {
  const lines = 150_000;
  const sh = `[ -e second ] || { echo first; exec sleep 60; }; seq 1 ${lines}; echo done; sleep 60`;
  const { bots, root, engine } = makeBots({ a: { sh } });
  const { process: first } = await bots.start('a', makeAsker());
  engine.hooks.add({
    processId: first ?? '',
    trigger: { type: 'on_output_match', pattern: '^\\d+$' },
    action: 'notify_channel',
    message: null,
    delaySeconds: 0,
    maxFires: 0,
    creator: { id: 'x', name: 'x', surface: 'cli', rights: [] },
  });
  await startSupervisorProcess(root);
  writeFileSync(join(root, 'second'), '');
  const { process: second } = await bots.restart('a', makeAsker());
  await until(
    'every line is matched once',
    () => engine.hooks.ofProcess(second ?? '')[0]?.fireCount === lines,
    30_000,
  );
  expect(engine.hooks.ofProcess(first ?? '')[0]?.fireCount).toBe(0);
  const size = () => statSync(join(root, 'logs/a.log')).size;
  await until('the log is small', () => size() < 512 * 1024);
  expect(bots.tail('a', 1)).toEqual(['done']);
}, 60_000);
