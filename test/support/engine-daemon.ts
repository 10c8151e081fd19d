// Real Docker engines for tests, each on a machine of its own (engine-machine.ts): with its images, its ID, its hostname
// and its default bridge network, and with no trace on the host when it is stopped. Whoever starts one stops it.

import { mkdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import Docker from 'dockerode';
import { controlGroupOf, makeEngineFolder, removeEngineFolder } from './engine-leftovers.ts';
import { bootMachine, isTakenIn, type Machine } from './engine-machine.ts';
import { eventually } from './engine-wait.ts';

/** How the daemon of an engine is run. */
export interface DaemonOptions {
  /** Containers go on running while the daemon is away. Not in a swarm, which refuses it. */
  readonly liveRestore?: boolean;
  /** Further words for the command line of dockerd. */
  readonly flags?: readonly string[];
}

/** An engine that answers, until it is told otherwise. */
export interface TestEngine {
  readonly hostname: string;
  /** The path of its socket; it stays the same whatever happens to the engine. */
  readonly socket: string;
  /** A client of the engine. */
  readonly docker: Docker;
  /** The machine that it runs on now. */
  readonly machine: Machine;
  /** What the daemon has written, all of its lives together. */
  log(): string;
  /** Lets the engine, and containers in the network of the host, reach a port of the test's loopback as 127.0.0.1:port. */
  expose(hostPort: number, port: number): Promise<void>;
  /** Ends the daemon and its containerd, while the machine stays. SIGTERM stops the containers too; SIGKILL does not. */
  down(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts the daemon again. Without live-restore it ends containers that still run. */
  up(options?: DaemonOptions): Promise<void>;
  /** `down` and `up`. */
  restart(options?: DaemonOptions & { readonly signal?: 'SIGTERM' | 'SIGKILL' }): Promise<void>;
  /** The machine dies at once, with the daemon, containerd and all containers. */
  kill(): Promise<void>;
  /** Boots the machine again after `kill`, with the same disk, and starts the daemon. */
  boot(): Promise<void>;
  /** Ends everything; where the engine has a folder of its own, that goes too. It may be called twice. */
  stop(): Promise<void>;
}

/** Starts an engine of its own. */
export async function startEngine(options: DaemonOptions & { hostname?: string } = {}): Promise<TestEngine> {
  const folder = makeEngineFolder();
  try {
    const engine = await makeEngine(join(folder, 'm'), { hostname: 'lone-engine', ...options });
    const stop = async () => {
      await engine.kill();
      removeEngineFolder(folder);
    };
    return Object.assign(engine, { stop });
  } catch (cause) {
    removeEngineFolder(folder);
    throw cause;
  }
}

/** An engine in a folder that is somebody else's; `onBoot` is run after each boot, before the daemon is started. */
export async function makeEngine(
  folder: string,
  options: DaemonOptions & { hostname: string; onBoot?: (machine: Machine) => Promise<void> },
): Promise<TestEngine> {
  const socket = join(folder, 'sock');
  if (socket.length > 107)
    throw new Error(`the path of a socket is too long: ${socket}; set TMPDIR to a shorter one`);
  mkdirSync(folder, { recursive: true });
  // Without connections that are kept: one that a dead daemon has left would fail the first question to the next.
  const connection = { socketPath: socket, agent: new Agent({ keepAlive: false }) };
  const docker = new Docker(connection);
  const exposed = new Map<number, number>();
  let daemon: DaemonOptions = options;
  let machine = await bootMachine(folder, options.hostname);
  const engine: TestEngine = {
    hostname: options.hostname,
    socket,
    docker,
    get machine() {
      return machine;
    },
    log: () => readFileSync(join(folder, 'dockerd.log'), 'utf8'),
    expose: async (hostPort, port) => {
      await machine.expose(hostPort, port);
      exposed.set(port, hostPort);
    },
    down: async (signal = 'SIGKILL') => await endDaemon(machine, signal),
    up: async (changed = {}) => {
      daemon = { ...daemon, ...changed };
      await startDaemon(machine, folder, docker, daemon);
    },
    restart: async ({ signal, ...changed } = {}) => {
      await engine.down(signal);
      await engine.up(changed);
    },
    kill: async () => await machine.kill(),
    boot: async () => {
      machine = await bootMachine(folder, options.hostname);
      await options.onBoot?.(machine);
      await Promise.all([...exposed].map(([port, hostPort]) => machine.expose(hostPort, port)));
      await engine.up();
    },
    stop: async () => await machine.kill(),
  };
  try {
    await options.onBoot?.(machine);
    await engine.up();
    return engine;
  } catch (cause) {
    await machine.kill();
    throw cause;
  }
}

async function startDaemon(
  machine: Machine,
  folder: string,
  docker: Docker,
  { liveRestore = false, flags = [] }: DaemonOptions,
): Promise<void> {
  const log = join(folder, 'dockerd.log');
  const words = [
    ...['--host', `unix://${join(folder, 'sock')}`, '--data-root', join(folder, 'data')],
    ...['--exec-root', '/run/docker', '--pidfile', '/run/docker.pid'],
    ...['--cgroup-parent', controlGroupOf(folder), '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    // Rules for packets are needed for ports that are published through a swarm, and ask more of the kernel.
    ...['--iptables=false', '--ip6tables=false', '--insecure-registry', '10.87.0.0/24'],
    ...(liveRestore ? ['--live-restore'] : []),
    ...flags,
  ];
  const daemon = machine.start(['dockerd', ...words], log);
  // Long, since it first stops containers that outlived the last one, and those have ten seconds for it.
  const look = async () => {
    if (daemon.exitCode !== null)
      throw new Error(`dockerd ended: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    return await docker.ping().then(
      () => true,
      () => false,
    );
  };
  await eventually(`dockerd answers (${log})`, look, 30_000);
}

async function endDaemon(machine: Machine, signal: NodeJS.Signals): Promise<void> {
  const daemons = machine.processes().filter(({ name }) => name === 'dockerd' || name === 'containerd');
  machine.signal('dockerd', signal);
  if (signal === 'SIGKILL') machine.signal('containerd', signal);
  await eventually('the daemon has ended', () => daemons.every(isTakenIn), 30_000);
}
