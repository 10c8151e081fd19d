// A swarm of three machines and a registry for the tests of one suite.

import { afterAll, beforeAll } from 'vitest';
import { loadBaseImages, startRegistry, startSwarm, type TestRegistry, type TestSwarm } from './engine.ts';

/** What such a suite has, from its first test on. */
export interface SwarmSuite {
  readonly swarm: TestSwarm;
  /** The `docker` part of a config.json that lets every node pull what is built. */
  readonly docker: { readonly registry: string };
}

/** Starts them before the tests of the suite, and stops them after. */
export function useSwarm(): SwarmSuite {
  let swarm: TestSwarm | undefined;
  let registry: TestRegistry | undefined;
  let address = '';
  beforeAll(async () => {
    // A busy machine must not take a node that is slow for one that is dead.
    [swarm, registry] = await Promise.all([startSwarm(3, { heartbeatMs: 2_000 }), startRegistry()]);
    await loadBaseImages(swarm.nodes, ['shell']);
    address = await swarm.expose(registry.port, 5000);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([swarm?.stop(), registry?.stop()]);
  });
  return {
    get swarm() {
      if (!swarm) throw new Error('the swarm is there from the first test on');
      return swarm;
    },
    docker: {
      get registry() {
        return address;
      },
    },
  };
}
