// The files of the page: a fixed list, found at the start; no path of a request is ever looked for on the disk.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file as it is sent. */
export interface Asset {
  readonly type: string;
  read(): string;
}

/** Every file by its path in the address. */
export function findAssets(): ReadonlyMap<string, Asset> {
  const folder = join(import.meta.dirname, 'page');
  const assets = new Map<string, Asset>();
  const add = (path: string, file: string) => {
    const type = types[extname(file)];
    if (type !== undefined) assets.set(path, { type, read: () => readFileSync(file, 'utf8') });
  };
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    add(`/${name.replaceAll('\\', '/')}`, join(folder, name));
  }
  add('/', join(folder, 'index.html'));
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));
  add('/vendor/uplot.js', join(uplot, 'dist/uPlot.esm.js'));
  add('/vendor/uplot.css', join(uplot, 'dist/uPlot.min.css'));
  return assets;
}
