// Brings what an engine's process prints into a log of ours: every byte once and in order, whoever dies in between.
//
// An engine keeps what was printed with the moment of each piece, and serves it again from any moment on, always the
// same bytes. So the place to go on is a pair: a moment, and the offset in our log at which the piece of that moment
// begins (moments.ts). Whoever goes on asks for everything since that moment, and the log itself says how many of those
// bytes it has: nothing is lost or doubled when a relay dies between the bytes and what is noted of them.
//
// An engine throws away the oldest when it has too much. Then the newest line that was brought says how what it still
// has lies over the log. Where that is gone too, something is missing, which is told; only there, what was brought
// after that line, such as by a relay that died before it could note it, may come twice.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { readLogState } from '../../output/index.ts';
import type { ProcessRow } from '../../processes/index.ts';
import type { Piece } from './frames.ts';
import { createMoments } from './moments.ts';
import { type RelayState, readState, writeState } from './relay-state.ts';

/** Takes one answer of an engine. */
export interface Relay {
  /** The moment from which the log is to be asked for. */
  readonly since: string | undefined;
  /**
   * Appends what the log does not have yet; true when there was something. Fails where the log has to be asked for
   * again; a relay that has failed is of no use any more.
   */
  take(pieces: readonly Piece[]): boolean;
  /** Takes nothing of what goes back in time: it is there already, or a clock was put back. Always fails. */
  refuse(piece: Piece): never;
}

/** A relay for one answer to the question for the log of a process. `onGap`: the engine no longer has all of it. */
export function createRelay(database: Database, row: ProcessRow, onGap: () => void): Relay {
  const known = readState(database, row);
  // Not this run's log any more.
  if (!known) {
    const refuse = () => {
      throw outdated(row);
    };
    return { since: undefined, take: () => false, refuse };
  }
  const moments = createMoments(known, row.logFrom);
  let { jumps } = known;
  let next = known.offset;
  let isFirst = true;
  /** Set until it is clear how what is served lies over the log, because the engine has thrown its beginning away. */
  let isAdrift = false;

  /** What is stored, unless something has happened since this relay has asked that makes its answer a wrong one. */
  const readCurrent = () => {
    const stored = readState(database, row);
    if (stored && stored.jumps !== jumps) throw outdated(row);
    return stored;
  };
  /** True where a moment lies before the one to ask for, though it was printed after it. */
  const goesBack = (pieces: readonly Piece[], { since, offset }: RelayState) => {
    let begin = next;
    return pieces.some(({ at, bytes }) => {
      begin += bytes.length;
      return since !== null && at < since && begin - bytes.length >= offset;
    });
  };
  /** Notes what has to stand there before anything is appended: else whoever comes after a kill believes too much. */
  const prepare = (pieces: readonly Piece[]) => {
    const stored = readCurrent();
    if (!stored) return;
    const firstAt = stored.firstAt ?? pieces[0]?.at ?? null;
    const isBack = goesBack(pieces, stored);
    if (isBack) jumps++;
    const place = isBack ? { since: null, offset: row.logFrom } : {};
    writeState(database, row, { ...stored, ...place, firstAt, jumps });
  };
  /** False for what was brought before. */
  const isNews = (piece: Piece, { newestAt, newestOffset }: RelayState, end: number) => {
    if (!isAdrift) return true;
    if (newestAt !== null && piece.at < newestAt) return false;
    isAdrift = false;
    const isThere = piece.at === newestAt;
    next = isThere ? newestOffset : end;
    if (isThere) return true;
    // What others were served before has no place in the log any more.
    jumps++;
    onGap();
    return true;
  };
  const bring = (pieces: readonly Piece[]) => {
    const stored = readCurrent();
    if (!stored) return false;
    if (goesBack(pieces, stored)) throw outdated(row);
    if (isFirst) isAdrift = pieces[0]?.at !== (known.since ?? stored.firstAt);
    isFirst = false;
    let { end, emptied } = measure(row.stdoutLog, stored);
    const added: Buffer[] = [];
    for (const piece of pieces) {
      if (!isNews(piece, stored, end)) continue;
      moments.pass(piece, next);
      next += piece.bytes.length;
      if (next <= end) continue;
      added.push(piece.bytes.subarray(-(next - end)));
      end = next;
    }
    append(row.stdoutLog, added);
    // Whoever lags behind the others does not know yet what they know.
    const { since, offset } = next >= end ? moments.place() : stored;
    const isChanged = since !== stored.since || emptied !== stored.emptied || jumps !== stored.jumps;
    if (added.length > 0 || isChanged) {
      const changed = { ...moments.newest(stored), since, offset, reached: end, emptied, jumps };
      writeState(database, row, { ...stored, ...changed });
    }
    return added.length > 0;
  };
  return {
    since: known.since ?? undefined,
    take(pieces) {
      if (pieces.length === 0) return false;
      const stored = readState(database, row);
      if (stored && (stored.firstAt === null || goesBack(pieces, stored)))
        database.transaction(() => prepare(pieces)).immediate();
      return database.transaction(() => bring(pieces)).immediate();
    },
    refuse(piece) {
      const stored = readState(database, row);
      if (stored && goesBack([piece], stored)) database.transaction(() => prepare([piece])).immediate();
      throw outdated(row);
    },
  };
}

/** The answer is of no use any more: the log has to be asked for again. Nothing is wrong with the engine. */
export class Outdated extends Error {}

function outdated({ id }: ProcessRow): Outdated {
  return new Outdated(`the log of ${id} has changed while it was read, and is asked for again`);
}

/** Where the log ends, in offsets of everything that was brought. */
function measure(log: string, { reached, emptied }: RelayState): { end: number; emptied: number } {
  const end = (readLogState(log)?.end ?? 0) + emptied;
  // Somebody has emptied it: that is no reason to bring everything again.
  return end >= reached ? { end, emptied } : { end: reached, emptied: emptied + reached - end };
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
