// Keeps every file that a tool touches inside staging/, by real path. A folder is opened first and looked at afterwards:
// what was opened is what counts, so a link that somebody puts there in between changes nothing.
//
// Where the system shows open descriptors as paths (Linux), everything in the folder is reached through its descriptor,
// which stays the same folder whatever its path becomes. Elsewhere the real path is looked at again after opening.

import { closeSync, constants, lstatSync, mkdirSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { Failure } from '../tool.ts';
import { codeOf, explain } from './failures.ts';
import { type Intent, invalidPath, outsideStaging, refuseProtected, shorten } from './paths.ts';

/** What confinement needs to know. */
export interface Bounds {
  /** The instance root, which holds staging/. */
  readonly root: string;
  /** Where the system shows open descriptors as paths; undefined where it does not. */
  readonly descriptors: string | undefined;
}

/** A real folder inside staging/, looked at after it was opened. */
export interface Folder {
  /** The parts of its real path below staging/. */
  readonly parts: readonly string[];
  /** A path that leads to a name in exactly this folder. */
  at(name: string): string;
  /** A path that leads to this folder itself. */
  readonly itself: string;
  /** Throws when the folder is not where it was found any more; needed where `at` is a plain path. */
  verify(): void;
}

/** A name in a real folder: where a path leads after all links. */
export interface Place {
  readonly folder: Folder;
  readonly name: string;
  /** Below staging/, with `/`. */
  readonly path: string;
}

/** The real path of staging/, which has to be a folder of its own. */
export function realStaging({ root }: Bounds): string {
  const path = join(root, 'staging');
  const found = statOf(path);
  if (found?.isSymbolicLink()) {
    throw new Failure(
      'no_staging',
      'staging/ is a symbolic link, so nothing says whose files it leads to.',
      'Remove the link, then fill a real folder from live: understudy revert',
    );
  }
  if (!found?.isDirectory()) {
    throw new Failure(
      'no_staging',
      found ? 'staging/ is not a folder.' : 'There is no folder staging/ yet.',
      'Fill it from live: understudy revert (process_revert)',
    );
  }
  return join(realpathSync(root), 'staging');
}

/** Opens a folder below staging/ and does something in it; with `make`, the folders that are missing are made. */
export function inFolder<T>(
  bounds: Bounds,
  parts: readonly string[],
  options: { readonly intent: Intent; readonly make?: boolean },
  act: (folder: Folder) => T,
): T {
  const staging = realStaging(bounds);
  let existing = parts.length;
  let real = realOf(staging, parts);
  while (real === undefined && existing > 0) real = realOf(staging, parts.slice(0, --existing));
  if (real === undefined) throw outsideStaging(parts.join('/'), 'It went away just now; try again.');
  if (existing < parts.length && !options.make) throw noSuchPlace(parts);
  let descriptor = openFolder(bounds, staging, real, parts.slice(0, existing), options.intent);
  try {
    for (const name of parts.slice(existing)) {
      const { folder } = descriptor;
      makeFolder(folder, name);
      const next = openFolder(bounds, staging, folder.at(name), [...folder.parts, name], options.intent);
      descriptor.close();
      descriptor = next;
    }
    return act(descriptor.folder);
  } finally {
    descriptor.close();
  }
}

/** Finds where a path leads and does something there. The last name may be missing; with `keepLink` it is not followed. */
export function atPlace<T>(
  bounds: Bounds,
  parts: readonly string[],
  options: { readonly intent: Intent; readonly make?: boolean; readonly keepLink?: boolean },
  act: (place: Place) => T,
): T {
  if (parts.length === 0) throw invalidPath('That is staging/ itself.', 'Name a file in it.');
  refuseProtected(parts, options.intent);
  const resolved = options.keepLink ? parts : followLinks(bounds, parts);
  const name = resolved.at(-1) ?? '';
  return inFolder(bounds, resolved.slice(0, -1), options, (folder) => {
    const path = [...folder.parts, name].join('/');
    refuseProtected([...folder.parts, name], options.intent);
    return act({ folder, name, path });
  });
}

/** The parts of a file's real path, or the given ones where nothing is there yet. */
function followLinks(bounds: Bounds, parts: readonly string[]): readonly string[] {
  const staging = realStaging(bounds);
  const real = realOf(staging, parts);
  if (real !== undefined) return partsBelow(staging, real) ?? refuseOutside(parts);
  if (statOf(join(staging, ...parts))?.isSymbolicLink()) {
    throw new Failure(
      'broken_link',
      `${shorten(parts.join('/'))} is a symbolic link to something that is not there.`,
      'Delete the link with delete_file, or write to where it should lead.',
    );
  }
  return parts;
}

function refuseOutside(parts: readonly string[]): never {
  const path = parts.join('/');
  throw outsideStaging(path, 'A symbolic link on the way leads out of staging/; use a path without it.');
}

/** `asked` is what the folder is called in a failure. */
function openFolder(
  bounds: Bounds,
  staging: string,
  path: string,
  asked: readonly string[],
  intent: Intent,
): { folder: Folder; close(): void } {
  const { descriptors } = bounds;
  const found = descriptors === undefined ? undefined : openDescriptor(descriptors, path, asked.join('/'));
  const close = () => {
    if (found) closeSync(found.number);
  };
  try {
    const real = found ? readlinkSync(found.path) : realpathSync(path);
    const parts = partsBelow(staging, real) ?? refuseOutside(asked);
    refuseProtected(parts, intent);
    const base = found?.path ?? real;
    const verify = () => {
      if (!found && realpathSync(real) !== real) refuseOutside(parts);
    };
    return { folder: { parts, itself: base, at: (name) => join(base, name), verify }, close };
  } catch (error) {
    close();
    throw explain(error, asked.join('/'));
  }
}

function openDescriptor(descriptors: string, path: string, asked: string): { number: number; path: string } {
  try {
    const number = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    return { number, path: join(descriptors, String(number)) };
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP') throw notAFolder(asked);
    throw explain(error, asked);
  }
}

function makeFolder(folder: Folder, name: string): void {
  refuseProtected([...folder.parts, name], 'write');
  try {
    folder.verify();
    mkdirSync(folder.at(name));
  } catch (error) {
    // Somebody else may have made it meanwhile; what it is shows when it is opened.
    if (codeOf(error) !== 'EEXIST') throw explain(error, [...folder.parts, name].join('/'));
  }
}

/** The real path, or undefined where there is nothing. */
function realOf(staging: string, parts: readonly string[]): string | undefined {
  const path = join(staging, ...parts);
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'ENOTDIR') throw notAFolder(parts.slice(0, -1).join('/'));
    throw explain(error, parts.join('/'));
  }
}

/** The parts of a real path below staging/; undefined when it is elsewhere. */
function partsBelow(staging: string, real: string): string[] | undefined {
  if (real === staging) return [];
  const way = relative(staging, real);
  return real.startsWith(staging + sep) ? way.split(sep) : undefined;
}

function statOf(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw explain(error, path);
  }
}

function noSuchPlace(parts: readonly string[]): Failure {
  return new Failure(
    'no_such_file',
    `There is no ${shorten(parts.join('/'))} in staging/.`,
    'See what there is: list_files',
  );
}

function notAFolder(path: string): Failure {
  return new Failure('not_a_folder', `${shorten(path)} is not a folder.`, 'See what there is: list_files');
}
