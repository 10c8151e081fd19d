// Builds what `exports` of package.json names: JavaScript and types of src/embed, file by file, in dist/. `npm run build`
// writes it into this folder; `--out DIR` makes a whole package elsewhere, as the tests do.

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const index = process.argv.indexOf('--out');
const target = resolve(index < 0 ? root : (process.argv[index + 1] ?? root));
const dist = join(target, 'dist');

rmSync(dist, { recursive: true, force: true });
const compiler = join(root, 'node_modules', '.bin', 'tsc');
const words = ['--project', join(import.meta.dirname, 'tsconfig.json'), '--outDir', dist];
const { status } = spawnSync(compiler, words, { stdio: 'inherit' });
if (status === 0) {
  mendDeclarations();
  if (target !== root) copyRest();
  process.stdout.write(`wrote ${dist}\n`);
}
process.exitCode = status ?? 1;

/** The compiler turns `./x.ts` into `./x.js` in programs only; in declarations nobody could follow it. */
function mendDeclarations(): void {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue;
    const path = join(dist, name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll(/((?:from|import)\s*\(?\s*["']\.[^"']*)\.ts(["'])/g, '$1.js$2'));
  }
}

/** As npm packs it. The scripts stay here: they build what is built already. */
function copyRest(): void {
  const { scripts, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(target, 'package.json'), JSON.stringify(manifest, null, 2));
  for (const name of ['README.md', 'LICENSE', ...manifest.files]) {
    if (name !== 'dist') cpSync(join(root, name), join(target, name), { recursive: true });
  }
}
