// Starts the TypeScript of the command line. Translating it file by file costs a third of a second on Node 20, so
// it is bundled once, and the bundle is used as long as no source has changed: same path, size, inode and change
// time. Whatever goes wrong with the bundle (a read-only folder, a skill that does not compile), the sources are
// run directly instead, which is slower and says more.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const codeRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cacheFolder = join(codeRoot, 'node_modules', '.cache', 'understudy');
const keptBundles = 3;
/** npm writes it at each change of a package: it stands for all of them. */
const packageList = 'node_modules/.package-lock.json';

/** Runs the command line with this process's arguments. */
export async function launch() {
  const bundle = findBundle() ?? (await makeBundle());
  // One skill that throws while it loads would take all of the bundle with it; by itself it is left out and named.
  const loaded = bundle && (await quietly(() => import(pathToFileURL(bundle).href)).catch(() => undefined));
  if (loaded) return loaded.main(codeRoot, { skills: loaded.skills, failures: [] });
  const { register } = await import('tsx/esm/api');
  register();
  const { main } = await import(pathToFileURL(join(codeRoot, 'src', 'cli', 'index.ts')).href);
  const { loadSkills } = await import(pathToFileURL(join(codeRoot, 'skills', 'registry.ts')).href);
  return main(codeRoot, await quietly(() => loadSkills(join(codeRoot, 'skills'))));
}

/**
 * What a skill prints while it loads is part of no answer, whether a script or an agent reads it: it goes to the
 * standard error.
 * @template Loaded
 * @param {() => Promise<Loaded>} load
 */
async function quietly(load) {
  const { stdout, stderr } = process;
  const { write } = stdout;
  stdout.write = /** @type {typeof write} */ (stderr.write.bind(stderr));
  try {
    return await load();
  } finally {
    stdout.write = write;
  }
}

/** The bundle of exactly the sources that are there now, if it was made before. */
function findBundle() {
  try {
    const { sources, bundle } = JSON.parse(readFileSync(join(cacheFolder, 'current.json'), 'utf8'));
    if (stateOf(skillNames(), sources) !== bundle) return undefined;
    const path = bundlePath(bundle);
    return statSync(path).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

async function makeBundle() {
  try {
    const { build } = await import('esbuild');
    const names = skillNames();
    const result = await build({
      stdin: { contents: entryOf(names), resolveDir: codeRoot, loader: 'ts' },
      absWorkingDir: codeRoot,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // Small packages are bundled too: reading their hundred files costs more than all of our own. Those that hold
      // native code, or that few verbs need, stay outside and are loaded when they are.
      // What is loaded when it is needed, or cannot be bundled.
      external: [
        ...['@ai-sdk/anthropic', '@ai-sdk/openai-compatible', '@hono/node-server', 'ai', 'hono'],
        ...['@modelcontextprotocol/server', 'better-sqlite3', 'esbuild', 'execa', 'pino', 'tsx', 'yaml'],
        ...['dockerode', 'tar-fs', '@balena/dockerignore'],
      ],
      banner: {
        js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
      },
      logLevel: 'silent',
    });
    const sources = Object.keys(result.metafile.inputs)
      .filter((source) => source !== '<stdin>' && !source.startsWith('node_modules/'))
      .concat(packageList);
    const bundle = stateOf(names, sources);
    const [output] = result.outputFiles;
    if (!output) return undefined;
    mkdirSync(cacheFolder, { recursive: true });
    replaceFile(bundlePath(bundle), output.contents);
    replaceFile(join(cacheFolder, 'current.json'), JSON.stringify({ sources, bundle }));
    forgetOldBundles();
    return bundlePath(bundle);
  } catch {
    // The direct way follows, and names what is wrong.
    return undefined;
  }
}

/** @param {string[]} names */
function entryOf(names) {
  const imports = names.map((name, index) => `import skill${index} from './skills/${name}/index.ts';`);
  return [
    ...imports,
    "export { main } from './src/cli/index.ts';",
    `export const skills = [${names.map((_, index) => `skill${index}`).join(', ')}];`,
  ].join('\n');
}

function skillNames() {
  const folder = join(codeRoot, 'skills');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(folder, entry.name)).includes('index.ts'))
    .map((entry) => entry.name)
    .sort();
}

/**
 * One hash for the state of all sources. The inode and the change time make a renamed or restored file differ,
 * even when it has the size and the date of the file before.
 * @param {string[]} names
 * @param {string[]} sources
 */
function stateOf(names, sources) {
  const hash = createHash('sha256').update(`${process.versions.modules} ${names.join(' ')}\n`);
  for (const source of sources) {
    const { ino, size, ctimeMs, mtimeMs } = statSync(join(codeRoot, source));
    hash.update(`${source} ${ino} ${size} ${mtimeMs} ${ctimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 24);
}

/** @param {string} bundle */
function bundlePath(bundle) {
  return join(cacheFolder, `${bundle}.mjs`);
}

/**
 * @param {string} path
 * @param {string | Uint8Array} content
 */
function replaceFile(path, content) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

function forgetOldBundles() {
  const bundles = readdirSync(cacheFolder)
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => ({ name, time: statSync(join(cacheFolder, name)).mtimeMs }))
    .sort((first, second) => second.time - first.time);
  for (const { name } of bundles.slice(keptBundles)) rmSync(join(cacheFolder, name), { force: true });
}
