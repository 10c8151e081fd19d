// How a supervisor keeps bots: restarts after crashes, stops that win, limits and clocks.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startOf } from '../../../../skills/process-manager/base/index.ts';
import { makeAsker, makeBots, quick, reaches, runsOn, startsOf } from '../../../support/bots.ts';
import { rejectionOf } from '../../../support/failure.ts';
import { understudy, until } from '../../../support/instance.ts';
import { noticesOf, startSupervisorProcess } from '../../../support/supervisor.ts';

describe('crashes', () => {
  it('are followed by restarts, more and more slowly, and in the end by failed and a notice', async () => {
    const { bots, root, engine } = makeBots(
      { a: { sh: 'echo x >> starts; echo "cannot connect"; exit 7' } },
      { ...quick, max_restart_attempts: 3 },
    );
    const supervisor = await startSupervisorProcess(root);
    const failed = await reaches(bots, 'a', 'failed');
    expect(failed).toMatchObject({ desired: 'running', restarts: 3, startCount: 4, exitCode: 7 });
    expect(failed.detail).toBe('it ended with code 7, after 3 restarts in a row');
    expect(startsOf(root)).toBe(4);
    await until('the notice is given', () => noticesOf(root).length > 0);
    const [notice] = noticesOf(root);
    expect(noticesOf(root)).toHaveLength(1);
    expect(notice).toContain("Bot 'a' failed: it ended with code 7, after 3 restarts in a row");
    expect(notice).toContain('understudy start a');
    expect(notice).toContain('Its last lines:\ncannot connect');
    const runs = engine.processes.registry.recent({ since: '', limit: 10 }).reverse();
    const gaps = runs
      .slice(1)
      .map((run, index) => Date.parse(run.startedAt) - Date.parse(runs[index]?.endedAt ?? ''));
    expect(gaps[0]).toBeGreaterThanOrEqual(100);
    expect(gaps[1]).toBeGreaterThanOrEqual(200);
    expect(gaps[2]).toBeGreaterThanOrEqual(400);
    expect(engine.history.recent({ limit: 10, actor: 'supervisor' }).map(({ outcome }) => outcome)).toEqual([
      'failed',
      'ok',
      'ok',
      'ok',
    ]);
    // Somebody who asks again gets all attempts again.
    expect((await rejectionOf(bots.start('a', makeAsker()))).code).toBe('bot_crashed');
    await until('it is tried again', () => startsOf(root) === 8);
    expect(supervisor.errors()).not.toContain('could not be kept');
  });

  it('are not those that ended well, unless the policy is always; nor any, where it is no', async () => {
    const { bots, root } = makeBots(
      {
        well: { sh: 'exit 0' },
        always: { sh: 'exit 0', restart: 'always' },
        no: { sh: 'exit 1', restart: 'no' },
      },
      quick,
    );
    await startSupervisorProcess(root);
    expect(await reaches(bots, 'always', 'failed')).toMatchObject({ startCount: 3 });
    expect(await reaches(bots, 'well', 'finished')).toMatchObject({ startCount: 1 });
    expect(await reaches(bots, 'no', 'failed')).toMatchObject({ startCount: 1, restarts: 0 });
  });

  it('are forgotten after a stable minute', async () => {
    // A clock of the test's own keeper would be another process's: the row says when it was started, so time is moved there.
    const clock = { offset: 0, now: () => Date.now() + clock.offset };
    const { bots, root, engine } = makeBots(
      { a: { sh: 'echo x >> starts; [ $(wc -l < starts) -gt 2 ] || exit 1; sleep 60' } },
      quick,
      clock,
    );
    const keeper = bots.keep(() => {});
    await until('it stays up after two crashes', () => {
      engine.processes.settleAll();
      keeper.look();
      return startsOf(root) === 3;
    });
    await keeper.rest();
    const attempts = () =>
      engine.database().prepare<[], number>('SELECT attempts FROM bots').pluck().get() as number;
    expect(attempts()).toBe(2);
    clock.offset = 59_000;
    keeper.look();
    expect(attempts()).toBe(2);
    clock.offset = 61_000;
    keeper.look();
    expect(attempts()).toBe(0);
    // What was counted for people stays.
    expect(await bots.status('a')).toMatchObject({ restarts: 2, startCount: 3 });
  });

  it('and a stop during the delay: the stop wins', async () => {
    const { bots, root } = makeBots(
      { a: { sh: 'echo x >> starts; exit 1' }, b: { sh: 'exit 1' } },
      { restart_delay: 1 },
    );
    await startSupervisorProcess(root);
    expect(await reaches(bots, 'a', 'backoff')).toMatchObject({ startCount: 1 });
    expect((await bots.stop('a', makeAsker())).bot).toMatchObject({ state: 'stopped', retryAt: null });
    // The other one crashed at the same moment, and waited as long.
    let other = await bots.status('b');
    await until('the other one was started again', () => {
      void bots.status('b').then((status) => {
        other = status;
      });
      return other.startCount === 2;
    });
    expect(startsOf(root)).toBe(1);
    expect(await bots.status('a')).toMatchObject({ state: 'stopped', desired: 'stopped' });
  });

  it('and a restart during the delay: it comes at once', async () => {
    const { bots, root } = makeBots(
      { a: { sh: 'echo x >> starts; [ $(wc -l < starts) -gt 1 ] || exit 1; sleep 60' } },
      { restart_delay: 300 },
    );
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'backoff');
    expect(await bots.restart('a', makeAsker())).toMatchObject({ state: 'running', startCount: 2 });
  });

  it('by a folder that vanished are tried again until it is back', async () => {
    const { bots, root } = makeBots({ a: { sh: runsOn, directory: 'home' } }, { restart_delay: 0.2 });
    await startSupervisorProcess(root);
    expect(await reaches(bots, 'a', 'backoff')).toMatchObject({ startCount: 0 });
    mkdirSync(join(root, 'home'));
    expect(await reaches(bots, 'a', 'running')).toMatchObject({ startCount: 1 });
  });
});

