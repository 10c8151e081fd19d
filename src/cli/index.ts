// The command line: finds the instance, turns the typed words into one call of a tool, and shows what came back.
// Exit codes: 0 done, 1 failed, 2 the words could not be understood.

import { userInfo } from 'node:os';
import { CommanderError } from 'commander';
import { createCatalogue, type LoadedSkills } from '../../skills/registry.ts';
import { type Actor, Failure, isFailure, type Logger } from '../../skills/tool.ts';
import { findRoot } from '../config.ts';
import { openInstance } from '../instance.ts';
import { dashboardVerb, printAddress } from './dashboard.ts';
import { buildProgram, type Call } from './program.ts';
import { printable, renderView } from './render.ts';
import { startAll, startAllVerb } from './start-all.ts';

/** Runs one command line; the exit code is left in `process.exitCode`. */
export async function main(codeRoot: string, loaded: LoadedSkills): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  const words = process.argv.slice(2);
  const asJson = wantsJson(words);
  try {
    const { entries } = createCatalogue(loaded.skills, () => {
      throw new Error('the catalogue of the help runs nothing');
    });
    const call = await buildProgram(
      codeRoot,
      entries.map(({ tool }) => tool),
      [startAllVerb, dashboardVerb],
    ).parse(words);
    if (call) process.exitCode = await run(call, loaded);
  } catch (error) {
    process.exitCode = report(error, asJson);
  }
}

async function run({ tool, verb, input, json, root }: Call, loaded: LoadedSkills): Promise<number> {
  const folder = findRoot(root ?? process.env.UNDERSTUDY_ROOT, process.cwd());
  if (verb === dashboardVerb.name) return printAddress(folder, json);
  const open = (logger: Logger) =>
    openInstance({
      root: folder,
      loaded,
      environment: process.env,
      logger,
      tolerateBroken: tool?.worksWhenBroken === true,
    });
  if (!tool) return startAll(open, actor());
  const instance = open(stderrLogger);
  try {
    const output = await instance.dispatcher.call(actor(), tool.name, input, {
      progress: ({ message }) => tell(message),
      notify: tell,
      ...(tool.permission === 'deploy' ? { signal: interruption() } : {}),
    });
    const text = json
      ? JSON.stringify(output)
      : renderView(
          tool.present?.(output) ?? { text: JSON.stringify(output, null, 2) },
          process.stdout.columns,
        );
    process.stdout.write(`${text}\n`);
    return tool.isFailure(output) ? 1 : 0;
  } finally {
    instance.close();
  }
}

/** Ctrl-C calls long work off, which then clears up after itself; the second one ends it at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** Whoever can type here can do everything that the files allow; the name is for the history. */
function actor(): Actor {
  const name = nameOfUser();
  return { id: `cli:${name}`, name, surface: 'cli', rights: ['read', 'operate', 'deploy'] };
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** A sentence for the person, beside the answer. */
function tell(message: string): void {
  process.stderr.write(`${printable(message)}\n`);
}

function report(error: unknown, asJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const isUsage = isFailure(error) && (error.code === 'usage' || error.code === 'invalid_input');
  const failure = isFailure(error) ? error : unexpected(error);
  const { code, message, hint } = failure;
  if (asJson) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else tell(`${message}\n-> ${hint}`);
  return isUsage ? 2 : 1;
}

function unexpected(error: unknown): Failure {
  if (process.env.UNDERSTUDY_DEBUG) process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  return new Failure(
    'internal',
    `Something went wrong inside Understudy: ${error instanceof Error ? error.message : String(error)}`,
    'Run `understudy doctor`; with UNDERSTUDY_DEBUG=1 the whole error is shown.',
    { cause: error },
  );
}

/** `--json` counts even where the rest of the words cannot be understood, so that a script can read the error. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).includes('--json');
}

/** `understudy list | head -1` closes the pipe early, and that is no fault. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

const stderrLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => process.stderr.write(`warning: ${message} ${JSON.stringify(fields)}\n`),
  error: (fields, message) => {
    if (process.env.UNDERSTUDY_DEBUG) process.stderr.write(`error: ${message} ${JSON.stringify(fields)}\n`);
  },
};
