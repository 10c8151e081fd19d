// The door to real Docker engines for tests: single ones, swarms of them, images and a registry. A suite begins with
// `describeWithEngine`, which skips it loudly where there can be no engine.

export { type DaemonOptions, startEngine, type TestEngine } from './engine-daemon.ts';
export { type BaseImage, finished, loadBaseImages, loadEverywhere } from './engine-images.ts';
export { removeLeftovers } from './engine-leftovers.ts';
export type { Machine, MachineProcess } from './engine-machine.ts';
export { describeWithEngine, engineProblem } from './engine-problem.ts';
export { type RegistryOptions, startRegistry, type TestRegistry } from './engine-registry.ts';
export { type SwarmNode, startSwarm, type TestSwarm } from './engine-swarm.ts';
export { eventually } from './engine-wait.ts';
