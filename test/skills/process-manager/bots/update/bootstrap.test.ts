// Folders that are no repository yet.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../../support/failure.ts';
import { git, leftovers, makeScene, setAside, snapshot, write } from './support.ts';

const files = {
  'bot.py': 'v1\n',
  'lib/a.py': 'v1\n',
  'run.sh': { script: '#!/bin/sh\n' },
  link: { link: 'bot.py' },
  '.env': 'theirs\n',
};

describe('a folder that is no repository', () => {
  it('becomes one when it is empty, and is updated like any other from then on', async () => {
    const scene = makeScene(files, false);
    const result = await scene.update();
    expect(result).toMatchObject({ outcome: 'updated', from: null, to: scene.head().slice(0, 7) });
    expect([scene.changed(), leftovers(scene), existsSync(scene.store)]).toEqual([[], [], false]);
    expect(snapshot(scene.bot)).toEqual(
      expect.objectContaining({ link: '-> bot.py', 'run.sh': expect.stringMatching(/^755/) }),
    );
    expect(git(scene.bot, 'remote', 'get-url', 'origin')).toBe(scene.remote);
    expect(git(scene.bot, 'rev-parse', '--abbrev-ref', 'main@{upstream}')).toBe('origin/main');
    const to = scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated', to: to.slice(0, 7) });
  });

  it('keeps every file that is there, and gets those that are missing', async () => {
    const scene = makeScene(files, false);
    write(scene.bot, { 'bot.py': 'mine\n', 'notes.txt': 'mine', 'lib/a.py': 'v1\n', '.env': 'mine' });
    const before = snapshot(scene.bot);
    const result = await scene.update({ preserveFiles: ['.env'] });
    expect(result).toMatchObject({ outcome: 'skipped', from: null });
    expect(result.detail).toMatch(/local changes in bot\.py;/);
    expect(snapshot(scene.bot)).toEqual({ ...before, ...snapshotOf(scene, ['run.sh', 'link']) });
    // It is a repository now; what differs is a local change like any other.
    expect((await scene.update({ preserveFiles: ['.env'] })).detail).toContain('local changes in bot.py');
    expect(await scene.update({ preserveFiles: ['.env'], forceSync: true })).toMatchObject({
      outcome: 'updated',
    });
    expect([scene.read('bot.py'), scene.read('.env'), scene.read('notes.txt')]).toEqual([
      ...['v1\n', 'mine', 'mine'],
    ]);
    expect(setAside(scene)).toEqual({ 'bot.py': 'mine\n' });
  });

  it('is not left with local changes by force', async () => {
    const scene = makeScene(files, false);
    write(scene.bot, { 'bot.py': 'mine\n', lib: 'a file', '.env': 'mine' });
    expect(await scene.update({ preserveFiles: ['.env'], forceSync: true })).toMatchObject({
      ...{ outcome: 'updated', from: null },
    });
    expect([scene.changed(), scene.read('lib/a.py'), scene.read('.env')]).toEqual([
      ...[['M .env'], 'v1\n', 'mine'],
    ]);
    expect(setAside(scene)).toEqual({ 'bot.py': 'mine\n', lib: 'a file' });
  });

  it('does not write through a link that leads out of it', async () => {
    const scene = makeScene(files, false);
    write(scene.bot, { lib: { link: scene.root } });
    const before = readdirSync(scene.root).sort();
    expect((await scene.update()).detail).toContain('lib/a.py');
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    expect(readdirSync(scene.root).sort()).toEqual([...before, 'backups'].sort());
  });

  it('stays as it is when the remote cannot be cloned', async () => {
    const scene = makeScene(files, false);
    write(scene.bot, { 'bot.py': 'mine\n' });
    for (const part of [{ repoUrl: `${scene.root}/nowhere.git` }, { branch: 'nowhere' }]) {
      await rejectionOf(scene.update(part));
      expect(readdirSync(scene.bot)).toEqual(['bot.py']);
    }
    expect(leftovers(scene)).toEqual([]);
  });

  it('follows the branch that is named, from an address relative to it', async () => {
    const scene = makeScene(files, false);
    const to = scene.publish({ 'bot.py': 'next\n' }, 'next');
    const repoUrl = '../../remote.git';
    const result = await scene.update({ branch: 'next', repoUrl });
    expect(result).toMatchObject({ outcome: 'updated', to: to.slice(0, 7) });
    expect(scene.read('bot.py')).toBe('next\n');
    expect(await scene.update({ branch: 'next', repoUrl })).toMatchObject({ outcome: 'current' });
  });

  it('runs no hooks that git’s templates bring', async () => {
    const scene = makeScene(files, false);
    const template = join(scene.root, 'template');
    write(template, { 'hooks/post-checkout': { script: `#!/bin/sh\ntouch ${scene.root}/ran\n` } });
    const config = join(scene.root, 'gitconfig');
    writeFileSync(config, `[init]\n\ttemplateDir = ${template}\n`);
    const before = process.env.GIT_CONFIG_GLOBAL;
    process.env.GIT_CONFIG_GLOBAL = config;
    try {
      write(scene.bot, { 'bot.py': 'mine\n' });
      expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    } finally {
      process.env.GIT_CONFIG_GLOBAL = before;
    }
    expect(existsSync(join(scene.root, 'ran'))).toBe(false);
    expect(existsSync(join(scene.bot, '.git/hooks'))).toBe(false);
  });
});

describe('a repository without a commit', () => {
  it('gets the history of its remote, and keeps its files', async () => {
    const scene = makeScene(files, false);
    git(scene.bot, 'init', '--quiet', '--template=', '--initial-branch=other');
    write(scene.bot, { 'bot.py': 'mine\n' });
    git(scene.bot, 'add', '.');
    expect((await scene.update()).detail).toContain('local changes in bot.py');
    expect([scene.read('bot.py'), scene.read('lib/a.py')]).toEqual(['mine\n', 'v1\n']);
    expect(git(scene.bot, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    expect([scene.changed(), leftovers(scene)]).toEqual([[], []]);
  });

  it('is left alone when its branch exists and is only not checked out', async () => {
    const scene = makeScene(files);
    git(scene.bot, 'symbolic-ref', 'HEAD', 'refs/heads/other');
    const failure = await rejectionOf(scene.update());
    expect([failure.code, failure.hint]).toEqual([
      'nothing_checked_out',
      expect.stringContaining('switch main'),
    ]);
  });
});

function snapshotOf(scene: { readonly author: string }, names: readonly string[]): Record<string, string> {
  const all = snapshot(scene.author);
  return Object.fromEntries(names.map((name) => [name, all[name] ?? '']));
}

it('makes nothing of an empty remote', async () => {
  const scene = makeScene(files, false);
  git(scene.remote, 'update-ref', '-d', 'refs/heads/main');
  mkdirSync(join(scene.bot, 'data'));
  expect((await rejectionOf(scene.update())).code).toBe('remote_branch_missing');
  expect(readdirSync(scene.bot)).toEqual(['data']);
});
