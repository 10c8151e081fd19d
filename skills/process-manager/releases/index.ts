export { backupsFolder, currentVersion, type Release } from './list.ts';
export type { PromoteRequest } from './promote.ts';
export { createReleases, type Releases } from './releases.ts';
export type { ReleaseSettings } from './surroundings.ts';
