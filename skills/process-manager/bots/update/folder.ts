// Which folder git may work in: the bot's own, and none whose loss would be more than the loss of a bot. Every path is
// compared after symbolic links are resolved, so a link to a forbidden folder is as forbidden as the folder.

import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Failure } from '../../../tool.ts';

/** The real paths of an instance and of one of its bots. */
export interface Place {
  readonly root: string;
  readonly folder: string;
}

/** Refuses a bot's folder that does not exist, is no folder, or is not a bot's. */
export async function checkFolder(
  about: { readonly name: string; readonly root: string; readonly directory: string },
  cloneFrom?: string,
): Promise<Place> {
  const { name, directory } = about;
  const root = await realpath(about.root);
  const folder = await realFolder(name, directory, cloneFrom);
  const problem = await problemOf(folder, root);
  if (problem === undefined) return { root, folder };
  throw new Failure(
    'forbidden_bot_folder',
    `${folder} is the folder of '${name}', but git must not touch it: it ${problem}.`,
    `Give '${name}' a folder of its own, such as ${join(root, 'bots', 'NAME')}.`,
  );
}

/** True of a folder itself and of everything below it. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  // On Windows the way to another drive is absolute.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function realFolder(name: string, directory: string, cloneFrom: string | undefined): Promise<string> {
  try {
    const real = await realpath(directory);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(name, directory, cause);
    const clone = cloneFrom === undefined ? '' : `, or git clone ${cloneFrom} ${directory}`;
    throw new Failure(
      'bot_folder_missing',
      `The folder of '${name}' does not exist: ${directory}`,
      `Create it: mkdir -p ${directory}${clone}`,
      { cause },
    );
  }
  throw unusable(name, directory, undefined);
}

function unusable(name: string, directory: string, cause: unknown): Failure {
  return new Failure(
    'bot_folder_unusable',
    `${directory} is no folder that can be read, so '${name}' cannot be updated.`,
    `Look at it: ls -ld ${directory}`,
    { cause },
  );
}

async function problemOf(folder: string, root: string): Promise<string | undefined> {
  if (folder === resolve('/')) return 'is the root of the file system';
  // Git separates paths by line breaks where it names the folder that it works in.
  if (/\p{Cc}/u.test(folder)) return 'has a line break or another control character in its name';
  if (folder === root) return 'is the instance root';
  if (isWithin(folder, root)) return 'contains the instance root';
  if (isWithin(join(root, 'backups'), folder)) return 'lies in backups/';
  const homes = ['/root', '/home', '/Users', '/var/root', homedir()];
  for (const home of homes) {
    const real = await realpath(home).catch(() => home);
    if (isWithin(folder, real)) return 'is or contains a home folder';
  }
  if (['/home', '/Users'].includes(dirname(folder))) return 'is a home folder';
  return undefined;
}
