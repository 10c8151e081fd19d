// preserve_files: as the user had them after every update, whatever the repository does to them, and after every failure.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../../support/failure.ts';
import { fingerprint, git, leftovers, makeScene, setAside, setTrap, snapshot, write } from './support.ts';

describe('preserved files', () => {
  it('are as the user had them after a plain update: changed, untracked, a folder, a link, with mode and time', async () => {
    const scene = makeScene({
      ...{
        'bot.py': 'v1\n',
        'tracked.ini': 'v1',
        'clean.ini': 'v1',
        'conf/a': 'v1',
        'conf/b': 'v1',
        'gone.ini': 'v1',
      },
      ...{ 'to-folder': 'v1', 'deleted.ini': 'v1' },
    });
    write(scene.bot, {
      ...{
        'tracked.ini': 'mine',
        '.env': 'mine',
        'conf/a': 'mine',
        'conf/own/x': 'mine',
        'to-folder': 'mine',
      },
      ...{ 'link.ini': { link: '/nowhere' }, 'deleted.ini': null, 'data/untouched.db': 'mine' },
    });
    chmodSync(join(scene.bot, '.env'), 0o600);
    utimesSync(join(scene.bot, '.env'), 1_000_000, 1_234_567.891);
    if (process.getuid?.() === 0) {
      const { chownSync } = await import('node:fs');
      chownSync(join(scene.bot, '.env'), 4_321, 1_234);
    }
    const inode = statSync(join(scene.bot, 'data/untouched.db')).ino;
    const preserveFiles = [
      ...[
        'tracked.ini',
        'clean.ini',
        'conf',
        '.env',
        'link.ini',
        'gone.ini',
        'to-folder',
        'deleted.ini',
        'data',
      ],
      ...['never-there'],
    ];
    const before = snapshot(scene.bot);
    const env = lstatSync(join(scene.bot, '.env'));
    const to = scene.publish({
      ...{
        'bot.py': 'v2\n',
        'tracked.ini': 'v2',
        'clean.ini': 'v2',
        'conf/a': 'v2',
        'conf/b': 'v2',
        'conf/new': 'v2',
      },
      ...{
        '.env': 'theirs',
        'link.ini/x': 'theirs',
        'gone.ini': null,
        'to-folder': null,
        'deleted.ini': 'v2',
      },
    });
    scene.publish({ 'to-folder/x': 'v2' });
    const result = await scene.update({ preserveFiles });
    expect(result, result.detail).toMatchObject({ outcome: 'updated' });
    expect(git(scene.bot, 'merge-base', '--is-ancestor', to, 'HEAD')).toBe('');
    const after = snapshot(scene.bot);
    expect(after).toMatchObject({ ...before, 'bot.py': fingerprint(join(scene.author, 'bot.py')) });
    // New files of the repository may come to stand beside them; missing ones are ignored, so they come back.
    expect(Object.keys(after).filter((path) => !(path in before))).toEqual(['conf/new', 'deleted.ini']);
    const now = lstatSync(join(scene.bot, '.env'));
    expect([now.mode, now.uid, now.gid, Math.round(now.mtimeMs)]).toEqual([
      ...[env.mode, env.uid, env.gid, Math.round(env.mtimeMs)],
    ]);
    expect(statSync(join(scene.bot, 'data/untouched.db')).ino).toBe(inode);
    expect(leftovers(scene)).toEqual([]);
    expect(scene.progress).toContainEqual(expect.stringMatching(/^putting clean\.ini, .* back$/));
    expect(await scene.update({ preserveFiles })).toMatchObject({ outcome: 'current' });
  });

  it('are as the user had them after a forced update too', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', 'conf/a': 'v1', '.env': 'v1' });
    write(scene.bot, { 'bot.py': 'mine', 'conf/a': 'mine', '.env': 'mine', 'conf/own': 'mine' });
    git(scene.bot, 'add', '.env');
    git(scene.bot, 'commit', '--quiet', '--message', 'diverge', '--allow-empty');
    scene.publish({ 'bot.py': 'v2\n', 'conf/a': 'v2', '.env': 'v2', 'conf/own': 'theirs' });
    const result = await scene.update({ forceSync: true, preserveFiles: ['conf', '.env'] });
    expect(result).toMatchObject({ outcome: 'updated' });
    expect(['bot.py', 'conf/a', '.env', 'conf/own'].map(scene.read)).toEqual([
      'v2\n',
      'mine',
      'mine',
      'mine',
    ]);
    expect([setAside(scene), leftovers(scene)]).toEqual([{ 'bot.py': 'mine' }, []]);
  });

  it('may be a folder where the repository has a file, or the other way round', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', state: 'v1', 'dir/x': 'v1' });
    write(scene.bot, { state: null, dir: null });
    write(scene.bot, { 'state/deep/x': 'mine', dir: 'mine' });
    mkdirSync(join(scene.bot, 'state/empty'));
    chmodSync(join(scene.bot, 'state'), 0o711);
    scene.publish({ 'bot.py': 'v2\n', state: 'v2', 'dir/x': 'v2' });
    const result = await scene.update({ preserveFiles: ['state', 'dir'] });
    expect(result, result.detail).toMatchObject({ outcome: 'updated' });
    expect([scene.read('state/deep/x'), scene.read('dir'), scene.read('bot.py')]).toEqual([
      'mine',
      'mine',
      'v2\n',
    ]);
    expect(existsSync(join(scene.bot, 'state/empty'))).toBe(true);
    expect(statSync(join(scene.bot, 'state')).mode & 0o777).toBe(0o711);
    expect(leftovers(scene)).toEqual([]);
  });
});

