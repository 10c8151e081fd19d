// Installations with the real npm, from a package in a folder, so that no network is needed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { needsInstallation } from '../../../../skills/process-manager/releases/dependencies.ts';
import { failureOf, rejectionOf } from '../../../support/failure.ts';
import { makeFolder } from '../../../support/folder.ts';
import { makeInstance } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveOf,
  releasesOf,
  request,
  requireRecord,
  switchBack,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

const manifest = (dependencies: object, more = {}) =>
  JSON.stringify({ type: 'module', dependencies, ...more });
const packageOf = (name: string, word: string) => ({
  [`lib/${name}/package.json`]: JSON.stringify({
    name,
    version: '1.0.0',
    type: 'module',
    exports: './index.js',
  }),
  [`lib/${name}/index.js`]: `export const word = '${word}';`,
});

/** Live with one package installed, and a candidate that wants another one as well. */
function makeRoot(): string {
  const live = { ...packageOf('one', 'one'), 'package.json': manifest({ one: 'file:lib/one' }) };
  const root = makeInstance({
    ...withStaging(
      { 'config.json': '{}', 'src/index.js': 'import { word } from "one"; console.log(word);', ...live },
      {
        'config.json': '{}',
        ...live,
        ...packageOf('two', 'two'),
        'package.json': manifest({ one: 'file:lib/one', two: 'file:lib/two' }),
        'src/index.js':
          'import { word as a } from "one"; import { word as b } from "two"; console.log(a, b);',
      },
    ),
  });
  const { status, stderr } = spawnSync('npm', ['install', '--offline', '--no-audit', '--no-fund'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return root;
}

describe('a candidate needs an installation', () => {
  it.each([
    ['other dependencies', { dependencies: { a: '2' } }, true],
    ['other devDependencies', { dependencies: { a: '1' }, devDependencies: { b: '1' } }, true],
    ['other overrides', { dependencies: { a: '1' }, overrides: { b: '1' } }, true],
    ['optional ones', { dependencies: { a: '1' }, optionalDependencies: { b: '1' } }, true],
    ['another order and other scripts', { scripts: { gate: 'x' }, dependencies: { a: '1' } }, false],
    ['an empty list where there was none', { dependencies: { a: '1' }, devDependencies: {} }, false],
  ])('with %s', (_, wanted, expected) => {
    const live = makeFolder({ 'package.json': JSON.stringify({ dependencies: { a: '1' } }) });
    expect(needsInstallation(live, makeFolder({ 'package.json': JSON.stringify(wanted) }))).toBe(expected);
  });

  it('not without a package.json, and cannot be judged by one that is broken', () => {
    const live = makeFolder({ 'package.json': '{"dependencies": {"a": "1"}}' });
    expect(needsInstallation(live, makeFolder())).toBe(false);
    const broken = makeFolder({ 'package.json': '{"dependencies":' });
    expect(failureOf(() => needsInstallation(live, broken)).code).toBe('invalid_manifest');
  });
});

describe('an installation', () => {
  it('that fails refuses the release, and its output is kept', async () => {
    const root = makeRoot();
    fill(root, {
      'staging/package.json': manifest({ one: 'file:lib/one', three: 'file:../nowhere/three.tgz' }),
    });
    const before = liveOf(root);
    const failure = await rejectionOf(releasesOf(root).promote(request()));
    expect(failure).toMatchObject({
      code: 'install_failed',
      hint: expect.stringContaining('gates/install.log'),
    });
    expect(liveOf(root)).toEqual(before);
    expect(leftoversOf(root)).toEqual([]);
    const [release] = releasesOf(root).list();
    expect(release?.state).toBe('failed');
    expect(readFileSync(join(release?.folder ?? '', 'gates/install.log'), 'utf8')).toContain('three.tgz');
  });

  it('happens in the copy while live runs on; going back needs no installation', async () => {
    const root = makeRoot();
    const before = liveOf(root);
    const told: string[] = [];
    const { name } = await releasesOf(root, { gates: ['node src/index.js'] }).promote(
      request({ progress: ({ message }) => told.push(message) }),
    );
    expect(told).toContain('installing dependencies');
    expect(liveOf(root)).toEqual(before);
    const folder = join(root, 'backups', name ?? '');
    const record = requireRecord(folder);
    expect(record).toMatchObject({ dependencies: 'installed', gates: [{ verdict: 'passed' }] });
    expect(record.entries).toContainEqual({ path: 'node_modules', live: true, next: true });
    expect(record.entries).toContainEqual({ path: 'package-lock.json', live: true, next: true });
    expect(readFileSync(join(folder, 'gates/1.log'), 'utf8')).toBe('one two\n');
    switchForward(root, name ?? '');
    const run = () => spawnSync(process.execPath, ['src/index.js'], { cwd: root, encoding: 'utf8' }).stdout;
    expect(run()).toBe('one two\n');
    switchBack(root, name ?? '');
    expect(run()).toBe('one\n');
    expect(liveOf(root)).toEqual(before);
  });

  it('starts from live’s own lock file', async () => {
    const root = makeRoot();
    // Only an installation that reads this lock knows of the mark.
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    lock.packages['lib/one'].version = '1.0.0';
    expect(Object.keys(lock.packages)).toContain('node_modules/one');
    const { name } = await releasesOf(root).promote(request());
    const next = join(root, 'backups', name ?? '', 'next');
    const made = JSON.parse(readFileSync(join(next, 'package-lock.json'), 'utf8'));
    expect(made.packages['node_modules/one']).toEqual(lock.packages['node_modules/one']);
    expect(Object.keys(made.packages)).toContain('node_modules/two');
  });

  it('is left out when package.json wants nothing else', async () => {
    const root = makeRoot();
    fill(root, { 'staging/package.json': manifest({ one: 'file:lib/one' }, { scripts: { x: 'y' } }) });
    const { name } = await releasesOf(root).promote(request());
    const folder = join(root, 'backups', name ?? '');
    expect(requireRecord(folder).dependencies).toBe('same');
    expect(existsSync(join(folder, 'next/node_modules'))).toBe(false);
    expect(existsSync(join(folder, 'next/package-lock.json'))).toBe(false);
  });
});
