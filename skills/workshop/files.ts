// Reads and replaces files at a place that was confined. Only regular files are opened, and never in a way that waits:
// a FIFO or a device is refused. A file is replaced by a rename within its folder, so another name of it (a hard link)
// keeps its content, and whatever fails leaves the old content.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../tool.ts';
import type { Bounds, Folder, Place } from './confine.ts';
import { codeOf, explain } from './failures.ts';
import { isSecretName, temporaryName } from './paths.ts';

/** A file that was read whole. */
export interface Content {
  readonly bytes: Buffer;
  readonly stat: Stats;
}

/** Files that hold secrets, whatever other names (links of both kinds) they have: device and inode, and the name. */
export type Secrets = ReadonlyMap<string, string>;

/** More of a folder is not looked at when leftovers are cleared away. */
const mostNames = 10_000;

/** The `.env` files of staging and of the live bot. */
export function findSecrets({ root }: Bounds): Secrets {
  const names = ['', 'staging/'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter(isSecretName)
      .map((name) => `${folder}${name}`),
  );
  return new Map(
    names.flatMap((name) => {
      const stat = statSync(join(root, name), { throwIfNoEntry: false });
      return stat ? [[`${stat.dev}:${stat.ino}`, name] as const] : [];
    }),
  );
}

/** Reads a file of at most so many bytes, unless it is one of the secret ones; undefined when there is none. */
export function readFile(place: Place, mostBytes: number, secrets: Secrets): Content | undefined {
  const { folder, name, path } = place;
  try {
    const seen = lstatSync(folder.at(name));
    refuseOther(seen, path);
    const descriptor = openSync(
      folder.at(name),
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    try {
      folder.verify();
      const stat = fstatSync(descriptor);
      refuseOther(stat, path);
      refuseSecret(secrets, stat, path);
      if (stat.size > mostBytes) throw tooLarge(path, stat.size, mostBytes);
      return { bytes: readAll(descriptor, stat.size), stat };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw explain(error, path);
  }
}

/**
 * Puts content in the place of what was read there (`before`), or makes the file. Whoever calls holds the lock, so only
 * somebody without our tools can have changed the file since; then it is left as it is.
 */
export function replaceFile(place: Place, before: Content | undefined, after: Buffer): void {
  const { folder, name, path } = place;
  folder.verify();
  clearLeftovers(folder);
  const temporary = folder.at(`.workshop-${randomBytes(6).toString('hex')}.new`);
  try {
    writeTemporary(folder, temporary, before?.stat, after);
    const now = readFile(place, before ? before.bytes.length : 0, new Map());
    const isSame = before && now ? now.bytes.equals(before.bytes) : before === now;
    if (!isSame) throw changedMeanwhile(path);
    renameSync(temporary, folder.at(name));
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof Failure && error.code === 'file_too_large') throw changedMeanwhile(path);
    throw explain(error, path);
  }
  syncFolder(folder);
}

function writeTemporary(folder: Folder, path: string, like: Stats | undefined, content: Buffer): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const descriptor = openSync(path, flags, 0o666);
  try {
    folder.verify();
    for (let written = 0; written < content.length; ) {
      written += writeSync(descriptor, content, written);
    }
    if (like) keepOwnerAndMode(descriptor, like);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The owner first: changing it clears bits of the mode. */
function keepOwnerAndMode(descriptor: number, like: Stats): void {
  const own = fstatSync(descriptor);
  if (own.uid !== like.uid || own.gid !== like.gid) {
    try {
      fchownSync(descriptor, like.uid, like.gid);
    } catch (error) {
      // Only root may give files away; the content matters more than whose it is.
      if (codeOf(error) !== 'EPERM') throw error;
    }
  }
  fchmodSync(descriptor, like.mode & 0o7777);
}

/** Whoever calls this holds the lock, so a temporary file that is here was left by a process that was killed. */
function clearLeftovers(folder: Folder): void {
  const names = opendirSync(folder.itself);
  try {
    for (let count = 0; count < mostNames; count++) {
      const entry = names.readSync();
      if (!entry) break;
      if (temporaryName.test(entry.name)) rmSync(folder.at(entry.name), { force: true });
    }
  } finally {
    names.closeSync();
  }
}

/** Makes a rename last over a power cut, where the system can. */
export function syncFolder(folder: Folder): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder.itself, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** As many bytes as the file had when it was opened: a log may grow while it is read. */
function readAll(descriptor: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const count = readSync(descriptor, bytes, length, size - length, length);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

function refuseOther(stat: Stats, path: string): void {
  if (stat.isFile()) return;
  if (stat.isDirectory()) {
    throw new Failure('not_a_file', `${path} is a folder.`, 'See what is in it: list_files');
  }
  throw new Failure(
    'not_a_file',
    `${path} is a ${stat.isSymbolicLink() ? 'symbolic link that was put there meanwhile' : 'device, FIFO or socket'}.`,
    'Only regular files are read and written.',
  );
}

function refuseSecret(secrets: Secrets, stat: Stats, path: string): void {
  const secret = secrets.get(`${stat.dev}:${stat.ino}`);
  if (secret === undefined) return;
  throw new Failure(
    'protected_path',
    `${path} is another name of ${secret}, which may hold tokens and keys.`,
    'Ask the owner to change it by hand.',
  );
}

function tooLarge(path: string, size: number, most: number): Failure {
  return new Failure(
    'file_too_large',
    `${path} has ${size} bytes, and at most ${most} are read at once.`,
    'Look for what you need with search_files, or: run_in_staging "tail -n 100 FILE"',
  );
}

function changedMeanwhile(path: string): Failure {
  return new Failure(
    'changed_meanwhile',
    `${path} was changed by somebody else at the same moment, and is left as they wrote it.`,
    'Read it again and repeat the change.',
  );
}
