// The names that the configuration gives: the address of the repository and the branch. Git reads some addresses as
// programs and some branches as options, so both are held against what they may be before git sees them. Addresses also
// carry credentials, which no message may show.

import { resolve } from 'node:path';
import { Failure } from '../../../tool.ts';
import { createMask } from '../../output/index.ts';

const schemes = ['file', 'git', 'http', 'https', 'ssh', 'git+ssh', 'ssh+git'];
const longestUrl = 2_048;
const longestBranch = 200;

/** Refuses an address that git could take for an option or a program. */
export function checkUrl(name: string, url: string): void {
  const problem = problemOfUrl(url);
  if (problem === undefined) return;
  throw new Failure(
    'bad_repo_url',
    `The repo_url of '${name}' ${problem}.`,
    'Give an address such as https://HOST/OWNER/NAME.git, git@HOST:OWNER/NAME.git, or the absolute path of a repository.',
  );
}

/** Refuses what git would not accept as the name of a branch, and what it could take for an option. */
export function checkBranch(name: string, branch: string): void {
  if (isBranchName(branch)) return;
  throw new Failure(
    'bad_branch',
    `${JSON.stringify(branch.slice(0, longestBranch))} is no name of a branch, so '${name}' cannot follow it.`,
    'Set repo_branch to the plain name of a branch, such as main, or leave it out to follow the default branch.',
  );
}

/** True when both addresses mean the same repository; a trailing slash and `.git` make no difference. */
export function isSameUrl(one: string, other: string, folder: string): boolean {
  return plainUrl(one, folder) === plainUrl(other, folder);
}

/** The address without user and password. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}

/** Replaces the credentials of this address wherever they stand, and those of any other address. */
export function createUrlMask(url: string): (text: string) => string {
  const mask = createMask(credentialsOf(url));
  return (text) =>
    // `git` is the user's name at most servers that are reached by ssh, and no secret.
    mask(text).replace(/(:\/\/)(?!git@)[^\s/'"<>]{1,500}@/g, '$1[masked]@');
}

/** A text of somebody else on one line, without what would steer a terminal. */
export function onOneLine(text: string, longest = 300): string {
  const line = text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}

/** Paths for a sentence: the first five of them. */
export function some(paths: readonly string[]): string {
  const names = paths.slice(0, 5).map((path) => onOneLine(path, 100));
  return names.join(', ') + (paths.length > 5 ? ` and ${paths.length - 5} more` : '');
}

function problemOfUrl(url: string): string | undefined {
  if (url === '') return 'is empty';
  if (url.length > longestUrl) return `is longer than ${longestUrl} characters`;
  if (/\p{Cc}/u.test(url)) return 'contains a line break or another control character';
  if (url.startsWith('-')) return "begins with '-', which git would read as an option";
  if (/^[\w+.-]*::/.test(url)) return "names a helper program before '::', which git would run";
  const scheme = /^([^/:]*):\/\//.exec(url)?.[1];
  if (scheme !== undefined && !schemes.includes(scheme.toLowerCase())) {
    return `uses '${onOneLine(scheme, 20)}://', which is none of ${schemes.slice(0, 5).join(', ')}`;
  }
  const host = /^(?:[^/:]*:\/\/)?(?:[^/@]*@)?(-[^/:]*)(?:[/:]|$)/.exec(url);
  if (host) return "names a host that begins with '-'";
  return undefined;
}

/** The rules of `git check-ref-format --branch`, and no leading dash. */
function isBranchName(branch: string): boolean {
  return (
    branch !== '' &&
    branch.length <= longestBranch &&
    branch !== '@' &&
    branch !== 'HEAD' &&
    !/^-|[\p{Cc} ~^:?*[\\]|\.\.|@\{|\.$/u.test(branch) &&
    branch.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
  );
}

function plainUrl(url: string, folder: string): string {
  const isRemote = /^[^/]*:/.test(url) && !/^file:\/\//i.test(url);
  const path = isRemote ? url : resolve(folder, url.replace(/^file:\/\//i, ''));
  return path
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .replace(/\/+$/, '');
}

/** User, password and the values of the query, as they stand there and decoded. */
function credentialsOf(url: string): string[] {
  const account = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)@/i.exec(url)?.[1] ?? '';
  const query = url.split('?').slice(1).join('?').split('&');
  const texts = [...account.split(':'), ...query.map((pair) => pair.split('=').slice(1).join('='))];
  return texts.filter((text) => text !== '' && text !== 'git').flatMap((text) => [text, decoded(text)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return text;
  }
}
