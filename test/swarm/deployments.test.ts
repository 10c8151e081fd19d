// How a bot gets into a real swarm, whatever happens meanwhile: images through a registry, secrets, managers that are killed
// half-way, and another host that takes over.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { carriedAt, counts, makeCarried, shellBot } from '../support/carried.ts';
import { describeWithEngine, eventually, startRegistry } from '../support/engine.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot, makeInstance } from '../support/instance.ts';
import { startSupervisorProcess } from '../support/supervisor.ts';
import { useSwarm } from '../support/swarm-suite.ts';

describeWithEngine('what a swarm is given', () => {
  const suite = useSwarm();
  const { docker } = suite;
  const bot = { directory: 'bot', script: 'run.sh', runner: 'swarm' };
  // The manager has to live on when a machine dies.
  const onWorkers = { constraints: ['node.role == worker'], trialSeconds: 3 };
  const services = async () => suite.swarm.manager.docker.listServices();

  it('has its secrets from the swarm, and nothing of them stands in what anybody can read', async () => {
    const { ok, lines } = makeCarried(
      suite.swarm.manager.socket,
      {
        bots: {
          a: {
            ...bot,
            env: { DISCORD_TOKEN: 'tok "en" $x\nof two lines', LEVEL: 'high' },
            ready: { pattern: 'over' },
          },
        },
        docker,
      },
      {
        ...shellBot(
          'echo "$LEVEL"; echo "$DISCORD_TOKEN"; cat .env; ls /run/secrets; echo over; while :; do sleep 1; done',
        ),
        'bot/.env': 'API_KEY=of-the-file\n',
      },
    );
    await ok('start', 'a');
    expect(lines('a')).toEqual([
      'high',
      'tok "en" $x',
      'of two lines',
      'API_KEY=of-the-file',
      'DISCORD_TOKEN',
      'over',
    ]);
    const seen = JSON.stringify([
      await services(),
      await suite.swarm.manager.docker.listTasks(),
      await suite.swarm.manager.docker.listSecrets(),
      await Promise.all(
        suite.swarm.nodes.map(async (node) =>
          Promise.all(
            (await node.docker.listContainers()).map(({ Id }) => node.docker.getContainer(Id).inspect()),
          ),
        ),
      ),
    ]);
    expect(seen).not.toMatch(/two lines|of-the-file/);
    expect(seen).toContain('DISCORD_TOKEN_FILE');
    await ok('stop', 'a');
    expect(await services()).toEqual([]);
    expect(await suite.swarm.manager.docker.listSecrets()).toEqual([]);
  }, 90_000);

  it.each(['building the image', 'pushing', 'the swarm replaces it', 'the swarm watches it'])(
    'is as it was or as it is to be when its manager is killed at "%s"',
    async (moment) => {
      const {
        root,
        ok,
        bot: status,
        peek,
        lines,
      } = makeCarried(
        suite.swarm.manager.socket,
        { bots: { a: { ...bot, container: onWorkers, ready: { pattern: 'line 1$' } } }, docker },
        shellBot(counts),
      );
      await ok('start', 'a');
      writeFileSync(join(root, 'bot/run.sh'), `echo second\n${counts}`);
      const command = spawn(
        process.execPath,
        [join(codeRoot, 'src/cli/understudy.js'), '--root', root, 'restart', 'a'],
        { env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] },
      );
      const ended = once(command, 'close');
      command.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes(moment)) command.kill('SIGKILL');
      });
      expect(await ended).toEqual([null, 'SIGKILL']);
      const supervisor = await startSupervisorProcess(root);
      const isAsked = moment.startsWith('the swarm');
      await eventually('it rests', async () => {
        const { state, detail } = await peek('a');
        return state === 'running' && detail === null && lines('a').includes('second') === isAsked;
      });
      expect((await status('a')).startCount).toBe(isAsked ? 2 : 1);
      expect(await services()).toHaveLength(1);
      // Asked again, it is changed once and for all.
      await ok('restart', 'a');
      expect(lines('a').filter((line) => line === 'second')).toHaveLength(isAsked ? 2 : 1);
      expect(supervisor.errors()).toBe('');
      await supervisor.kill('SIGTERM');
    },
    90_000,
  );

  it('is pulled by its node from a registry that asks who it is', async () => {
    const account = { username: 'ada', password: 'of-the-registry' };
    const guarded = await startRegistry({ account });
    onTestFinished(() => guarded.stop());
    const address = await suite.swarm.expose(guarded.port, 5001);
    const {
      ok,
      errorOf,
      bot: status,
    } = makeCarried(
      suite.swarm.manager.socket,
      {
        bots: { a: { ...bot, container: onWorkers, ready: { pattern: 'line 1' } } },
        docker: { registry: address },
      },
      shellBot(counts),
    );
    vi.stubEnv('DOCKER_CONFIG', makeFolder({ 'config.json': '{}' }));
    expect(await errorOf('start', 'a')).toMatchObject({
      code: expect.stringMatching(/image_not_pushed|engine_refused/),
      hint: expect.stringContaining('docker login'),
    });
    const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
    vi.stubEnv(
      'DOCKER_CONFIG',
      makeFolder({ 'config.json': JSON.stringify({ auths: { [address]: { auth } } }) }),
    );
    onTestFinished(() => void vi.unstubAllEnvs());
    await ok('start', 'a');
    expect(await status('a')).toMatchObject({ state: 'running', node: expect.stringMatching(/^node-[23]$/) });
    expect(guarded.images()).toHaveLength(1);
    await ok('stop', 'a');
  }, 90_000);

  it('is taken over by another host, which changes nothing of what runs', async () => {
    const settings = { bots: { a: { ...bot, ready: { pattern: 'line 2' } } }, docker };
    const first = makeCarried(suite.swarm.manager.socket, settings, shellBot(counts));
    await first.ok('start', 'a');
    const before = await first.bot('a');
    // The host has died: its folder is copied from a backup, without its logs.
    const root = makeInstance();
    for (const path of [
      'config.json',
      'bot/Dockerfile',
      'bot/run.sh',
      'memory/understudy.db',
      'memory/understudy.db-wal',
    ]) {
      if (!existsSync(join(first.root, path))) continue;
      mkdirSync(join(root, path, '..'), { recursive: true });
      copyFileSync(join(first.root, path), join(root, path));
    }
    const second = carriedAt(root);
    const supervisor = await startSupervisorProcess(root);
    const after = await eventually('it is known', async () => {
      const found = await second.peek('a');
      return found.state === 'running' && found;
    });
    expect(after).toMatchObject({
      process: before.process,
      pid: before.pid,
      node: before.node,
      startCount: 1,
    });
    await second.ok('stop', 'a');
    expect(await second.bot('a')).toMatchObject({ exitCode: 42 });
    await supervisor.kill('SIGTERM');
  }, 90_000);
});
