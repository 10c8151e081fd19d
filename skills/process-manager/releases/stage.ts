// Builds a release in backups/.staging-<random>/: copy, dependencies, gates, journal. Only when all of it is on the disk
// is the folder renamed to what it is called for good. Live is not touched; whatever goes wrong, the folder is removed,
// but for the journal and the logs of a candidate that failed its gates.

import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, statfsSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Failure } from '../../tool.ts';
import { renameDurably } from '../base/index.ts';
import {
  type Changes,
  type Entry,
  type GateResult,
  type ReleaseRecord,
  writeRecord,
} from '../watchdog/index.ts';
import { copyTree, refuseChanged } from './copy.ts';
import { installDependencies, needsInstallation } from './dependencies.ts';
import { removeTree, syncTree } from './files.ts';
import { runGates } from './gates.ts';
import type { Hashes } from './hash.ts';
import { holderFile, stagingPrefix, writeHolder } from './leftovers.ts';
import { createPace, type Pace, throwIfAborted } from './pace.ts';
import type { Prepared } from './prepare.ts';
import { restore } from './restore.ts';
import type { Caller, LiveSettings, Surroundings } from './surroundings.ts';
import { type Items, walkTree } from './tree.ts';

/** A candidate that may be staged. */
export interface Candidate {
  readonly prepared: Prepared;
  /** What is copied, and the hash of each of its files. */
  readonly items: Items;
  readonly contents: ReadonlyMap<string, string>;
  readonly hash: string;
  readonly bringsWatchdog: boolean;
  readonly changes: Changes;
  readonly commit: string | null;
  readonly live: LiveSettings;
  readonly gates: readonly string[];
}

/** The name of the new release's folder, once everything of it is on the disk. */
export async function stage(
  surroundings: Surroundings,
  candidate: Candidate,
  release: { readonly version: string; readonly reason: string | null; readonly hashes: Hashes },
  caller: Caller,
): Promise<string> {
  const backups = join(surroundings.root, 'backups');
  const work = join(backups, `${stagingPrefix}${randomBytes(8).toString('hex')}`);
  const pace = createPace(caller.signal);
  mkdirSync(work);
  try {
    writeHolder(work);
    const built = await build(surroundings, candidate, work, release.hashes, caller, pace);
    caller.progress({ message: `writing ${release.version} down` });
    const record = recordOf(surroundings, candidate, release, built, caller);
    // What was copied is on the disk by now; commands may have added to it.
    if (built.installed || built.gates.length > 0) await syncTree(work);
    writeRecord(work, record);
    throwIfAborted(caller.signal);
    return moveIntoPlace(backups, work, record, surroundings.clock.now());
  } catch (error) {
    const unhurried = createPace();
    if (!(error instanceof GatesFailed)) {
      await removeTree(work, unhurried);
      throw error;
    }
    await removeTree(join(work, 'next'), unhurried);
    const record = recordOf(surroundings, candidate, release, { ...error, installed: false }, caller);
    writeRecord(work, { ...record, state: 'failed', detail: error.failure.message });
    const name = moveIntoPlace(backups, work, record, surroundings.clock.now());
    throw error.withLogs(join('backups', name));
  }
}

/** A candidate that does not pass is kept as a record, so that what its gates printed can be read. */
class GatesFailed extends Error {
  readonly failure: Failure;
  readonly gates: GateResult[];
  readonly log: string;

  constructor(code: string, message: string, log: string, gates: GateResult[]) {
    super(message);
    this.failure = new Failure(code, message, '');
    this.gates = gates;
    this.log = log;
  }

  withLogs(folder: string): Failure {
    const { code, message } = this.failure;
    return new Failure(
      code,
      message,
      `What it printed is in ${join(folder, this.log)}; mend the candidate, then promote again.`,
    );
  }
}

interface Built {
  readonly gates: GateResult[];
  readonly installed: boolean;
}

async function build(
  surroundings: Surroundings,
  candidate: Candidate,
  work: string,
  hashes: Hashes,
  caller: Caller,
  pace: Pace,
): Promise<Built> {
  const { prepared, items } = candidate;
  const next = join(work, 'next');
  mkdirSync(next);
  mkdirSync(join(work, 'gates'));
  requireSpace(work, items);
  caller.progress({ message: 'copying the candidate', fraction: 0 });
  await copyTree({
    from: prepared.source.root,
    to: next,
    items,
    pace,
    signal: caller.signal,
    onProgress: (done, total) =>
      caller.progress({
        message: `copying the candidate: ${done} of ${total} files`,
        fraction: done / total,
      }),
  });
  // The disk has work to do while we look again.
  const forced = syncTree(next);
  try {
    refuseChanged(prepared.source.root, prepared.source.items, await prepared.lookAgain());
    const copied = (await walkTree(next, () => false, pace)).items;
    const built = await runCommands(surroundings, candidate, work, copied, hashes, caller, pace);
    noteCopies(next, candidate, built.now, hashes);
    return built;
  } finally {
    await forced;
  }
}

