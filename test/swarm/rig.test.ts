// The rig of real engines itself: what other tests take for granted of it. One engine and one swarm serve all of them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type Docker from 'dockerode';
import tar from 'tar-fs';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../../skills/process-manager/base/index.ts';
import {
  describeWithEngine,
  eventually,
  finished,
  loadBaseImages,
  loadEverywhere,
  type MachineProcess,
  removeLeftovers,
  type SwarmNode,
  startEngine,
  startRegistry,
  startSwarm,
  type TestEngine,
  type TestRegistry,
  type TestSwarm,
} from '../support/engine.ts';
import { controlGroupFolders } from '../support/engine-leftovers.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot } from '../support/instance.ts';

const shell = 'understudy-test/shell';

describeWithEngine('an engine of the rig', () => {
  let engine: TestEngine;

  beforeAll(async () => {
    engine = await startEngine({ hostname: 'alone' });
    await loadBaseImages(engine);
  }, 60_000);
  afterAll(() => engine?.stop());

  it('runs a container that says something and ends with a status', async () => {
    const container = await engine.docker.createContainer({
      Image: shell,
      Cmd: ['sh', '-c', 'echo one; exit 7'],
      Tty: true,
    });
    await container.start();
    expect(await container.wait()).toMatchObject({ StatusCode: 7 });
    expect(String(await container.logs({ stdout: true }))).toBe('one\r\n');
  });

  it('has a hostname, processes and a network of its own', async () => {
    expect((await engine.docker.info()).Name).toBe('alone');
    expect(engine.machine.processes().map(({ name }) => name)).toContain('containerd');
    expect(readFileSync('/proc/net/dev', 'utf8')).not.toContain('docker0');
    expect(await engine.machine.run('ip', '-brief', 'link')).toContain('docker0');
  });

  it.each([
    [
      'Node',
      { 'bot.js': 'console.log([process.getuid(), require("fs").statSync("bot.js").uid].join(" "))' },
      'FROM node:20-slim\nWORKDIR /app\nCOPY --chown=1000:1000 . .\nRUN chown 1000:1000 /app && npm --version\n' +
        'USER 1000:1000\nCMD ["node","bot.js"]\n',
    ],
    [
      'Python',
      { 'bot.py': 'import os, ssl, sqlite3\nprint(os.getuid(), os.stat("bot.py").st_uid)' },
      'FROM python:3-slim\nWORKDIR /app\nCOPY --chown=1000:1000 . .\nRUN chown 1000:1000 /app && pip --version\n' +
        'USER 1000:1000\nCMD ["python","bot.py"]\n',
    ],
  ])('builds and runs a Dockerfile for %s', async (_language, files, Dockerfile) => {
    const context = makeFolder({ ...files, Dockerfile });
    await build(engine.docker, context, 'understudy-test/bot');
    const container = await engine.docker.createContainer({ Image: 'understudy-test/bot', Tty: true });
    await container.start();
    expect(await container.wait()).toMatchObject({ StatusCode: 0 });
    expect(String(await container.logs({ stdout: true, stderr: true }))).toBe('1000 1000\r\n');
  });

  it('reaches a server of the test from both networks of its containers', async () => {
    const server = createServer((_request, response) => response.end('of the test'));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await engine.expose((server.address() as AddressInfo).port, 8080);
    const addresses = { host: '127.0.0.1', bridge: '172.17.0.1' };
    for (const [NetworkMode, address] of Object.entries(addresses)) {
      const container = await engine.docker.createContainer({
        Image: shell,
        Cmd: ['wget', '-q', '-O', '-', `http://${address}:8080/`],
        Tty: true,
        HostConfig: { NetworkMode },
      });
      await container.start();
      await container.wait();
      expect(String(await container.logs({ stdout: true, stderr: true }))).toBe('of the test');
    }
  });

  it('loses its containers with its daemon, unless they are to live on', async () => {
    const container = await startSleeper(engine.docker);
    await engine.restart({ signal: 'SIGKILL' });
    expect((await container.inspect()).State.Running).toBe(false);

    await engine.restart({ liveRestore: true });
    await container.start();
    const before = (await container.inspect()).State;
    await engine.restart({ signal: 'SIGKILL' });
    expect((await container.inspect()).State).toMatchObject({ Running: true, Pid: before.Pid });
    await engine.restart({ liveRestore: false });
    expect((await container.inspect()).State.Running).toBe(false);
  });

  it('says nothing while its daemon is down', async () => {
    // Often, since a daemon of many threads ends bit by bit, and its socket may outlive its first thread.
    for (let time = 0; time < 10; time += 1) {
      await engine.down();
      await expect(engine.docker.ping()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await engine.up();
    }
    expect(String(await engine.docker.ping())).toBe('OK');
  });

  it('dies as a machine does, with every process, and has its containers again after a boot', async () => {
    const container = await startSleeper(engine.docker);
    const { ID } = await engine.docker.info();
    const alive = engine.machine.processes();
    expect(alive.map(({ name }) => name)).toEqual(expect.arrayContaining(['dockerd', 'containerd', 'sleep']));
    await engine.kill();
    expect(alive.filter(isAlive)).toEqual([]);
    await engine.boot();
    expect((await container.inspect()).State.Running).toBe(false);
    expect((await engine.docker.info()).ID).toBe(ID);
  });

  it('leaves nothing when it is stopped, not even with a frozen container', async () => {
    const container = await startSleeper(engine.docker);
    await container.pause();
    const [alive, folder] = [engine.machine.processes(), dirname(dirname(engine.socket))];
    expect(controlGroupFolders(folder)).not.toEqual([]);
    await engine.stop();
    expect(alive.filter(isAlive)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(controlGroupFolders(folder)).toEqual([]);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(folder);
    await engine.stop();
  });
});

describeWithEngine('what a killed test leaves', () => {
  it('is removed by the next, and nothing of a living one', async () => {
    const [dead, living] = await Promise.all([abandon(), abandon()]);
    dead.child.kill('SIGKILL');
    await once(dead.child, 'close');
    // The machine dies with its test, but for the container that is frozen, which waits for whoever comes next.
    await eventually('the daemon has ended', () =>
      dead.processes.every((found) => found.name !== 'dockerd' || !isAlive(found)),
    );
    removeLeftovers();
    await eventually('every process has ended', () => !dead.processes.some(isAlive));
    await eventually('folders and control groups are gone', () => {
      removeLeftovers();
      return !existsSync(dead.folder) && controlGroupFolders(dead.folder).length === 0;
    });
    expect(living.processes.filter(isAlive)).toEqual(living.processes);
    expect(existsSync(living.folder)).toBe(true);
  });
});

describeWithEngine('a swarm of the rig', () => {
  let swarm: TestSwarm;
  let registry: TestRegistry;
  let address: string;
  const account = { username: 'someone', password: 'secret' };

  beforeAll(async () => {
    [swarm, registry] = await Promise.all([startSwarm(3), startRegistry({ account })]);
    await loadBaseImages(swarm.nodes, ['shell']);
    address = await swarm.expose(registry.port, 5000);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([swarm?.stop(), registry?.stop()]);
  });

  it('has nodes with names of their own and the same image, which are ready', async () => {
    expect(await swarm.states()).toEqual({ 'node-1': 'ready', 'node-2': 'ready', 'node-3': 'ready' });
    expect(swarm.nodes.map(({ isManager }) => isManager)).toEqual([true, false, false]);
    expect(new Set(swarm.nodes.map(({ nodeId }) => nodeId)).size).toBe(3);
    const found = await Promise.all(swarm.nodes.map(({ docker }) => docker.getImage(shell).inspect()));
    expect(new Set(found.map(({ Id }) => Id)).size).toBe(1);
  });

  it('copies an image without a registry', async () => {
    const [first, ...others] = swarm.nodes;
    await first?.docker.getImage(shell).tag({ repo: 'understudy-test/copied' });
    if (first) await loadEverywhere('understudy-test/copied:latest', first, others);
    for (const { docker } of others) {
      expect((await docker.getImage('understudy-test/copied').inspect()).Os).toBe('linux');
    }
  });

  it('pushes to the registry from one node and pulls on another, for the account alone', async () => {
    const [first, second] = swarm.nodes as readonly [SwarmNode, SwarmNode, SwarmNode];
    const name = `${address}/bots/echo`;
    await first.docker.getImage(shell).tag({ repo: name, tag: '1' });
    const pushed = first.docker.getImage(`${name}:1`);
    const authconfig = { ...account, serveraddress: address };
    await expect(finished(first.docker, await pushed.push({ authconfig: {} }))).rejects.toThrow(
      'no basic auth credentials',
    );
    expect(registry.images()).toEqual([]);
    await finished(first.docker, await pushed.push({ authconfig }));
    expect(registry.images()).toEqual(['bots/echo:1']);
    await expect(second.docker.pull(`${name}:1`)).rejects.toMatchObject({ statusCode: 500 });
    await finished(second.docker, await second.docker.pull(`${name}:1`, { authconfig }));
    expect((await second.docker.getImage(`${name}:1`).inspect()).Id).toBe((await pushed.inspect()).Id);
    expect(registry.requests).toContain('PUT /v2/bots/echo/manifests/1 201');
  });

  it('hears nothing of a node whose cable is cut, until it is mended', async () => {
    const node = swarm.nodes[2];
    await node?.unplug();
    await becomes('node-3', 'down');
    expect(node?.machine.processes().some(({ name }) => name === 'dockerd')).toBe(true);
    await node?.plug();
    await becomes('node-3', 'ready');
  });

  it('brings a service up elsewhere when its node dies, and takes the node back', async () => {
    const { docker } = swarm.manager;
    await docker.createService({
      Name: 'echo',
      TaskTemplate: {
        ContainerSpec: { Image: shell, Command: ['sleep', '1000'] },
        // The manager has to live on.
        Placement: { Constraints: ['node.role == worker'] },
      },
      Mode: { Replicated: { Replicas: 1 } },
    } as Docker.CreateServiceOptions);
    const before = await eventually('the service runs', () => runningOn('echo'));
    const node = swarm.nodes.find(({ nodeId }) => nodeId === before);
    const other = swarm.nodes.find(({ nodeId, isManager }) => nodeId !== before && !isManager);
    await node?.kill();
    await eventually('it runs elsewhere', async () => (await runningOn('echo')) === other?.nodeId);
    expect((await swarm.states())[node?.hostname ?? '']).toBe('down');
    await node?.boot();
    await becomes(node?.hostname ?? '', 'ready');
    expect(await runningOn('echo')).toBe(other?.nodeId);
  }, 90_000);

  async function becomes(hostname: string, state: string): Promise<void> {
    await eventually(`${hostname} is ${state}`, async () => (await swarm.states())[hostname] === state);
  }

  /** The node of the one task that is to run and runs. */
  async function runningOn(service: string): Promise<string | undefined> {
    const tasks = await swarm.manager.docker.listTasks({
      filters: { service: [service], 'desired-state': ['running'] },
    });
    return tasks.find((task) => task.Status.State === 'running')?.NodeID;
  }
});

async function startSleeper(docker: Docker): Promise<Docker.Container> {
  // As the first process of its container it would ignore SIGTERM, and each stop would take ten seconds.
  const container = await docker.createContainer({ Image: shell, Cmd: ['sleep', '1000'], StopTimeout: 1 });
  await container.start();
  return container;
}

async function build(docker: Docker, context: string, tag: string): Promise<void> {
  await finished(docker, await docker.buildImage(tar.pack(context), { t: tag, networkmode: 'none' }));
}

interface Abandoned {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly processes: readonly MachineProcess[];
}

/** An engine with a frozen container, in a process that can be killed. */
async function abandon(): Promise<Abandoned> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/fixtures/engine/abandon.ts'], {
    cwd: codeRoot,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'close');
    }
    await eventually('what it left is removed', () => removeLeftovers().length === 0);
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { socket, processes } = JSON.parse(String(line));
  return { child, folder: dirname(dirname(socket)), processes };
}
