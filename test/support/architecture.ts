// The rules of the house as functions over a folder of sources. The test runs them over this project, and over
// small broken projects that show that each rule bites.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';

/** One source file: its path below the root, its number of lines, and what it imports. */
export interface Source {
  readonly path: string;
  readonly lines: number;
  /** Paths below the root for our own files, bare names for packages and `node:` modules. */
  readonly imports: readonly string[];
}

/**
 * A place of the house and the places that it may import; the longest place that fits a file is its room. A place
 * that ends in `/*` may be entered through any of its files: it is the inside of the one that says so.
 */
export type ImportTable = Readonly<Record<string, readonly string[]>>;

/** Reads the .ts and .js files of the given folders and files. */
export function readSources(root: string, places: readonly string[]): Source[] {
  return places
    .flatMap((place) => sourcePaths(root, place))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, lines: text.trimEnd().split('\n').length, imports: importsOf(root, path, text) };
    });
}

/** Imports that the table does not allow, and imports that enter another room elsewhere than through its index.ts. */
export function checkImports(sources: readonly Source[], table: ImportTable): string[] {
  const problems: string[] = [];
  for (const { path, imports } of sources) {
    const room = roomOf(path, table);
    if (room === undefined) {
      problems.push(`${path}: no room of the table holds it`);
      continue;
    }
    for (const target of imports.filter(isOurs)) {
      const other = roomOf(target, table);
      if (other === undefined) problems.push(`${path} imports ${target}, which no room of the table holds`);
      else if (other === room) continue;
      else if (table[room]?.includes(`${other}/*`)) continue;
      else if (!table[room]?.includes(other))
        problems.push(`${path} imports ${target}: ${room} may not import ${other}`);
      else if (other !== target && target !== `${other}/index.ts`) {
        problems.push(`${path} imports ${target}: ${other} is entered through its index.ts`);
      }
    }
  }
  return problems;
}

/** Circles of imports, each once. */
export function checkCycles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const finished = new Set<string>();
  const problems: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      problems.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (finished.has(path)) return;
    for (const target of byPath.get(path)?.imports ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return problems;
}

/** Files that no entry leads to. */
export function checkDeadFiles(sources: readonly Source[], entries: readonly string[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const pending = [...entries];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    pending.push(...(byPath.get(path)?.imports ?? []));
  }
  return sources.filter(({ path }) => !reached.has(path)).map(({ path }) => `${path}: nothing imports it`);
}

/** Files over the limit that have no exception, and exceptions that nothing needs any more. */
export function checkLengths(
  sources: readonly Source[],
  limit: number,
  exceptions: Readonly<Record<string, { readonly limit: number; readonly reason: string }>>,
): string[] {
  const tooLong = sources
    .filter(({ path, lines }) => lines > (exceptions[path]?.limit ?? limit))
    .map(({ path, lines }) => `${path} has ${lines} lines, over ${exceptions[path]?.limit ?? limit}`);
  const needless = Object.keys(exceptions).filter(
    (path) => (sources.find((source) => source.path === path)?.lines ?? 0) <= limit,
  );
  return [...tooLong, ...needless.map((path) => `${path} needs no exception any more`)];
}

/** Imports of anything but Node's own modules. */
export function checkOnlyNode(source: Source): string[] {
  return source.imports
    .filter((target) => !target.startsWith('node:'))
    .map((target) => `${source.path} imports ${target}`);
}

/** Imports out of the folders that hold data. */
export function checkDataFolders(sources: readonly Source[], folders: readonly string[]): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter((target) => folders.some((folder) => target.startsWith(`${folder}/`)))
      .map((target) => `${path} imports ${target}, which is data`),
  );
}

function roomOf(path: string, table: ImportTable): string | undefined {
  return Object.keys(table)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((first, second) => second.length - first.length)[0];
}

function isOurs(target: string): boolean {
  return target.includes('/') && /\.(ts|js)$/.test(target) && !target.startsWith('node:');
}

function sourcePaths(root: string, place: string): string[] {
  const path = join(root, place);
  if (statSync(path).isFile()) return [place];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|js)$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(place, name));
}

function importsOf(root: string, path: string, text: string): string[] {
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const names = [
    ...module.staticImports.map((item) => item.moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap((entry) => (entry.moduleRequest ? [entry.moduleRequest.value] : [])),
    ),
    ...module.dynamicImports
      .map((item) => text.slice(item.moduleRequest.start, item.moduleRequest.end))
      .filter((expression) => /^['"][^'"]+['"]$/.test(expression))
      .map((expression) => expression.slice(1, -1)),
  ];
  return [...new Set(names)].map((name) =>
    name.startsWith('.') ? relative(root, join(root, dirname(path), name)) : name,
  );
}
