// Brings what an engine's process prints into a log of ours: every byte once and in order, whoever dies in between.
//
// An engine keeps what was printed with the moment of each piece, and serves it again from any moment on, always the
// same bytes. So the place to go on is a pair: a moment, and the offset in our log at which the piece of that moment
// begins. Whoever goes on asks for everything since that moment, and the log itself says how many of those bytes it
// has. Nothing has to be written together with the bytes: a pair that was right once is right for ever, and is moved
// on now and then only so that less is served again.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Migration } from '../../tool.ts';
import { readLogState } from '../output/index.ts';
import type { ProcessRow } from '../processes/index.ts';
import type { Piece } from './frames.ts';

/** Two streams of one process are stamped side by side, so a moment may be followed by a slightly earlier one. */
const settledMs = 2_000;
/** How far the places lie apart that may become the one to go on from. */
const betweenPlacesMs = 1_000;

export const relayMigrations: readonly Migration[] = [
  {
    name: 'process-manager/10-relays',
    sql: `CREATE TABLE relays (
            process_id TEXT PRIMARY KEY REFERENCES processes (id) ON DELETE CASCADE,
            since TEXT,
            log_offset INTEGER NOT NULL,
            seen_until TEXT
          ) STRICT;`,
  },
];

/** From where a log is to be asked for, and where in ours that begins. */
interface Place {
  /** Undefined: from its beginning. */
  readonly since: string | undefined;
  readonly offset: number;
}

/** Takes one answer of an engine. */
export interface Relay {
  /** The moment from which the log is to be asked for. */
  readonly since: string | undefined;
  /** Appends what the log does not have yet; true when there was something. */
  take(pieces: readonly Piece[]): boolean;
}

/** A relay for one answer to the question for the log of a process. `onGap`: the engine no longer has all of it. */
export function createRelay(database: Database, row: ProcessRow, onGap: () => void): Relay {
  const known = readPlace(database, row);
  let place: Place = known;
  let next = known.offset;
  /** Set while what is served cannot be laid over the log, because the engine has thrown its beginning away. */
  let dropUntil: string | undefined;
  let isFirst = true;
  let newest = '';
  let candidates: { at: string; offset: number }[] = [];

  const watchMoments = ({ at }: Piece, offset: number) => {
    if (place.since !== undefined && at < place.since) {
      // The clock of its machine was put back: only the beginning is certain.
      place = { since: undefined, offset: row.logFrom };
      candidates = [];
    }
    candidates = candidates.filter((candidate) => candidate.at <= at);
    const last = candidates.at(-1);
    if (at > newest && (!last || msBetween(last.at, at) >= betweenPlacesMs)) candidates.push({ at, offset });
    if (at > newest) newest = at;
    const settled = candidates.filter((candidate) => msBetween(candidate.at, newest) >= settledMs).at(-1);
    if (settled && settled.at !== place.since) place = { since: settled.at, offset: settled.offset };
  };

  return {
    since: known.since,
    take(pieces) {
      const [first] = pieces;
      if (!first) return false;
      return database
        .transaction(() => {
          let end = endOf(row.stdoutLog);
          const before = place;
          if (isFirst) {
            isFirst = false;
            const isCut = known.since !== undefined && first.at !== known.since;
            // The engine has thrown away its log, or somebody ours.
            if (isCut || end < next) dropUntil = known.seenUntil;
            if (isCut) onGap();
            if (isCut) next = end;
          }
          if (end < next) next = end;
          const added: Buffer[] = [];
          for (const piece of pieces) {
            if (dropUntil !== undefined && piece.at <= dropUntil) continue;
            watchMoments(piece, next);
            const missing = next + piece.bytes.length - end;
            if (missing > 0) added.push(piece.bytes.subarray(piece.bytes.length - missing));
            next += piece.bytes.length;
            end = Math.max(end, next);
          }
          append(row.stdoutLog, added);
          if (place !== before) writePlace(database, row.id, place, newest);
          return added.length > 0;
        })
        .immediate();
    },
  };
}

function readPlace(database: Database, row: ProcessRow): Place & { readonly seenUntil: string | undefined } {
  const found = database
    .prepare<unknown[], { since: string | null; offset: number; seenUntil: string | null }>(
      'SELECT since, log_offset AS offset, seen_until AS seenUntil FROM relays WHERE process_id = ?',
    )
    .get(row.id);
  return {
    since: found?.since ?? undefined,
    offset: found?.offset ?? row.logFrom,
    seenUntil: found?.seenUntil ?? undefined,
  };
}

function writePlace(database: Database, id: string, { since, offset }: Place, seenUntil: string): void {
  database
    .prepare(
      `INSERT INTO relays (process_id, since, log_offset, seen_until) VALUES (@id, @since, @offset, @seenUntil)
       ON CONFLICT (process_id) DO UPDATE SET since = @since, log_offset = @offset, seen_until = @seenUntil`,
    )
    .run({ id, since: since ?? null, offset, seenUntil });
}

function append(log: string, parts: readonly Buffer[]): void {
  if (parts.length === 0) return;
  const bytes = Buffer.concat(parts);
  mkdirSync(dirname(log), { recursive: true });
  const file = openSync(log, 'a');
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  } finally {
    closeSync(file);
  }
}

function endOf(log: string): number {
  return readLogState(log)?.end ?? 0;
}

function msBetween(first: string, second: string): number {
  return Date.parse(second) - Date.parse(first);
}
