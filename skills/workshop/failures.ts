// What the system says of a file, in words that a person or a model can act on.

import { Failure } from '../tool.ts';
import { shorten } from './paths.ts';

/** A Failure when nobody waits any more. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new Failure(
    'aborted',
    'It was called off before it was done.',
    'Ask for it again when it is wanted.',
  );
}

type Meaning = readonly [code: string, sentence: string, hint: string];

/** The system's code of an error, such as ENOENT; empty when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A Failure for what can happen to anybody's file; anything else is returned as it is. */
export function explain(error: unknown, path: string): unknown {
  const [code, sentence, hint] = meanings.get(codeOf(error)) ?? [];
  if (code === undefined || sentence === undefined || hint === undefined) return error;
  return new Failure(code, `${shorten(path)} ${sentence}`, hint, { cause: error });
}

const full: Meaning = [
  'disk_full',
  'was not written: there is no space left. What stood there is as it was.',
  'Free some space; see it with: df -h .',
];
const forbidden: Meaning = [
  'not_allowed',
  'may not be opened or changed by the user that this bot runs as.',
  'Its owner can see why: ls -la',
];

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['ENOSPC', full],
  ['EDQUOT', full],
  ['EFBIG', full],
  ['EACCES', forbidden],
  ['EPERM', forbidden],
  ['EROFS', forbidden],
  ['ENOENT', ['no_such_file', 'is not there.', 'See what there is: list_files']],
  [
    'ENOTDIR',
    ['not_a_folder', 'leads through something that is not a folder.', 'See what there is: list_files'],
  ],
  ['EISDIR', ['not_a_file', 'is a folder.', 'See what is in it: list_files']],
  ['ENOTEMPTY', ['folder_not_empty', 'is a folder that holds something.', 'Delete what is in it first.']],
  [
    'ELOOP',
    [
      'outside_staging',
      'is a symbolic link that leads nowhere or was put there meanwhile.',
      'Look again: list_files',
    ],
  ],
  ['ENAMETOOLONG', ['invalid_path', 'is longer than the system takes.', 'Use shorter names.']],
  ['ENXIO', ['not_a_file', 'is no regular file.', 'Only regular files are read and written.']],
]);
