// The file that scripts append commands to: bot_commands.txt, one command a line, answered in bot_commands.log. It is
// consumed by renaming it away first, so a line that is appended meanwhile is in the next file; and what was renamed is
// read on until nobody can write to it any more. How far each file was carried out is kept in the database: a command
// that a kill cut off is carried out again.

import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { type Clock, Failure, isFailure, type Logger, type Migration } from '../../tool.ts';
import { isOpen, removeIfThere } from '../base/index.ts';
import { trimLog } from '../output/index.ts';

const commandsName = 'bot_commands.txt';
const answersName = 'bot_commands.log';
const takenPrefix = '.bot_commands-';
/** Whoever opened the file just before it was renamed has written by then. */
const graceMs = 10_000;
/** A last line without its newline is as whole as it will get. */
const quietMs = 2_000;
const chunkBytes = 256 * 1024;
const longestLine = 1_000;
/** As much of a longer line as its answer repeats. */
const longestEcho = 100;
/** What was read and is not answered yet, of all files together; the rest waits on the disk. */
const mostUnderWay = 500;

export const commandFileMigrations: readonly Migration[] = [
  {
    name: 'process-manager/6-command-files',
    sql: `CREATE TABLE command_files (
            name TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            done TEXT NOT NULL DEFAULT '[]'
          ) STRICT;`,
  },
];

/** What the file's commands may ask for. */
type CommandVerb = 'start' | 'stop' | 'restart' | 'pause' | 'resume' | 'update' | 'status' | 'list';

/** Carries out a command; the answer for the person in one or more lines. */
export type CarryOut = (verb: CommandVerb, name: string) => Promise<string[]>;

/** Reads the command file whenever it is asked to. */
export interface CommandFile {
  poll(): void;
  /** Resolves when every command that was read is answered. */
  rest(): Promise<void>;
}

interface Taken {
  readonly path: string;
  readonly name: string;
  /** Up to where it was read. */
  read: number;
  /** Starts of lines that are being carried out. */
  readonly underWay: Set<number>;
  /** Starts of lines behind one of those that are done: they must not be carried out again after a kill. */
  readonly done: Set<number>;
  /** The beginning of a line that is longer than a chunk, until its end is found. */
  begun: { readonly text: string; readonly start: number } | undefined;
  /** Not before then is it asked again who has it open: that is a look at every process. */
  askAgainAt: number;
}

/** A line, or as much of one as there is in a chunk. */
interface Piece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly isWhole: boolean;
}

const verbs: readonly string[] = ['start', 'stop', 'restart', 'pause', 'resume', 'update', 'status'];

/** The command file of an instance. */
export function createCommandFile(options: {
  root: string;
  database: Database;
  clock: Clock;
  logger: Logger;
  carryOut: CarryOut;
}): CommandFile {
  const { root, database, clock, logger } = options;
  const files = new Map<string, Taken>();
  /** Commands for one bot are carried out in their order, those for others meanwhile. */
  const chains = new Map<string, Promise<void>>();
  let underWay = 0;
  let hasLooked = false;
  const remembered = (name: string) => {
    const row = database
      .prepare<[string], { position: number; done: string }>(
        'SELECT position, done FROM command_files WHERE name = ?',
      )
      .get(name);
    return { read: row?.position ?? 0, done: new Set(JSON.parse(row?.done ?? '[]') as number[]) };
  };
  const savePosition = (file: Taken) => {
    const position = Math.min(file.begun?.start ?? file.read, ...file.underWay);
    for (const start of file.done) if (start < position) file.done.delete(start);
    database
      .prepare(
        `INSERT INTO command_files (name, position, done) VALUES (@name, @position, @done)
         ON CONFLICT (name) DO UPDATE SET position = @position, done = @done`,
      )
      .run({ name: file.name, position, done: JSON.stringify([...file.done]) });
  };
  const answer = (line: string, answers: readonly string[]) => {
    const at = new Date(clock.now()).toISOString();
    const asked = line.length > longestLine ? `${line.slice(0, longestEcho)}…` : line;
    const text = answers.map((each) => `${at} ${inOneLine(`${asked} -> ${each}`)}\n`).join('');
    appendFileSync(join(root, answersName), text);
    trimLog(join(root, answersName), { pauseWriters: () => () => {} });
  };
  const submit = (file: Taken, line: string, start: number) => {
    file.underWay.add(start);
    underWay++;
    const name = nameIn(line);
    const work = (chains.get(name) ?? Promise.resolve())
      .then(async () => answer(line, await carryOutLine(line, options.carryOut)))
      .catch((error) => logger.error({ line, error: String(error) }, 'a command could not be answered'))
      .then(() => {
        file.underWay.delete(start);
        file.done.add(start);
        underWay--;
        if (chains.get(name) === work) chains.delete(name);
        savePosition(file);
      })
      // A full disk, or a database that is held: the next command's position covers this one.
      .catch((error) => logger.error({ line, error: String(error) }, 'a command could not be noted as done'));
    chains.set(name, work);
  };
  /** True when all that it holds by now was read, so that the lines of newer files may follow. */
  const readOn = (file: Taken): boolean => {
    const found = statSync(file.path, { throwIfNoEntry: false });
    if (!found) return files.delete(file.name);
    const isQuiet = clock.now() - found.mtimeMs > quietMs;
    const isLastChunk = found.size - file.read <= chunkBytes;
    for (const { text, start, end, isWhole } of piecesOf(file.path, file.read, found.size, isQuiet)) {
      if (underWay >= mostUnderWay) return false;
      file.read = end;
      const line = file.begun ?? { text, start };
      file.begun = isWhole ? undefined : line;
      const isCommand = isWhole && line.text !== '' && !line.text.startsWith('#');
      if (isCommand && !file.done.has(line.start)) submit(file, line.text, line.start);
    }
    const isDone = file.underWay.size === 0 && file.read >= found.size;
    // A rename changes the time of the file's record (ctime) and nothing else does so without writing.
    if (isDone && clock.now() - Math.max(found.ctimeMs, found.mtimeMs) > graceMs) forgetIfClosed(file);
    return isLastChunk;
  };
  const forgetIfClosed = (file: Taken) => {
    if (clock.now() < file.askAgainAt) return;
    file.askAgainAt = clock.now() + graceMs;
    // The last one to close it may have written just before.
    if (!isOpen(file.path) && statSync(file.path).size <= file.read) forget(file);
  };
  const forget = (file: Taken) => {
    removeIfThere(file.path);
    files.delete(file.name);
    database.prepare('DELETE FROM command_files WHERE name = ?').run(file.name);
  };
  const discover = () => {
    const folder = realpathSync(root);
    const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() && entry.name.startsWith(takenPrefix) ? [entry.name] : [],
    );
    for (const name of names.sort()) {
      if (files.has(name)) continue;
      const rest = { underWay: new Set<number>(), begun: undefined, askAgainAt: 0 };
      files.set(name, { name, path: join(folder, name), ...remembered(name), ...rest });
    }
  };
  return {
    poll() {
      // What another supervisor left is met when this one begins, and not while that one is still at it.
      if (takeAway(root) || !hasLooked) discover();
      hasLooked = true;
      for (const file of [...files.values()]) if (!readOn(file)) break;
    },
    rest: async () => {
      while (chains.size > 0) await Promise.all(chains.values());
    },
  };
}

