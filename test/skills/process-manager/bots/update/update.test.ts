// What an update does in each situation, with real repositories.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startOf } from '../../../../../skills/process-manager/base/index.ts';
import { recoverUpdate } from '../../../../../skills/process-manager/bots/update/update.ts';
import { rejectionOf } from '../../../../support/failure.ts';
import { git, leftovers, makeScene, setAside, snapshot, write } from './support.ts';

const short = (hash: string) => hash.slice(0, 7);

describe('an update', () => {
  it('goes forward to the newest commit', async () => {
    const scene = makeScene();
    const from = scene.head();
    const to = scene.publish({ 'bot.py': 'v2\n', 'new/deep.py': 'new\n' });
    const result = await scene.update();
    expect(result).toMatchObject({ outcome: 'updated', from: short(from), to: short(to) });
    expect([scene.head(), scene.changed(), scene.read('bot.py'), scene.read('new/deep.py')]).toEqual([
      ...[to, [], 'v2\n', 'new\n'],
    ]);
    expect(scene.progress).toContain('fetching main');
    expect(leftovers(scene)).toEqual([]);
    expect(existsSync(scene.store)).toBe(false);
  });

  it('finds nothing to do, and needs few commands for it', async () => {
    const scene = makeScene();
    const trace = join(scene.root, 'trace');
    const wrapper = join(scene.root, 'bin');
    write(wrapper, {
      git: { script: `#!/bin/sh\necho "$*" >> ${trace}\nPATH='${process.env.PATH}' exec git "$@"\n` },
    });
    const path = process.env.PATH;
    process.env.PATH = `${wrapper}:${path}`;
    try {
      expect(await scene.update()).toMatchObject({ outcome: 'current', from: short(scene.head()) });
    } finally {
      process.env.PATH = path;
    }
    // ls-remote asks the repository by a git of its own.
    const commands = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('--no-pager'));
    expect(commands.length).toBeGreaterThan(2);
    expect(commands.length).toBeLessThanOrEqual(8);
  });

  it('follows the branch that is named, and goes there only when it may', async () => {
    const scene = makeScene();
    git(scene.author, 'switch', '--quiet', '--create', 'next');
    const to = scene.publish({ 'bot.py': 'next\n' }, 'next');
    const refused = await scene.update({ branch: 'next' });
    expect(refused).toMatchObject({ outcome: 'skipped', from: short(scene.head()) });
    expect(refused.detail).toMatch(/branch main is checked out, not next.*switch next/);
    const forced = await scene.update({ branch: 'next', forceSync: true });
    expect(forced).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(git(scene.bot, 'symbolic-ref', 'HEAD')).toBe('refs/heads/next');
    expect(scene.changed()).toEqual([]);
    expect(await scene.update({ branch: 'next' })).toMatchObject({ outcome: 'current' });
  });

  it('leaves a commit that is checked out by itself, unless it is forced', async () => {
    const scene = makeScene();
    const to = scene.publish({ 'bot.py': 'v2\n' });
    git(scene.bot, 'checkout', '--quiet', '--detach');
    expect((await scene.update()).detail).toMatch(/no branch is checked out.*switch main/);
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(git(scene.bot, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
  });

  it('keeps local commits that the remote lacks', async () => {
    const scene = makeScene();
    write(scene.bot, { 'mine.py': 'mine\n' });
    git(scene.bot, 'add', '.');
    git(scene.bot, 'commit', '--quiet', '--message', 'mine');
    const own = scene.head();
    for (const forceSync of [false, true]) {
      const result = await scene.update({ forceSync });
      expect(result).toMatchObject({ outcome: 'current', from: short(own) });
      expect(result.detail).toContain('local commits');
    }
    const to = scene.publish({ 'bot.py': 'v2\n' });
    expect((await scene.update()).detail).toMatch(/diverged.*pull --rebase/);
    expect(scene.head()).toBe(own);
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated', to: short(to) });
    expect([scene.head(), scene.changed(), existsSync(join(scene.bot, 'mine.py'))]).toEqual([to, [], false]);
  });

  it('reads odd file names as they are', async () => {
    const names = ['new\nline', 'quo"te', "it's", '-rf', 'ünï ☃', ' blank ', 'tab\t', '\\', ':(top)x', '*'];
    const scene = makeScene(Object.fromEntries(names.map((name) => [name, 'v1'])));
    scene.publish(Object.fromEntries(names.map((name) => [name, 'v2'])));
    for (const name of names) writeFileSync(join(scene.bot, name), 'mine');
    const skipped = await scene.update({ preserveFiles: names.slice(0, 4) });
    expect(skipped.detail).toMatch(/local changes in .*tab.*and 1 more/);
    expect(await scene.update({ preserveFiles: names })).toMatchObject({ outcome: 'updated' });
    for (const name of names) expect(scene.read(name), name).toBe('mine');
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    for (const name of names) expect(scene.read(name), name).toBe('v2');
    expect(Object.keys(setAside(scene)).sort()).toEqual([...names].sort());
  });

  it('works where the folder is a worktree, with a file as its .git', async () => {
    const scene = makeScene();
    const worktree = join(scene.root, 'bots/worktree');
    git(scene.bot, 'checkout', '--quiet', '--detach');
    git(scene.bot, 'worktree', 'add', '--quiet', worktree, 'main');
    const to = scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update({ directory: worktree })).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(git(worktree, 'status', '--porcelain')).toBe('');
  });

  it('works in a shallow clone', async () => {
    const scene = makeScene();
    scene.publish({ 'bot.py': 'v2\n' });
    rmSync(scene.bot, { recursive: true });
    git(scene.root, 'clone', '--quiet', '--depth=1', `file://${scene.remote}`, scene.bot);
    const to = scene.publish({ 'bot.py': 'v3\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated', to: short(to) });
  });

  it("leaves the user's hooks alone, and what they start", async () => {
    const scene = makeScene();
    const hook = '#!/bin/sh\nsleep 60 >/dev/null 2>&1 &\necho $! > hook-ran\necho chatter\n';
    write(scene.bot, { '.git/hooks/post-merge': { script: hook } });
    scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated' });
    const started = Number(scene.read('hook-ran'));
    onTestFinished(() => void process.kill(started, 'SIGKILL'));
    expect(await scene.update()).toMatchObject({ outcome: 'current' });
    expect(await recoverUpdate(scene.options())).toBe(false);
    expect(startOf(started)).toBeDefined();
  });

  it('does not count submodules as local changes, and leaves them as they are', async () => {
    const scene = makeScene();
    const library = makeScene({ 'lib.py': 'v1\n' });
    git(
      scene.author,
      '-c',
      'protocol.file.allow=always',
      'submodule',
      'add',
      '--quiet',
      library.remote,
      'lib',
    );
    scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated' });
    expect(readdirSync(join(scene.bot, 'lib'))).toEqual([]);
    scene.publish({ 'bot.py': 'v3\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated' });
  });
});

