export { findWatchdog } from './lock.ts';
