// The entries of preserve_files: exact files and folders below the bot's folder. An entry that could lead anywhere else,
// or into git's own files, is refused before anything is touched.

import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { Failure } from '../../../tool.ts';
import { isWithin } from './folder.ts';

/** The entries as git writes paths, without symbolic links on the way; none of them stands inside another. */
export async function checkPreserve(
  name: string,
  folder: string,
  entries: readonly string[],
): Promise<string[]> {
  const paths = new Set<string>();
  for (const entry of entries) paths.add(await checkEntry(name, folder, entry));
  return withoutNested(paths);
}

/** True of a path that is one of the entries or lies in one. */
export function isPreserved(preserve: readonly string[], path: string): boolean {
  return preserve.some((entry) => path === entry || path.startsWith(`${entry}/`));
}

/** The paths that lie in none of the others. */
export function withoutNested(paths: Iterable<string>): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      if (all.has(parent)) return false;
    }
    return true;
  });
}

async function checkEntry(name: string, folder: string, entry: string): Promise<string> {
  const refuse = (problem: string) =>
    new Failure(
      'bad_preserve_entry',
      `The entry ${JSON.stringify(entry.slice(0, 200))} in preserve_files of '${name}' ${problem}.`,
      "Name files and folders relative to the bot's folder, such as .env or config/local.yaml.",
    );
  if (entry.includes('\0')) throw refuse('contains a NUL');
  if (isAbsolute(entry) || /^(~|[A-Za-z]:[\\/])/.test(entry)) throw refuse('is no relative path');
  const parts = entry.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuse("contains '..'");
  if (parts.length === 0) throw refuse("means the bot's whole folder");
  if (parts.some(isGit)) throw refuse('means the files of git itself');
  const path = parts.join('/');
  const parent = await realParent(folder, dirname(path));
  if (!isWithin(folder, parent)) throw refuse("leads out of the bot's folder through a symbolic link");
  const real = relative(folder, join(parent, basename(path)))
    .split(sep)
    .join('/');
  if (real.split('/').some(isGit)) throw refuse('means the files of git itself');
  return real;
}

function isGit(part: string): boolean {
  // Some file systems do not tell small letters from capitals.
  return part.toLowerCase() === '.git';
}

/** The real path of a folder that may not exist: of what exists of it, and the rest as it is written. */
async function realParent(folder: string, path: string): Promise<string> {
  if (path === '.') return folder;
  try {
    return await realpath(join(folder, path));
  } catch {
    // Also of a link that leads nowhere, or in a circle: nothing can be held back behind it.
    return join(await realParent(folder, dirname(path)), basename(path));
  }
}
