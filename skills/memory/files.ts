// The files of the memory, which are the truth: memory/*.md and memory/notes/*.md. People and models edit them with
// whatever they like, so every change reads first, and is a rename or one append. Only regular files count: nothing
// here follows a link or waits for a FIFO.

import { randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../tool.ts';

/** A larger file is passed over, and that is said. */
const largestFile = 1_000_000;
/** The files of a folder beyond so many are passed over, the oldest notes first. */
const mostFiles = 2_000;
const temporaryName = /^\.memory-[0-9a-f]{12}\.new$/;

/** A file that was read. */
export interface MemoryFile {
  readonly text: string;
  readonly stat: BigIntStats;
  /** Differs when the file was changed or replaced. */
  readonly stamp: string;
}

/** The memory files below the folder, newest notes first, relative to it; and how many were left out. */
export function listMemory(folder: string): { paths: string[]; leftOut: number } {
  const own = namesIn(folder);
  const notes = namesIn(join(folder, 'notes')).reverse();
  const all = [...own, ...notes.map((name) => `notes/${name}`)];
  return { paths: all.slice(0, mostFiles), leftOut: Math.max(0, all.length - mostFiles) };
}

/** The file; undefined when there is none. What is too large or no regular file is a Failure. */
export function readMemory(folder: string, path: string): MemoryFile | undefined {
  return withFile(join(folder, path), constants.O_RDONLY, (descriptor) => {
    const stat = fstatSync(descriptor, { bigint: true });
    if (!stat.isFile()) throw noFile(path);
    if (stat.size > largestFile) throw tooLarge(path);
    const bytes = Buffer.alloc(Number(stat.size));
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return { text: bytes.toString('utf8', 0, length), stat, stamp: stampFrom(stat) };
  });
}

/** The stamp of a file without reading it; undefined when there is none. */
export function stampOf(folder: string, path: string): string | undefined {
  const stat = lstatSync(join(folder, path), { bigint: true, throwIfNoEntry: false });
  return stat && stampFrom(stat);
}

function stampFrom({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
}

/** Replaces a file, or makes it. Whoever calls holds the lock; a change by anybody else since `before` is kept. */
export function replaceMemory(
  folder: string,
  path: string,
  before: MemoryFile | undefined,
  text: string,
): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  clearLeftovers(dirname(target));
  const temporary = join(dirname(target), `.memory-${randomBytes(6).toString('hex')}.new`);
  try {
    const descriptor = openSync(temporary, 'wx');
    try {
      writeAll(descriptor, Buffer.from(text));
      if (before) fchmodSync(descriptor, Number(before.stat.mode) & 0o777);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (readMemory(folder, path)?.text !== before?.text) {
      throw new Failure(
        'changed_meanwhile',
        `${basename(path)} was changed by somebody else at the same moment, and is left as they wrote it.`,
        'Try again.',
      );
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(target));
}

/** Adds to the end of a file, or makes it. Whoever calls holds the lock. */
export function appendMemory(folder: string, path: string, text: string): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
  const isDone = withFile(target, flags, (descriptor) => {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw noFile(path);
    // Somebody's editor, or a kill in the middle of an entry, left a line without an end.
    const last = Buffer.alloc(1);
    const isOpenLine =
      stat.size > 0 && readSync(descriptor, last, 0, 1, stat.size - 1) === 1 && last[0] !== 10;
    const bytes = Buffer.from(`${isOpenLine ? '\n' : ''}${text}`);
    if (stat.size + bytes.length > largestFile) throw tooLarge(path);
    try {
      writeAll(descriptor, bytes);
      fsyncSync(descriptor);
    } catch (error) {
      // A full disk takes a part of it; what others wrote behind it is not ours to cut off.
      const size = fstatSync(descriptor).size;
      if (size > stat.size && size < stat.size + bytes.length) ftruncateSync(descriptor, stat.size);
      throw error;
    }
    return true;
  });
  if (!isDone) throw new Failure('changed_meanwhile', `memory/${path} went away just now.`, 'Try again.');
}

/** A Failure for what the system says of anybody's file; anything else is returned as it is. */
export function explain(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR'].includes(code)) return error;
  return new Failure(
    'memory_not_writable',
    `The memory cannot be written (${code}): this user has to be able to write ${folder} and what is in it.`,
    `See what is there: ls -la ${folder} ${folder}/notes`,
    { cause: error },
  );
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

function withFile<T>(path: string, flags: number, act: (descriptor: number) => T): T | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, flags | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0), 0o666);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') return undefined;
    if (['ELOOP', 'ENXIO', 'EISDIR', 'EMLINK'].includes(code)) throw noFile(basename(path));
    throw error;
  }
  try {
    return act(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Whoever calls this holds the lock, so a temporary file that is here was left by a process that was killed. */
function clearLeftovers(folder: string): void {
  const names = opendirSync(folder);
  try {
    for (let entry = names.readSync(); entry; entry = names.readSync()) {
      if (temporaryName.test(entry.name)) rmSync(join(folder, entry.name), { force: true });
    }
  } finally {
    names.closeSync();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.md') && !entry.name.startsWith('.') && !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function noFile(path: string): Failure {
  return new Failure(
    'memory_not_a_file',
    `memory/${path} is not a regular file (a link, a folder or a device).`,
    'Put a plain text file there.',
  );
}

function tooLarge(path: string): Failure {
  return new Failure(
    'memory_file_too_large',
    `memory/${path} is, or would be, larger than ${largestFile / 1_000_000} MB.`,
    'Shorten it, or split it into several files in memory/.',
  );
}
