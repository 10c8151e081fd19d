// The releases in backups/, newest first, as far as they can be read; a damaged one is listed as such, and never in the
// way of the others.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import {
  type ReleaseRecord,
  type ReleaseState,
  readDeployInProgress,
  readDeployReady,
  readDeployReverted,
  readRecord,
} from '../watchdog/index.ts';
import { compareVersions, firstVersion, isVersion } from './versions.ts';

/** A folder of backups/ that is a release, or was. */
export interface Release {
  /** The name of its folder. */
  readonly name: string;
  readonly folder: string;
  readonly version: string;
  readonly createdAt: string;
  /** `damaged` when its release.json cannot be read. */
  readonly state: ReleaseState | 'damaged';
  readonly record: ReleaseRecord | undefined;
}

/** Where releases are kept. */
export function backupsFolder(root: string): string {
  return join(root, 'backups');
}

/** Where known hashes are kept. */
export function hashesFile(backups: string): string {
  return join(backups, '.hashes.json');
}

/** All of them, newest first. */
export function listReleases(root: string): Release[] {
  const backups = backupsFolder(root);
  return namesIn(backups)
    .flatMap((name) => readRelease(backups, name) ?? [])
    .sort(newestFirst);
}

/** What live was made of, one upon the other; newest first, by the moment at which each became good. */
export function goodReleases(releases: readonly Release[]): Release[] {
  const stateAt = ({ record }: Release) => record?.stateAt ?? '';
  return releases
    .filter(({ state }) => state === 'good')
    .sort((one, other) => (stateAt(one) < stateAt(other) ? 1 : -1));
}

/** The version that live is now. */
export function currentVersion(releases: readonly Release[]): string {
  return goodReleases(releases)[0]?.version ?? firstVersion;
}

/** The hashes of candidates that were taken back. */
export function revertedHashes(root: string, releases: readonly Release[]): Map<string, string> {
  const reverted = new Map<string, string>();
  for (const { state, version, record } of releases) {
    if (state === 'reverted' && record !== undefined) reverted.set(record.hash, version);
  }
  const { hash, version = 'the last release', state, reason } = readDeployReverted(root) ?? {};
  // A watchdog.js that was refused, and a switch that never happened, are no faults of the release.
  const isFault = state !== 'watchdog-refused' && !reason?.startsWith('not switched:');
  if (hash !== undefined && isFault && !reverted.has(hash)) reverted.set(hash, version);
  return reverted;
}

/** Refuses whatever needs the trees to itself while a release is being switched, tried or taken back. */
export function refuseWhileInProgress(root: string, releases: readonly Release[]): void {
  const moving = releases.find(({ state }) => ['switching', 'trial', 'reverting'].includes(state));
  const marker = readDeployInProgress(root);
  if (moving === undefined && marker === undefined) return;
  const version = marker?.version ?? moving?.version ?? 'a release';
  throw new Failure(
    'release_in_progress',
    `${version} is being switched at this moment.`,
    'Wait for its verdict: understudy releases. If no watchdog runs, node watchdog.js goes on with it, and so does node watchdog.js --apply.',
  );
}

/** Refuses while a release waits for its switch. */
export function refuseWhileWaiting(root: string): void {
  const waiting = readDeployReady(root);
  if (waiting === undefined) return;
  throw new Failure(
    'release_waiting',
    `${waiting.version ?? 'A release'} is staged already, and waits for its switch.`,
    'Let it happen (node watchdog.js, or node watchdog.js --apply), or put a new one in its place: understudy promote --force',
  );
}

function readRelease(backups: string, name: string): Release | undefined {
  const [, version, stamp] = /^(v[^-]+)-(\d{8}T\d{6}Z)$/.exec(name) ?? [];
  if (version === undefined || stamp === undefined || !isVersion(version)) return undefined;
  const folder = join(backups, name);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const record = readRecord(folder);
  return record === undefined
    ? { name, folder, version, createdAt: timeOf(stamp), state: 'damaged', record }
    : { name, folder, version: record.version, createdAt: record.createdAt, state: record.state, record };
}

function newestFirst(one: Release, other: Release): number {
  if (one.createdAt === other.createdAt) return compareVersions(other.version, one.version);
  return one.createdAt < other.createdAt ? 1 : -1;
}

/** `20261121T031500Z` as ISO 8601. */
function timeOf(stamp: string): string {
  return stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
