// A plan for a bot on an engine, from which tests change what they are about.

import type { ContainerPlan } from '../../skills/process-manager/processes/index.ts';

export const containerPlan: ContainerPlan = {
  image: undefined,
  dockerfile: undefined,
  command: ['node', 'bot.js'],
  isCommandGuessed: false,
  environment: {},
  keep: [],
  volumeDriver: 'local',
  volumeOptions: {},
  network: undefined,
  memoryBytes: undefined,
  cpus: undefined,
  reserve: { cpus: undefined, memoryBytes: undefined },
  constraints: [],
  trialMs: 15_000,
  readyMs: 60_000,
  restart: 'on-failure',
  restartDelayMs: 5_000,
  mostRestarts: 5,
};
