// Addresses and branches that git would read as something else, and credentials that must not be shown.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkBranch,
  checkUrl,
  createUrlMask,
  isSameUrl,
  onOneLine,
} from '../../../../../skills/process-manager/bots/update/names.ts';
import { failureOf, rejectionOf } from '../../../../support/failure.ts';
import { git, makeScene } from './support.ts';

describe('an address', () => {
  it.each([
    '',
    '-x',
    '--upload-pack=touch proof',
    'ext::sh -c touch% proof',
    'EXT::x',
    'fd::17',
    'my-helper::https://example.org/x',
    '::x',
    'https://example.org/x\ny',
    'https://example.org/\u0000',
    'https://example.org/\u001b[31m',
    'ftp://example.org/x',
    'javascript://example.org/x',
    '://x',
    'ssh://-oProxyCommand=touch/x',
    'ssh://user@-oProxyCommand=touch/x',
    '-oProxyCommand=touch:x',
    'user@-oProxyCommand=touch:x',
    `https://example.org/${'x'.repeat(3_000)}`,
  ])('such as %j is refused', async (url) => {
    expect(failureOf(() => checkUrl('echo', url)).code).toBe('bad_repo_url');
  });

  it.each([
    'https://example.org/x.git',
    'https://user:pass@example.org:8443/x',
    'http://[::1]:80/x',
    'git@example.org:owner/name.git',
    'ssh://git@example.org:22/x',
    'git+ssh://example.org/x',
    'user@[::1]:x',
    'git://example.org/x',
    'file:///srv/x.git',
    '/srv/with space/x.git',
    '../x.git',
    '/srv/-x/ü',
  ])('such as %j is accepted', (url) => expect(() => checkUrl('echo', url)).not.toThrow());

  it('is refused before anything happens', async () => {
    const scene = makeScene();
    const repoUrl = `ext::touch ${join(scene.root, 'proof')}`;
    git(scene.bot, 'remote', 'set-url', 'origin', repoUrl);
    expect((await rejectionOf(scene.update({ repoUrl }))).code).toBe('bad_repo_url');
    expect((await rejectionOf(scene.update({ branch: '--upload-pack=x' }))).code).toBe('bad_branch');
    expect([existsSync(join(scene.root, 'proof')), existsSync(scene.store)]).toEqual([false, false]);
  });

  it('means the same with and without a slash or .git at its end', () => {
    const same = [
      ['https://h/x', 'https://h/x.git/'],
      ['git@h:x', 'git@h:x.git'],
      ['/srv/x/.git', '/srv/x'],
      ['file:///srv/x', '/srv/x.git'],
      ['../x', '/bots/x'],
    ] as const;
    for (const [one, other] of same) expect(isSameUrl(one, other, '/bots/y'), one).toBe(true);
    for (const [one, other] of [
      ['https://h/x', 'https://h/y'],
      ['https://h/x', 'http://h/x'],
      ['git@h:x', 'git@h:X'],
    ] as const) {
      expect(isSameUrl(one, other, '/bots/y'), one).toBe(false);
    }
  });
});

describe('a branch', () => {
  it.each([
    ...['', '-x', '--upload-pack=x', 'a..b', 'a b', '@', 'HEAD', 'a/', '/a', 'a//b', '.a', 'a/.b', 'a.lock'],
    ...[
      'a.lock/b',
      'a.',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[b',
      'a\\b',
      'a@{1}',
      'a\nb',
      'a\u007f',
      'x'.repeat(300),
    ],
  ])('such as %j is refused', (branch) => {
    expect(failureOf(() => checkBranch('echo', branch)).code).toBe('bad_branch');
  });

  it.each(['main', 'feature/x', 'v1.2', 'a-b', 'ünï', 'a@b', '@a', "it's", '$(x)'])(
    'such as %j is accepted, as git does',
    (branch) => {
      expect(() => checkBranch('echo', branch)).not.toThrow();
      expect(git('/', 'check-ref-format', '--branch', branch)).toBe(branch);
    },
  );
});

describe('credentials', () => {
  it.each([
    ['https://user:pass@example.org/x', ['user:', 'pass']],
    ['https://tok@example.org/x', ['tok@']],
    ['https://user:p@ss@example.org/x', ['p@ss', 'ss@']],
    ['https://user:p%40ssword@example.org/x', ['p%40ssword', 'p@ssword']],
    ['https://example.org/x?private_token=glpat-1234567', ['glpat-1234567']],
  ])('of %s are masked wherever they stand', (url, secrets) => {
    const said = `fatal: unable to access '${url}/': and once more: ${url}, ${decodeURIComponent(url)}`;
    const text = createUrlMask(url)(said);
    expect(text).toContain('example.org/x');
    for (const secret of secrets) expect(text, secret).not.toContain(secret);
  });

  it('are none where a server calls everybody git', () => {
    expect(createUrlMask('ssh://git@example.org/x')('ssh://git@example.org/x')).toBe(
      'ssh://git@example.org/x',
    );
  });
});

it('puts a text of somebody else on one line', () => {
  expect(onOneLine('a\u001b[2J\r\nb\u202ec\u2028d')).toBe('a [2J b c d');
  expect(onOneLine('x'.repeat(400))).toHaveLength(301);
});