describe('a step that fails half-way', () => {
  const scene = () =>
    makeScene({
      '.gitattributes': '*.trap filter=trap\n',
      'a.py': 'v1\n',
      'b.trap': 'v1\n',
      'c.py': 'v1\n',
      '.env': 'v1',
    });
  const change = { 'a.py': 'v2\n', 'a-new.py': 'v2\n', 'b.trap': 'v2\n', 'c.py': 'v2\n', '.env': 'v2' };

  it('is undone, with preserved files, local changes and files in the way as they were', async () => {
    for (const forceSync of [false, true]) {
      const bot = scene();
      write(bot.bot, {
        '.env': 'mine',
        'notes.txt': 'mine',
        ...(forceSync ? { 'c.py': 'mine', 'a-new.py': 'mine' } : {}),
      });
      const [from, before] = [bot.head(), snapshot(bot.bot)];
      bot.publish(change);
      setTrap(bot, 1);
      const failure = await rejectionOf(bot.update({ preserveFiles: ['.env'], forceSync }));
      expect(failure.code).toBe('git_killed');
      expect([bot.head(), snapshot(bot.bot), leftovers(bot), setAside(bot)]).toEqual([from, before, [], {}]);
      expect(readFileSync(join(bot.root, 'trap'), 'utf8')).toBe('');
      expect(await bot.update({ preserveFiles: ['.env'], forceSync })).toMatchObject({ outcome: 'updated' });
      expect([bot.read('b.trap'), bot.read('.env')]).toEqual(['v2\n', 'mine']);
    }
  });

  it('that cannot be undone either leaves preserved files in place, and is undone by the next start', async () => {
    const bot = scene();
    write(bot.bot, { '.env': 'mine' });
    const from = bot.head();
    bot.publish(change);
    setTrap(bot, 2);
    const failure = await rejectionOf(bot.update({ preserveFiles: ['.env'] }));
    expect([failure.code, failure.hint]).toEqual([
      'update_not_undone',
      expect.stringContaining(`reset --hard ${from.slice(0, 7)}`),
    ]);
    expect(bot.read('.env')).toBe('mine');
    // Whoever changes it now is not overwritten by what was held before.
    write(bot.bot, { '.env': 'newer' });
    expect(await bot.update({ preserveFiles: ['.env'] })).toMatchObject({ outcome: 'updated' });
    expect([bot.read('.env'), bot.read('b.trap'), leftovers(bot)]).toEqual(['newer', 'v2\n', []]);
  });

  it('is undone when it is cancelled, and git is ended', async () => {
    const bot = scene();
    write(bot.bot, { '.env': 'mine' });
    const [from, before] = [bot.head(), snapshot(bot.bot)];
    bot.publish(change);
    const controller = new AbortController();
    const counter = join(bot.root, 'waits');
    writeFileSync(counter, '');
    write(bot.root, {
      'wait.sh': { script: `#!/bin/sh\nif [ -e ${counter} ]; then rm ${counter}; sleep 60; fi\ncat\n` },
    });
    git(bot.bot, 'config', 'filter.trap.smudge', join(bot.root, 'wait.sh'));
    const update = rejectionOf(bot.update({ preserveFiles: ['.env'], signal: controller.signal }));
    const { until } = await import('../../../../support/instance.ts');
    await until('git waits for the filter', () => !existsSync(counter));
    controller.abort();
    expect((await update).code).toBe('update_cancelled');
    expect([bot.head(), snapshot(bot.bot), leftovers(bot)]).toEqual([from, before, []]);
  });

  it('does not begin when what is preserved cannot be held back', async () => {
    const bot = scene();
    write(bot.bot, { '.env': 'mine' });
    bot.publish(change);
    // A file where the folder of held files has to be.
    write(bot.root, { 'backups/bots': 'a file' });
    expect((await rejectionOf(bot.update({ preserveFiles: ['.env'] }))).code).toBe('files_unusable');
    expect([bot.read('.env'), bot.read('a.py')]).toEqual(['mine', 'v1\n']);
    rmSync(join(bot.root, 'backups/bots'));
    renameSync(join(bot.bot, '.env'), join(bot.bot, '.env'));
    expect(await bot.update({ preserveFiles: ['.env'] })).toMatchObject({ outcome: 'updated' });
  });
});
