// Every relative link in the pages of this repository leads to a file that is there, and every anchor to a heading.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../support/folder.ts';
import { codeRoot } from '../support/instance.ts';
import { brokenLinks } from '../support/links.ts';

describe('the check of links', () => {
  it.each([
    ['a file that is not there', '[a](gone.md)'],
    ['an anchor that no heading makes', '[a](other.md#absent)'],
    ['an anchor of the page itself', '[a](#absent)'],
    ['a picture', '![a](images/gone.svg)'],
    ['a link with a title', '[a](gone.md "title")'],
    ['a link by reference', '[a][b]\n\n[b]: gone.md'],
    ['a link of HTML', '<a href="gone.md">a</a> <img src="other.md">'],
    ['a way out of the repository', '[a](../outside.md)'],
    ['another case than that of the file', '[a](Other.md)'],
  ])('finds %s', (_, text) => {
    const folder = makeFolder({ 'page.md': text, 'other.md': '# Other' });
    expect(brokenLinks(folder, 'page.md')).toHaveLength(1);
  });

  it('lets pass what is there, what is elsewhere, and what is code', () => {
    const folder = makeFolder({
      'docs/page.md': [
        '[a](../other.md) [b](../other.md#what-it-does--and-why) [c](#code-in-a-heading) [d](../other.md#twice-1) [e](../)',
        '[f](https://example.com/gone.md) [g](mailto:somebody@example.com) `[h](gone.md)`',
        '# `Code` in a heading',
        '```md\n[i](gone.md)\n```',
      ].join('\n\n'),
      'other.md':
        '# What it does, & why?\n\n# What it does – and why\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n',
    });
    expect(brokenLinks(folder, 'docs/page.md')).toEqual([]);
  });
});

/** What each instance keeps for itself is no page of ours. */
const notOurs = /^(node_modules|coverage|staging|memory|logs|backups|data|temp|\.git)$/;
const pages = readdirSync(codeRoot)
  .filter((name) => !notOurs.test(name))
  .flatMap((name) => [name, ...below(name)])
  .filter((path) => path.endsWith('.md'));

function below(name: string): string[] {
  if (!statSync(join(codeRoot, name)).isDirectory()) return [];
  return readdirSync(join(codeRoot, name), { recursive: true, encoding: 'utf8' }).map((path) =>
    join(name, path),
  );
}

it('there are pages to look at', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/guide.md', 'skills/memory/SKILL.md']));
});

it.each(pages)('the links of %s lead somewhere', (path) => {
  expect(brokenLinks(codeRoot, path)).toEqual([]);
});

it('the index names every page of docs/', () => {
  const index = readFileSync(join(codeRoot, 'docs/README.md'), 'utf8');
  const missing = pages.filter((path) => dirname(path) === 'docs' && path !== 'docs/README.md');
  expect(missing.filter((path) => !index.includes(`(${path.slice('docs/'.length)})`))).toEqual([]);
});
