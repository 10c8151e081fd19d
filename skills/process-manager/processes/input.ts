// Writes to the standard input of a process, from anywhere and at any time: the shim holds a FIFO open for it.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../tool.ts';
import { waitUntil } from '../base/index.ts';
import type { ProcessRow } from './row.ts';

const patienceMs = 5_000;

/** Writes all of the text, or says how much of it the process took. */
export async function sendInput(row: ProcessRow, text: string): Promise<number> {
  const file = openInput(row);
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    const complete = await waitUntil(() => {
      written += writeSome(file, bytes.subarray(written), row);
      return written === bytes.length;
    }, patienceMs);
    if (complete) return written;
  } finally {
    closeSync(file);
  }
  throw new Failure(
    'input_not_read',
    `'${row.name}' does not read its input: it took ${written} of ${bytes.length} bytes in ${patienceMs / 1_000} s.`,
    'Look at what it is doing: understudy logs, then send the rest.',
  );
}

function openInput(row: ProcessRow): number {
  try {
    return openSync(join(row.runFolder, 'stdin'), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new Failure(
        'no_input',
        `'${row.name}' was started without an input.`,
        'Start it again with one: understudy run --input "COMMAND"',
        { cause: error },
      );
    }
    // ENXIO: nobody has the other end open any more.
    if (code === 'ENXIO') throw notRunning(row);
    throw error;
  }
}

function writeSome(file: number, bytes: Buffer, row: ProcessRow): number {
  try {
    return writeSync(file, bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EAGAIN') return 0;
    if (code === 'EPIPE') throw notRunning(row);
    throw error;
  }
}

function notRunning(row: ProcessRow): Failure {
  return new Failure('not_running', `'${row.name}' has ended.`, 'See how: understudy list');
}
