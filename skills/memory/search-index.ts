// A full-text index over the memory files. It holds nothing that the files do not: before each search it is brought up
// to what they are, file by file and only where one has changed, each in a short transaction of its own.

import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { isFailure, type Migration } from '../tool.ts';
import type { Memory } from './engine.ts';
import { entriesOf } from './entries.ts';
import { listMemory, type MemoryFile, readMemory, stampOf } from './files.ts';

/** The tables of this skill. */
export const memoryMigrations: readonly Migration[] = [
  {
    name: 'memory/1-index',
    sql: `
      CREATE TABLE memory_files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
      CREATE VIRTUAL TABLE memory_entries USING fts5(
        text, path UNINDEXED, line UNINDEXED, tokenize = "unicode61 remove_diacritics 2"
      );`,
  },
];

/** An entry that was found. */
export interface Hit {
  /** Relative to the instance root. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const mostWords = 32;
/** How many words of an entry are shown; FTS5 takes at most 64. */
const shownWords = 64;
const longestText = 4_000;
/** A file that was written this shortly ago may be written again without its time changing. */
const unsettledMs = 2_000;

/** Entries that fit the query best, and sentences about what was not searched. */
export async function searchMemory(
  memory: Memory,
  query: string,
  limit: number,
): Promise<{ hits: Hit[]; notes: string[] }> {
  const notes = await refresh(memory);
  const found = byWords(memory, query, limit);
  return { hits: found.length > 0 ? found : byText(memory, query, limit), notes };
}

/** Any of the words counts, those with more and rarer ones of them first. Quoted, nothing in a word is an operator. */
function byWords({ database }: Memory, query: string, limit: number): Hit[] {
  const words = [...new Set(query.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [])].slice(0, mostWords);
  if (words.length === 0) return [];
  // `of` as a beginning would find `often`.
  const expression = words.map((word) => `"${word}"${word.length > 3 ? '*' : ''}`).join(' OR ');
  const rows = database()
    .prepare<[string, number], { path: string; line: number; text: string }>(
      `SELECT path, line, snippet(memory_entries, 0, '', '', '…', ${shownWords}) AS text
       FROM memory_entries WHERE memory_entries MATCH ? ORDER BY rank, path DESC, line LIMIT ?`,
    )
    .all(expression, limit);
  return rows.map(toHit);
}

/** A part of a word, a sign, or a language that puts no blanks between words. */
function byText({ database }: Memory, query: string, limit: number): Hit[] {
  const wanted = query.trim();
  if (wanted === '') return [];
  const rows = database()
    .prepare<[string, number], { path: string; line: number; text: string }>(
      `SELECT path, line, text FROM memory_entries WHERE instr(lower(text), lower(?)) > 0
       ORDER BY path DESC, line LIMIT ?`,
    )
    .all(wanted, limit);
  return rows.map(toHit);
}

function toHit({ path, line, text }: { path: string; line: number; text: string }): Hit {
  const shown = text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`;
  return { file: `memory/${path}`, line, text: shown };
}

/** Brings the index up to date; answers with what it had to leave out. */
async function refresh(memory: Memory): Promise<string[]> {
  const { paths, leftOut } = listMemory(memory.folder);
  const notes = leftOut > 0 ? [`The ${leftOut} oldest files of notes are not searched.`] : [];
  const skipped = new Set<string>();
  try {
    for (const path of paths) {
      if (refreshFile(memory, path, skipped, notes)) await setImmediate();
    }
    forgetOthers(memory, new Set(paths.filter((path) => !skipped.has(path))));
  } catch (error) {
    // Looking into what is known stays possible on a full disk.
    const code = String((error as { code?: unknown }).code);
    if (!/^(SQLITE_(FULL|READONLY)|ENOSPC)/.test(code)) throw error;
    notes.push('The index could not be brought up to date (no space left), so new entries may be missing.');
  }
  return notes;
}

/** True when something had to be read. */
function refreshFile(memory: Memory, path: string, skipped: Set<string>, notes: string[]): boolean {
  const known = memory
    .database()
    .prepare<[string], { stamp: string; hash: string }>('SELECT stamp, hash FROM memory_files WHERE path = ?')
    .get(path);
  if (known && known.stamp === stampOf(memory.folder, path)) return false;
  try {
    const file = readMemory(memory.folder, path);
    if (!file) {
      skipped.add(path);
      return false;
    }
    const hash = createHash('sha256').update(file.text).digest('hex');
    store(memory, path, file, hash, known?.hash === hash);
    return true;
  } catch (error) {
    if (!isFailure(error)) throw error;
    skipped.add(path);
    notes.push(`Not searched: ${error.message}`);
    return false;
  }
}

function store(memory: Memory, path: string, file: MemoryFile, hash: string, isSame: boolean): void {
  const database = memory.database();
  const isSettled = Date.now() - Number(file.stat.mtimeMs) > unsettledMs;
  memory.exclusively(() => {
    database
      .prepare(
        `INSERT INTO memory_files (path, stamp, hash) VALUES (?, ?, ?)
         ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, hash = excluded.hash`,
      )
      .run(path, isSettled ? file.stamp : '', hash);
    if (isSame) return;
    database.prepare('DELETE FROM memory_entries WHERE path = ?').run(path);
    const insert = database.prepare('INSERT INTO memory_entries (text, path, line) VALUES (?, ?, ?)');
    for (const { text, line } of entriesOf(file.text)) insert.run(text, path, line);
  });
}

/** Files that are gone, or are not searched any more, leave the index. */
function forgetOthers(memory: Memory, paths: ReadonlySet<string>): void {
  const database = memory.database();
  const known = database.prepare<[], string>('SELECT path FROM memory_files').pluck().all();
  const gone = known.filter((path) => !paths.has(path));
  if (gone.length === 0) return;
  memory.exclusively(() => {
    for (const path of gone) {
      database.prepare('DELETE FROM memory_entries WHERE path = ?').run(path);
      database.prepare('DELETE FROM memory_files WHERE path = ?').run(path);
    }
  });
}
