// What is asked of bots while nobody supervises: each request is carried out by whoever asks.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findByVariable, startOf } from '../../../../skills/process-manager/base/index.ts';
import { processVariable } from '../../../../skills/process-manager/processes/index.ts';
import { makeAsker, makeBots, runsOn } from '../../../support/bots.ts';
import { rejectionOf } from '../../../support/failure.ts';
import { makeInstance, until } from '../../../support/instance.ts';
import { makeEngine } from '../../../support/manager.ts';

describe('start', () => {
  it('starts it, once, with a log of its own, and counts that', async () => {
    const { bots, engine, root } = makeBots({ a: { sh: `echo out; echo err >&2; ${runsOn}` } });
    expect(await bots.status('a')).toMatchObject({
      state: 'stopped',
      desired: 'stopped',
      startCount: 0,
      pid: null,
    });
    const started = await bots.start('a', makeAsker());
    expect(started).toMatchObject({ state: 'running', desired: 'running', startCount: 1, restarts: 0 });
    const again = makeAsker();
    expect(await bots.start('a', again)).toMatchObject({ pid: started.pid, startCount: 1 });
    expect(again.told).toEqual([`runs already (PID ${started.pid})`]);
    expect(readFileSync(join(root, 'logs/a.log'), 'utf8').split('\n').slice(0, 2).sort()).toEqual([
      'err',
      'out',
    ]);
    expect(engine.processes.registry.unfinished()).toHaveLength(1);
  });

  it('says at once why a bot cannot be started, and changes nothing', async () => {
    const { bots } = makeBots({
      gone: { sh: runsOn, directory: 'nowhere' },
      script: { script: 'missing.py' },
      swarm: { sh: runsOn, runner: 'swarm', ready: { heartbeat: true } },
      pattern: { sh: runsOn, ready: { pattern: '(a)\\1' } },
    });
    const codes = ['bot_folder_missing', 'bot_script_missing', 'ready_check_unreachable', 'pattern_refused'];
    for (const [index, name] of ['gone', 'script', 'swarm', 'pattern'].entries()) {
      const failure = await rejectionOf(bots.start(name, makeAsker()));
      expect(failure.code).toBe(codes[index]);
      expect(await bots.status(name)).toMatchObject({ desired: 'stopped', startCount: 0 });
    }
    expect((await rejectionOf(bots.start('nobody', makeAsker()))).hint).toContain('gone, script, swarm');
  });

  it('shows the last lines of one that ends at once, and not those of an earlier run', async () => {
    const { bots, root } = makeBots({ a: { sh: 'echo no token set >&2; exit 3' } });
    mkdirSync(join(root, 'logs'), { recursive: true });
    writeFileSync(join(root, 'logs/a.log'), 'an old line\n');
    const failure = await rejectionOf(bots.start('a', makeAsker()));
    expect(failure).toMatchObject({ code: 'bot_crashed' });
    expect(failure.message).toContain('it ended with code 3');
    expect(failure.message).toContain('| no token set');
    expect(failure.message).not.toContain('an old line');
    expect(await bots.status('a')).toMatchObject({ state: 'backoff', exitCode: 3, desired: 'running' });
  });

  it('is content with one that has done its work', async () => {
    const { bots } = makeBots({ a: { sh: 'echo done' } });
    expect(await bots.start('a', makeAsker())).toMatchObject({ state: 'finished', exitCode: 0 });
  });

  it('ends what the run before left behind, so that its port is free', async () => {
    const { bots, engine } = makeBots({ a: { sh: '(setsid sleep 60 & ) ; echo up; sleep 60' } });
    const first = await bots.start('a', makeAsker());
    const row = engine.processes.resolve(first.process ?? '');
    process.kill(first.pid ?? 0, 'SIGKILL');
    await until('it has ended', () => engine.processes.settle(row).endedAt !== null);
    const left = findByVariable(processVariable, row.id);
    expect(left.length).toBeGreaterThan(0);
    await bots.start('a', makeAsker());
    expect(left.flatMap((pid) => startOf(pid) ?? [])).toEqual([]);
  });

  it('starts first what it depends on, and waits until that is ready', async () => {
    const { bots } = makeBots({
      web: { sh: `cat ready; ${runsOn}`, dependsOn: ['db'] },
      db: {
        sh: `sleep 0.5; echo listening > ready; echo listening; ${runsOn}`,
        ready: { pattern: '^listening' },
      },
    });
    const asker = makeAsker();
    await bots.start('web', asker);
    expect(bots.tail('web', 5)).toContain('listening');
    expect(asker.told.join('\n')).toContain("needs 'db' first");
    expect(await bots.status('db')).toMatchObject({ state: 'running' });
  });

  it('gives a bot up that does not become ready, says so, and lets it run', async () => {
    const { bots } = makeBots({
      a: { sh: runsOn, ready: { pattern: 'never' }, readySeconds: 0.5 },
      b: { sh: runsOn, dependsOn: ['a'] },
    });
    expect((await rejectionOf(bots.start('b', makeAsker()))).code).toBe('not_ready');
    expect(await bots.status('a')).toMatchObject({ state: 'starting', desired: 'running' });
    expect(await bots.status('b')).toMatchObject({ state: 'stopped', startCount: 0 });
  });
});

