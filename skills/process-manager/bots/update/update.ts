// Keeps a bot's folder at the newest commit of its repository. An update never loses what a person has written: what it
// may overwrite is held back first, and a kill at any instant leaves everything for the next start to put in order.

import type { RecoveryOptions, UpdateOptions, UpdateResult } from './options.ts';
import { runRecovery, runUpdate } from './run.ts';

export type { UpdateOptions, UpdateResult } from './options.ts';

/**
 * Updates the folder of one bot. `skipped` is for what a person has to decide: local changes, a diverged history,
 * another branch or another origin. Throws a Failure when it cannot be done; the bot can be started in any case.
 */
export async function updateFromGit(options: UpdateOptions): Promise<UpdateResult> {
  return runUpdate(options, () => {});
}

/**
 * Finishes what an update left that was killed: ends its git commands, and puts back what was held. True when there was
 * something. Nobody else may update this bot at the same time.
 */
export async function recoverUpdate(options: RecoveryOptions): Promise<boolean> {
  return runRecovery(options, () => {});
}
