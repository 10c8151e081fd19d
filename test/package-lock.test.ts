import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface Package {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as {
  packages: Record<string, Package>;
};
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};

it('names every platform of every package, or `npm ci` refuses it (else: node .ci/complete-lock.mjs)', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !lock.packages[`${path}/node_modules/${name}`] && !lock.packages[`node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

it('holds vitest and its coverage at exactly one version', () => {
  const versions = ['vitest', '@vitest/coverage-v8'].map((name) => manifest.devDependencies[name]);
  expect(versions[0]).toMatch(/^\d+\.\d+\.\d+$/);
  expect(versions[1]).toBe(versions[0]);
  expect(lock.packages['node_modules/vitest']?.version).toBe(versions[0]);
});

it('has an install script for no package that is not allowed one', () => {
  const scripts = Object.entries(lock.packages)
    .filter(([, entry]) => 'hasInstallScript' in entry)
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
    .filter((name) => name !== 'fsevents');
  expect([...new Set(scripts)].sort()).toEqual(Object.keys(manifest.allowScripts).sort());
});