describe('stop', () => {
  it('ends a bot and all that it started, and it stays stopped', async () => {
    const { bots, engine } = makeBots({ a: { sh: `setsid sleep 60 & ${runsOn}` } });
    const { process: run } = await bots.start('a', makeAsker());
    const { bot, ran } = await bots.stop('a', makeAsker());
    expect({ ran, bot }).toMatchObject({
      ran: true,
      bot: { state: 'stopped', desired: 'stopped', pid: null },
    });
    expect(findByVariable(processVariable, run ?? '')).toEqual([]);
    expect(engine.processes.registry.unfinished()).toEqual([]);
    expect((await bots.stop('a', makeAsker())).ran).toBe(false);
  });

  it('of a paused bot takes no 15 seconds and no SIGKILL', async () => {
    const { bots, engine } = makeBots({ a: { sh: `trap 'echo bye; exit 0' TERM; ${runsOn}` } });
    const { process: run } = await bots.start('a', makeAsker());
    expect(await bots.pause('a')).toMatchObject({ state: 'paused', desired: 'running' });
    const begunAt = performance.now();
    await bots.stop('a', makeAsker());
    expect(performance.now() - begunAt).toBeLessThan(10_000);
    expect(engine.processes.registry.find(run ?? '')).toMatchObject({
      status: 'killed',
      forced: 0,
      exitCode: 0,
    });
    expect(bots.tail('a', 1)).toEqual(['bye']);
  });

  it('forces a bot that does not listen', async () => {
    const { bots, engine } = makeBots({ a: { sh: `trap '' TERM; ${runsOn}` } });
    const { process: run } = await bots.start('a', makeAsker());
    await bots.stop('a', makeAsker());
    expect(engine.processes.registry.find(run ?? '')).toMatchObject({ forced: 1, signal: 'SIGKILL' });
  }, 30_000);

  it('wins over a start that is under way', async () => {
    const { bots } = makeBots({ a: { sh: runsOn, ready: { pattern: 'never' } } });
    const starting = rejectionOf(bots.start('a', makeAsker()));
    await until('it runs', () => bots.tail('a', 1).length > 0);
    await bots.stop('a', makeAsker());
    expect((await starting).code).toBe('stopped_meanwhile');
    expect(await bots.status('a')).toMatchObject({ state: 'stopped' });
  });
});

describe('those who want something else meanwhile', () => {
  it('stop gives up when somebody starts the bot meanwhile', async () => {
    const { bots } = makeBots({ a: { sh: `trap 'sleep 1; exit 0' TERM; ${runsOn}` } });
    await bots.start('a', makeAsker());
    const stopping = rejectionOf(bots.stop('a', makeAsker()));
    let state = '';
    await until('it is being stopped', () => {
      void bots.status('a').then((status) => {
        state = status.state;
      });
      return state === 'stopping';
    });
    expect(await bots.start('a', makeAsker())).toMatchObject({ state: 'running', startCount: 2 });
    expect((await stopping).code).toBe('started_meanwhile');
  });

  it('a run that somebody who died has asked to end is ended, and started anew', async () => {
    const { bots, engine } = makeBots({ a: { sh: `trap 'sleep 1; exit 1' TERM; ${runsOn}` } });
    const { process: first, pid } = await bots.start('a', makeAsker());
    // What a `stop` that is killed after its first signal leaves behind.
    engine
      .database()
      .prepare('UPDATE processes SET stop_reason = ? WHERE id = ?')
      .run('a stop was asked for', first);
    process.kill(pid ?? 0, 'SIGTERM');
    const started = await bots.start('a', makeAsker());
    expect(started).toMatchObject({ state: 'running', startCount: 2 });
    expect(started.process).not.toBe(first);
  });

  it('start waits for a bot that runs and is not ready yet', async () => {
    const { bots } = makeBots({ a: { sh: `sleep 1; ${runsOn}`, ready: { pattern: 'up' } } });
    const first = bots.start('a', makeAsker());
    await until('it runs', () => bots.logOf('a') !== '' && existsSync(bots.logOf('a')));
    expect(await bots.start('a', makeAsker())).toMatchObject({ state: 'running', startCount: 1 });
    await first;
  });
});

