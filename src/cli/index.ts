// The command line: finds the instance, turns the typed words into one call of a tool, and shows what came back.
// Exit codes: 0 done, 1 failed, 2 the words could not be understood.

import { userInfo } from 'node:os';
import { CommanderError } from 'commander';
import { type Catalogue, createCatalogue, type LoadedSkills } from '../../skills/registry.ts';
import { type Actor, Failure, isFailure, type Logger } from '../../skills/tool.ts';
import { findRoot } from '../config.ts';
import { type Instance, openInstance } from '../instance.ts';
import { complete } from './complete.ts';
import type { Answer, OwnVerb } from './own-verb.ts';
import { ownVerbs } from './own-verbs.ts';
import { buildProgram, type Call, type Verb, verbsOf } from './program.ts';
import { printable, renderView } from './render.ts';

/** Runs one command line; the exit code is left in `process.exitCode`. */
export async function main(codeRoot: string, loaded: LoadedSkills): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  const words = process.argv.slice(2);
  const asJson = wantsJson(words);
  try {
    const { entries } = createCatalogue(loaded.skills, () => {
      throw new Error('the catalogue of the help runs nothing');
    });
    const tools = largestFirst(entries).map(({ tool }) => tool);
    const verbs = verbsOf(tools, ownVerbs);
    if (words[0] === '--complete') return await offer(words.slice(1), verbs, loaded);
    const call = await buildProgram(codeRoot, verbs).parse(words);
    if (call) process.exitCode = await run(call, codeRoot, loaded);
  } catch (error) {
    process.exitCode = report(error, asJson);
  }
}

/** The skill with the most verbs is what most people look for. */
function largestFirst(entries: Catalogue['entries']): Catalogue['entries'] {
  const sizeOf = ({ skill }: Catalogue['entries'][number]) =>
    entries.filter((other) => other.skill === skill).length;
  return [...entries].sort((one, other) => sizeOf(other) - sizeOf(one));
}

async function run(call: Call, codeRoot: string, loaded: LoadedSkills): Promise<number> {
  const { verb, input, json, root } = call;
  const rootOf = () => findRoot(root ?? process.env.UNDERSTUDY_ROOT, process.cwd());
  const open = (logger: Logger = stderrLogger, tolerateBroken = false) =>
    openInstance({ root: rootOf(), loaded, environment: process.env, logger, tolerateBroken });
  const answer =
    'run' in verb
      ? await verb.run({ codeRoot, loaded, root, actor: actor(), findRoot: rootOf, open, tell }, input)
      : await callTool(open(stderrLogger, verb.worksWhenBroken === true), verb, input);
  if (typeof answer === 'number') return answer;
  const text = json ? JSON.stringify(answer.output) : renderView(answer.view, process.stdout.columns);
  process.stdout.write(`${text}\n`);
  return answer.isFailure ? 1 : 0;
}

/** For the scripts of `completion`. Whatever goes wrong, the shell offers nothing, and shows nothing. */
async function offer([form, ...words]: readonly string[], verbs: readonly Verb[], loaded: LoadedSkills) {
  const logger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const open = (root: string | undefined) =>
    openInstance({
      root: findRoot(root ?? process.env.UNDERSTUDY_ROOT, process.cwd()),
      loaded,
      environment: process.env,
      logger,
    });
  const meant = form === 'quoted' ? words.map(unquoted) : words;
  const found = await complete(meant, verbs, open, actor()).catch(() => []);
  process.stdout.write(found.map(({ value, explains }) => `${value}\t${explains}\n`).join(''));
}

/** A word as it was typed: perhaps with a quote that is not closed yet. */
function unquoted(word: string): string {
  const [first = ''] = word;
  if (first === "'" || first === '"') return word.slice(1).replace(new RegExp(`${first}$`), '');
  return word.replaceAll(/\\(.)/g, '$1');
}

async function callTool(
  instance: Instance,
  tool: Exclude<Call['verb'], OwnVerb>,
  input: unknown,
): Promise<Answer> {
  try {
    const output = await instance.dispatcher.call(actor(), tool.name, input, {
      progress: ({ message }) => tell(message),
      notify: tell,
      ...(tool.permission === 'deploy' ? { signal: interruption() } : {}),
    });
    const view = tool.present?.(output) ?? { text: JSON.stringify(output, null, 2) };
    return { output, view, isFailure: tool.isFailure(output) };
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

/** `understudy list | head -1` closes the pipe early, and that is no fault; a socket in its place says it otherwise. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') throw error;
}

const stderrLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => process.stderr.write(`warning: ${message} ${JSON.stringify(fields)}\n`),
  error: (fields, message) => {
    if (process.env.UNDERSTUDY_DEBUG) process.stderr.write(`error: ${message} ${JSON.stringify(fields)}\n`);
  },
};
