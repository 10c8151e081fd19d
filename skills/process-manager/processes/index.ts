export type { ContainerPlan } from './container-plan.ts';
export { type EngineNote, engineNoteMigrations } from './engine-notes.ts';
export { agentEnvironment } from './environment.ts';
export { createProcesses, type Processes, requireRunning } from './processes.ts';
export { type ProcessLogs, processMigrations, type Registry } from './registry.ts';
export { type ProcessRow, type RunnerName, runnerNames } from './row.ts';
export type {
  EngineName,
  EngineRunner,
  EngineSurroundings,
} from './runner.ts';
export { processVariable } from './settle.ts';
export { describe as describeProcess, type SpawnOptions } from './spawn.ts';
export { isFinished, processStates } from './states.ts';
export { confine } from './workspace.ts';
