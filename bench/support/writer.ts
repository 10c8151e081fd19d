// The program whose output is captured: compiled from writer.c where there is a compiler, else writer.js.

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, until } from './bench.ts';
import { findProgram } from './machine.ts';

/** Bytes of each line. */
export const lineBytes = 100;
/** One line of so many is an error; the others are not. */
export const errorEvery = 10_000;

/** `block`: 64 KiB a write; `line`: a write for each line; a number: that many lines a second. */
export type Mode = 'block' | 'line' | number;

/** A job for the writer. */
interface Job {
  readonly argv: readonly string[];
  /** Milliseconds from its first write to its last, once it has ended. */
  took(): Promise<number>;
}

/** Makes jobs. */
export interface Writer {
  /** What it was made of, for the notes. */
  readonly kind: string;
  /** A job that begins at once, or when the file `go` appears. */
  job(mode: Mode, lines: number, result: string, go?: string): Job;
}

/** The fastest writer that this machine can have. */
export function makeWriter(bench: Bench): Writer {
  const program = join(bench.makeFolder('writer'), 'writer');
  const source = join(import.meta.dirname, '../programs/writer.c');
  const compiler = findProgram('cc');
  const isCompiled =
    compiler !== undefined &&
    spawnSync(compiler, ['-O2', '-o', program, source], { stdio: 'ignore' }).status === 0;
  const script = fileURLToPath(new URL('../programs/writer.js', import.meta.url));
  const start = isCompiled ? [program] : [process.execPath, script];
  return {
    kind: isCompiled ? 'a C program' : 'a Node program, for there is no C compiler',
    job: (mode, lines, result, go) => {
      rmSync(result, { force: true });
      return {
        argv: [...start, String(mode), String(lines), result, ...(go === undefined ? [] : [go])],
        took: () => until(`the writer notes its time in ${result}`, () => readResult(result), 120_000),
      };
    },
  };
}

function readResult(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8')) / 1e6;
  } catch {
    return undefined;
  }
}
