// What goes wrong with engines in ways that the verbs of the other files do not meet: engines that hang or are away, managers
// that are killed in the midst of a change, bots that leave the configuration, and connections that are secured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../skills/process-manager/containers/client.ts';
import { instanceOf } from '../../skills/process-manager/containers/names.ts';
import { look } from '../../skills/process-manager/containers/swarm/look.ts';
import { createEngineNotes } from '../../skills/process-manager/processes/engine-notes.ts';
import { describeProcess } from '../../skills/process-manager/processes/index.ts';
import { createRegistry } from '../../skills/process-manager/processes/registry.ts';
import { counts, makeCarried, shellBot } from '../support/carried.ts';
import {
  describeWithEngine,
  eventually,
  loadBaseImages,
  startSwarm,
  type TestSwarm,
} from '../support/engine.ts';
import { cleanEnvironment, codeRoot, makeInstance, runProgram, understudy } from '../support/instance.ts';
import { startSupervisorProcess } from '../support/supervisor.ts';

describeWithEngine('bots on engines, when things go wrong', () => {
  let swarm: TestSwarm;

  beforeAll(async () => {
    swarm = await startSwarm(1);
    await loadBaseImages(swarm.nodes, ['shell']);
  }, 60_000);
  afterAll(() => swarm?.stop());

  const docker = { directory: 'bot', script: 'run.sh', runner: 'docker', container: { network: 'none' } };
  const carried = { directory: 'bot', script: 'run.sh', runner: 'swarm' };
  const containers = () => swarm.manager.docker.listContainers({ all: true });
  const services = () => swarm.manager.docker.listServices();

  it('answers within seconds while an engine accepts and never answers, and says so', async () => {
    const { root, ok, bot, json } = makeCarried(
      swarm.manager.socket,
      { bots: { a: { ...docker, ready: { pattern: 'line 1$' } } } },
      shellBot(counts),
    );
    await ok('start', 'a');
    const config = join(root, 'config.json');
    const right = readFileSync(config, 'utf8');
    const silent = await listenSilently(join(root, 'silent'));
    onTestFinished(() => writeFileSync(config, right));
    writeFileSync(config, right.replace(swarm.manager.socket, silent));
    for (const verb of ['list', 'status', 'logs']) {
      const startedAt = performance.now();
      await json(verb, ...(verb === 'list' ? [] : ['a']));
      expect(performance.now() - startedAt, verb).toBeLessThan(9_000);
    }
    const supervisor = await startSupervisorProcess(root);
    const startedAt = performance.now();
    expect(await bot('a')).toMatchObject({
      state: 'running',
      detail: expect.stringContaining('what was last seen of it'),
    });
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    await supervisor.kill();
  }, 90_000);

  it('waits for an engine that is not there yet, and does not give the bot up', async () => {
    const { root, bot, json } = makeCarried(
      '/later',
      { bots: { a: docker }, globalSettings: { restart_delay: 0.1, max_restart_attempts: 0 } },
      shellBot(counts),
    );
    const config = join(root, 'config.json');
    const later = join(root, 'later');
    writeFileSync(config, readFileSync(config, 'utf8').replace('/later', later));
    const supervisor = await startSupervisorProcess(root);
    await eventually('it has been tried', async () => (await bot('a')).retryAt !== null);
    expect(await bot('a')).toMatchObject({ state: 'backoff' });
    symlinkSync(swarm.manager.socket, later);
    await eventually('it runs', async () => (await bot('a')).state === 'running', 30_000);
    const { entries } = await json<{ entries: { action: string }[] }>('history');
    expect(entries.filter(({ action }) => action === 'restart')).toHaveLength(1);
    await supervisor.kill('SIGTERM');
  }, 90_000);

  it('goes back to the version before when the manager is killed in the midst of a bad update', async () => {
    const { root, ok, bot, lines } = makeCarried(
      swarm.manager.socket,
      { bots: { a: { ...carried, container: { trialSeconds: 8 }, ready: { pattern: 'line 2' } } } },
      shellBot(counts),
    );
    await ok('start', 'a');
    writeFileSync(join(root, 'bot/run.sh'), 'echo worse; sleep 5; exit 5');
    const words = [join(codeRoot, 'src/cli/understudy.js'), '--root', root, 'restart', 'a'];
    const manager = spawn(process.execPath, words, { env: cleanEnvironment(), stdio: 'ignore' });
    await eventually('the update is under way', async () => {
      const [service] = await services();
      return (service as { UpdateStatus?: { State?: string } }).UpdateStatus?.State === 'updating';
    });
    manager.kill('SIGKILL');
    await once(manager, 'close');
    const supervisor = await startSupervisorProcess(root);
    await eventually(
      'it was taken back',
      async () => (await bot('a')).detail?.startsWith('an update was rolled back'),
      60_000,
    );
    await eventually('it runs', async () => (await bot('a')).state === 'running');
    expect(lines('a').lastIndexOf('begun')).toBeGreaterThan(lines('a').indexOf('worse'));
    await supervisor.kill('SIGTERM');
  }, 120_000);

  it('never takes a run for lost that is younger than the answer it is looked for in', async () => {
    const { root, ok, bot } = makeCarried(
      swarm.manager.socket,
      { bots: { a: { ...carried, ready: { pattern: 'line 1$' } } } },
      shellBot(counts),
    );
    await ok('start', 'a');
    const database = new Database(join(root, 'memory/understudy.db'));
    const registry = createRegistry(database);
    const { process: id } = await bot('a');
    const row = registry.find(id ?? '');
    // What two that look at once do: one has its answer, the other writes down what came after it.
    database.prepare('DELETE FROM processes WHERE id = ?').run(id);
    const { docker: engine } = await connect(`unix://${swarm.manager.socket}`, {});
    const listServices = engine.listServices.bind(engine);
    engine.listServices = (async (options: never) => {
      await listServices(options);
      if (row) registry.insert(row);
      return [];
    }) as never;
    const surroundings = {
      ...{ database, registry, notes: createEngineNotes(database), clock: { now: Date.now } },
      ...{ client: { docker: engine }, instance: instanceOf(database, undefined), bots: () => [] },
    };
    await look(surroundings as never);
    expect(registry.find(id ?? '')).toMatchObject({ status: 'running' });
    database.close();
    await eventually('it is still there', async () => (await bot('a')).state === 'running');
  }, 60_000);

  it('ends a build at once when the bot is stopped', async () => {
    const { root, ok, json } = makeCarried(
      swarm.manager.socket,
      { bots: { a: docker } },
      {
        ...shellBot(counts),
        'bot/Dockerfile': 'FROM understudy-test/shell\nRUN echo at it && sleep 60\nCMD ["/bin/sh"]\n',
      },
    );
    const starting = understudy(['--root', root, 'start', 'a']);
    await eventually('it is being built', async () => {
      const { bot } = await json<{ bot: { detail: string | null } }>('status', 'a');
      return bot.detail?.includes('RUN');
    });
    const startedAt = performance.now();
    await ok('stop', 'a');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect((await starting).stderr).toMatch(/stopped 'a' while it was started/);
    expect((await containers()).filter(({ Labels }) => Labels['understudy.process'])).toEqual([]);
  }, 60_000);

  it('ends at once what was never started, whose starter was killed', async () => {
    const { root, json, ok } = makeCarried(swarm.manager.socket, { bots: { a: docker } }, shellBot(counts));
    await ok('list');
    const database = new Database(join(root, 'memory/understudy.db'));
    const registry = createRegistry(database);
    const options = { argv: [], command: 'x', name: 'a', bot: 'a', directory: root, environment: {} };
    const described = describeProcess(
      join(root, 'logs/processes'),
      { ...options, type: 'background', agent: undefined, takesInput: false },
      Date.now(),
    );
    registry.insert({ ...described, runner: 'docker', handle: 'us-nobody-made-this' });
    database.close();
    const startedAt = performance.now();
    const { processes } = await json<{ processes: { status: string; note?: string }[] }>(
      ...['kill', described.id],
    );
    expect(processes).toMatchObject([{ status: 'lost' }]);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  }, 60_000);

  it('finds and gives up a bot that has left the configuration between two runs', async () => {
    const { root, ok, errorOf } = makeCarried(
      swarm.manager.socket,
      { bots: { a: carried }, globalSettings: { restart_delay: 600 } },
      shellBot('echo over; exit 3'),
    );
    const starting = understudy(['--root', root, 'start', 'a']);
    await eventually('it waits for its next run', async () => {
      const { bot } = JSON.parse((await understudy(['--root', root, '--json', 'status', 'a'])).stdout);
      return bot.detail?.includes('the swarm starts it again');
    });
    const config = join(root, 'config.json');
    const settings = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...settings, bots: {} }));
    expect(await ok('kill', 'a')).toContain('it is not started again');
    expect(await services()).toEqual([]);
    expect((await errorOf('kill', 'a')).code).toBe('not_running');
    await starting;
  }, 90_000);

  it('is not started again by the swarm where there are no attempts', async () => {
    const { errorOf, bot } = makeCarried(
      swarm.manager.socket,
      { bots: { a: carried }, globalSettings: { max_restart_attempts: 0, restart_delay: 0 } },
      shellBot('echo over; exit 3'),
    );
    expect((await errorOf('start', 'a')).code).toBe('bot_crashed');
    expect(await bot('a')).toMatchObject({ state: 'failed', exitCode: 3, startCount: 1 });
    expect(await swarm.manager.docker.listTasks()).toHaveLength(1);
  }, 60_000);

  it('hides a password in an address, keeps newlines at the end of a secret, and follows a .env that is a link', async () => {
    const env = { STORE: 'postgres://me:hidden-word@host/x', PEM_TOKEN: 'one\n\n' };
    const script = 'echo "$STORE"; echo "[$PEM_TOKEN]"; cat .env; echo over; while :; do sleep 1; done';
    const { root, ok, lines } = makeCarried(
      swarm.manager.socket,
      {
        bots: {
          a: { ...carried, env, ready: { pattern: 'over' } },
          b: { ...docker, env, ready: { pattern: 'over' } },
        },
      },
      { ...shellBot(script), 'shared.env': 'KEY=of-the-link\n' },
    );
    symlinkSync(join(root, 'shared.env'), join(root, 'bot/.env'));
    await ok('start', 'a');
    await ok('start', 'b');
    for (const name of ['a', 'b']) {
      expect(lines(name)).toEqual([env.STORE, '[one', '', ']', 'KEY=of-the-link', 'over']);
    }
    expect(JSON.stringify(await services())).not.toContain('hidden-word');
  }, 60_000);
});

