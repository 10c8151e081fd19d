// What a git command prints, up to a bound: its answer, the end of its messages, and its progress as it comes.

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable } from 'node:stream';

/** All that a git command has printed. */
export interface GitText {
  readonly stdout: Buffer;
  /** The end of its messages, without progress. */
  readonly stderr: string;
}

/** What is wanted of the output while it comes. */
export interface OutputWishes {
  readonly mostBytes: number;
  readonly onHeard: () => void;
  readonly onTooMuch: () => void;
  readonly onProgress: (message: string) => void;
}

const mostMessageLetters = 16 * 1024;
/** Whoever keeps a pipe open after git has ended (an ssh that stays for the next connection) is not waited for. */
const lingerMs = 200;

/** Reads both pipes until `finish` is asked for. */
export function collectOutput(child: ChildProcessWithoutNullStreams, wishes: OutputWishes) {
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    wishes.onHeard();
    length += chunk.length;
    if (length > wishes.mostBytes) wishes.onTooMuch();
    else chunks.push(chunk);
  });
  const messages = readMessages(wishes.onProgress);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    wishes.onHeard();
    messages.take(text);
  });
  const pipes: readonly Readable[] = [child.stdout, child.stderr];
  return {
    /** To be called when git has ended: gives what is still in the pipes, too. */
    async finish(): Promise<GitText> {
      await Promise.all(pipes.map(ended));
      return { stdout: Buffer.concat(chunks), stderr: messages.text() };
    },
    close: () => {
      for (const pipe of pipes) pipe.destroy();
    },
  };
}

/** The paths of a list that ends each of them with a NUL. */
export function pathsOf(list: Buffer): string[] {
  return list.toString('utf8').split('\0').slice(0, -1);
}

function ended(pipe: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (pipe.readableEnded || pipe.destroyed) return resolve();
    const quiet = setTimeout(resolve, lingerMs);
    pipe.on('data', () => quiet.refresh());
    pipe.once('close', () => {
      clearTimeout(quiet);
      resolve();
    });
  });
}

function readMessages(onProgress: (message: string) => void) {
  let rest = '';
  let kept = '';
  let last = '';
  const takeLine = (line: string): void => {
    const progress = progressOf(line);
    if (progress === undefined) kept = `${kept}${line}\n`.slice(-mostMessageLetters);
    else if (progress !== last) {
      last = progress;
      onProgress(progress);
    }
  };
  return {
    take(text: string): void {
      const lines = (rest + text).split(/[\r\n]+/);
      // A line without end is cut; the bound holds for a program that prints no line break at all.
      rest = (lines.pop() ?? '').slice(-mostMessageLetters);
      for (const line of lines) takeLine(line);
    },
    text(): string {
      return `${kept}${rest}`.trim();
    },
  };
}

/** `Receiving objects:  45% (9/20), 1.2 MiB` as `Receiving objects: 45 %`; undefined when it is something else. */
function progressOf(line: string): string | undefined {
  const [, what, percent] = /^(?:remote: )?([A-Z][a-z]+(?: [a-z]+){0,3}): +(\d{1,3})% \(/.exec(line) ?? [];
  return what === undefined ? undefined : `${what}: ${percent} %`;
}
