export { agentEnvironment } from './environment.ts';
export { createProcesses, type Processes, requireRunning } from './processes.ts';
export { type ProcessLogs, type ProcessRow, processMigrations } from './registry.ts';
export { processVariable } from './settle.ts';
export { isFinished, processStates } from './states.ts';
export { confine } from './workspace.ts';