describe('the connection to an engine', () => {
  it('goes where the settings say, whatever DOCKER_HOST says', async () => {
    const root = makeInstance();
    const socket = join(root, 'engine');
    const server = await listen(
      createServer((connection) => answer(connection, 'the right one')),
      socket,
    );
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:9';
    onTestFinished(() => {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
      server.close();
    });
    const { docker } = await connect(`unix://${socket}`, process.env);
    expect(String(await docker.ping())).toBe('the right one');
  });

  it('is secured for tcp:// where DOCKER_TLS_VERIFY says so, with the certificates of DOCKER_CERT_PATH', async () => {
    const root = makeInstance();
    await runProgram('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', join(root, 'key.pem'), '-out', join(root, 'ca.pem')],
    ]);
    writeFileSync(join(root, 'cert.pem'), readFileSync(join(root, 'ca.pem')));
    const read = (name: string) => readFileSync(join(root, name));
    const server = createSecureServer(
      { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem'), requestCert: true },
      (_, response) => response.end('secured'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const environment = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: root };
    const { docker } = await connect(`tcp://127.0.0.1:${port}`, environment);
    expect(String(await docker.ping())).toBe('secured');
    renameSync(join(root, 'ca.pem'), join(root, 'elsewhere'));
    await expect(connect(`tcp://127.0.0.1:${port}`, environment)).rejects.toThrow(
      expect.objectContaining({ code: 'engine_settings', message: expect.stringContaining('ca.pem') }),
    );
  });
});

/** A socket that takes every question and answers none. */
async function listenSilently(path: string): Promise<string> {
  const connections = new Set<Socket>();
  const server = await listen(
    createServer((connection) => {
      connections.add(connection.on('error', () => {}));
      connection.resume();
    }),
    path,
  );
  onTestFinished(() => {
    for (const connection of connections) connection.destroy();
    server.close();
  });
  return path;
}

async function listen(server: Server, path: string): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

function answer(connection: Socket, text: string): void {
  connection.once('data', () => {
    connection.end(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`);
  });
}
