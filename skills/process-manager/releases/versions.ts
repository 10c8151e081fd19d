// Versions of releases: `v1.10`, two numbers, compared as numbers. Without any release the bot is v1.0.

import { Failure } from '../../tool.ts';

/** What live is before the first release. */
export const firstVersion = 'v1.0';

/** The version after the newest of these: v1.9 -> v1.10; v1.1 when there is none. */
export function nextVersion(known: readonly string[]): string {
  const [newest = firstVersion] = known.filter(isVersion).sort((one, other) => compareVersions(other, one));
  const [major, minor] = numbersOf(newest);
  return `v${major}.${minor + 1}`;
}

/** Negative when the first is older. */
export function compareVersions(one: string, other: string): number {
  const [first, second] = [numbersOf(one), numbersOf(other)];
  return first[0] - second[0] || first[1] - second[1];
}

/** True of `v` and two numbers without leading zeros. */
export function isVersion(text: string): boolean {
  return /^v(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$/.test(text);
}

/** A version that somebody typed, with or without its `v`. */
export function parseVersion(text: string): string {
  const version = /^\d/.test(text) ? `v${text}` : text;
  if (isVersion(version)) return version;
  throw new Failure(
    'invalid_version',
    `'${text}' is not a version.`,
    'A version is two numbers, such as v1.10; leave it out to get the next one.',
  );
}

/** The version for a new release: the given one, which has to be newer than all others, or the next. */
export function chooseVersion(given: string | undefined, known: readonly string[]): string {
  if (given === undefined) return nextVersion(known);
  const version = parseVersion(given);
  const next = nextVersion(known);
  const newest = known.filter(isVersion).sort(compareVersions).at(-1) ?? firstVersion;
  if (compareVersions(version, newest) > 0) return version;
  throw new Failure(
    'version_taken',
    `${version} is not newer than ${newest}, and versions only count up.`,
    `Leave the version out to get ${next}, or give a higher one.`,
  );
}

function numbersOf(version: string): [number, number] {
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
  return [major, minor];
}
