export { isSupervised } from './lock.ts';
export { startSupervisor } from './supervisor.ts';
