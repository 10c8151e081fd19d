// From asking for a process to knowing that it runs: ours until its PID is in the registry, Node's own `spawn` until its
// event, and each peer until it says that the service is up.

import { type ChildProcess, spawn as spawnChild } from 'node:child_process';
import type { Manager } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import type { Family } from '../report.ts';
import { alternate, type Contender, duration, median, times } from '../support/numbers.ts';

const rounds = 200;
const peerRounds = 30;
const aimRatio = 3;
const aimMs = 5;
const argv = ['sleep', '1000'];

/** Spawn to running. */
export const spawn: Family = {
  name: 'spawn',
  measure: async ({ bench, peers }) => {
    const ours = startOurs(bench);
    const nodeMark = bench.makeMark('spawn');
    const managers = new Map<string, Manager>();
    for (const peer of peers) {
      if (peer.name === 'runit') continue;
      const manager = await peer.start(bench);
      // Each is started once: ending one takes some of them a second.
      for (let round = 0; round < peerRounds; round++) await manager.define({ name: `idle-${round}`, argv });
      managers.set(peer.name, manager);
    }
    const contenders: Contender[] = [
      {
        name: 'ours',
        measure: async () => {
          const startedAt = performance.now();
          await ours.spawn(argv);
          return performance.now() - startedAt;
        },
      },
      { name: 'node', measure: () => timeNodeSpawn(nodeMark.environment) },
      ...[...managers].map(([name, manager]) => {
        let round = 0;
        return {
          name,
          rounds: peerRounds,
          measure: async () => {
            const startedAt = performance.now();
            await manager.up(`idle-${round}`);
            round += 1;
            return performance.now() - startedAt;
          },
        };
      }),
    ];
    const values = await alternate(rounds, contenders);
    for (const manager of [ours, ...managers.values()]) await manager.end();
    nodeMark.kill();
    const [mine, node] = [median(values.get('ours')), median(values.get('node'))];
    return [
      {
        what: 'spawn to running, p50',
        ours: duration(mine),
        peers: [
          `\`child_process.spawn\` ${duration(node)}`,
          ...[...managers.keys()].map((name) => `${name} ${duration(median(values.get(name)))}`),
        ],
        result: `${times(mine / node)} of spawn`,
        aim: `≤ ${aimRatio} × spawn and < ${aimMs} ms`,
        holds: mine <= aimRatio * node && mine < aimMs,
        why: 'Most of it is the shim, a shell that has to start before it can start the command, which is two spawns; the rows, the folder and the identities take about 0.6 ms.',
      },
    ];
  },
};

async function timeNodeSpawn(environment: Readonly<Record<string, string>>): Promise<number> {
  const [command = '', ...words] = argv;
  const startedAt = performance.now();
  const child: ChildProcess = spawnChild(command, words, {
    stdio: 'ignore',
    detached: true,
    env: environment,
  });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  return performance.now() - startedAt;
}
