// Looks for a text in the files of staging/. Bounded in hits, files, bytes and time; whatever was left out is said.

import { lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isFailure } from '../tool.ts';
import { atPlace, type Bounds, realStaging } from './confine.ts';
import { throwIfAborted } from './failures.ts';
import { findSecrets, readFile, type Secrets } from './files.ts';
import type { Finder } from './patterns.ts';
import { isBinary, linesOf, shortenLine } from './text.ts';
import { type Item, walk } from './walk.ts';

/** A line that holds what was looked for. */
interface Hit {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** What was found, and what was not looked at. */
export interface Found {
  readonly hits: readonly Hit[];
  readonly files: number;
  /** Sentences about what is missing. */
  readonly notes: readonly string[];
}

/** What is searched, and how much of it. */
export interface Search {
  readonly start: readonly string[];
  readonly find: Finder;
  readonly fits: (path: string) => boolean;
  readonly limit: number;
  readonly signal: AbortSignal;
}

const mostFiles = 20_000;
const mostBytes = 100_000_000;
const largestFile = 2_000_000;
const mostMs = 15_000;
const shownCharacters = 300;
/** Others wait no longer than this for their turn. */
const turnMs = 25;

/** Searches a folder, or one file. */
export async function search(bounds: Bounds, request: Search): Promise<Found> {
  const state = { hits: [] as Hit[], files: 0, bytes: 0, tooLarge: 0, unreadable: 0, binary: 0 };
  realStaging(bounds);
  const secrets = findSecrets(bounds);
  const started = performance.now();
  const paths: (readonly string[])[] = [];
  let leftOut = 0;
  if (isFile(bounds, request.start)) paths.push(request.start);
  else {
    leftOut = await walk(
      bounds,
      request.start,
      { depth: Number.POSITIVE_INFINITY, signal: request.signal },
      (item) => {
        if (isWanted(item, request)) paths.push(item.parts);
        return paths.length < mostFiles;
      },
    );
  }
  const stopped = await eachFile(paths, async (parts, pause) => {
    if (state.bytes > mostBytes) return `${mostBytes / 1_000_000} MB were read`;
    const bytes = read(bounds, parts, secrets, state);
    if (!bytes) return undefined;
    state.files++;
    state.bytes += bytes.length;
    for (const [index, text] of linesOf(bytes.toString('utf8')).entries()) {
      if (pause.isDue()) {
        await pause.take();
        throwIfAborted(request.signal);
        if (performance.now() - started > mostMs) return `it took longer than ${mostMs / 1_000} s`;
      }
      const column = request.find(text);
      if (column < 0) continue;
      if (state.hits.length >= request.limit) return `there are more than ${request.limit} hits`;
      state.hits.push({ path: parts.join('/'), line: index + 1, text: around(text, column) });
    }
    return undefined;
  });
  const notes = [
    ...(stopped
      ? [`The search ended early: ${stopped}. Narrow it with path, glob or a longer pattern.`]
      : []),
    ...(paths.length >= mostFiles ? [`Only the first ${mostFiles} files were searched.`] : []),
    ...(leftOut > 0 ? [`${leftOut} names in very large folders were left out.`] : []),
    ...(state.tooLarge > 0
      ? [`Passed over: ${state.tooLarge} larger than ${largestFile / 1_000_000} MB.`]
      : []),
    ...(state.binary > 0 ? [`Passed over: ${state.binary} that are no text.`] : []),
    ...(state.unreadable > 0 ? [`Passed over: ${state.unreadable} that cannot be read.`] : []),
  ];
  return { hits: state.hits, files: state.files, notes };
}

/** Lets others have their turn. */
interface Pause {
  isDue(): boolean;
  take(): Promise<void>;
}

/** Runs through the files until one says why it is over. */
async function eachFile(
  paths: readonly (readonly string[])[],
  act: (parts: readonly string[], pause: Pause) => Promise<string | undefined>,
): Promise<string | undefined> {
  let turn = performance.now();
  const pause = {
    isDue: () => performance.now() - turn > turnMs,
    take: async () => {
      await setImmediate();
      turn = performance.now();
    },
  };
  for (const parts of paths) {
    if (pause.isDue()) await pause.take();
    const stopped = await act(parts, pause);
    if (stopped !== undefined) return stopped;
  }
  return undefined;
}

function isWanted(item: Item, { fits }: Search): boolean {
  return item.kind === 'file' && !item.isLeftAlone && fits(item.parts.join('/'));
}

/** A path that is no file is walked, and what is wrong with it shows there. */
function isFile(bounds: Bounds, parts: readonly string[]): boolean {
  if (parts.length === 0) return false;
  return atPlace(bounds, parts, { intent: 'read' }, ({ folder, name }) => {
    return lstatSync(folder.at(name), { throwIfNoEntry: false })?.isFile() === true;
  });
}

function read(
  bounds: Bounds,
  parts: readonly string[],
  secrets: Secrets,
  counts: { tooLarge: number; unreadable: number; binary: number },
): Buffer | undefined {
  try {
    const content = atPlace(bounds, parts, { intent: 'read' }, (place) =>
      readFile(place, largestFile, secrets),
    );
    if (!content) return undefined;
    if (!isBinary(content.bytes)) return content.bytes;
    counts.binary++;
  } catch (error) {
    if (!isFailure(error)) throw error;
    if (error.code === 'file_too_large') counts.tooLarge++;
    else counts.unreadable++;
  }
  return undefined;
}

/** The line, or the part of a long one that holds the hit. */
function around(line: string, column: number): string {
  if (line.length <= shownCharacters) return line;
  const start = Math.max(0, column - Math.floor(shownCharacters / 3));
  const mark = start > 0 ? '…' : '';
  return `${mark}${shortenLine(line.slice(start).replace(/^[\udc00-\udfff]/, ''), shownCharacters)}`;
}
