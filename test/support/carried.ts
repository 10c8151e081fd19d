// Instances whose bots are carried by a real engine, and the real command line over them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Engine } from '../../skills/process-manager/engine.ts';
import { makeInstance, understudy } from './instance.ts';
import { makeEngine } from './manager.ts';

/** A bot as JSON, as far as tests of engines look. */
interface CarriedBot {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly restarts: number;
  readonly startCount: number;
  readonly exitCode: number | null;
  readonly process: string | null;
  readonly detail: string | null;
  readonly retryAt: string | null;
  readonly runner: string;
  readonly node: string | null;
  readonly memoryBytes: number | null;
}

/** A run as JSON. */
interface CarriedRun {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly node?: string;
  readonly note?: string;
}

/** What a script sees of an instance. */
export interface Carried {
  readonly root: string;
  /** The output of a verb; what went wrong instead, with `error`. */
  json<T>(...words: string[]): Promise<T>;
  ok(...words: string[]): Promise<string>;
  errorOf(...words: string[]): Promise<{ code: string; message: string; hint: string }>;
  bot(name: string): Promise<CarriedBot>;
  /** The same without a command line for each look, for those who look again and again. */
  peek(name: string): Promise<CarriedBot>;
  /** Newest first. */
  runs(): Promise<CarriedRun[]>;
  log(name: string): string;
  /** The lines of a bot's log. */
  lines(name: string): string[];
}

/** An instance whose engine has this socket. Its bots are stopped with the test. */
export function makeCarried(
  socket: string,
  config: { readonly bots: object; readonly docker?: object; readonly globalSettings?: object },
  files: Readonly<Record<string, string>> = {},
): Carried {
  const whole = {
    ...config,
    docker: { host: `unix://${socket}`, ...config.docker },
    globalSettings: { restart_delay: 1, ...config.globalSettings },
  };
  const root = makeInstance({ ...files, 'config.json': JSON.stringify(whole) });
  const carried = carriedAt(root);
  onTestFinished(async () => {
    for (const name of Object.keys(config.bots)) await understudy(['--root', root, 'stop', name]);
  });
  return carried;
}

/** The same over an instance that is there. */
export function carriedAt(root: string): Carried {
  const plain = (...words: string[]) => understudy(['--root', root, ...words]);
  const json = async <T>(...words: string[]): Promise<T> => {
    const { stdout, stderr } = await plain('--json', ...words);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as T;
  };
  let engine: Engine | undefined;
  const log = (name: string) => readFileSync(join(root, 'logs', `${name}.log`), 'utf8');
  return {
    root,
    json,
    ok: async (...words) => {
      const { exitCode, stdout, stderr } = await plain(...words);
      if (exitCode !== 0) throw new Error(`understudy ${words.join(' ')}: ${stderr}`);
      return stdout + stderr;
    },
    errorOf: async (...words) => {
      const { error } = await json<{ error?: { code: string; message: string; hint: string } }>(...words);
      if (!error) throw new Error(`understudy ${words.join(' ')} went well`);
      return error;
    },
    peek: (name) => {
      engine ??= makeEngine(root).engine;
      return engine.bots.status(name);
    },
    bot: async (name) => (await json<{ bot: CarriedBot }>('status', name)).bot,
    runs: async () => (await json<{ processes: CarriedRun[] }>('list')).processes,
    log,
    lines: (name) => log(name).split('\n').slice(0, -1),
  };
}

/** A Dockerfile over the shell of the rig, and the script that it runs. */
export function shellBot(script: string, folder = 'bot'): Record<string, string> {
  return {
    [`${folder}/Dockerfile`]:
      'FROM understudy-test/shell\nWORKDIR /app\nCOPY . .\nCMD ["/bin/sh","/app/run.sh"]\n',
    [`${folder}/run.sh`]: script,
  };
}

/** Counts from one on, slowly enough to be watched, and ends in order when it is told to. */
export const counts = `trap 'echo bye; exit 42' TERM
echo begun
i=0
while :; do i=$((i+1)); echo line $i; sleep 0.1; done
`;

/** The numbers of the lines `line N`, in order. */
export function numbers(lines: readonly string[]): number[] {
  return lines.flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}
