// Reads the lock that a running watchdog.js holds on its root: `.watchdog.lock`, with its PID and start time.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, type ProcessIdentity } from '../base/index.ts';

const lockSchema = z.object({ pid: z.number().int().positive(), start: z.string() });

/** The watchdog that runs for this root, if one does. */
export function findWatchdog(root: string): ProcessIdentity | undefined {
  try {
    const holder = lockSchema.parse(JSON.parse(readFileSync(join(root, '.watchdog.lock'), 'utf8')));
    return isAlive(holder) ? holder : undefined;
  } catch {
    // No lock, or one that was torn by a power cut: nobody holds it.
    return undefined;
  }
}
