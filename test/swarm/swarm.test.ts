// Bots in a real swarm of three machines: one word moves a bot there, the death of a machine moves it on, an update that
// crashes is taken back, and hooks, logs and exit codes go on as they do here.

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Carried, counts, makeCarried, numbers, shellBot } from '../support/carried.ts';
import { makeDiscord } from '../support/discord.ts';
import { startBot } from '../support/discord-bot.ts';
import { describeWithEngine, eventually } from '../support/engine.ts';
import { until } from '../support/instance.ts';
import { noticesOf, startSupervisorProcess } from '../support/supervisor.ts';
import { useSwarm } from '../support/swarm-suite.ts';

describeWithEngine('bots with "runner": "swarm"', () => {
  const suite = useSwarm();
  const { docker } = suite;
  const bot = { directory: 'bot', script: 'run.sh', runner: 'swarm' };
  // The manager has to live on when a machine dies.
  const onWorkers = { constraints: ['node.role == worker'], trialSeconds: 3 };
  const services = async () => suite.swarm.manager.docker.listServices();

  it('moves there by one word, and back', async () => {
    const local = { directory: 'bot', script: 'run.sh', ready: { pattern: 'line 2' } };
    const {
      ok,
      root,
      bot: status,
      lines,
      runs,
    } = makeCarried(
      suite.swarm.manager.socket,
      { bots: { a: local }, docker },
      { ...shellBot(`#!/bin/sh\n${counts}`) },
    );
    const config = join(root, 'config.json');
    const say = (word: string) => {
      const settings = JSON.parse(readFileSync(config, 'utf8'));
      settings.bots.a.runner = word;
      writeFileSync(config, JSON.stringify(settings));
    };
    chmodSync(join(root, 'bot/run.sh'), 0o755);
    await ok('start', 'a');
    expect(await status('a')).toMatchObject({ state: 'running', runner: 'local', node: null });
    say('swarm');
    await ok('restart', 'a');
    const there = await status('a');
    expect(there).toMatchObject({
      state: 'running',
      runner: 'swarm',
      node: expect.stringMatching(/^node-\d$/),
    });
    expect(await ok('status', 'a')).toMatch(new RegExp(`runs on +node ${there.node}`));
    say('local');
    await ok('restart', 'a');
    expect(await status('a')).toMatchObject({ state: 'running', runner: 'local', startCount: 3 });
    expect(await services()).toEqual([]);
    expect((await runs()).map(({ status: how, exitCode }) => [how, exitCode])).toEqual([
      ['running', null],
      ['killed', 42],
      ['killed', 42],
    ]);
    expect(lines('a').filter((line) => line === 'begun')).toHaveLength(3);
    expect(lines('a').filter((line) => line === 'bye')).toHaveLength(2);
  }, 90_000);

  it('comes up elsewhere when its machine dies, says so, and its hooks and its log go on', async () => {
    const carried = makeCarried(
      suite.swarm.manager.socket,
      { bots: { a: { ...bot, container: onWorkers, ready: { pattern: 'line 1$' } } }, docker },
      shellBot(counts),
    );
    const { root, ok, bot: status, peek, lines, runs } = carried;
    let supervisor = await startSupervisorProcess(root);
    await eventually('it runs', async () => (await peek('a')).state === 'running', 60_000);
    await ok(
      'hook',
      'a',
      '--on-output',
      '^line 5$',
      '--do',
      'notify_channel',
      '--message',
      'five',
      '--max-fires',
      '0',
      '--delay',
      '0',
    );
    await ok(
      'hook',
      'a',
      '--on-exit',
      'failure',
      '--do',
      'notify_channel',
      '--message',
      'it went',
      '--delay',
      '0',
    );
    await eventually('five', () => noticesOf(root).some((text) => text.includes('five')));
    const before = await status('a');
    const node = suite.swarm.nodes.find(({ hostname }) => hostname === before.node);
    // Nobody watches when it happens.
    await supervisor.kill();
    await node?.kill();
    onTestFinished(async () => {
      await node?.boot();
      await eventually(
        'it is back',
        async () => (await suite.swarm.states())[node?.hostname ?? ''] === 'ready',
      );
    });
    supervisor = await startSupervisorProcess(root);
    const after = await eventually(
      'it runs elsewhere',
      async () => {
        const found = await peek('a');
        return found.state === 'running' && found.node !== before.node && found;
      },
      60_000,
    );
    expect(after).toMatchObject({
      detail: `moved here from ${before.node}, which went down`,
      restarts: 1,
      startCount: 2,
    });
    expect(await ok('status', 'a')).toMatch(new RegExp(`moved here from ${before.node}, which went down`));
    const [now, lost] = await runs();
    expect(now).toMatchObject({ status: 'running', node: after.node });
    expect(lost).toMatchObject({ id: before.process, status: 'lost', exitCode: null, node: before.node });
    await eventually('it has counted on', () => {
      // However far the first run had come.
      const [first, second] = [lines('a').indexOf('begun'), lines('a').lastIndexOf('begun')];
      return second > first && lines('a').indexOf('line 20', second) > 0;
    });
    await eventually('the hook of its end has fired', () =>
      noticesOf(root).some((text) => text.includes('it went')),
    );
    expect(noticesOf(root).filter((text) => text.includes('it went'))).toHaveLength(1);
    expect(noticesOf(root)).toContainEqual(
      `Bot 'a' runs on ${after.node} now: moved here from ${before.node}, which went down.`,
    );
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    await startBot(discord, ada, { root });
    const deed = ada.command('process', 'status', { process: 'a' });
    // A narrow screen is what it is drawn for, so its lines are broken.
    const shown = () => deed.text.replace(/\s+/g, ' ');
    await until('/process status says so', () =>
      shown().includes(`moved here from ${before.node}, which went down`),
    );
    expect(shown()).toContain(`runs on node ${after.node}`);
    const printed = numbers(lines('a'));
    const second = printed.lastIndexOf(1);
    expect(printed.slice(0, second)).toEqual(Array.from({ length: second }, (_, index) => index + 1));
    expect(printed.slice(second)).toEqual(
      Array.from({ length: printed.length - second }, (_, index) => index + 1),
    );
    expect(supervisor.errors()).toBe('');
    await supervisor.kill('SIGTERM');
  }, 150_000);

  it('has an update that crashes taken back by the swarm, and says so', async () => {
    const {
      root,
      ok,
      errorOf,
      bot: status,
      peek,
      lines,
      json,
    } = makeCarried(
      suite.swarm.manager.socket,
      { bots: { a: { ...bot, container: onWorkers, ready: { pattern: 'line 2' } } }, docker },
      shellBot(counts),
    );
    const script = join(root, 'bot/run.sh');
    await ok('start', 'a');
    const supervisor = await startSupervisorProcess(root);
    writeFileSync(script, 'echo worse; sleep 0.3; exit 5');
    const failure = await errorOf('restart', 'a');
    expect(failure).toMatchObject({
      code: 'update_rolled_back',
      hint: expect.stringContaining('understudy logs a'),
    });
    expect(failure.message).toContain('it ended with code 5');
    await eventually('the version before runs', async () => (await peek('a')).state === 'running', 40_000);
    expect((await status('a')).detail).toBe('an update was rolled back: it ended with code 5');
    expect(lines('a')).toContain('worse');
    expect(lines('a').filter((line) => line === 'begun').length).toBeGreaterThanOrEqual(2);
    const { entries } = await json<{ entries: { action: string; outcome: string; detail: string }[] }>(
      'history',
    );
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'update',
        outcome: 'failed',
        detail: 'rolled back by the swarm: it ended with code 5',
      }),
    );
    await eventually('people are told', () =>
      noticesOf(root).some((text) => text.includes('rolled back by the swarm')),
    );

    writeFileSync(script, `echo better\n${counts}`);
    await ok('restart', 'a');
    expect(await status('a')).toMatchObject({ state: 'running', detail: null });
    expect(lines('a')).toContain('better');
    expect(supervisor.errors()).toBe('');
    await supervisor.kill('SIGTERM');
  }, 150_000);

  it('is started again by the swarm while nobody watches, and each run has its hooks and its code', async () => {
    const {
      root,
      ok,
      bot: status,
      peek,
      lines,
      runs,
    } = makeCarried(
      suite.swarm.manager.socket,
      {
        bots: { a: { ...bot, ready: { pattern: 'begun' } } },
        docker,
        globalSettings: { restart_delay: 0.5, max_restart_attempts: 2 },
      },
      shellBot('echo begun; sleep 4; echo last words; exit 6'),
    );
    let supervisor = await startSupervisorProcess(root);
    await eventually('it runs', async () => (await peek('a')).state === 'running', 60_000);
    await ok(
      'hook',
      'a',
      '--on-exit',
      'failure',
      '--do',
      'inject_context',
      '--max-fires',
      '0',
      '--delay',
      '0',
    );
    await supervisor.kill();
    await eventually(
      'the swarm has given it up',
      async () => {
        const tasks = await suite.swarm.manager.docker.listTasks();
        return tasks.filter(({ Status }) => Status.State === 'failed').length >= 3;
      },
      60_000,
    );
    supervisor = await startSupervisorProcess(root);
    await eventually('it is known to have failed', async () => (await peek('a')).state === 'failed');
    expect(await status('a')).toMatchObject({
      exitCode: 6,
      detail: 'it ended with code 6, and the swarm does not start it again',
    });
    const all = (await runs()).filter(({ name }) => name === 'a');
    expect(all).toHaveLength(3);
    for (const run of all) expect(run).toMatchObject({ status: 'exited', exitCode: 6 });
    expect(lines('a').filter((line) => line === 'last words')).toHaveLength(3);
    const { hooks: fired } = await hooksOf(
      { ok, root } as Carried,
      all.map(({ id }) => id),
    );
    expect(fired).toEqual([1, 1, 1]);
    expect(noticesOf(root).filter((text) => text.startsWith("Bot 'a' failed"))).toHaveLength(1);
    await supervisor.kill('SIGTERM');
  }, 150_000);

  it('waits for a node that may take it, and says what a swarm cannot do', async () => {
    const {
      ok,
      errorOf,
      bot: status,
      peek,
      root,
    } = makeCarried(
      suite.swarm.manager.socket,
      {
        bots: {
          a: { ...bot, readySeconds: 4, container: { constraints: ['node.labels.disk == ssd'] } },
          b: { ...bot, ready: { pattern: 'line 1' } },
        },
        docker,
      },
      shellBot(counts),
    );
    expect(await errorOf('start', 'a')).toMatchObject({
      code: 'not_placed',
      message: expect.stringMatching(/waits for a node: no suitable node/),
    });
    expect(await status('a')).toMatchObject({
      state: 'waiting',
      detail: expect.stringContaining('no suitable node'),
    });
    const node = suite.swarm.manager.docker.getNode(suite.swarm.nodes[2]?.nodeId ?? '');
    const { Version, Spec } = await node.inspect();
    await node.update({ ...Spec, version: Version.Index, Labels: { disk: 'ssd' } } as never);
    await eventually('it has its node', async () => (await peek('a')).node === 'node-3');
    expect(await errorOf('pause', 'a')).toMatchObject({
      code: 'not_on_swarm',
      hint: expect.stringContaining('stop a'),
    });
    expect((await errorOf('send', 'a', 'hello')).code).toBe('not_on_swarm');
    await ok('start', 'b');
    await ok('kill', 'b');
    expect(await status('b')).toMatchObject({ state: 'stopped', exitCode: 42 });
    expect(existsSync(join(root, 'logs/a.log'))).toBe(true);
  }, 90_000);
});

/** How often the hooks of each of these runs have fired. */
async function hooksOf({ ok }: Carried, ids: readonly string[]): Promise<{ hooks: number[] }> {
  const answers = await Promise.all(ids.map((id) => ok('--json', 'status', id)));
  return {
    hooks: answers.map((answer) =>
      (JSON.parse(answer) as { hooks: { fireCount: number }[] }).hooks.reduce(
        (sum, { fireCount }) => sum + fireCount,
        0,
      ),
    ),
  };
}
