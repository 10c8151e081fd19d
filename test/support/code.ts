// Copies of this project's code, for tests that change, break or add to it.

import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeRoot, makeInstance } from './instance.ts';

/** A copy whose packages are links to this project's, so that its cache is its own; gone when the test ends. */
export function copyCode({ withPackages = true } = {}): string {
  return fillWithCode(makeInstance(), { withPackages });
}

/** The same, into a folder that the caller removes. */
export function fillWithCode(copy: string, { withPackages = true } = {}): string {
  for (const name of ['src', 'skills', 'package.json', 'tsconfig.json']) {
    cpSync(join(codeRoot, name), join(copy, name), { recursive: true });
  }
  if (withPackages) {
    mkdirSync(join(copy, 'node_modules'));
    for (const name of readdirSync(join(codeRoot, 'node_modules'))) {
      if (name === '.cache') continue;
      symlinkSync(join(codeRoot, 'node_modules', name), join(copy, 'node_modules', name));
    }
  }
  return copy;
}
