// Goes back by hand: finds the releases that have to be taken back, newest first, and asks the watchdog to do it. Going
// back is renaming, which only the watchdog does, since live has to be stopped for it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import { writeDeployReady, writeUpgradeContext } from '../watchdog/index.ts';
import { explainFileError } from './files.ts';
import {
  backupsFolder,
  currentVersion,
  goodReleases,
  listReleases,
  type Release,
  refuseWhileInProgress,
  refuseWhileWaiting,
} from './list.ts';
import { whileLocked } from './lock.ts';
import type { Caller, Surroundings } from './surroundings.ts';
import { firstVersion, parseVersion } from './versions.ts';

/** What is asked for. */
export interface RollbackRequest extends Caller {
  /** The version to be live afterwards; the one before the present one by default. */
  readonly version?: string | undefined;
  readonly reason?: string | undefined;
}

/** What the watchdog was asked to do. */
export interface Rollback {
  /** The version that will be live again. */
  readonly version: string;
  /** The releases that are taken back for it, newest first. */
  readonly releases: readonly Release[];
}

/** Asks for it. */
export async function rollback({ root, clock }: Surroundings, request: RollbackRequest): Promise<Rollback> {
  const backups = backupsFolder(root);
  try {
    return await whileLocked(backups, async () => {
      const all = listReleases(root);
      refuseWhileInProgress(root, all);
      refuseWhileWaiting(root);
      const wanted = chooseRollback(all, request.version);
      const at = new Date(clock.now()).toISOString();
      const { requestedBy, channel, reason } = request;
      const optional = {
        ...(channel === undefined ? {} : { channel }),
        ...(reason === undefined ? {} : { reason }),
      };
      writeUpgradeContext(root, {
        action: 'rollback',
        version: wanted.version,
        ...optional,
        requestedBy,
        at,
      });
      const names = wanted.releases.map(({ name }) => name);
      const [newest] = wanted.releases;
      writeDeployReady(root, {
        ...(newest ? { release: newest.name, version: newest.version } : {}),
        staged_at: at,
        staged_by: requestedBy,
        action: 'rollback',
        rollback: names,
      });
      return wanted;
    });
  } catch (error) {
    throw explainFileError(error, backups);
  }
}

/** Which releases have to go for a version to come back. Only good ones count: others never stayed. */
function chooseRollback(all: readonly Release[], given: string | undefined): Rollback {
  const chain = chainOf(all);
  const [newest, second] = chain;
  if (newest === undefined) {
    throw new Failure(
      'nothing_to_roll_back',
      `Live is ${currentVersion(all)}, and no release before it is kept.`,
      'See what there is: understudy releases',
    );
  }
  const oldest = chain.at(-1) ?? newest;
  const before = versionBefore(all, oldest);
  const reachable = [...chain.slice(1).map(({ version }) => version), before];
  const version = given === undefined ? (second?.version ?? before) : parseVersion(given);
  const count = reachable.indexOf(version);
  if (count >= 0) return { version, releases: chain.slice(0, count + 1) };
  const isCurrent = version === newest.version;
  throw new Failure(
    isCurrent ? 'already_live' : 'unknown_version',
    isCurrent
      ? `${version} is live already.`
      : `${version} is not among the versions that can be gone back to.`,
    `Those are: ${reachable.join(', ')}`,
  );
}

/** The good releases that can be taken back one after the other, newest first: up to the first whose old tree is gone. */
function chainOf(all: readonly Release[]): Release[] {
  const good = goodReleases(all);
  const end = good.findIndex(({ folder }) => !existsSync(join(folder, 'previous')));
  return end < 0 ? good : good.slice(0, end);
}

/** What was live before the oldest release of the chain: the good one before it, which has nothing to go back to. */
function versionBefore(all: readonly Release[], oldest: Release): string {
  const good = goodReleases(all);
  return good[good.indexOf(oldest) + 1]?.version ?? firstVersion;
}
