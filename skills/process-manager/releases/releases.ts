// What can be done with the releases of one instance.

import { join } from 'node:path';
import type { Changes } from '../watchdog/index.ts';
import { listReleases, type Release } from './list.ts';
import { type PromoteRequest, type Promotion, promote } from './promote.ts';
import { type RevertRequest, revert } from './revert.ts';
import { type Rollback, type RollbackRequest, rollback } from './rollback.ts';
import type { Surroundings } from './surroundings.ts';

/** Promoting, reverting, rolling back. */
export interface Releases {
  /** Newest first. */
  list(): Release[];
  promote(request: PromoteRequest): Promise<Promotion>;
  revert(request: RevertRequest): Promise<Changes>;
  rollback(request: RollbackRequest): Promise<Rollback>;
}

/** The releases of the instance at a root. */
export function createReleases(options: Omit<Surroundings, 'staging'>): Releases {
  const surroundings = { ...options, staging: join(options.root, 'staging') };
  return {
    list: () => listReleases(options.root),
    promote: (request) => promote(surroundings, request),
    revert: (request) => revert(surroundings, request),
    rollback: (request) => rollback(surroundings, request),
  };
}
