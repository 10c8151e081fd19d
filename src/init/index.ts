// The only door of `init`: makes the folder of a bot an instance. It adds files, and lines to .gitignore; nothing that
// is there is changed. Cut off at any line, it can be said again, and goes on.

import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { findData } from './data.ts';
import { type Entry, findEntries } from './entry.ts';
import { filesOf, ignored } from './files.ts';
import { requireFolder, requireRoom } from './folder.ts';
import { joinWords, splitWords } from './words.ts';

export { joinWords } from './words.ts';

/** What is asked for. */
export interface InitRequest {
  readonly folder: string;
  /** Where watchdog.js is copied from. */
  readonly codeRoot: string;
  /** How the bot is started, as one would type it; found out where it is left out. */
  readonly command?: string | undefined;
  /** Ready when a line of its output matches. */
  readonly readyPattern?: string | undefined;
  readonly dryRun: boolean;
}

/** What was done, or would be. */
export interface InitAnswer {
  readonly root: string;
  readonly command: readonly string[];
  /** Where the command was found. */
  readonly from: string;
  readonly created: readonly string[];
  /** What was there, and was left as it was. */
  readonly kept: readonly string[];
  /** Lines that .gitignore got. */
  readonly ignored: readonly string[];
  readonly notes: readonly string[];
}

const folders = ['memory', 'logs', 'backups', 'staging/memory'];

/** Makes the folder an instance. */
export function initInstance(request: InitRequest): InitAnswer {
  const root = requireFolder(request.folder, request.codeRoot);
  const wasInstance = existsSync(join(root, 'config.json'));
  requireRoom(root);
  requirePattern(request.readyPattern);
  const { command, from } = chooseEntry(root, request);
  const data = wasInstance ? [] : findData(root, command);
  const files = filesOf(root, request.codeRoot, { command, readyPattern: request.readyPattern });
  const missing = files.filter(({ path }) => !existsSync(join(root, path)));
  const kept = files.filter((file) => !missing.includes(file));
  const lines = missingLines(root);
  if (!request.dryRun) {
    guarded(root, () => {
      for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
      if (lines.length > 0) addLines(join(root, '.gitignore'), lines);
      for (const { path, content } of missing) writeNew(join(root, path), content);
    });
  }
  return {
    root,
    command,
    from,
    created: missing.map(({ path }) => path),
    kept: kept.map(({ path }) => path),
    ignored: lines,
    notes: [
      ...ignoredOptions(request, wasInstance),
      ...ownerNote(root),
      ...typeScriptNote(command),
      ...(data.length > 0
        ? [
            `Releases leave alone what the bot writes: ${data.join(', ')}. Whatever else it writes belongs there too: releases.exclude in config.json.`,
          ]
        : []),
      ...kept
        .filter(
          ({ path, content }) =>
            /^watchdog\./.test(path) && content !== readFileSync(join(root, path), 'utf8'),
        )
        .map(({ path }) => `${path} is another version than this one's, and was left as it was.`),
    ],
  };
}

/** By a pattern that is none no version would ever count as working. */
function requirePattern(pattern: string | undefined): void {
  try {
    new RegExp(pattern ?? '');
  } catch (error) {
    throw new Failure(
      'usage',
      `--ready-pattern '${pattern}' is no pattern: ${(error as Error).message}`,
      'It is a regular expression. Put a backslash before characters that mean only themselves: \\( \\) \\[ \\* \\+ \\?',
      { cause: error },
    );
  }
}

/** An instance was told already what these would say. */
function ignoredOptions({ command, readyPattern }: InitRequest, wasInstance: boolean): string[] {
  const given = [
    ...(command === undefined ? [] : ['--command']),
    ...(readyPattern === undefined ? [] : ['--ready-pattern']),
  ];
  if (!wasInstance || given.length === 0) return [];
  return [
    `config.json was left as it was, so ${given.join(' and ')} changed nothing: write it there, under "live".`,
  ];
}

/** What root adds, nobody else can write; and git tells root nothing of a repository of somebody else's. */
function ownerNote(root: string): string[] {
  const { uid, gid } = statSync(root);
  if (process.getuid?.() !== 0 || uid === 0) return [];
  return [
    `This is said by root, and the folder is another user's, who could not write what is added: chown -R ${uid}:${gid} ${joinWords([root])}. Better say it as that user.`,
  ];
}

/** Only newer versions of Node run TypeScript by themselves. */
function typeScriptNote(command: readonly string[]): string[] {
  const [major = 0] = process.versions.node.split('.').map(Number);
  const isPlain = command[0] === 'node' && !command.includes('--import') && !command.includes('-r');
  if (major > 22 || !isPlain || !command.some((word) => /\.[mc]?ts$/.test(word))) return [];
  return [
    `Node ${major} does not run TypeScript by itself: npm install tsx, and put "--import", "tsx" behind "node" in config.json.`,
  ];
}