describe('restart', () => {
  it('ends the run and starts another one; the old run is not counted as a crash', async () => {
    const { bots } = makeBots({ a: { sh: runsOn } });
    const first = await bots.start('a', makeAsker());
    const second = await bots.restart('a', makeAsker());
    expect(second).toMatchObject({ state: 'running', startCount: 2, restarts: 0 });
    expect(second.pid).not.toBe(first.pid);
    expect(startOf(first.pid ?? 0)).toBeUndefined();
  });

  it('starts one that did not run', async () => {
    const { bots } = makeBots({ a: { sh: runsOn } });
    expect(await bots.restart('a', makeAsker())).toMatchObject({ state: 'running', startCount: 1 });
  });

  it('leaves a bot running that could not be started again', async () => {
    const { bots, root } = makeBots({ a: { sh: runsOn, directory: 'home' } }, {});
    mkdirSync(join(root, 'home'));
    const { pid } = await bots.start('a', makeAsker());
    rmSync(join(root, 'home'), { recursive: true });
    expect((await rejectionOf(bots.restart('a', makeAsker()))).code).toBe('bot_folder_missing');
    expect(await bots.status('a')).toMatchObject({ state: 'running', pid });
  });

  it('of many at once leaves one run', async () => {
    const { bots, engine } = makeBots({ a: { sh: runsOn } });
    await Promise.all(Array.from({ length: 5 }, () => bots.restart('a', makeAsker())));
    expect(engine.processes.registry.unfinished()).toHaveLength(1);
    expect(await bots.status('a')).toMatchObject({ state: 'running' });
  });

  it('hands on to the next run the hooks that the one before has not used up', async () => {
    const { bots, engine } = makeBots({ a: { sh: 'echo one; sleep 60' } });
    const { process: first } = await bots.start('a', makeAsker());
    const hook = (trigger: Parameters<typeof engine.hooks.add>[0]['trigger'], maxFires: number) =>
      engine.hooks.add({
        processId: first ?? '',
        trigger,
        action: 'notify_channel',
        message: null,
        delaySeconds: 0,
        maxFires,
        creator: { id: 'x', name: 'x', surface: 'cli', rights: [] },
      });
    hook({ type: 'on_output_match', pattern: 'one' }, 1);
    hook({ type: 'on_output_match', pattern: 'one' }, 0);
    hook({ type: 'on_exit', filter: 'any' }, 1);
    hook({ type: 'on_exit', filter: 'success' }, 1);
    while (engine.hooks.scan(first ?? '') !== 'nothing');
    const { process: second } = await bots.restart('a', makeAsker());
    const counts = engine.hooks.ofProcess(first ?? '').map(({ fireCount }) => fireCount);
    expect(counts).toEqual([1, 1, 1, 0]);
    const handedOn = engine.hooks
      .ofProcess(second ?? '')
      .map(({ trigger, maxFires }) => [trigger.type, maxFires]);
    expect(handedOn).toEqual([
      ['on_output_match', 0],
      ['on_exit', 1],
    ]);
    await until('the new run has printed', () => bots.tail('a', 5).length === 2);
    while (engine.hooks.scan(second ?? '') !== 'nothing');
    // Its own line and not the one of the run before, though both stand in one log.
    expect(engine.hooks.ofProcess(second ?? '').map(({ fireCount }) => fireCount)).toEqual([1, 0]);
  });
});

describe('staging', () => {
  const files = {
    'config.json': JSON.stringify({
      staging: { command: ['bash', '-c', 'env; sleep 60'], env: { PORT: '4001' } },
    }),
  };

  it('has its own .env, folder, log and role, and nothing of what live has', async () => {
    const root = makeInstance({
      ...files,
      '.env': 'DISCORD_TOKEN=live-secret\nONLY_LIVE=1\n',
      'staging/.env': 'DISCORD_TOKEN=own-token\nBOT_ROLE=live\n',
    });
    const { engine } = makeEngine(root);
    const before = { ...process.env };
    process.env.ANTHROPIC_API_KEY = 'live-key';
    try {
      await engine.bots.start('staging', makeAsker());
    } finally {
      process.env = before;
    }
    const seen = readFileSync(join(root, 'staging/logs/staging.log'), 'utf8').split('\n');
    expect(seen).toEqual(
      expect.arrayContaining(['DISCORD_TOKEN=own-token', 'BOT_ROLE=staging', 'PORT=4001']),
    );
    expect(seen).toContain(`PWD=${join(root, 'staging')}`);
    expect(seen.filter((line) => /live-|ONLY_LIVE/.test(line))).toEqual([]);
  });

  it.each([
    [{}, 'staging', 'mkdir -p'],
    [{ 'staging/SOUL.md': '' }, '.env', 'touch'],
    [{ 'staging/.env.example': '' }, '.env', 'cp '],
  ])('with %j says what is missing and how to make it', async (more, what, hint) => {
    const { engine } = makeEngine(makeInstance({ ...files, ...more }));
    const failure = await rejectionOf(engine.bots.start('staging', makeAsker()));
    expect(failure.code).toBe('staging_incomplete');
    expect(failure.message).toContain(what);
    expect(failure.hint).toContain(hint);
  });
});
