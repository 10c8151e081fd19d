// Real swarms for tests: engines on machines that a bridge joins, on a machine of its own. The network is of these
// machines alone: nothing of it is on the host, so that any number of swarms may use the same addresses at once.

import { join } from 'node:path';
import { type DaemonOptions, makeEngine, type TestEngine } from './engine-daemon.ts';
import { makeEngineFolder, removeEngineFolder } from './engine-leftovers.ts';
import { bootMachine, type Machine } from './engine-machine.ts';
import { eventually } from './engine-wait.ts';

/** A machine of a swarm. `kill` takes it from the network too, and `boot` brings it back as the same node. */
export interface SwarmNode extends TestEngine {
  readonly address: string;
  /** What the swarm calls it. */
  readonly nodeId: string;
  readonly isManager: boolean;
  /** Cuts its cable: its containers go on running, and nobody hears of them. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
}

/** A swarm whose nodes are all ready. */
export interface TestSwarm {
  /** The first is the leader, and the first `managers` of them are managers. */
  readonly nodes: readonly SwarmNode[];
  readonly manager: SwarmNode;
  /** The nodes as a manager sees them, by hostname: `ready` or `down`. */
  states(): Promise<Record<string, string>>;
  /**
   * Lets all machines, and containers in the network of their host, reach a port of the test's loopback; the address
   * there. Engines take it for a registry without TLS.
   */
  expose(hostPort: number, port: number): Promise<string>;
  stop(): Promise<void>;
}

interface SwarmOptions extends DaemonOptions {
  /** How many of the nodes are managers; 1 unless given. They take up to 20 s for a new leader, and hold questions. */
  readonly managers?: number;
  /** How often a node says that it is there; one that is silent three times as long is down. 1 000 unless given. */
  readonly heartbeatMs?: number;
}

const bridgeAddress = '10.87.0.254';

/** Starts one with `count` nodes, called node-1, node-2 and so on. */
export async function startSwarm(count: number, options: SwarmOptions = {}): Promise<TestSwarm> {
  const folder = makeEngineFolder();
  const machines: { kill(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(machines.map((machine) => machine.kill()));
    removeEngineFolder(folder);
  };
  try {
    const bridge = await bootBridge(join(folder, 'b'));
    machines.push(bridge);
    const places = Array.from({ length: count }, (_, index) => index + 1);
    const started = await Promise.allSettled(
      places.map(async (place) => {
        const engine = await startMember(folder, bridge, place, options);
        machines.push(engine);
        return engine;
      }),
    );
    const members = started.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    return await formSwarm(members, bridge, options, stop);
  } catch (cause) {
    await stop();
    throw cause;
  }
}

type Member = Omit<SwarmNode, 'nodeId' | 'isManager'>;

async function formSwarm(
  members: readonly Member[],
  bridge: Machine,
  { managers = 1, heartbeatMs = 1_000 }: SwarmOptions,
  stop: () => Promise<void>,
): Promise<TestSwarm> {
  const nodes: SwarmNode[] = [];
  const [first, ...others] = members;
  if (first === undefined || managers < 1) throw new Error('a swarm has at least one node, and one manager');
  nodes.push(await asNode(first, true, () => beginSwarm(first, heartbeatMs)));
  const tokens = (await first.docker.swarmInspect()).JoinTokens;
  const joining = (member: Member, token: string) => async () => {
    await member.docker.swarmJoin({
      ...{ ListenAddr: member.address, AdvertiseAddr: member.address },
      ...{ RemoteAddrs: [first.address], JoinToken: token },
    });
  };
  // One after another, since each changes who has to agree.
  for (const member of others.slice(0, managers - 1)) {
    nodes.push(await asNode(member, true, joining(member, tokens.Manager)));
  }
  const workers = others.slice(managers - 1);
  const join = (member: Member) => asNode(member, false, joining(member, tokens.Worker));
  nodes.push(...(await Promise.all(workers.map(join))));
  return await swarmOf(nodes, nodes[0] as SwarmNode, bridge, stop);
}

async function swarmOf(
  nodes: readonly SwarmNode[],
  manager: SwarmNode,
  bridge: Machine,
  stop: () => Promise<void>,
): Promise<TestSwarm> {
  const states = async () => {
    const living = nodes.filter((node) => node.isManager && node.machine.processes().length > 0);
    const asked = living[0] ?? manager;
    const known = await asked.docker.listNodes();
    return Object.fromEntries(known.map((node) => [node.Description?.Hostname, node.Status?.State]));
  };
  await eventually('all nodes of the swarm are ready', async () => {
    const all = Object.values(await states());
    return all.length === nodes.length && all.every((state) => state === 'ready');
  });
  return {
    ...{ nodes, manager, states, stop },
    expose: async (hostPort, port) => {
      await bridge.expose(hostPort, port);
      return `${bridgeAddress}:${port}`;
    },
  };
}

async function asNode(member: Member, isManager: boolean, enter: () => Promise<void>): Promise<SwarmNode> {
  await enter();
  const { Swarm: swarm } = await member.docker.info();
  return Object.assign(member, { isManager, nodeId: swarm.NodeID as string });
}

async function beginSwarm({ docker, address }: Member, heartbeatMs: number): Promise<void> {
  await docker.swarmInit({
    ...{ ListenAddr: address, AdvertiseAddr: address },
    Spec: {
      Dispatcher: { HeartbeatPeriod: heartbeatMs * 1_000_000 },
      Raft: { HeartbeatTick: 1, ElectionTick: 3 },
    },
  });
}

/** The machine in the middle: it runs no engine, and has an address that all others reach. */
async function bootBridge(folder: string): Promise<Machine> {
  const bridge = await bootMachine(folder, 'bridge');
  await bridge.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  await bridge.run('ip', 'address', 'add', `${bridgeAddress}/24`, 'dev', 'br0');
  await bridge.run('ip', 'link', 'set', 'br0', 'up');
  return bridge;
}

async function startMember(
  folder: string,
  bridge: Machine,
  place: number,
  options: DaemonOptions,
): Promise<Member> {
  const address = `10.87.0.${place}`;
  const port = `port${place}`;
  const onBoot = async (machine: Machine) => {
    await bridge.runInNetwork('sh', '-c', plugging(port, machine.pid));
    await machine.run('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    await machine.run('ip', 'link', 'set', 'eth0', 'up');
  };
  const hostname = `node-${place}`;
  const engine = await makeEngine(join(folder, `${place}`), { ...options, hostname, onBoot });
  return Object.assign(engine, {
    address,
    unplug: async () => void (await bridge.run('ip', 'link', 'set', port, 'down')),
    plug: async () => void (await bridge.run('ip', 'link', 'set', port, 'up')),
  });
}

/** A cable from the bridge to the machine whose first process that is; the one of its former life goes first. */
function plugging(port: string, pid: number): string {
  return [
    'set -e',
    `ip link delete ${port} 2> /dev/null || true`,
    `ip link add ${port} type veth peer name eth0 netns ${pid}`,
    `ip link set ${port} master br0 up`,
  ].join('; ');
}