/** Makes the empty file that scripts append to. */
export function offerCommandFile(root: string): void {
  try {
    writeFileSync(join(root, commandsName), '', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function takeAway(root: string): boolean {
  const path = join(root, commandsName);
  const found = lstatSync(path, { throwIfNoEntry: false });
  // A link, a folder or a pipe under this name is somebody else's.
  if (!found?.isFile() || found.size === 0) return false;
  renameSync(path, join(root, `${takenPrefix}${Date.now()}-${randomUUID()}`));
  offerCommandFile(root);
  return true;
}

/** The lines of one chunk, up to `to`; the last one without its newline only when it is not going to get one. */
function piecesOf(path: string, from: number, to: number, withLast: boolean): Piece[] {
  const bytes = readChunk(path, from, Math.min(chunkBytes, to - from));
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    const isLast = newline < 0 && from + bytes.length >= to;
    // It is waited for, or the next chunk begins with it.
    if (isLast ? !withLast : newline < 0 && at > 0) break;
    const end = newline < 0 ? bytes.length : newline;
    const text = bytes
      .subarray(at, end)
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .trim();
    const next = newline < 0 ? end : end + 1;
    pieces.push({ text, start: from + at, end: from + next, isWhole: isLast || newline >= 0 });
    at = next;
  }
  return pieces;
}

function readChunk(path: string, from: number, length: number): Buffer {
  if (length <= 0) return Buffer.alloc(0);
  const buffer = Buffer.alloc(length);
  const descriptor = openSync(path, 'r');
  try {
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, from));
  } finally {
    closeSync(descriptor);
  }
}

/** A log has one line for each answer, whatever a script wrote or a program said. */
function inOneLine(text: string): string {
  return text.replace(/\s*[\n\r\u2028\u2029]\s*/g, ' / ').replace(/\p{Cc}+/gu, ' ');
}

function nameIn(line: string): string {
  return line.replace(/^\S+\s*/, '').trim();
}

async function carryOutLine(line: string, carryOut: CarryOut): Promise<string[]> {
  try {
    const verb = line.split(/\s/, 1)[0] ?? '';
    if (line.length > longestLine) {
      throw new Failure(
        'line_too_long',
        `A command has at most ${longestLine} characters.`,
        'Mend the script.',
      );
    }
    if (verb === 'status_all' || verb === 'list') return await carryOut('list', '');
    if (!verbs.includes(verb)) {
      throw new Failure(
        'unknown_command',
        `'${verb}' is no command.`,
        `The commands are: ${verbs.map((each) => `${each} NAME`).join(', ')}, status_all now`,
      );
    }
    if (nameIn(line) === '') {
      throw new Failure(
        'name_missing',
        `'${verb}' needs the name of a bot.`,
        `For example: ${verb} Task-Master`,
      );
    }
    return await carryOut(verb as CommandVerb, nameIn(line));
  } catch (error) {
    if (!isFailure(error)) throw error;
    return [`error ${error.code}: ${error.message} -> ${error.hint}`];
  }
}
