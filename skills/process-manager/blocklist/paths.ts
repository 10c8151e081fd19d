// Says what a path in a command is: the root, a system folder, a home, a disk. Paths are compared after `.`, `..` and
// repeated slashes are gone and by whole segments, never by prefix; wildcards match whatever they would match.

import { unknown } from './shell-expansion.ts';

/** The segments of an absolute path; [] is the root. */
export type Segments = readonly string[];

/** Deep enough that a few `..` from an unknown folder do not reach the root, and that five do. */
export const unknownFolder: Segments = [unknown, unknown, unknown, unknown, unknown];

/** Where a path leads from a folder. */
export function resolveSegments(path: string, from: Segments): Segments {
  const segments = path.startsWith('/') ? [] : [...from];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments;
}

/** What would be lost with a whole folder; undefined when the path is nothing special. */
export function folderKind(path: Segments): 'root' | 'system' | 'home' | 'top' | undefined {
  const segments = [...path];
  while (segments.length > 0 && isWild(segments.at(-1) ?? '')) segments.pop();
  const [first = '', second = ''] = segments;
  if (segments.length === 0) return 'root';
  if (segments.length === 1) {
    if (matchesAny(first, systemFolders)) return 'system';
    return matchesAny(first, topFolders) ? 'top' : undefined;
  }
  if (segments.length > 2) return undefined;
  for (const [parent, children] of Object.entries(nestedFolders)) {
    if (matchesAny(first, [parent]) && matchesAny(second, children)) return 'system';
  }
  return first === 'home' || first === 'Users' ? 'home' : undefined;
}

/** True when the last segment is a bare wildcard: the folder's contents rather than the folder. */
export function meansContents(path: Segments): boolean {
  return isWild(path.at(-1) ?? '');
}

/** True for a disk, a partition or the memory: writing there destroys what it holds. */
export function isDisk(path: Segments): boolean {
  const [first, second = '', third] = path;
  if (first !== 'dev' || second === '') return false;
  if (second === 'mapper' || second === 'disk') return third !== undefined && third !== 'control';
  return path.length === 2 && (diskName.test(second) || matchesAny(second, exampleDisks));
}

/** True for a file without which nobody can log in or the machine does not start. */
export function isVitalFile(path: Segments): boolean {
  const [first = '', second = ''] = path;
  if (first === 'proc') return second.startsWith('sysrq') || path.join('/') === 'proc/sys/kernel/sysrq';
  return path.length === 2 && first === 'etc' && matchesAny(second, vitalFiles);
}

const systemFolders = [
  'bin',
  'boot',
  'dev',
  'etc',
  'home',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'proc',
  'root',
  'sbin',
].concat(['sys', 'usr', 'var', 'System', 'Library', 'Applications', 'Users', 'private']);
const topFolders = ['opt', 'srv', 'mnt', 'media', 'run', 'Volumes'];
const nestedFolders: Record<string, readonly string[]> = {
  usr: ['bin', 'lib', 'lib32', 'lib64', 'libexec', 'local', 'sbin', 'share'],
  var: ['lib'],
  private: ['etc', 'var'],
};
const vitalFiles = ['passwd', 'shadow', 'group', 'gshadow', 'sudoers', 'fstab'];
const diskName =
  /^(?:(?:sd|hd|vd|xvd)[a-z*?[{]|nvme\d|mmcblk\d|r?disk\d|dm-\d|md\d|nbd\d|zd\d|pmem\d|mem$|kmem$|port$)/;
const exampleDisks = [
  'sda',
  'sda1',
  'hda',
  'vda',
  'xvda',
  'nvme0',
  'nvme0n1',
  'nvme0n1p1',
  'mmcblk0',
  'disk0',
  'dm-0',
];
const wildcard = /[*?[]/;

function isWild(segment: string): boolean {
  if (segment === '.[!.]*' || segment === '.[^.]*') return true;
  return /^[.*?]+$/.test(segment) && /[*?]/.test(segment);
}

function matchesAny(pattern: string, names: readonly string[]): boolean {
  return wildcard.test(pattern)
    ? names.some((name) => matchesWildcard(pattern, name))
    : names.includes(pattern);
}

/** Compares with `*`, `?` and `[…]`. Greedy with one place to return to, so it never takes exponential time. */
export function matchesWildcard(pattern: string, name: string): boolean {
  const tokens = pattern.slice(0, 300).match(/\[[!^]?\]?[^\]]*\]|[\s\S]/g) ?? [];
  let [at, nameAt, star, starAt] = [0, 0, -1, 0];
  while (nameAt < name.length) {
    const token = tokens[at];
    if (token === '*') {
      [star, starAt] = [at, nameAt];
      at += 1;
    } else if (token !== undefined && matchesOne(token, name.charAt(nameAt))) {
      at += 1;
      nameAt += 1;
    } else if (star >= 0) {
      starAt += 1;
      [at, nameAt] = [star + 1, starAt];
    } else {
      return false;
    }
  }
  return tokens.slice(at).every((token) => token === '*');
}

function matchesOne(token: string, character: string): boolean {
  if (token === '?') return true;
  if (!token.startsWith('[') || token.length < 3) return token === character;
  const isNegated = token[1] === '!' || token[1] === '^';
  const set = token.slice(isNegated ? 2 : 1, -1);
  let isIn = false;
  for (let index = 0; index < set.length; index += 1) {
    const isRange = set[index + 1] === '-' && index + 2 < set.length;
    const last = isRange ? set.charAt(index + 2) : set.charAt(index);
    if (character >= set.charAt(index) && character <= last) isIn = true;
    if (isRange) index += 2;
  }
  return isIn !== isNegated;
}
