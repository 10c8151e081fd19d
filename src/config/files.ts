// Reads config.json and bot_config.yaml into plain objects. A syntax error names file, line and column, and
// shows the line; nothing is ever written here.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Failure } from '../../skills/tool.ts';

/** A file's content as an object; undefined when there is no such file. */
export type RawFile = Record<string, unknown> | undefined;

/** config.json as it stands. */
export function readConfigJson(root: string): RawFile {
  const text = readText(root, 'config.json');
  if (text === undefined) return undefined;
  try {
    return asObject('config.json', JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw syntaxFailure('config.json', text, jsonErrorOffset(text), describeJsonError(error));
  }
}

/** bot_config.yaml as it stands. Leading tabs are read as four spaces, since the format's own manual shows tabs. */
export function readBotConfigYaml(root: string): RawFile {
  const text = readText(root, 'bot_config.yaml');
  if (text === undefined) return undefined;
  const spaced = text.replace(/^\t+/gm, (tabs) => '    '.repeat(tabs.length));
  // Loaded here, since it costs every start of the command line 30 ms, and most instances have no such file.
  const { parseDocument }: typeof import('yaml') = createRequire(import.meta.url)('yaml');
  const document = parseDocument(spaced, { prettyErrors: false });
  const error = document.errors[0];
  if (error) throw syntaxFailure('bot_config.yaml', spaced, error.pos[0], error.message);
  try {
    return asObject('bot_config.yaml', document.toJS({ maxAliasCount: 100 }) ?? {});
  } catch (cause) {
    // An alias without its anchor, or anchors that multiply into a file too large for memory.
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new Failure(
      'config_invalid',
      `bot_config.yaml: ${cause.message}.`,
      'Write the values out instead of using anchors (&) and aliases (*); nothing was changed.',
      { cause },
    );
  }
}

function readText(root: string, name: string): string | undefined {
  try {
    return readFileSync(join(root, name), 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw new Failure(
      'config_unreadable',
      `${name} cannot be read: ${(error as Error).message}`,
      `Look at it with: ls -l ${join(root, name)}`,
      { cause: error },
    );
  }
}

function asObject(name: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Failure(
    'config_invalid',
    `${name}: the file must hold an object, and holds ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}.`,
    name === 'config.json' ? 'The smallest valid file is: {}' : 'It starts with a line "bots:".',
  );
}

function syntaxFailure(name: string, text: string, offset: number, what: string): Failure {
  const before = text.slice(0, offset).split('\n');
  const line = before.length;
  const column = (before.at(-1) ?? '').length + 1;
  const shown = (text.split(/\r?\n/)[line - 1] ?? '').slice(0, 100);
  return new Failure(
    'config_invalid',
    `${name}, line ${line}, column ${column}: ${what}\n  ${shown}\n  ${' '.repeat(Math.min(column, 100) - 1)}^`,
    'Mend that place in the file; nothing was changed.',
  );
}

function describeJsonError(error: SyntaxError): string {
  return error.message
    .replace(/( in JSON)? at position \d+.*$/s, '')
    .replace(/, (\.\.\.)?".*$/s, '')
    .replace(/^Unexpected end of JSON input$/, 'the file ends too early: a bracket or a quote is not closed');
}

/**
 * Where the text stops being the beginning of any JSON. Node's own messages name the place in some cases only, so
 * it is searched for: every beginning of the text up to there can still be completed, and none beyond it can.
 */
function jsonErrorOffset(text: string): number {
  let completable = 0;
  let broken = text.length + 1;
  while (broken - completable > 1) {
    const middle = (completable + broken) >> 1;
    if (canBeCompleted(text.slice(0, middle))) completable = middle;
    else broken = middle;
  }
  return completable === text.length ? text.trimEnd().length : completable;
}

function canBeCompleted(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = /at position (\d+)/.exec(message)?.[1];
    if (/end of JSON input|Unterminated string/.test(message)) return true;
    return position !== undefined && Number(position) >= beginning.length;
  }
}