describe('local changes', () => {
  it('are left alone without force, and named', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `f${index}.py`);
    const scene = makeScene(Object.fromEntries(names.map((name) => [name, 'v1'])));
    scene.publish({ 'f0.py': 'v2' });
    for (const name of names) writeFileSync(join(scene.bot, name), 'mine');
    const result = await scene.update();
    expect(result).toMatchObject({ outcome: 'skipped', from: short(scene.head()) });
    expect(result.detail).toMatch(/f0\.py, f1\.py, f2\.py, f3\.py, f4\.py and 2 more.*force_sync/);
    expect(scene.read('f0.py')).toBe('mine');
  });

  it('are replaced by force and kept aside, staged, deleted and retyped ones too', async () => {
    const scene = makeScene({ 'a.py': 'v1', 'b.py': 'v1', 'c.py': 'v1', 'd.py': 'v1', 'e/f.py': 'v1' });
    const to = scene.publish({ 'a.py': 'v2', 'n.py': 'v2' });
    write(scene.bot, { 'a.py': 'mine', 'b.py': 'staged', 'c.py': null, e: { link: 'a.py' } });
    write(scene.bot, { 'd.py': null });
    write(scene.bot, { 'd.py/inside': 'mine', 'added.py': 'mine' });
    git(scene.bot, 'add', 'b.py', 'added.py');
    const result = await scene.update({ forceSync: true });
    expect(result).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(scene.changed()).toEqual([]);
    expect(['a.py', 'b.py', 'c.py', 'd.py', 'e/f.py', 'n.py'].map(scene.read)).toEqual([
      ...['v2', 'v1', 'v1', 'v1', 'v1', 'v2'],
    ]);
    expect(setAside(scene)).toEqual({
      ...{ 'a.py': 'mine', 'b.py': 'staged', 'd.py/inside': 'mine', 'added.py': 'mine', e: 'mine' },
    });
    expect(result.detail).toContain('backups/bots/echo/overwritten-');
    expect(leftovers(scene)).toEqual([]);
  });

  it('are replaced by force although the remote has nothing new', async () => {
    const scene = makeScene();
    write(scene.bot, { 'bot.py': 'mine' });
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    expect([scene.read('bot.py'), setAside(scene)]).toEqual(['v1\n', { 'bot.py': 'mine' }]);
  });

  it('may be a conflict that nobody has solved', async () => {
    const scene = makeScene();
    write(scene.bot, { 'bot.py': 'mine' });
    git(scene.bot, 'commit', '--quiet', '--all', '--message', 'mine');
    const to = scene.publish({ 'bot.py': 'v2\n' });
    git(scene.bot, 'fetch', '--quiet');
    expect(() => git(scene.bot, 'merge', 'origin/main')).toThrow();
    expect((await scene.update()).detail).toContain('local changes in bot.py');
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(scene.changed()).toEqual([]);
  });

  it('are kept aside for the last five updates only', async () => {
    const scene = makeScene();
    for (let number = 1; number <= 7; number++) {
      write(scene.bot, { 'bot.py': `mine ${number}` });
      await scene.update({ forceSync: true });
    }
    expect(readdirSync(scene.store)).toHaveLength(5);
    expect(setAside(scene)).toEqual({ 'bot.py': 'mine 7' });
  });
});

