// Copies files, folders and links so that nobody can tell the copy from the original: content, mode, owner and time of
// change. Links stay links. Sockets and pipes hold nothing that could be copied and are left out.

import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import {
  chmod,
  lchown,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  unlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copy, remove } from 'fs-extra/esm';
import { Failure } from '../../../tool.ts';

/** Stands beside a file for the moment in which it is replaced. */
const besideName = '.understudy-put-back';
const mostFiles = 200_000;

/** Copies to a place that does not exist yet and brings the copy to the disk. False when there is nothing to copy. */
export async function copyExactly(from: string, to: string): Promise<boolean> {
  const found = await statOf(from);
  if (found === undefined || !isCopyable(found)) return false;
  await mkdir(dirname(to), { recursive: true });
  await copy(from, to, {
    overwrite: false,
    errorOnExist: true,
    filter: async (path) => isCopyable(await lstat(path)),
  });
  await resemble(from, to);
  return true;
}

/** Puts a file or link in the place of another, all at once; a folder that stands there goes. */
export async function replaceWith(from: string, target: string, onCopied: () => void): Promise<void> {
  const beside = join(dirname(target), besideName);
  await remove(beside);
  await copyExactly(from, beside);
  onCopied();
  if ((await statOf(target))?.isDirectory()) await rm(target, { recursive: true });
  await rename(beside, target);
  await synchronize(dirname(target));
}

/** Removes what a replacement that was cut off has left beside a file. */
export async function removeBeside(target: string): Promise<void> {
  await remove(join(dirname(target), besideName));
}

/** Makes the folders above a path inside a folder, in place of whatever stands there instead of one. */
export async function makeParents(folder: string, path: string): Promise<void> {
  const parts = dirname(path)
    .split('/')
    .filter((part) => part !== '.');
  let parent = folder;
  for (const part of parts) {
    parent = join(parent, part);
    const found = await statOf(parent);
    if (found?.isDirectory()) continue;
    if (found !== undefined) await unlink(parent);
    await mkdir(parent);
  }
}

/** Files and links in a folder, or the path itself when it is none, relative to the folder above all. */
export async function filesIn(folder: string, path: string): Promise<string[]> {
  const files: string[] = [];
  const pending = [path];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const found = await statOf(join(folder, next));
    if (found?.isDirectory()) {
      for (const name of await readdir(join(folder, next))) pending.push(`${next}/${name}`);
    } else if (found !== undefined && isCopyable(found)) files.push(next);
    if (files.length + pending.length > mostFiles) throw tooMany(join(folder, path));
  }
  return files;
}

/** True when both are the same link, or files of the same content; `exactly` looks at mode and time too. */
export async function isSame(one: string, other: string, exactly: boolean): Promise<boolean> {
  const [first, second] = await Promise.all([statOf(one), statOf(other)]);
  if (first === undefined || second === undefined || kindOf(first) !== kindOf(second)) return false;
  if (exactly && (first.mode !== second.mode || Math.abs(first.mtimeMs - second.mtimeMs) > 1)) return false;
  if (first.isSymbolicLink()) return (await readlink(one)) === (await readlink(other));
  return first.isFile() && first.size === second.size && (await haveSameContent(one, other));
}

/** The name that git gives to the content of a file or link, when nothing converts it on the way. */
export async function blobOf(path: string, algorithm: 'sha1' | 'sha256'): Promise<string> {
  const found = await lstat(path);
  const hash = createHash(algorithm);
  if (found.isSymbolicLink()) {
    const target = Buffer.from(await readlink(path));
    return hash.update(`blob ${target.length}\0`).update(target).digest('hex');
  }
  hash.update(`blob ${found.size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What stands there, links themselves; undefined when nothing does, or when a parent is no folder. */
export async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Brings a file or folder to the disk. */
export async function synchronize(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a copy the owner, mode and time of its original, what is inside first, and brings it to the disk. */
async function resemble(from: string, to: string): Promise<void> {
  const [original, own] = await Promise.all([lstat(from), lstat(to)]);
  if (original.isDirectory()) {
    for (const name of await readdir(to)) await resemble(join(from, name), join(to, name));
  }
  await takeAttributes(original, own, to);
  if (!original.isSymbolicLink()) await synchronize(to);
}

/** Gives one file or folder the owner, mode and time of another. */
export async function takeAttributes(original: Stats, own: Stats, to: string): Promise<void> {
  if (original.uid !== own.uid || original.gid !== own.gid) {
    // Only root may give a file away; whoever else runs us reads and writes it as its own.
    await lchown(to, original.uid, original.gid).catch(() => {});
  }
  if (!original.isSymbolicLink()) await chmod(to, original.mode & 0o7777);
  await lutimes(to, original.atimeMs / 1_000, original.mtimeMs / 1_000);
}

async function haveSameContent(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([blobOf(one, 'sha256'), blobOf(other, 'sha256')]);
  return first === second;
}

function isCopyable(found: Stats): boolean {
  return found.isFile() || found.isDirectory() || found.isSymbolicLink();
}

function kindOf(found: Stats): string {
  if (found.isSymbolicLink()) return 'link';
  return found.isDirectory() ? 'folder' : 'file';
}

function tooMany(path: string): Failure {
  return new Failure(
    'too_many_files',
    `${path} has over ${mostFiles} files, which an update would have to look at one by one.`,
    'Take the folder out of preserve_files, or move it out of the way of the repository.',
  );
}
