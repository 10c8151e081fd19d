// Which paths a promotion or a revert moves, and in which units. Pure, and the same for both directions: what is kept
// from being promoted is kept from being reverted. Exclusions hold at the root only; a `memory/` further down moves.

import { type Entry, markerNames } from '../watchdog/index.ts';

/** A tree as far as planning needs it: every path that may move, and whether it is a folder. */
export type Tree = ReadonlyMap<string, { readonly kind: string }>;

/** The folder in which a revert builds; it lies in the tree that it changes, and belongs to nobody else. */
export const revertFolder = '.revert';

/** Replaced by the watchdog itself, when the release that brings it is good. */
export const watchdogFile = 'watchdog.js';

const keptNames: readonly string[] = [
  'SOUL.md',
  'IDENTITY.md',
  'memory',
  'logs',
  'data',
  'temp',
  'node_modules',
  'package-lock.json',
  'backups',
  'staging',
  '.git',
  // Where npm and others put what they have fetched: HOME of commands is the workspace.
  '.npm',
  '.cache',
];

/** True of a path, relative to the root with `/`, that stays with its instance; of what lies below it nobody asks. */
export function staysWithInstance(path: string, exclude: readonly string[]): boolean {
  if (exclude.some((excluded) => normalise(excluded) === path)) return true;
  if (path.includes('/')) return false;
  return keptNames.includes(path) || path.startsWith('.env') || isMarker(path);
}

/** True of a skill's own data, `skills/NAME/data`, which stays where it already exists. */
export function isSkillData(path: string): boolean {
  return /^skills\/[^/]+\/data$/.test(path);
}

/** Folders of skills of which nothing is there but their data: what a skill leaves behind, and no skill to move. */
export function forsakenSkills(tree: Tree): string[] {
  const folders = new Set<string>();
  const alive = new Set<string>();
  for (const path of tree.keys()) {
    const [top, name, child] = path.split('/', 3);
    if (top !== 'skills' || name === undefined) continue;
    if (child === 'data') folders.add(`skills/${name}`);
    else if (child !== undefined) alive.add(`skills/${name}`);
  }
  return [...folders].filter((folder) => !alive.has(folder));
}

/** What is renamed, and what stands in the way of it. */
export interface Plan {
  readonly entries: readonly Entry[];
  /** Paths that are a folder with something to keep on one side, and no folder on the other. */
  readonly conflicts: readonly string[];
}

/**
 * The units of renaming: every name at the top, but the skills one by one, and a folder that holds something of the
 * destination which has to stay (`kept`) child by child.
 */
export function planEntries(source: Tree, destination: Tree, kept: readonly string[]): Plan {
  const children = childrenOf([source, destination]);
  const entries: Entry[] = [];
  const conflicts: string[] = [];
  const visit = (folder: string) => {
    for (const path of [...(children.get(folder) ?? [])].sort()) {
      if (path === watchdogFile) continue;
      const holdsKept = kept.some((other) => other.startsWith(`${path}/`));
      const isFolder = [source, destination].every((tree) => (tree.get(path)?.kind ?? 'folder') === 'folder');
      if (isFolder && (holdsKept || path === 'skills')) visit(path);
      else if (holdsKept) conflicts.push(path);
      else entries.push({ path, live: destination.has(path), next: source.has(path) });
    }
  };
  visit('');
  return { entries, conflicts };
}

/** True of a path that is one of these, or lies below one of them. */
export function isBelow(path: string, tops: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (tops.has(path.slice(0, end))) return true;
  }
  return false;
}

function childrenOf(trees: readonly Tree[]): Map<string, Set<string>> {
  const children = new Map<string, Set<string>>();
  for (const tree of trees) {
    for (const path of tree.keys()) {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      const known = children.get(folder);
      if (known) known.add(path);
      else children.set(folder, new Set([path]));
    }
  }
  return children;
}

function isMarker(name: string): boolean {
  const names: readonly string[] = [...Object.values(markerNames), '.watchdog', revertFolder];
  return names.some((marker) => name === marker || name.startsWith(`${marker}.`));
}

function normalise(path: string): string {
  return path
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