describe('untracked files', () => {
  it('are no local changes, and stay', async () => {
    const scene = makeScene();
    write(scene.bot, { 'notes.txt': 'mine', '__pycache__/x.pyc': 'x' });
    scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated' });
    expect([scene.read('notes.txt'), scene.read('__pycache__/x.pyc')]).toEqual(['mine', 'x']);
  });

  it('stop an update that would overwrite them, ignored ones too; force moves them aside', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', '.gitignore': 'secret\n' });
    write(scene.bot, {
      secret: 'mine',
      'in/the/way': 'mine',
      'a-folder/mine.txt': 'mine',
      'a-link': { link: '../../config.json' },
    });
    const from = scene.head();
    scene.publish({ secret: 'theirs', in: 'theirs', 'a-folder': 'theirs', 'a-link/file': 'theirs' });
    const skipped = await scene.update();
    expect(skipped).toMatchObject({ outcome: 'skipped', from: short(from) });
    expect(skipped.detail).toMatch(/^untracked files.*force_sync/);
    for (const name of ['secret', 'in/the/way', 'a-folder/mine.txt', 'a-link']) {
      expect(skipped.detail).toContain(name);
    }
    expect([scene.head(), scene.read('secret')]).toEqual([from, 'mine']);
    expect(leftovers(scene)).toEqual([]);
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    expect(['secret', 'in', 'a-folder', 'a-link/file'].map(scene.read)).toEqual(Array(4).fill('theirs'));
    const [folder = ''] = readdirSync(scene.store);
    expect(readdirSync(join(scene.store, folder)).sort()).toEqual(['a-folder', 'a-link', 'in', 'secret']);
  });

  it('stay when a folder of the repository becomes a file beside them', async () => {
    const scene = makeScene({ 'bot.py': 'v1\n', 'lib/a.py': 'v1' });
    write(scene.bot, { 'lib/mine.txt': 'mine' });
    scene.publish({ lib: 'now a file' });
    expect((await scene.update()).detail).toContain('lib/mine.txt');
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
    expect([scene.read('lib'), setAside(scene)]).toEqual(['now a file', { 'lib/mine.txt': 'mine' }]);
  });
});

