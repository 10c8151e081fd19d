// What a recovery finds: git that still runs, files that somebody has written since, a folder that is elsewhere.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../../../skills/process-manager/bots/update/store.ts';
import { recoverUpdate } from '../../../../../skills/process-manager/bots/update/update.ts';
import { rejectionOf } from '../../../../support/failure.ts';
import { makeFolder } from '../../../../support/folder.ts';
import { until } from '../../../../support/instance.ts';
import {
  git,
  leftovers,
  makeScene,
  makeSilentServer,
  processesOf,
  setAside,
  setTrap,
  snapshot,
  write,
} from './support.ts';
import { useUpdater } from './updater.ts';

const run = useUpdater();
const preserveFiles = ['.env', 'conf'];
const first = {
  ...{
    '.gitattributes': '*.trap filter=trap\n',
    'a.py': 'v1\n',
    'm.trap': 'v1\n',
    'z.py': 'v1\n',
    '.env': 'v1',
  },
};
const second = { 'a.py': 'v2\n', 'a-new.py': 'v2\n', 'm.trap': 'v2\n', 'z.py': 'v2\n', '.env': 'v2' };

/** A bot whose update was killed: at this step, or in the middle of git's checkout. */
async function makeKilled(step?: string) {
  const scene = makeScene(first);
  write(scene.bot, { '.env': 'mine', 'conf/x': 'mine' });
  const from = scene.head();
  const to = scene.publish(second);
  if (step === undefined) setTrap(scene, 1);
  await run(scene.options({ preserveFiles }), step ?? 'step failed');
  return { scene, from, to };
}

describe('when nothing was cut off', () => {
  it('does nothing, and needs not even the folder', async () => {
    const scene = makeScene();
    expect(await recoverUpdate(scene.options())).toBe(false);
    expect(await recoverUpdate(scene.options({ directory: '/nowhere' }))).toBe(false);
    expect(existsSync(join(scene.root, 'backups'))).toBe(false);
  });
});

describe('git that outlived the manager', () => {
  it('is ended, with its helpers', async () => {
    const scene = makeScene();
    const repoUrl = `http://127.0.0.1:${await makeSilentServer()}/x`;
    git(scene.bot, 'remote', 'set-url', 'origin', repoUrl);
    await run(scene.options({ repoUrl }), 'git ls-remote runs');
    await until('git and its helper run', () => processesOf(scene).length >= 2);
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([leftovers(scene), existsSync(scene.store)]).toEqual([[], false]);
  });

  it('is ended in the middle of a checkout, which is undone', async () => {
    const scene = makeScene(first);
    const [from, before] = [scene.head(), snapshot(scene.bot)];
    scene.publish(second);
    const sign = join(scene.root, 'waits');
    write(scene.root, {
      'wait.sh': { script: `#!/bin/sh\n[ -e ${sign} ] || { touch ${sign}; sleep 60; }\ncat\n` },
    });
    git(scene.bot, 'config', 'filter.trap.smudge', join(scene.root, 'wait.sh'));
    await run(scene.options({ preserveFiles }), 'git merge runs');
    await until('git waits for the filter', () => existsSync(sign));
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.head(), snapshot(scene.bot), leftovers(scene)]).toEqual([from, before, []]);
  });

  it('of somebody else is left alone, and so is a lock that was there before', async () => {
    const { scene } = await makeKilled('git ls-remote runs');
    const lock = join(scene.bot, '.git/index.lock');
    writeFileSync(lock, '');
    utimesSync(lock, 1_000, 1_000);
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect(existsSync(lock)).toBe(true);
  });
});

describe('what somebody has written since', () => {
  it('is kept aside when it is preserved, and what was held is put back', async () => {
    const { scene } = await makeKilled('held in place');
    write(scene.bot, { '.env': 'newer' });
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.read('.env'), setAside(scene)]).toEqual(['mine', { '.env': 'newer' }]);
    expect(scene.progress.join('\n')).toMatch(/keeping a copy of \.env in backups\/bots\/echo\/overwritten-/);
  });

  it('is not kept twice when it is what the repository has', async () => {
    for (const step of ['copied .env beside', '.env is back', 'all is back', 'held moved away']) {
      const { scene } = await makeKilled(step);
      expect(await recoverUpdate(scene.options()), step).toBe(true);
      expect([scene.read('.env'), setAside(scene)], step).toEqual(['mine', {}]);
    }
  });

  it('is kept aside wherever undoing a half-done checkout overwrites it', async () => {
    const { scene, from } = await makeKilled();
    write(scene.bot, { 'z.py': 'newer', 'a-new.py': 'newer too', 'notes.txt': 'newest' });
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect(setAside(scene)).toEqual({ 'z.py': 'newer', 'a-new.py': 'newer too' });
    expect([scene.head(), scene.changed(), scene.read('notes.txt'), scene.read('.env')]).toEqual([
      ...[from, ['M .env'], 'newest', 'mine'],
    ]);
  });

  it('stays when it is a commit', async () => {
    const { scene } = await makeKilled();
    rmSync(join(scene.bot, '.git/index.lock'));
    git(scene.bot, 'reset', '--quiet', '--hard');
    write(scene.bot, { 'z.py': 'by hand' });
    git(scene.bot, 'commit', '--quiet', '--all', '--message', 'by hand');
    const own = scene.head();
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.head(), scene.read('z.py'), scene.read('.env')]).toEqual([own, 'by hand', 'mine']);
  });
});

