// The door to real Docker engines for tests: single ones, swarms of them, images and a registry. A suite begins with
// `describeWithEngine`, which skips it loudly where there can be no engine.

export { startEngine, type TestEngine } from './engine-daemon.ts';
export { finished, loadBaseImages, loadEverywhere } from './engine-images.ts';
export { removeLeftovers } from './engine-leftovers.ts';
export type { MachineProcess } from './engine-machine.ts';
export { describeWithEngine } from './engine-problem.ts';
export { startRegistry, type TestRegistry } from './engine-registry.ts';
export { type SwarmNode, startSwarm, type TestSwarm } from './engine-swarm.ts';
export { eventually } from './engine-wait.ts';
