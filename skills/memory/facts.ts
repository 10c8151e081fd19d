// Writes to the memory and takes from it: facts are bullets of memory/MEMORY.md, notes are bullets of the day's file,
// each with its time. Everything here happens under the lock, so that two writers lose nothing.

import { Failure, isFailure } from '../tool.ts';
import type { Memory } from './engine.ts';
import { bulletOf, type Entry, entriesOf, tidy, without } from './entries.ts';
import { appendMemory, explain, listMemory, readMemory, replaceMemory } from './files.ts';

/** The file of facts. */
export const factsFile = 'MEMORY.md';

const largestFacts = 100_000;
const mostCandidates = 10;
const shownCharacters = 200;

/** Where an entry stands. */
export interface Place {
  /** Relative to the instance root. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Keeps a text; a fact that is known already is not written twice. */
export function keep(
  memory: Memory,
  kind: 'fact' | 'note',
  given: string,
): { file: string; text: string; isNew: boolean } {
  const text = tidy(given);
  if (text === '')
    throw new Failure('nothing_said', 'There is nothing in that text.', 'Say what to remember.');
  refuseSecrets(memory, text);
  if (kind === 'fact') return writing(memory, () => keepFact(memory, text));
  const now = new Date(memory.clock.now()).toISOString();
  const path = `notes/${now.slice(0, 10)}.md`;
  writing(memory, () => appendMemory(memory.folder, path, bulletOf(`${now.slice(11, 16)} ${text}`)));
  return { file: `memory/${path}`, text, isNew: true };
}

/** Takes out the one entry that is, or else the one that holds, this text. */
export function forget(memory: Memory, wanted: { text: string; file?: string; line?: number }): Place {
  const text = tidy(wanted.text);
  if (text === '') throw new Failure('nothing_said', 'There is nothing in that text.', 'Say what to forget.');
  return writing(memory, () => {
    const found = candidates(memory, text).filter(
      ({ place }) =>
        (wanted.file === undefined || place.file === wanted.file || place.file === `memory/${wanted.file}`) &&
        (wanted.line === undefined || place.line === wanted.line),
    );
    const exact = found.filter(({ isExact }) => isExact);
    const meant = exact.length > 0 ? exact : found;
    const [only] = meant;
    if (!only) throw notFound(text);
    if (meant.length > 1) throw several(meant.map(({ place }) => place));
    const before = readMemory(memory.folder, only.path);
    if (!before) throw notFound(text);
    replaceMemory(memory.folder, only.path, before, without(before.text, only.entry));
    return only.place;
  });
}

function keepFact(memory: Memory, text: string): { file: string; text: string; isNew: boolean } {
  const before = readMemory(memory.folder, factsFile);
  const known = before?.text ?? '# Memory\n\n';
  const file = `memory/${factsFile}`;
  if (entriesOf(known).some((entry) => entry.isBullet && entry.text === text))
    return { file, text, isNew: false };
  const after = `${known}${known === '' || known.endsWith('\n') ? '' : '\n'}${bulletOf(text)}`;
  if (Buffer.byteLength(after) > largestFacts) {
    throw new Failure(
      'memory_full',
      `${file} would be larger than ${largestFacts / 1_000} KB, and all of it is read at each turn.`,
      `Take out what is no longer true with forget, move parts into other files in memory/ (recall finds them too), or keep it as a note.`,
    );
  }
  replaceMemory(memory.folder, factsFile, before, after);
  return { file, text, isNew: true };
}

interface Candidate {
  readonly path: string;
  readonly entry: Entry;
  readonly place: Place;
  readonly isExact: boolean;
}

function candidates(memory: Memory, text: string): Candidate[] {
  const folded = fold(text);
  return listMemory(memory.folder).paths.flatMap((path) =>
    entriesIn(memory, path)
      .filter((entry) => entry.isBullet && fold(entry.text).includes(folded))
      .map((entry) => ({
        path,
        entry,
        place: { file: `memory/${path}`, line: entry.line, text: entry.text },
        isExact: [entry.text, entry.text.replace(/^\d\d:\d\d /, '')].some((each) => fold(each) === folded),
      })),
  );
}

/** What cannot be read holds nothing that could be forgotten. */
function entriesIn(memory: Memory, path: string): Entry[] {
  try {
    return entriesOf(readMemory(memory.folder, path)?.text ?? '');
  } catch (error) {
    if (!isFailure(error)) throw error;
    return [];
  }
}

function writing<T>(memory: Memory, act: () => T): T {
  try {
    return memory.exclusively(act);
  } catch (error) {
    throw explain(error, memory.folder);
  }
}

function fold(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ');
}

function refuseSecrets({ secrets }: Memory, text: string): void {
  if (!secrets.some((secret) => text.includes(secret))) return;
  throw new Failure(
    'secret_refused',
    'That text holds a token or key of this instance. It was not kept.',
    'Leave the secret out, and say where it stands instead (.env).',
  );
}

function notFound(text: string): Failure {
  return new Failure(
    'not_remembered',
    `No entry of the memory holds '${shorten(text)}'.`,
    'Look for it with recall. Only bullets can be forgotten; other text in memory/ is changed by hand.',
  );
}

function several(places: readonly Place[]): Failure {
  const shown = places
    .slice(0, mostCandidates)
    .map(({ file, line, text }) => `${file}:${line}: ${shorten(text)}`);
  const more = places.length - shown.length;
  return new Failure(
    'several_remembered',
    `${places.length} entries hold that text:\n${shown.join('\n')}${more > 0 ? `\nand ${more} more` : ''}`,
    'Give the whole text of the one that you mean, or its file and line.',
  );
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= shownCharacters ? line : `${line.slice(0, shownCharacters - 1)}…`;
}