describe('a stop that somebody asked for', () => {
  it.each(['kill', 'stop'])('by %s is no crash, and the bot stays stopped', async (verb) => {
    const { bots, root } = makeBots({ a: { sh: `echo x >> starts; ${runsOn}` } }, quick);
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'running');
    const told = await understudy(['--root', root, verb, 'a']);
    expect(told.exitCode).toBe(0);
    expect(await reaches(bots, 'a', 'stopped')).toMatchObject({ desired: 'stopped', restarts: 0 });
    expect(startsOf(root)).toBe(1);
    expect(noticesOf(root)).toEqual([]);
  });

  it('by kill, while it waits for its next start, keeps it from being started', async () => {
    const { bots, root } = makeBots({ a: { sh: 'echo x >> starts; exit 1' } }, { restart_delay: 60 });
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'backoff');
    const told = await understudy(['--root', root, 'kill', 'a']);
    expect(told).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('not started again') });
    expect(await bots.status('a')).toMatchObject({ state: 'stopped', desired: 'stopped' });
  });

  it('by a signal from outside is a crash like any other', async () => {
    const { bots, root } = makeBots({ a: { sh: runsOn } }, quick);
    await startSupervisorProcess(root);
    const { pid } = await reaches(bots, 'a', 'running');
    process.kill(pid ?? 0, 'SIGKILL');
    await until('it runs again', () => startOf(pid ?? 0) === undefined);
    await reaches(bots, 'a', 'backoff').catch(() => {});
    expect(await reaches(bots, 'a', 'running')).toMatchObject({ startCount: 2, restarts: 1 });
  });
});

describe('limits and clocks', () => {
  it('restart a bot that uses more memory than it may', async () => {
    const hungry = 'node -e "const kept=Buffer.alloc(150e6, 1); setInterval(() => kept[0], 1000)"';
    const { bots, root, engine } = makeBots(
      { a: { sh: hungry, memoryLimit: '100MB' }, b: { sh: runsOn, memoryLimit: '100MB' } },
      quick,
    );
    await startSupervisorProcess(root);
    const { process: first } = await reaches(bots, 'a', 'running');
    await until(
      'its run is ended',
      () => engine.processes.registry.find(first ?? '')?.endedAt !== null,
      20_000,
    );
    expect(engine.processes.registry.find(first ?? '')?.stopReason).toBe('it used more memory than it may');
    await until('it runs again', () => engine.processes.registry.lastRun('a')?.id !== first);
    expect(await bots.status('b')).toMatchObject({ startCount: 1 });
  }, 40_000);

  it('leave a paused bot alone', async () => {
    const { bots, root } = makeBots({
      a: { sh: runsOn, schedule: '*/2 * * * * *' },
      b: { sh: `echo x >> starts; ${runsOn}`, schedule: '*/2 * * * * *' },
    });
    await startSupervisorProcess(root);
    await reaches(bots, 'a', 'running');
    const nextMoment = async () => {
      const before = startsOf(root);
      await until('the other one was restarted', () => startsOf(root) > before);
    };
    // Right after a restart by its schedule, so that none is under way.
    let { startCount } = await bots.status('a');
    const before = startCount;
    await until('it was restarted', () => {
      void bots.status('a').then((status) => {
        startCount = status.startCount;
      });
      return startCount > before;
    });
    await bots.pause('a');
    await nextMoment();
    await nextMoment();
    expect(await bots.status('a')).toMatchObject({ state: 'paused' });
  });

  it('restart a bot on schedule, again and again', async () => {
    const { bots, root } = makeBots({ a: { sh: `echo x >> starts; ${runsOn}`, schedule: '*/2 * * * * *' } });
    await startSupervisorProcess(root);
    await until('it was restarted twice', () => startsOf(root) >= 3, 20_000);
    expect(await bots.status('a')).toMatchObject({ restarts: 0, desired: 'running' });
  });
});
