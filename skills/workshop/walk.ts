// Walks through the folders of staging/, breadth first, so that a bound cuts off what lies deep. Links are named and
// never followed; installed packages and what git keeps are named and never entered.

import { type Dirent, lstatSync, opendirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Failure } from '../tool.ts';
import { type Bounds, inFolder } from './confine.ts';
import { codeOf, explain, throwIfAborted } from './failures.ts';
import { isSecretName, isSkippedFolder, temporaryName } from './paths.ts';

/** Something in a folder. */
export interface Item {
  readonly parts: readonly string[];
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Of a file whose size may be known. */
  readonly bytes?: number;
  /** A folder that is not entered, or a file that no tool reads. */
  readonly isLeftAlone: boolean;
}

/** Of a folder with more names the rest is left out. */
const mostNames = 5_000;

/**
 * Hands over one item after the other until `take` says no. A folder that goes away meanwhile is passed over. The first
 * one has to be there. Returns how many names were left out because their folder has too many.
 */
export async function walk(
  bounds: Bounds,
  start: readonly string[],
  options: { readonly depth: number; readonly signal: AbortSignal },
  take: (item: Item) => boolean,
): Promise<number> {
  const pending: { parts: readonly string[]; depth: number }[] = [{ parts: start, depth: 1 }];
  let leftOut = 0;
  for (let index = 0; index < pending.length; index++) {
    throwIfAborted(options.signal);
    const { parts, depth } = pending[index] ?? { parts: start, depth: 1 };
    const found = readFolder(bounds, parts, index === 0);
    leftOut += found.leftOut;
    for (const item of found.items) {
      if (!take(item)) return leftOut;
      if (item.kind !== 'folder' || item.isLeftAlone || depth >= options.depth) continue;
      pending.push({ parts: item.parts, depth: depth + 1 });
    }
    // Others are served in between: a bot does this while people talk to it.
    if (index % 20 === 19) await setImmediate();
  }
  return leftOut;
}

function readFolder(
  bounds: Bounds,
  parts: readonly string[],
  isFirst: boolean,
): { items: Item[]; leftOut: number } {
  try {
    return inFolder(bounds, parts, { intent: 'read' }, (folder) => {
      const { entries, leftOut } = readEntries(folder.itself);
      folder.verify();
      return { items: entries.map((entry) => itemOf(entry, folder.parts, folder.at(entry.name))), leftOut };
    });
  } catch (error) {
    if (isFirst || !(error instanceof Failure)) throw explain(error, parts.join('/'));
    return { items: [], leftOut: 0 };
  }
}

function readEntries(path: string): { entries: Dirent[]; leftOut: number } {
  const names = opendirSync(path);
  const entries: Dirent[] = [];
  let leftOut = 0;
  try {
    for (let entry = names.readSync(); entry; entry = names.readSync()) {
      if (temporaryName.test(entry.name)) continue;
      if (entries.length < mostNames) entries.push(entry);
      else if (++leftOut > 10 * mostNames) break;
    }
  } finally {
    names.closeSync();
  }
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { entries, leftOut };
}

function itemOf(entry: Dirent, folder: readonly string[], path: string): Item {
  const parts = [...folder, entry.name];
  if (entry.isDirectory()) {
    return { parts, kind: 'folder', isLeftAlone: isSkippedFolder(entry.name) || isSecretName(entry.name) };
  }
  if (entry.isSymbolicLink()) return { parts, kind: 'link', isLeftAlone: true };
  if (!entry.isFile()) return { parts, kind: 'other', isLeftAlone: true };
  if (isSecretName(entry.name)) return { parts, kind: 'file', isLeftAlone: true };
  const bytes = sizeOf(path);
  return { parts, kind: 'file', isLeftAlone: false, ...(bytes === undefined ? {} : { bytes }) };
}

function sizeOf(path: string): number | undefined {
  try {
    return lstatSync(path).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
