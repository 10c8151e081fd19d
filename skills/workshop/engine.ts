// What the tools of this skill work with: the bounds of staging/, and a lock that two changes never share.

import { existsSync } from 'node:fs';
import type { Host } from '../tool.ts';
import type { Bounds } from './confine.ts';

/** Handed to every handler as `context.engine`. */
export interface Workshop {
  readonly bounds: Bounds;
  /** Runs one change at a time, over all processes of the instance. It must not wait for anything. */
  exclusively<T>(act: () => T): T;
}

/** The workshop of one instance. */
export function createWorkshop(host: Host<unknown>): Workshop {
  const descriptors = '/proc/self/fd';
  return {
    bounds: { root: host.root, descriptors: existsSync(descriptors) ? descriptors : undefined },
    // A transaction is a lock that dies with its holder.
    exclusively: (act) => host.database().transaction(act).immediate(),
  };
}
