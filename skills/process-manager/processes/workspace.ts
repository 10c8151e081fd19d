// Keeps the working directory of agents' commands inside the workspace. Both paths are compared after symbolic links
// are resolved and by whole segments, so neither `workspace-evil` nor a link out of the workspace passes for inside.

import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { Failure } from '../../tool.ts';

/** The real path of a working directory, which is relative to the workspace and is the workspace by default. */
export async function confine(workspace: string, directory: string | undefined): Promise<string> {
  const root = await realFolder(workspace);
  const real = await realFolder(resolve(root, directory ?? '.'));
  if (isWithin(root, real)) return real;
  throw new Failure(
    'outside_workspace',
    `${real} is outside the workspace ${root}.`,
    'Use a folder inside the workspace, or a path relative to it.',
  );
}

function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  // On Windows the way to another drive is absolute.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function realFolder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw noSuchFolder(path, 'does not exist or cannot be read', cause);
  }
  throw noSuchFolder(path, 'is no folder', undefined);
}

function noSuchFolder(path: string, problem: string, cause: unknown): Failure {
  return new Failure(
    'no_such_folder',
    `${path} ${problem}.`,
    'Create the folder first, or name another one.',
    {
      cause,
    },
  );
}
