// What an error of the file system means for a person.

import { Failure, isFailure } from '../../../tool.ts';

/** The Failure behind an error, if it is one that can be expected: of git, or of the file system. */
export function expectedFailure(name: string, error: unknown): Failure | undefined {
  if (isFailure(error)) return error;
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new Failure(
      'disk_full',
      `There was no room on the disk to update '${name}': ${error.message}`,
      'Free some space and start the bot again: df -h',
      { cause: error },
    );
  }
  return new Failure(
    'files_unusable',
    `A file could not be read or written while '${name}' was updated: ${error.message}`,
    'Look who owns the file, and whether the disk is mounted for writing.',
    { cause: error },
  );
}
