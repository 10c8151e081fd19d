// Runs git: always as a list of words, never through a shell, in a process group of its own. What it prints is kept up
// to a bound. When it is silent or slow beyond its limits, or nobody wants it any more, the whole group is ended before
// the call returns; helpers of git that outlived it would otherwise work on behind our back.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Failure } from '../../../tool.ts';
import { type ProcessIdentity, startOf } from '../../base/index.ts';
import { endGit } from './ending.ts';
import { gitEnvironment, standingOptions, tidyingInForeground, withoutTidying } from './environment.ts';
import { failureOf } from './git-failures.ts';
import { collectOutput, type GitText } from './git-output.ts';

/** Told the name of each step that a kill may cut off. */
export type Step = (name: string) => void;

/** What all git commands of one update have in common. */
export interface GitSettings {
  readonly name: string;
  readonly folder: string;
  /** Carried by every process of this update, and of no other. */
  readonly mark: string;
  readonly silenceMs: number;
  readonly mostMs: number;
  readonly signal: AbortSignal;
  readonly say: (message: string) => void;
  readonly mask: (text: string) => string;
  readonly step: Step;
}

/** What one git command needs beyond its words. */
export interface GitOptions {
  /** Exit codes that are an answer, beside 0. */
  readonly accept?: readonly number[];
  readonly input?: string;
  /** A list of paths may be long; any other output is short. */
  readonly isList?: boolean;
  /** Puts right what a failure left, so it runs on although the update is unwanted or was silent. */
  readonly mustFinish?: boolean;
  /** Tidying up in the foreground is what this command is for. */
  readonly tidies?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a git command that succeeded has printed. */
interface GitOutput {
  readonly exitCode: number;
  readonly stdout: Buffer;
}

/** Runs one git command in the bot's folder; throws a Failure when it does not succeed. */
export type Git = (words: readonly string[], options?: GitOptions) => Promise<GitOutput>;

type Reason = 'silent' | 'slow' | 'cancelled' | 'too long';

const mostTextBytes = 1024 ** 2;
const mostListBytes = 32 * 1024 ** 2;

/** Makes the function that runs git for one update. */
export function createGit(settings: GitSettings): Git {
  return async (words, options = {}) => {
    const verb = words.find((word) => !word.startsWith('-')) ?? '';
    if (settings.signal.aborted && !options.mustFinish) throw failureFor('cancelled', settings, verb);
    return run(settings, verb, words, options);
  };
}

async function run(
  settings: GitSettings,
  verb: string,
  words: readonly string[],
  options: GitOptions,
): Promise<GitOutput> {
  const child = start(settings, words, options);
  const leader = identityOf(child.pid);
  let reason: Reason | undefined;
  let ending: Promise<unknown> | undefined;
  let giveUp = (_error: unknown): void => {};
  const exit = new Promise<number | null>((resolve, reject) => {
    giveUp = reject;
    child.once('error', reject).once('exit', resolve);
  });
  const end = (why: Reason): void => {
    if (reason !== undefined) return;
    reason = why;
    // The exit is waited for in any case; this one fails only when it cannot be had.
    ending = endGit(settings.mark, leader).catch(giveUp);
  };
  const guard = watch(settings, options, end);
  const output = collectOutput(child, {
    mostBytes: options.isList ? mostListBytes : mostTextBytes,
    onHeard: guard.heard,
    onTooMuch: () => end('too long'),
    onProgress: settings.say,
  });
  try {
    settings.step(`git ${verb} runs`);
    child.stdin.end(options.input ?? '');
    const exitCode = await exit;
    guard.stop();
    await ending;
    const printed = await output.finish();
    if (reason !== undefined) throw failureFor(reason, settings, verb);
    return judge(settings, verb, options, exitCode, printed);
  } catch (error) {
    throw asFailure(settings, error);
  } finally {
    guard.stop();
    output.close();
  }
}

function start(
  settings: GitSettings,
  words: readonly string[],
  options: GitOptions,
): ChildProcessWithoutNullStreams {
  const tidying = options.tidies ? tidyingInForeground : withoutTidying;
  const child = spawn('git', [...standingOptions, ...tidying, ...words], {
    cwd: settings.folder,
    detached: true,
    env: { ...gitEnvironment(process.env, settings.mark), ...options.environment },
    stdio: 'pipe',
  });
  // Git may end before it has read its input; its exit code tells whether that matters.
  child.stdin.on('error', () => {});
  return child;
}

/** Taken right after the start: until then nobody else can have got the number. */
function identityOf(pid: number | undefined): ProcessIdentity | undefined {
  const start = pid === undefined ? undefined : startOf(pid);
  return pid === undefined || start === undefined ? undefined : { pid, start };
}

/** Ends git when it is silent or takes too long, or when nobody wants it any more. */
function watch(settings: GitSettings, options: GitOptions, end: (reason: Reason) => void) {
  const { silenceMs, mostMs, signal } = settings;
  const slow = setTimeout(() => end('slow'), mostMs);
  const silent = options.mustFinish ? undefined : setTimeout(() => end('silent'), silenceMs);
  const cancel = () => end('cancelled');
  if (!options.mustFinish) signal.addEventListener('abort', cancel);
  return {
    heard: () => void silent?.refresh(),
    stop: () => {
      clearTimeout(slow);
      clearTimeout(silent);
      signal.removeEventListener('abort', cancel);
    },
  };
}

function judge(
  settings: GitSettings,
  verb: string,
  options: GitOptions,
  exitCode: number | null,
  printed: GitText,
): GitOutput {
  if (exitCode === 0 || (exitCode !== null && options.accept?.includes(exitCode))) {
    return { exitCode, stdout: printed.stdout };
  }
  if (exitCode !== null) throw failureOf(settings, verb, printed.stderr || `it ended with ${exitCode}`);
  throw new Failure(
    'git_killed',
    `git ${verb} for '${settings.name}' was ended from outside.`,
    'The machine may be short of memory: dmesg | tail',
  );
}

function failureFor(reason: Reason, settings: GitSettings, verb: string): Failure {
  const { name, folder, silenceMs, mostMs } = settings;
  if (reason === 'cancelled') {
    return new Failure(
      'update_cancelled',
      `The update of '${name}' was cancelled.`,
      'Nothing to do: the next start updates it.',
    );
  }
  if (reason === 'too long') {
    return new Failure(
      'git_output_too_long',
      `git ${verb} printed more about '${name}' than can be read.`,
      `Update it by hand: git -C ${folder} pull --ff-only`,
    );
  }
  const how = reason === 'silent' ? `was silent for ${silenceMs / 1_000} s` : `took over ${mostMs / 1_000} s`;
  return new Failure(
    'git_timeout',
    `git ${verb} for '${name}' ${how} and was ended.`,
    'Look whether the remote can be reached from this machine, with git ls-remote and the repo_url.',
  );
}

function asFailure({ name, folder }: GitSettings, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  if (!existsSync(folder)) {
    return new Failure(
      'bot_folder_missing',
      `The folder of '${name}' has gone: ${folder}`,
      `Create it: mkdir -p ${folder}`,
      { cause: error },
    );
  }
  return new Failure(
    'git_missing',
    `git is not installed, or not on the PATH, so '${name}' cannot be updated.`,
    'Install git, for instance with apt-get install git, or set auto_update to false for this bot.',
    { cause: error },
  );
}