describe('when git cannot be asked', () => {
  it('puts back what is preserved all the same, and does the rest later', async () => {
    const { scene, from, to } = await makeKilled();
    const path = process.env.PATH;
    process.env.PATH = makeFolder();
    try {
      const failure = await rejectionOf(recoverUpdate(scene.options()));
      expect([failure.code, scene.read('.env')]).toEqual(['update_not_undone', 'mine']);
      expect(failure.message).toContain('git is not installed');
    } finally {
      process.env.PATH = path;
    }
    write(scene.bot, { '.env': 'newer' });
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.head(), scene.changed(), scene.read('.env'), leftovers(scene)]).toEqual([
      ...[from, ['M .env'], 'newer', []],
    ]);
    const result = await scene.update({ preserveFiles });
    expect([result.to, scene.head()]).toEqual([to.slice(0, 7), to]);
  });

  it('puts back what is preserved when the repository has gone', async () => {
    const { scene } = await makeKilled();
    rmSync(join(scene.bot, '.git'), { recursive: true });
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.read('.env'), leftovers(scene)]).toEqual(['mine', []]);
  });
});

describe('a bot that is elsewhere now', () => {
  it('gets its files where its folder was moved to', async () => {
    const { scene, from } = await makeKilled();
    const directory = join(scene.root, 'bots/moved');
    renameSync(scene.bot, directory);
    expect(await recoverUpdate(scene.options({ directory }))).toBe(true);
    expect(git(directory, 'rev-parse', 'HEAD')).toBe(from);
    expect(git(directory, 'status', '--porcelain', '-uno')).toBe('M .env');
    expect(existsSync(scene.bot)).toBe(false);
  });

  it('keeps them aside when it is another folder altogether', async () => {
    const { scene } = await makeKilled();
    const directory = join(scene.root, 'bots/other');
    write(directory, { '.env': 'other' });
    expect(await recoverUpdate(scene.options({ directory }))).toBe(true);
    expect(readdirSync(directory)).toEqual(['.env']);
    expect(setAside(scene)).toMatchObject({ 'keep/.env': 'mine' });
    expect(scene.progress.join('\n')).toContain('held back for bots/echo');
  });

  it('keeps what is held for as long as the folder is missing', async () => {
    const { scene } = await makeKilled('held in place');
    renameSync(scene.bot, `${scene.bot}.away`);
    expect((await rejectionOf(recoverUpdate(scene.options()))).code).toBe('bot_folder_missing');
    renameSync(`${scene.bot}.away`, scene.bot);
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.read('.env'), leftovers(scene)]).toEqual(['mine', []]);
  });
});

describe('the hold', () => {
  it('is nothing before it is complete', async () => {
    const { scene, from } = await makeKilled('held .env');
    expect(existsSync(join(scene.store, 'held.new/keep/.env'))).toBe(true);
    write(scene.bot, { '.env': 'newer' });
    expect(await recoverUpdate(scene.options())).toBe(true);
    expect([scene.head(), scene.read('.env'), existsSync(scene.store)]).toEqual([from, 'newer', false]);
  });

  it.each(['', '{', '[]', '{"version":1}', '{"version":1,"keep":["../x"]}'])(
    'with the manifest %j is not guessed at',
    async (text) => {
      const scene = makeScene();
      const held = join(scene.store, 'held');
      write(held, { 'manifest.json': text, 'keep/.env': 'mine' });
      const failure = await rejectionOf(recoverUpdate(scene.options()));
      expect([failure.code, failure.hint]).toEqual(['broken_hold', expect.stringContaining(`mv ${held} `)]);
      renameSync(held, `${held}.broken`);
      expect(await scene.update()).toMatchObject({ outcome: 'current' });
      expect(readdirSync(scene.store)).toEqual(['held.broken']);
    },
  );

  it('is for its owner alone', async () => {
    const { scene } = await makeKilled('held in place');
    for (const folder of [scene.store, join(scene.store, 'held')]) {
      expect(spawnSync('stat', ['-c', '%a', folder]).stdout.toString().trim()).toBe('700');
    }
  });

  it('has a place of its own for every name', () => {
    const names = [
      'a',
      'A',
      'a/b',
      'a%2fb',
      '../x',
      '..',
      '.',
      '',
      'Ünï böt',
      'x'.repeat(300),
      '\ud800',
      'a\nb',
    ];
    const folders = names.map((name) => openStore('/root-of-instance', name).folder);
    expect(new Set(folders).size).toBe(names.length);
    for (const folder of folders)
      expect(folder).toMatch(/^\/root-of-instance\/backups\/bots\/[^/.][^/]{0,200}$/);
  });
});

it('leaves the old version whole when the disk is full in the middle of a checkout', async () => {
  const scene = makeScene(first, false);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', scene.bot]);
  if (mounted.status !== 0) {
    process.stderr.write('SKIPPED: the test of a full disk needs the right to mount a tmpfs\n');
    return;
  }
  onTestFinished(() => void spawnSync('umount', ['-l', scene.bot]));
  git(scene.root, 'clone', '--quiet', '--template=', scene.remote, scene.bot);
  write(scene.bot, { '.env': 'mine' });
  const [from, before] = [scene.head(), snapshot(scene.bot)];
  // Small where it is packed, so that there is room for everything but the checkout. Git skips over zeros.
  scene.publish({ ...second, 'huge.bin': Buffer.alloc(8_000_000, 'filling ') });
  const failure = await rejectionOf(scene.update({ preserveFiles }));
  expect([failure.code, failure.hint]).toEqual(['files_unusable', expect.stringContaining('df -h')]);
  expect([scene.head(), snapshot(scene.bot), leftovers(scene)]).toEqual([from, before, []]);
});
