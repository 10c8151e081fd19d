// Folders that git must not touch, and entries of preserve_files that lead out of the bot's folder.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFolder } from '../../../../../skills/process-manager/bots/update/folder.ts';
import { checkPreserve } from '../../../../../skills/process-manager/bots/update/preserve.ts';
import { rejectionOf } from '../../../../support/failure.ts';
import { makeFolder } from '../../../../support/folder.ts';
import { git, makeScene, snapshot } from './support.ts';

describe('a folder', () => {
  it('is refused when it is more than a bot’s, by a link too', async () => {
    const scene = makeScene();
    const inBackups = join(scene.root, 'backups/x');
    mkdirSync(inBackups, { recursive: true });
    const places = ['/', '/home', homedir(), scene.root, join(scene.root, '..'), tmpdir(), inBackups];
    for (const place of places.filter(existsSync)) {
      const link = join(scene.root, 'bots/link');
      symlinkSync(place, link);
      for (const directory of [place, link, join(scene.root, 'bots', '..', 'bots/link', '.')]) {
        const failure = await rejectionOf(scene.update({ directory }));
        expect(failure.code, directory).toBe('forbidden_bot_folder');
      }
      rmSync(link);
    }
    expect(readdirSync(scene.root)).not.toContain('.git');
  });

  it('is refused when it is a home folder, or has a line break in its name', async () => {
    const root = makeFolder({ 'line\nbreak/x': '' });
    const about = { name: 'echo', root };
    expect((await rejectionOf(checkFolder({ ...about, directory: join(root, 'line\nbreak') }))).code).toBe(
      'forbidden_bot_folder',
    );
    const home = process.env.HOME;
    const own = makeFolder({ 'bots/x': '' });
    process.env.HOME = join(own, 'bots');
    try {
      for (const directory of [own, join(own, 'bots')]) {
        expect((await rejectionOf(checkFolder({ ...about, directory }))).message).toContain('home folder');
      }
    } finally {
      process.env.HOME = home;
    }
  });

  it('that is missing comes with the way to create it, without credentials', async () => {
    const scene = makeScene();
    const directory = join(scene.root, 'bots/missing');
    const repoUrl = 'https://user:s3cretpass@example.org/x.git';
    const failure = await rejectionOf(scene.update({ directory, repoUrl }));
    expect(failure.code).toBe('bot_folder_missing');
    expect(failure.hint).toBe(
      `Create it: mkdir -p ${directory}, or git clone https://example.org/x.git ${directory}`,
    );
    expect(existsSync(directory)).toBe(false);
  });

  it('may be no folder', async () => {
    const scene = makeScene();
    const directory = join(scene.root, 'config.json');
    expect((await rejectionOf(scene.update({ directory }))).code).toBe('bot_folder_unusable');
  });

  it('may be reached by a link', async () => {
    const scene = makeScene();
    scene.publish({ 'bot.py': 'v2\n' });
    const link = join(scene.root, 'link');
    symlinkSync(scene.bot, link);
    expect(await scene.update({ directory: link })).toMatchObject({ outcome: 'updated' });
  });

  it('inside another repository is left as it is, and so is that one', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', 'inner/x.py': 'v1\n' });
    writeFileSync(join(scene.bot, 'bot.py'), 'mine');
    scene.publish({ 'bot.py': 'v2\n' });
    const before = snapshot(scene.bot);
    const inner = join(scene.bot, 'inner');
    const failure = await rejectionOf(scene.update({ directory: inner, forceSync: true }));
    expect(failure.code).toBe('foreign_repository');
    expect(snapshot(scene.bot)).toEqual(before);
    expect(git(scene.bot, 'remote', 'get-url', 'origin')).toBe(scene.remote);
  });
});

describe('an entry of preserve_files', () => {
  it('is refused when it leads out of the folder, means all of it, or is git’s own', async () => {
    const scene = makeScene();
    symlinkSync(scene.root, join(scene.bot, 'out'));
    symlinkSync('.git', join(scene.bot, 'to-git'));
    for (const entry of [
      ...[
        '',
        '.',
        './',
        '..',
        '../x',
        'a/../../x',
        'a/..',
        '/etc/passwd',
        '~/x',
        'C:\\x',
        '.git',
        '.git/config',
      ],
      ...['./.GIT/hooks', 'sub/.git/config', 'a\0b', 'out/x', 'out/deep/x', 'to-git/config'],
    ]) {
      const failure = await rejectionOf(scene.update({ preserveFiles: ['.env', entry] }));
      expect(failure.code, entry).toBe('bad_preserve_entry');
    }
    expect(existsSync(scene.store)).toBe(false);
  });

  it('is written as git writes it, once, and without links on the way', async () => {
    const folder = makeFolder({ 'real/x': '' });
    symlinkSync('real', join(folder, 'link'));
    symlinkSync('/nowhere', join(folder, 'itself'));
    const entries = ['./a//b/', 'a/b', 'a/b/c', 'link/x', 'itself', 'not/there', 'a.b', 'dir/..hidden'];
    expect(await checkPreserve('echo', folder, entries)).toEqual([
      ...['a/b', 'real/x', 'itself', 'not/there', 'a.b', 'dir/..hidden'],
    ]);
  });

  it('that the repository turns into a link out of the folder is not written through', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', 'config/app.conf': 'theirs' });
    const outside = join(scene.root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'app.conf'), 'outside');
    writeFileSync(join(scene.bot, 'config/app.conf'), 'mine');
    scene.publish({ config: { link: outside } });
    expect(await scene.update({ preserveFiles: ['config/app.conf'] })).toMatchObject({ outcome: 'updated' });
    expect(readFileSync(join(outside, 'app.conf'), 'utf8')).toBe('outside');
    expect(scene.read('config/app.conf')).toBe('mine');
  });
});