/** What runs in the copy: the installation, where one is needed, and the gates. */
async function runCommands(
  surroundings: Surroundings,
  candidate: Candidate,
  work: string,
  copied: Items,
  hashes: Hashes,
  caller: Caller,
  pace: Pace,
): Promise<Built & { readonly now: Items }> {
  const { root, environment } = surroundings;
  const next = join(work, 'next');
  const common = { root, next, folder: work, mark: basename(work), environment, signal: caller.signal };
  const progress = (message: string) => caller.progress({ message });
  const installed = needsInstallation(root, next);
  const putBack = (what: string) =>
    restore(next, copied, candidate.contents, hashes, { what, hasPackages: installed }, pace);
  let now = copied;
  if (installed) {
    const { verdict, exitCode } = await installDependencies({ ...common, progress });
    throwIfAborted(caller.signal);
    if (verdict !== 'passed') {
      const how = verdict === 'timeout' ? 'took too long' : `failed with exit code ${exitCode}`;
      const message = `Installing the candidate's dependencies ${how}.`;
      throw new GatesFailed('install_failed', message, 'gates/install.log', []);
    }
    now = await putBack('installing its dependencies');
  }
  const gates = await passGates(surroundings, candidate, common, progress);
  if (gates.length > 0) now = await putBack('its gates');
  return { gates, installed, now };
}

async function passGates(
  { settings }: Surroundings,
  { gates: commands }: Candidate,
  common: Omit<Parameters<typeof runGates>[0], 'commands' | 'timeoutMs' | 'progress'>,
  progress: (message: string) => void,
): Promise<GateResult[]> {
  const timeoutMs = settings.gateTimeoutSeconds * 1_000;
  const { gates, last } = await runGates({ ...common, commands, timeoutMs, progress });
  throwIfAborted(common.signal);
  const failed = gates.at(-1);
  if (last === undefined || failed === undefined || failed.verdict === 'passed') return gates;
  const how =
    failed.verdict === 'timeout'
      ? `did not end within ${settings.gateTimeoutSeconds} s`
      : `failed with ${failed.exitCode === null ? 'a signal' : `exit code ${failed.exitCode}`}`;
  const code = failed.verdict === 'timeout' ? 'gate_timeout' : 'gate_failed';
  throw new GatesFailed(
    code,
    `The gate '${failed.command}' ${how}; nothing was promoted.`,
    failed.log,
    gates,
  );
}

/** What was copied need not be read again when it has become live. */
function noteCopies(next: string, { contents }: Candidate, now: Items, hashes: Hashes): void {
  for (const [path, hash] of contents) {
    const item = now.get(path);
    if (item === undefined) throw new Error(`${join(next, path)} was copied and is not there`);
    hashes.note(item, hash);
  }
}

function recordOf(
  { clock }: Surroundings,
  candidate: Candidate,
  { version, reason }: { readonly version: string; readonly reason: string | null },
  { gates, installed }: { readonly gates: GateResult[]; readonly installed: boolean },
  { requestedBy, channel }: Caller,
): ReleaseRecord {
  const at = new Date(clock.now()).toISOString();
  const { commit, hash, changes, live, bringsWatchdog } = candidate;
  const { entries, destination } = candidate.prepared;
  return {
    format: 1,
    version,
    createdAt: at,
    stagedBy: requestedBy,
    reason,
    state: 'staged',
    stateAt: at,
    detail: null,
    commit,
    hash,
    entries: [...entries, ...(installed ? packageEntries(destination.root) : [])],
    dependencies: installed ? 'installed' : 'same',
    watchdog: bringsWatchdog ? 'pending' : null,
    gates,
    changes,
    channel: channel ?? null,
    live,
  };
}

function packageEntries(live: string): Entry[] {
  return ['node_modules', 'package-lock.json'].map((path) => ({
    path,
    live: lstatSync(join(live, path), { throwIfNoEntry: false }) !== undefined,
    next: true,
  }));
}

/** Gives the folder the name that it keeps; a second that is taken is left to whoever has it. */
function moveIntoPlace(backups: string, work: string, { version }: ReleaseRecord, now: number): string {
  unlinkSync(join(work, holderFile));
  for (let at = now; ; at += 1_000) {
    const name = `${version}-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}`;
    if (existsSync(join(backups, name))) continue;
    renameDurably(work, join(backups, name));
    return name;
  }
}

/** Finding out in the middle would leave live without space for its own writes. */
function requireSpace(work: string, items: Items): void {
  const { bavail, bsize } = statfsSync(work);
  let needed = 0;
  for (const { size } of items.values()) needed += Math.ceil(size / bsize) * bsize;
  if (needed < bavail * bsize) return;
  throw Object.assign(new Error(`${needed} bytes are needed and ${bavail * bsize} are free`), {
    code: 'ENOSPC',
  });
}
