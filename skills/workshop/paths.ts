// Paths below staging/ as people and models write them, and which of them the tools leave alone. Pure: what is on the
// disk behind a path is `confine.ts`'s to find out, and it asks here again with the real path.

import { Failure } from '../tool.ts';

/** What is to be done with a path. */
export type Intent = 'read' | 'write';

/** The names of our own temporary files; nobody is shown them, and the next change of their folder removes them. */
export const temporaryName = /^\.workshop-[0-9a-f]{12}\.new$/;

const mostParts = 100;

/** The parts of a path below staging/; `.` and an empty path are staging/ itself. */
export function parsePath(path: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    throw invalidPath('The path holds a control character.', 'Write it without line breaks, tabs and NUL.');
  }
  const written = process.platform === 'win32' ? path.replaceAll('\\', '/') : path;
  if (written.startsWith('/') || /^[A-Za-z]:\//.test(written) || written.startsWith('~')) {
    throw outsideStaging(path, 'Name it relative to staging/, such as src/index.ts.');
  }
  const parts = written.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > mostParts) {
    throw invalidPath(`The path has ${parts.length} parts, over ${mostParts}.`, 'Use fewer folders.');
  }
  if (parts.includes('..')) {
    throw outsideStaging(path, 'Name it from staging/ downwards, without "..".');
  }
  if (parts[0]?.toLowerCase() === 'staging') {
    const rest = parts.slice(1).join('/');
    throw invalidPath(
      'Paths are relative to staging/ already.',
      rest === '' ? 'Leave the path out.' : `Write: ${rest}`,
    );
  }
  return parts;
}

/** Throws when the tools leave this place alone. The parts are those of the real path, after all links. */
export function refuseProtected(parts: readonly string[], intent: Intent): void {
  const path = parts.join('/');
  // A disk may hold two names that differ in case for the same file.
  const names = parts.map((part) => part.toLowerCase());
  if (names.some(isSecretName)) {
    throw new Failure(
      'protected_path',
      `${path} may hold tokens and keys, so no tool reads, searches or changes it.`,
      'Ask the owner to change it by hand. What names it may have stands in .env.example of the live bot.',
    );
  }
  if (intent === 'write' && (names.includes('.git') || names[0] === '.revert')) {
    throw new Failure(
      'protected_path',
      `${path} belongs to ${names.includes('.git') ? 'git' : 'a revert that is under way'} and is not changed by hand.`,
      names.includes('.git') ? 'Use git itself: run_in_staging "git status".' : 'Wait for the revert to end.',
    );
  }
}

/** True of the name of a file that may hold secrets. */
export function isSecretName(name: string): boolean {
  return name.toLowerCase().startsWith('.env');
}

/** True of a folder that listing and searching leave out: installed packages, and what git keeps. */
export function isSkippedFolder(name: string): boolean {
  return ['node_modules', '.git', '.revert'].includes(name.toLowerCase());
}

/** The failure of a path that leads, or would lead, out of staging/. */
export function outsideStaging(path: string, hint: string): Failure {
  return new Failure('outside_staging', `${shorten(path)} is outside staging/.`, hint);
}

/** The failure of a path that cannot be one. */
export function invalidPath(message: string, hint: string): Failure {
  return new Failure('invalid_path', message, hint);
}

/** A path as it is shown in a sentence. */
export function shorten(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 199)}…`;
}
