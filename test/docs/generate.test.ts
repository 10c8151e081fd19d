import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../../docs/generate.ts';

const root = join(import.meta.dirname, '../..');

describe('generated pages', () => {
  it.each(generatedFiles())('$path is what the code says (else: npm run docs)', ({ path, content }) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(content);
  });

  it('speak of every key of config.json', () => {
    const page = generatedFiles().find(({ path }) => path === 'docs/configuration.md')?.content ?? '';
    for (const key of ['live.trialSeconds', 'bots', 'NAME.repo_url', 'agent', 'policy', 'dashboard'].map(
      (key) => key.split('.').at(-1),
    )) {
      expect(page).toContain(`${key}\``);
    }
  });
});
