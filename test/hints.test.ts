import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import manager from '../skills/process-manager/index.ts';
import { ownVerbs } from '../src/cli/own-verbs.ts';

const root = join(import.meta.dirname, '..');

it('names no verb in an error, a hint or an example that the command line does not have', () => {
  const verbs = new Set([
    ...ownVerbs.map(({ name }) => name),
    ...manager.tools.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  ]);
  const named = ['src', 'skills'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|js)$/.test(file))
      .flatMap((file) => {
        const text = readFileSync(join(root, folder, file), 'utf8');
        return [
          ...text.matchAll(/(?::|`|Run|Try:?|example,?|understudy VERB --help, or) `?understudy ([a-z_]+)/g),
        ].map(([, verb]) => ({ file, verb: verb ?? '' }));
      }),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ verb }) => !verbs.has(verb))).toEqual([]);
});