function chooseEntry(root: string, { command, codeRoot }: InitRequest): Entry {
  if (command !== undefined) return typedEntry(root, command);
  const configured = configuredCommand(root);
  if (configured) return { command: configured, from: 'config.json' };
  const entries = findEntries(root);
  const [only, other] = entries;
  if (only && !other) return only;
  if (only) {
    const ways = entries.map((entry) => `  --command ${quote(joinWords(entry.command))}   (${entry.from})`);
    throw new Failure(
      'init_ambiguous',
      `There are several ways in which this bot could be started:\n${ways.join('\n')}`,
      'Say the same again with the one that you mean.',
    );
  }
  const visible = readdirSync(root).filter((name) => !name.startsWith('.'));
  throw new Failure(
    visible.length === 0 ? 'init_empty' : 'init_no_bot',
    visible.length === 0
      ? `${root} is empty: there is no bot that could become an instance.`
      : `No bot was found in ${root}: no package.json with "start" or "main", and no file such as index.js or main.py.`,
    visible.length === 0
      ? `Put your bot there first. A bot that has everything already is Understudy itself: cp -r ${codeRoot} DIR`
      : 'Say how it is started: understudy init DIR --command "node my-bot.js"',
  );
}

function typedEntry(root: string, typed: string): Entry {
  const words = splitWords(typed);
  const [program] = words ?? [];
  if (!words || program === undefined || program === '') {
    throw new Failure('usage', `--command '${typed}' is no command.`, 'For example: --command "node bot.js"');
  }
  if (/^\w+=/.test(program) || isForShell(typed)) {
    throw new Failure(
      'usage',
      `--command '${typed}' is for a shell, and the bot is started without one.`,
      `Give it one: --command ${joinWords([joinWords(['sh', '-c', typed])])}`,
    );
  }
  // From the folder of the bot, wherever this is typed.
  const lost = words.find(
    (word) => /^[\w./-]+\.([mc]?[jt]s|py)$/.test(word) && !existsSync(resolve(root, word)),
  );
  if (lost !== undefined) {
    throw new Failure(
      'init_no_file',
      `${resolve(root, lost)} is not there.`,
      'Give the path as seen from the folder of the bot.',
    );
  }
  return { command: words, from: '--command' };
}

/** Whether anything in it that stands in no quotes means more to a shell than itself. */
function isForShell(typed: string): boolean {
  return /[&|;<>`$]|(^|\s)~/.test(typed.replaceAll(/\\.|'[^']*'|"(?:[^"\\]|\\.)*"/g, ''));
}

/** An instance knows it already. */
function configuredCommand(root: string): readonly string[] | undefined {
  try {
    const { live } = JSON.parse(readFileSync(join(root, 'config.json'), 'utf8')) as {
      live?: { command?: string[] };
    };
    return live?.command ?? ['node', '--import', 'tsx', 'src/index.ts'];
  } catch {
    return undefined;
  }
}

/** Only where there is a repository that could take up what is nobody else's business. */
function missingLines(root: string): string[] {
  let folder = root;
  while (!existsSync(join(folder, '.git'))) {
    if (dirname(folder) === folder) return [];
    folder = dirname(folder);
  }
  const path = join(root, '.gitignore');
  const present = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split(/\r?\n/)
        .map((line) => line.trim())
    : [];
  const meant = (line: string) => [
    line,
    line.slice(1),
    line.replace(/\/$/, ''),
    line.slice(1).replace(/\/$/, ''),
  ];
  return ignored.filter((line) => !meant(line).some((each) => present.includes(each)));
}

function addLines(path: string, lines: readonly string[]): void {
  const present = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const end = present.includes('\r\n') ? '\r\n' : '\n';
  const gap = present === '' ? '' : present.endsWith('\n') ? end : end + end;
  const all = ['# Understudy: what this instance keeps for itself.', ...lines];
  appendFileSync(path, gap + all.map((line) => line + end).join(''));
}

/** Whole or not at all, and never over something that is there. */
function writeNew(path: string, content: string): void {
  const fresh = `${path}.new-${process.pid}`;
  try {
    writeFileSync(fresh, content, { flush: true });
    linkSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
}

function guarded(root: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw new Failure(
      'init_failed',
      `Not everything could be written into ${root}: ${(error as Error).message}`,
      'Mend that, then say the same again: it goes on where it stopped.',
      { cause: error },
    );
  }
}

function quote(text: string): string {
  return text.includes('"') || text.includes('$') ? joinWords([text]) : `"${text}"`;
}
