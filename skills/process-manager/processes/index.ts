export { listProcesses, type ProcessRow, processMigrations, processStates } from './registry.ts';