describe('the remote', () => {
  it('must be the one that the configuration names', async () => {
    const scene = makeScene();
    const repoUrl = 'https://bob:s3cretpass@example.org/other.git';
    git(scene.bot, 'remote', 'set-url', 'origin', 'https://eve:hunter2hunter2@example.org/mine.git');
    const { outcome, detail } = await scene.update({ repoUrl });
    expect(outcome).toBe('skipped');
    expect(detail).toContain('example.org/mine.git');
    expect(detail).toContain('example.org/other.git');
    expect(detail + scene.progress).not.toMatch(/s3cretpass|hunter2|bob|eve/);
    git(scene.bot, 'remote', 'set-url', 'origin', 'https://old-token@example.org/other');
    expect((await scene.update({ repoUrl })).detail).toContain('other credentials');
  });

  it('may be written in other ways that mean the same', async () => {
    const scene = makeScene();
    for (const repoUrl of [
      `${scene.remote}/`,
      scene.remote.replace(/\.git$/, ''),
      `file://${scene.remote}`,
      '../../remote.git',
    ]) {
      expect(await scene.update({ repoUrl }), repoUrl).toMatchObject({ outcome: 'current' });
    }
  });

  it('is added where there is none', async () => {
    const scene = makeScene();
    git(scene.bot, 'remote', 'remove', 'origin');
    const to = scene.publish({ 'bot.py': 'v2\n' });
    expect(await scene.update()).toMatchObject({ outcome: 'updated', to: short(to) });
    expect(git(scene.bot, 'remote', 'get-url', 'origin')).toBe(scene.remote);
  });

  it('may be empty', async () => {
    const scene = makeScene();
    git(scene.remote, 'update-ref', '-d', 'refs/heads/main');
    const failure = await rejectionOf(scene.update());
    expect([failure.code, failure.message]).toEqual([
      'remote_branch_missing',
      expect.stringContaining('is empty'),
    ]);
  });

  it('may lack the branch, and may have one whose name ends like it', async () => {
    const scene = makeScene();
    scene.publish({}, 'refs/heads/gone');
    const failure = await rejectionOf(scene.update({ branch: 'gone' }));
    expect(failure.code).toBe('remote_branch_missing');
    expect(failure.message).toContain('no branch gone');
  });

  it('may not be there at all', async () => {
    const scene = makeScene();
    renameSync(scene.remote, `${scene.remote}.moved`);
    const failure = await rejectionOf(scene.update());
    expect(failure.code).toBe('remote_missing');
    expect(failure.hint).toContain('repo_url');
    expect(leftovers(scene)).toEqual([]);
  });

  it('may refuse connections', async () => {
    const scene = makeScene();
    for (const url of ['git://127.0.0.1:1/x', 'http://u:s3cretpass@127.0.0.1:1/x']) {
      git(scene.bot, 'remote', 'set-url', 'origin', url);
      const failure = await rejectionOf(scene.update({ repoUrl: url }));
      expect(failure.code, failure.message).toBe('remote_unreachable');
      expect(failure.message).not.toContain('s3cretpass');
    }
  });

  it('may be somebody else’s', async () => {
    if (process.getuid?.() !== 0) return;
    const scene = makeScene();
    execFileSync('chown', ['-R', '65534', scene.bot]);
    const failure = await rejectionOf(scene.update());
    expect(failure.code).toBe('git_dubious_ownership');
    expect(failure.hint).toContain(`safe.directory ${scene.bot}`);
  });
});

describe('the repository', () => {
  it('may be locked by somebody, and then the message names the file', async () => {
    const scene = makeScene();
    const lock = join(scene.bot, '.git/index.lock');
    writeFileSync(lock, '');
    expect(await scene.update()).toMatchObject({ outcome: 'current' });
    scene.publish({ 'bot.py': 'v2\n' });
    const failure = await rejectionOf(scene.update());
    expect(failure.code).toBe('git_locked');
    expect(failure.hint).toContain(`rm ${lock}`);
    expect(existsSync(lock)).toBe(true);
    rmSync(lock);
    expect(await scene.update()).toMatchObject({ outcome: 'updated' });
  });

  it('may have its branch locked, and then what git has done before it saw that is undone', async () => {
    const scene = makeScene();
    const lock = join(scene.bot, '.git/refs/heads/main.lock');
    write(scene.bot, { '.git/refs/heads/main.lock': '', '.env': 'mine' });
    utimesSync(lock, 1_000, 1_000);
    const [from, before] = [scene.head(), snapshot(scene.bot)];
    scene.publish({ 'bot.py': 'v2\n', 'new.py': 'v2\n', '.env': 'theirs' });
    for (const preserveFiles of [['.env'], []]) {
      const failure = await rejectionOf(scene.update({ preserveFiles, forceSync: true }));
      expect([failure.code, failure.hint]).toEqual(['git_locked', expect.stringContaining(`rm ${lock}`)]);
      expect([scene.head(), scene.changed(), snapshot(scene.bot)]).toEqual([from, [], before]);
    }
    rmSync(lock);
    expect(await scene.update({ forceSync: true })).toMatchObject({ outcome: 'updated' });
  });

  it('is not taken for another one around the folder', async () => {
    const scene = makeScene();
    git(scene.root, 'init', '--quiet', scene.root);
    const inner = join(scene.root, 'bots/inner');
    mkdirSync(inner);
    const failure = await rejectionOf(scene.update({ directory: inner }));
    expect(failure.code).toBe('foreign_repository');
    expect(failure.message).toContain(scene.root);
    expect(readdirSync(inner)).toEqual([]);
    // The hint does what it promises.
    git(inner, 'init', '--quiet');
    expect(await scene.update({ directory: inner })).toMatchObject({ outcome: 'updated', from: null });
    expect(existsSync(join(inner, 'bot.py'))).toBe(true);
  });

  it('may be broken, and then nothing is put in its place', async () => {
    const scene = makeScene();
    rmSync(join(scene.bot, '.git/HEAD'));
    const failure = await rejectionOf(scene.update());
    expect(failure.code).toBe('broken_repository');
    expect(failure.hint).toContain('mv ');
  });
});
