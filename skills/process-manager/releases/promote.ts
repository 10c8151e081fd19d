// Promotes the candidate in staging/: looks, decides whether it may be staged, has it staged, and asks the watchdog for
// the switch. The wish for a switch is the very last thing that is written.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import {
  type Changes,
  markerNames,
  readDeployReady,
  readRecord,
  withdrawDeployReady,
  writeDeployReady,
  writeRecord,
  writeUpgradeContext,
} from '../watchdog/index.ts';
import { examine, look } from './candidate.ts';
import { isNothing } from './changes.ts';
import { refuseUnmovable } from './copy.ts';
import { requireCleanTree, requireEvidence } from './evidence.ts';
import { explainFileError, removeTree } from './files.ts';
import { openHashes } from './hash.ts';
import { removeLeftovers } from './leftovers.ts';
import {
  backupsFolder,
  hashesFile,
  listReleases,
  type Release,
  refuseWhileInProgress,
  refuseWhileWaiting,
  revertedHashes,
} from './list.ts';
import { whileLocked } from './lock.ts';
import { createPace } from './pace.ts';
import { requireFolder } from './prepare.ts';
import { finishRevert, refuseUnfinishedRevert } from './revert-journal.ts';
import { stage } from './stage.ts';
import { findStaged } from './staged.ts';
import type { Caller, Surroundings } from './surroundings.ts';
import { chooseVersion, parseVersion } from './versions.ts';

/** What is asked for. */
export interface PromoteRequest extends Caller {
  readonly version?: string | undefined;
  readonly dryRun: boolean;
  readonly skipRestart: boolean;
  readonly force: boolean;
  readonly reason?: string | undefined;
}

/** What came of it: the folder of the release, unless it was a dry run. */
export interface Promotion {
  readonly name: string | null;
  readonly changes: Changes;
}

/** Stages, and asks for the switch unless it is to be left out. */
export async function promote(surroundings: Surroundings, request: PromoteRequest): Promise<Promotion> {
  const { root, staging } = surroundings;
  const backups = backupsFolder(root);
  requireFolder(staging);
  if (request.dryRun) {
    refuseUnfinishedRevert(staging);
    const { changes } = await look(surroundings, openHashes(hashesFile(backups)), request.signal);
    return { name: null, changes };
  }
  try {
    return await whileLocked(backups, () => promoteAlone(surroundings, request, backups));
  } catch (error) {
    throw explainFileError(error, backups);
  }
}

async function promoteAlone(
  surroundings: Surroundings,
  request: PromoteRequest,
  backups: string,
): Promise<Promotion> {
  const { root, staging, settings } = surroundings;
  const pace = createPace(request.signal);
  await removeLeftovers(root, backups, pace);
  const releases = listReleases(root);
  refuseWhileInProgress(root, releases);
  if (!request.force) refuseWhileWaiting(root);
  await finishRevert(staging, pace);
  const given = request.version === undefined ? undefined : parseVersion(request.version);
  request.progress({ message: 'comparing staging with live' });
  const hashes = openHashes(hashesFile(backups));
  const { prepared, changes } = await look(surroundings, hashes, request.signal);
  if (isNothing(changes)) throw nothingToPromote(staging);
  refuseUnmovable(staging, prepared.source.items);
  const candidate = await examine(surroundings, prepared, changes, hashes, request.signal);
  if (!request.force) refuseReverted(root, releases, candidate.hash);
  const release = () => ({
    version: chooseVersion(given, versionsOf(releases)),
    reason: request.reason ?? null,
    hashes,
  });
  const ready = await findStaged(releases, candidate, given, request);
  if (ready === undefined && settings.projectType === 'runner-dev') {
    requireEvidence(staging, lastReleaseAt(releases));
    requireCleanTree(staging, settings.exclude);
  }
  const name = ready?.name ?? (await stage(surroundings, candidate, release(), request));
  hashes.save();
  await finish(surroundings, request, name, releases);
  return { name, changes };
}

/** The steps after staging: others that wait step back, and the switch is asked for. */
async function finish(
  { root, clock }: Surroundings,
  request: PromoteRequest,
  name: string,
  releases: readonly Release[],
): Promise<void> {
  const folder = join(backupsFolder(root), name);
  const record = readRecord(folder);
  if (record === undefined) throw new Error(`${folder} was staged and has no release.json`);
  // Should this be killed in between, the name tells the next one that it is a leftover.
  const withdrawn = join(root, `${markerNames.ready}.${process.pid}.new`);
  if (readDeployReady(root) !== undefined && !withdrawDeployReady(root, withdrawn)) {
    throw new Failure(
      'release_in_progress',
      `The release that waited has begun to be switched; ${record.version} is staged and not asked for.`,
      'Wait for the verdict (understudy releases), then: understudy promote',
    );
  }
  rmSync(withdrawn, { force: true });
  const at = new Date(clock.now()).toISOString();
  for (const other of releases) {
    if (other.name === name || other.state !== 'staged' || other.record === undefined) continue;
    const detail = `${record.version} took its place before it was switched`;
    writeRecord(other.folder, { ...other.record, state: 'failed', stateAt: at, detail });
    await removeTree(join(other.folder, 'next'), createPace());
  }
  if (request.skipRestart) return;
  const { requestedBy, channel, reason } = request;
  const optional = {
    ...(channel === undefined ? {} : { channel }),
    ...(reason === undefined ? {} : { reason }),
  };
  writeUpgradeContext(root, { action: 'promote', version: record.version, ...optional, requestedBy, at });
  writeDeployReady(root, {
    release: name,
    version: record.version,
    staged_at: record.createdAt,
    staged_by: record.stagedBy,
    ...(record.commit === null ? {} : { commit: record.commit }),
    action: 'promote',
  });
}

function refuseReverted(root: string, releases: readonly Release[], hash: string): void {
  const version = revertedHashes(root, releases).get(hash);
  if (version === undefined) return;
  throw new Failure(
    'reverted_before',
    `This is exactly what was promoted as ${version} and taken back.`,
    'Change what was wrong with it, see understudy releases; or try it once more: understudy promote --force',
  );
}

function nothingToPromote(staging: string): Failure {
  return new Failure(
    'nothing_to_promote',
    `${staging} holds exactly what is live.`,
    'Change something there first; what moves and what does not is in docs/releases.md',
  );
}

/** Failed candidates were never released, so their numbers are free. */
function versionsOf(releases: readonly Release[]): string[] {
  return releases.filter(({ state }) => state !== 'failed').map(({ version }) => version);
}

function lastReleaseAt(releases: readonly Release[]): string | undefined {
  return releases.find(({ state }) => state !== 'failed')?.createdAt;
}
