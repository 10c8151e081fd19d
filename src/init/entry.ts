// Finds how a bot is started, from what its own files say: package.json, pyproject.toml, and the names that people give
// to the first file. It reads, runs nothing, and does not guess between several: then all of them are named.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { splitWords } from './words.ts';

/** One way to start the bot. */
export interface Entry {
  readonly command: readonly string[];
  /** Where that was found. */
  readonly from: string;
}

type Manifest = Readonly<Record<string, unknown>>;

const nodeNames = ['index', 'bot', 'main', 'app', 'server'].flatMap((name) =>
  ['js', 'mjs', 'cjs', 'ts'].flatMap((ending) => [`${name}.${ending}`, `src/${name}.${ending}`]),
);
const pythonNames = ['main.py', 'bot.py', 'app.py', 'run.py'].flatMap((name) => [name, `src/${name}`]);
const environments = ['.venv', 'venv', 'env'];

/** Every way to start the bot of a folder, the likeliest kind only: what its author wrote down comes before names. */
export function findEntries(folder: string): Entry[] {
  const manifest = readManifest(folder);
  const written = [...nodeWritten(folder, manifest), ...pythonWritten(folder)];
  if (written.length > 0) return written;
  return [...nodeNamed(folder), ...pythonNamed(folder)];
}

/** package.json; undefined where there is none. */
export function readManifest(folder: string): Manifest | undefined {
  const text = textOf(join(folder, 'package.json'));
  if (text === undefined) return undefined;
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest))
      return manifest as Manifest;
  } catch {
    // The same answer as for a list.
  }
  throw new Failure(
    'init_manifest',
    `${join(folder, 'package.json')} is not valid JSON.`,
    'Mend it, then try again.',
  );
}

/** Whether Node takes files ending in .js for CommonJS, as the nearest package.json says, in whatever folder above. */
export function isCommonJs(folder: string): boolean {
  const manifest = readManifest(folder);
  if (manifest) return manifest.type === 'commonjs';
  return dirname(folder) !== folder && isCommonJs(dirname(folder));
}

/** The Python that the bot's packages are installed for. */
export function findPython(folder: string): { program: string; environment?: string } {
  const environment = environments.find((name) => existsSync(join(folder, name, 'bin', 'python')));
  return environment === undefined
    ? { program: 'python3' }
    : { program: `${environment}/bin/python`, environment };
}

function nodeWritten(folder: string, manifest: Manifest | undefined): Entry[] {
  if (!manifest) return [];
  const start = (manifest.scripts as Manifest | undefined)?.start;
  if (typeof start === 'string' && start.trim() !== '') {
    return [{ command: commandOfScript(folder, start), from: 'the script "start" of package.json' }];
  }
  const { main, bin } = manifest;
  const bins = typeof bin === 'object' && bin !== null ? Object.values(bin) : [bin];
  for (const [files, from] of [
    [[main], '"main" of package.json'],
    [bins, '"bin" of package.json'],
  ] as const) {
    const there = files.filter((file): file is string => typeof file === 'string').map(plain);
    // npm writes "main": "index.js" also where there is no such file.
    const found = [...new Set(there)].filter((file) => isFile(folder, file));
    if (found.length > 0) return found.map((file) => ({ command: nodeCommand(folder, file), from }));
  }
  return [];
}

/** A start script without a shell and without npm in between, wherever it is a plain call of Node. */
function commandOfScript(folder: string, script: string): readonly string[] {
  const words = /[&|;<>$`*?(){}#\n]/.test(script) ? undefined : splitWords(script);
  const [program, ...rest] = words ?? [];
  const file = rest.at(-1);
  if (program === 'node' && file !== undefined) return ['node', ...rest];
  // It would start the bot again at each change of a file: that is the watchdog's decision.
  if (program === 'nodemon' && rest.length === 1 && file !== undefined && isFile(folder, file))
    return nodeCommand(folder, plain(file));
  if (program === 'tsx' && rest.length === 1 && file !== undefined && isFile(folder, file))
    return ['node', '--import', 'tsx', plain(file)];
  return ['npm', 'run', '--silent', 'start'];
}

function nodeNamed(folder: string): Entry[] {
  return nodeNames
    .filter((file) => isFile(folder, file))
    .map((file) => ({ command: nodeCommand(folder, file), from: `the file ${file}` }));
}

function nodeCommand(folder: string, file: string): string[] {
  const isTypeScript = /\.[mc]?ts$/.test(file) && existsSync(join(folder, 'node_modules', 'tsx'));
  return isTypeScript ? ['node', '--import', 'tsx', file] : ['node', file];
}

function pythonWritten(folder: string): Entry[] {
  const project = textOf(join(folder, 'pyproject.toml')) ?? '';
  const section =
    /^\[(?:project|tool\.poetry)\.scripts\][^\S\n]*(?:#.*)?\n((?:(?!\[).*\n?)*)/m.exec(project)?.[1] ?? '';
  const scripts = [...section.matchAll(/^\s*["']?([\w.-]+)["']?\s*=\s*["']([\w.]+):(\w+)["']/gm)];
  const { program } = findPython(folder);
  return scripts.map(([, name = '', module = '', start = '']) => ({
    command: [
      program,
      '-u',
      '-c',
      `import sys; sys.path.insert(0, '${sourceFolder(folder, module)}'); from ${module} import ${start}; sys.exit(${start}())`,
    ],
    from: `the script "${name}" of pyproject.toml`,
  }));
}

/** Packages lie beside pyproject.toml, or in src/. */
function sourceFolder(folder: string, module: string): string {
  const [top = ''] = module.split('.');
  return existsSync(join(folder, 'src', top)) || existsSync(join(folder, 'src', `${top}.py`)) ? 'src' : '.';
}

function pythonNamed(folder: string): Entry[] {
  const { program } = findPython(folder);
  const entry = (words: string[], from: string): Entry => ({ command: [program, '-u', ...words], from });
  const named = pythonNames
    .filter((file) => isFile(folder, file))
    .map((file) => entry([file], `the file ${file}`));
  if (named.length > 0) return named;
  const names = readdirSync(folder);
  const packages = names.filter(
    (name) => /^[A-Za-z_]\w*$/.test(name) && isFile(folder, `${name}/__main__.py`),
  );
  if (packages.length > 0) return packages.map((name) => entry(['-m', name], `the package ${name}`));
  // One program alone is the bot, whatever it is called.
  const files = names.filter((name) => name.endsWith('.py') && !/^(setup|conftest|test_.*)\.py$/.test(name));
  return files.map((file) => entry([file], `the file ${file}`));
}

function plain(file: string): string {
  return file.replace(/^\.\//, '');
}

function isFile(folder: string, file: string): boolean {
  if (file.startsWith('/') || file.split('/').includes('..')) return false;
  try {
    return statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // A file in the place of a folder, a link that leads in a circle: there is no such file.
    return false;
  }
}

function textOf(path: string): string | undefined {
  try {
    // As editors on Windows write it: with a mark at its head, and with line ends of two characters.
    return readFileSync(path, 'utf8')
      .replace(/^\uFEFF/, '')
      .replaceAll('\r\n', '\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Failure(
      'init_unreadable',
      `${path} cannot be read: ${(error as Error).message}`,
      'Give this user the right to read the folder, then try again.',
      { cause: error },
    );
  }
}
