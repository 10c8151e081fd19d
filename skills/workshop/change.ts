// Changes a file of staging/ and says what it changed. One change at a time: it reads, decides and replaces under the
// lock, so two of them at once both count.

import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { Failure, isFailure } from '../tool.ts';
import { atPlace, type Place } from './confine.ts';
import { unifiedDiff } from './diff.ts';
import type { Workshop } from './engine.ts';
import { explain } from './failures.ts';
import { type Content, findSecrets, readFile, replaceFile, type Secrets, syncFolder } from './files.ts';
import { refuseMasked } from './masked.ts';
import { parsePath } from './paths.ts';
import { isBinary } from './text.ts';

/** The largest file that is changed. */
const mostBytes = 5_000_000;

/** What became of a file. */
export interface Change {
  readonly path: string;
  readonly change: 'created' | 'changed' | 'deleted' | 'none';
  readonly diff: string;
}

/** Replaces a file by what `make` makes of it; makes it, and the folders above it, where `make` takes nothing. */
export function changeFile(
  { bounds, exclusively }: Workshop,
  path: string,
  make: (before: Buffer | undefined, path: string) => Buffer,
  options: { readonly mayCreate: boolean },
): Change {
  const done = exclusively(() =>
    atPlace(bounds, parsePath(path), { intent: 'write', make: options.mayCreate }, (place) => {
      const before = readFile(place, mostBytes, findSecrets(bounds));
      if (!before && !options.mayCreate) throw noSuchFile(place);
      const after = make(before?.bytes, place.path);
      if (after.length > mostBytes) throw tooLarge(place.path);
      if (before) refuseMasked(before.bytes, after, place.path);
      const isSame = before?.bytes.equals(after) === true;
      if (!isSame) replaceFile(place, before, after);
      return { path: place.path, before: before?.bytes, after, isSame };
    }),
  );
  return {
    path: done.path,
    change: done.isSame ? 'none' : done.before ? 'changed' : 'created',
    diff: done.isSame ? '' : diffOf(done.path, done.before, done.after),
  };
}

/** Removes a file, a link (and not what it leads to), or an empty folder. */
export function deleteFile({ bounds, exclusively }: Workshop, path: string): Change {
  const done = exclusively(() =>
    atPlace(bounds, parsePath(path), { intent: 'write', keepLink: true }, (place) => {
      const { folder, name } = place;
      try {
        folder.verify();
        const kind = lstatSync(folder.at(name));
        const before = kind.isFile() ? contentForDiff(place, findSecrets(bounds)) : undefined;
        if (kind.isDirectory()) rmdirSync(folder.at(name));
        else rmSync(folder.at(name));
        syncFolder(folder);
        return { path: place.path, before };
      } catch (error) {
        throw explain(error, place.path);
      }
    }),
  );
  const diff = done.before ? diffOf(done.path, done.before.bytes, undefined) : '';
  return { path: done.path, change: 'deleted', diff };
}

/** What is too large to be shown, or is another name of a secret, may be deleted nevertheless. */
function contentForDiff(place: Place, secrets: Secrets): Content | undefined {
  try {
    return readFile(place, mostBytes, secrets);
  } catch (error) {
    if (!isFailure(error)) throw error;
    return undefined;
  }
}

function diffOf(path: string, before: Buffer | undefined, after: Buffer | undefined): string {
  if ([before, after].some((bytes) => bytes && isBinary(bytes))) return `Binary file ${path} differs`;
  return unifiedDiff(path, before?.toString('utf8'), after?.toString('utf8'));
}

function noSuchFile({ path }: Place): Failure {
  return new Failure(
    'no_such_file',
    `There is no ${path} in staging/.`,
    'See what there is with list_files, or make it with write_file.',
  );
}

function tooLarge(path: string): Failure {
  return new Failure(
    'file_too_large',
    `${path} would be larger than ${mostBytes / 1_000_000} MB. It is as it was.`,
    'Let a program make it: run_in_staging.',
  );
}
