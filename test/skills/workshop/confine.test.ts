// The walls of the workshop: whatever a path says and whatever somebody puts on the disk, nothing outside staging/ is
// read or changed.

import { spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changeFile, deleteFile } from '../../../skills/workshop/change.ts';
import { atPlace, type Bounds } from '../../../skills/workshop/confine.ts';
import { findSecrets, readFile } from '../../../skills/workshop/files.ts';
import workshop from '../../../skills/workshop/index.ts';
import { parsePath } from '../../../skills/workshop/paths.ts';
import { failureOf, rejectionOf } from '../../support/failure.ts';
import { makeInstance, runProgram, until } from '../../support/instance.ts';
import { openWith } from '../../support/skills.ts';

const secret = 'the-secret-of-live';

function open(files: Readonly<Record<string, string>> = {}) {
  return openWith([workshop], {
    'config.json': '{}',
    'SOUL.md': secret,
    'outside/private.txt': secret,
    'staging/src/index.ts': 'one\ntwo\nthree\n',
    ...files,
  });
}

/** Both ways of confining: by descriptors, and by looking again. */
const ways = [
  ['by descriptors', '/proc/self/fd'],
  ['by looking again', undefined],
] as const;

function bare(descriptors: string | undefined) {
  const root = makeInstance({ 'outside/private.txt': secret, 'staging/src/index.ts': 'one\n' });
  const bounds: Bounds = { root, descriptors };
  const engine = { bounds, exclusively: <T>(act: () => T) => act() };
  return {
    root,
    read: (path: string) =>
      atPlace(bounds, parsePath(path), { intent: 'read' }, (place) =>
        readFile(place, 1_000_000, findSecrets(bounds))?.bytes.toString(),
      ),
    write: (path: string, text: string) =>
      changeFile(engine, path, () => Buffer.from(text), { mayCreate: true }),
    remove: (path: string) => deleteFile(engine, path),
  };
}

describe('a path', () => {
  const paths: readonly [string, string][] = [
    ['../SOUL.md', 'outside_staging'],
    ['src/../../SOUL.md', 'outside_staging'],
    ['src/../index.ts', 'outside_staging'],
    ['..', 'outside_staging'],
    ['/etc/passwd', 'outside_staging'],
    ['~/.bashrc', 'outside_staging'],
    ['C:/Windows/system.ini', 'outside_staging'],
    ['src/index.ts\u0000.txt', 'invalid_path'],
    ['src/a\nb.ts', 'invalid_path'],
    ['staging/src/index.ts', 'invalid_path'],
    [`${'a'.repeat(300)}.ts`, 'invalid_path'],
    [`${'d/'.repeat(90)}x`, 'no_such_file'],
    [`${'d/'.repeat(1_900)}x`, 'invalid_path'],
    ['.env', 'protected_path'],
    ['.ENV', 'protected_path'],
    ['.env.example', 'protected_path'],
    ['packages/inner/.env.local', 'protected_path'],
    ['src/index.ts/below', 'not_a_folder'],
    ['src', 'not_a_file'],
  ];

  const named = (list: readonly (readonly [string, string])[]) =>
    list.map(([path, code]) => [path.slice(0, 40), code, path] as const);

  it.each(named(paths))('%j is refused for reading: %s', async (_, code, path) => {
    const { call } = open({ 'staging/.env': secret, 'staging/packages/inner/.env.local': secret });
    expect(await rejectionOf(call('read_file', { path }))).toMatchObject({ code });
  });

  it.each(
    named([
      ...paths.filter(([, code]) => code !== 'no_such_file'),
      ...([
        ['.git/hooks/pre-commit', 'protected_path'],
        ['.GIT/config', 'protected_path'],
        ['sub/.git', 'protected_path'],
        ['.revert/next/x', 'protected_path'],
        ['', 'invalid_path'],
        ['.', 'invalid_path'],
      ] as const),
    ]),
  )('%j is refused for writing, editing and deleting: %s', async (_, code, path) => {
    const { call, root } = open({ 'staging/.env': secret, 'staging/packages/inner/.env.local': secret });
    const before = readdirSync(root, { recursive: true }).sort();
    expect(await rejectionOf(call('write_file', { path, content: 'x' }))).toMatchObject({ code });
    expect(await rejectionOf(call('edit_file', { path, oldText: 'a', newText: 'b' }))).toMatchObject({
      code,
    });
    if (path !== 'src') expect(await rejectionOf(call('delete_file', { path }))).toMatchObject({ code });
    expect(readFileSync(join(root, 'staging/.env'), 'utf8')).toBe(secret);
    const noDatabase = (names: readonly unknown[]) =>
      names.filter((name) => !String(name).startsWith('memory'));
    expect(noDatabase(readdirSync(root, { recursive: true }).sort())).toEqual(noDatabase(before));
  });

  it('that is too long for the system is refused with a sentence', async () => {
    const { call } = open();
    const path = `${'d/'.repeat(1_999)}x`;
    expect(
      await rejectionOf(call('write_file', { path: `${path}${'y'.repeat(400)}`, content: '' })),
    ).toMatchObject({
      code: expect.stringMatching(/invalid/),
    });
  });

  it('of the soul, the identity and the memory of staging may be changed: they are its own', async () => {
    const { call, root } = open();
    for (const path of ['SOUL.md', 'IDENTITY.md', 'memory/MEMORY.md']) {
      await call('write_file', { path, content: 'I am Test Bud.\n' });
      expect(readFileSync(join(root, 'staging', path), 'utf8')).toBe('I am Test Bud.\n');
    }
    expect(readFileSync(join(root, 'SOUL.md'), 'utf8')).toBe(secret);
  });
});

describe.each(ways)('a link, %s,', (_, descriptors) => {
  it('that leads out is refused for reading and for writing, as a file and on the way', () => {
    const { root, read, write } = bare(descriptors);
    symlinkSync('../outside', join(root, 'staging/folder'));
    symlinkSync(join(root, 'outside/private.txt'), join(root, 'staging/file.txt'));
    symlinkSync('folder', join(root, 'staging/chain'));
    for (const path of ['folder/private.txt', 'file.txt', 'chain/private.txt']) {
      expect(failureOf(() => read(path))).toMatchObject({ code: 'outside_staging' });
      expect(failureOf(() => write(path, 'x'))).toMatchObject({ code: 'outside_staging' });
    }
    for (const path of ['folder/new.txt', 'folder/deep/new.txt', 'chain/new.txt']) {
      expect(failureOf(() => write(path, 'x'))).toMatchObject({ code: 'outside_staging' });
    }
    expect(readdirSync(join(root, 'outside'))).toEqual(['private.txt']);
    expect(readFileSync(join(root, 'outside/private.txt'), 'utf8')).toBe(secret);
  });

  it('to nothing is not written through', () => {
    const { root, read, write } = bare(descriptors);
    symlinkSync('../outside/new.txt', join(root, 'staging/dangling'));
    expect(failureOf(() => read('dangling'))).toMatchObject({ code: 'broken_link' });
    expect(failureOf(() => write('dangling', 'x'))).toMatchObject({ code: 'broken_link' });
    expect(existsSync(join(root, 'outside/new.txt'))).toBe(false);
  });

  it('to itself ends with a sentence', () => {
    const { root, read, write } = bare(descriptors);
    symlinkSync('loop', join(root, 'staging/loop'));
    expect(failureOf(() => read('loop'))).toMatchObject({ code: 'outside_staging' });
    expect(failureOf(() => write('loop', 'x'))).toMatchObject({ code: 'outside_staging' });
  });

  it('that stays inside is followed, and stays a link when it is written through', () => {
    const { root, read, write } = bare(descriptors);
    symlinkSync('src/index.ts', join(root, 'staging/main.ts'));
    symlinkSync('src', join(root, 'staging/code'));
    expect(read('main.ts')).toBe('one\n');
    expect(read('code/index.ts')).toBe('one\n');
    expect(write('main.ts', 'two\n').path).toBe('src/index.ts');
    expect(readFileSync(join(root, 'staging/src/index.ts'), 'utf8')).toBe('two\n');
    write('code/new/file.ts', 'new');
    expect(readFileSync(join(root, 'staging/src/new/file.ts'), 'utf8')).toBe('new');
  });

  it('to a protected name is as protected', () => {
    const { root, read, write } = bare(descriptors);
    writeFileSync(join(root, 'staging/.env'), secret);
    symlinkSync('.env', join(root, 'staging/settings'));
    mkdirSync(join(root, 'staging/.git'));
    symlinkSync('.git', join(root, 'staging/git'));
    expect(failureOf(() => read('settings'))).toMatchObject({ code: 'protected_path' });
    expect(failureOf(() => write('settings', 'x'))).toMatchObject({ code: 'protected_path' });
    expect(failureOf(() => write('git/config', 'x'))).toMatchObject({ code: 'protected_path' });
  });

  it('is deleted itself, and not what it leads to', () => {
    const { root, remove } = bare(descriptors);
    symlinkSync('../outside/private.txt', join(root, 'staging/file.txt'));
    remove('file.txt');
    expect(readdirSync(join(root, 'staging'))).toEqual(['src']);
    expect(readFileSync(join(root, 'outside/private.txt'), 'utf8')).toBe(secret);
  });
});

describe.each(ways)('a second name of a file, %s,', (_, descriptors) => {
  it('keeps its content when the first is written', () => {
    const { root, write } = bare(descriptors);
    linkSync(join(root, 'outside/private.txt'), join(root, 'staging/copy.txt'));
    write('copy.txt', 'changed');
    expect(readFileSync(join(root, 'staging/copy.txt'), 'utf8')).toBe('changed');
    expect(readFileSync(join(root, 'outside/private.txt'), 'utf8')).toBe(secret);
  });

  it('of a file of secrets is as secret, in staging and in live', () => {
    const { root, read, write, remove } = bare(descriptors);
    writeFileSync(join(root, '.env'), secret);
    writeFileSync(join(root, 'staging/.env.local'), secret);
    linkSync(join(root, '.env'), join(root, 'staging/one'));
    linkSync(join(root, 'staging/.env.local'), join(root, 'staging/two'));
    for (const path of ['one', 'two']) {
      expect(failureOf(() => read(path))).toMatchObject({ code: 'protected_path' });
      expect(failureOf(() => write(path, 'x'))).toMatchObject({ code: 'protected_path' });
      expect(remove(path)).toMatchObject({ change: 'deleted', diff: '' });
    }
    expect(readFileSync(join(root, '.env'), 'utf8')).toBe(secret);
  });
});

describe('what is no regular file', () => {
  it('is refused at once: a FIFO that nobody writes to, a socket, a device', async () => {
    const { call, root } = open();
    const fifo = join(root, 'staging/pipe');
    expect((await runProgram('mkfifo', [fifo])).exitCode).toBe(0);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'staging/socket'), resolve));
    onTestFinished(() => void server.close());
    for (const path of ['pipe', 'socket']) {
      expect(await rejectionOf(call('read_file', { path }))).toMatchObject({ code: 'not_a_file' });
      expect(await rejectionOf(call('write_file', { path, content: 'x' }))).toMatchObject({
        code: 'not_a_file',
      });
    }
    expect(await call('search_files', { pattern: 'two' })).toMatchObject({
      hits: [{ path: 'src/index.ts', line: 2 }],
    });
    expect(statSync(fifo).isFIFO()).toBe(true);
    if (process.getuid?.() !== 0) return;
    const device = await runProgram('mknod', [join(root, 'staging/zero'), 'c', '1', '5']);
    if (device.exitCode !== 0) return;
    expect(await rejectionOf(call('read_file', { path: 'zero' }))).toMatchObject({ code: 'not_a_file' });
  });
});

describe('staging/ itself', () => {
  const everything = [
    ['list_files', {}],
    ['read_file', { path: 'x' }],
    ['search_files', { pattern: 'x' }],
    ['write_file', { path: 'x', content: '' }],
    ['edit_file', { path: 'x', oldText: 'a', newText: 'b' }],
    ['delete_file', { path: 'x' }],
    ['run_in_staging', { command: 'true' }],
  ] as const;

  it.each(everything)('missing: %s says to revert', async (name, input) => {
    const { call, root } = open();
    rmSync(join(root, 'staging'), { recursive: true });
    const failure = await rejectionOf(call(name, input));
    expect(failure.code).toBe('no_staging');
    expect(failure.hint).toContain('revert');
    expect(existsSync(join(root, 'staging'))).toBe(false);
  });

  it.each(everything)('a link: %s refuses', async (name, input) => {
    const { call, root } = open();
    rmSync(join(root, 'staging'), { recursive: true });
    symlinkSync('outside', join(root, 'staging'));
    const failure = await rejectionOf(call(name, input));
    expect(failure.code).toBe('no_staging');
    expect(failure.hint).toContain('revert');
  });

  it('a file: says so', async () => {
    const { call, root } = open();
    rmSync(join(root, 'staging'), { recursive: true });
    writeFileSync(join(root, 'staging'), '');
    expect(await rejectionOf(call('list_files', {}))).toMatchObject({ code: 'no_staging' });
  });
});

/** Turns a folder of staging into a link that leads out and back again, as fast as it can, until it is killed. */
const flipper = `
const { renameSync, rmSync, symlinkSync, unlinkSync, writeSync } = require('node:fs');
const [folder, aside, target] = process.argv.slice(1);
writeSync(1, 'flipping');
for (let turn = 0; turn < 2_000_000; turn++) {
  try {
    renameSync(folder, aside);
    symlinkSync(target, folder);
    unlinkSync(folder);
    renameSync(aside, folder);
  } catch {
    // A folder was made there while the real one was aside, and perhaps a file in it just now.
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {}
  }
}`;

describe.each(ways)('a link that is put there between looking and opening, %s,', (_, descriptors) => {
  function swapping() {
    const root = makeInstance({
      'outside/deep/index.ts': secret,
      'outside/index.ts': secret,
      'staging/src/deep/index.ts': 'one\n',
      'staging/src/index.ts': 'one\n',
    });
    const state = { isArmed: false };
    const swap = () => {
      if (!state.isArmed) return;
      state.isArmed = false;
      renameSync(join(root, 'staging/src'), join(root, 'staging/aside'));
      symlinkSync('../outside', join(root, 'staging/src'));
    };
    const bounds: Bounds = {
      root,
      // It is asked for when the real path is known and the folder is not open yet.
      get descriptors() {
        swap();
        return descriptors;
      },
    };
    const outside = () =>
      readdirSync(join(root, 'outside'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
    return {
      root,
      state,
      swap,
      bounds,
      outside,
      engine: { bounds, exclusively: <T>(act: () => T) => act() },
    };
  }

  it.each(['src/index.ts', 'src/deep/index.ts'])('is not read through: %s', (path) => {
    const { state, bounds } = swapping();
    state.isArmed = true;
    const read = () =>
      atPlace(bounds, parsePath(path), { intent: 'read' }, (place) => readFile(place, 1_000, new Map()));
    expect(failureOf(read).code).toMatch(/outside_staging|not_a_folder/);
    expect(state.isArmed).toBe(false);
  });

  it.each(['src/index.ts', 'src/deep/index.ts', 'src/new.ts', 'src/deep/er/new.ts'])(
    'is not written or deleted through: %s',
    (path) => {
      for (const act of ['write', 'delete'] as const) {
        const { state, engine, outside } = swapping();
        state.isArmed = true;
        const change = () =>
          act === 'write'
            ? changeFile(engine, path, () => Buffer.from('ours'), { mayCreate: true })
            : deleteFile(engine, path);
        expect(failureOf(change).code).toMatch(/outside_staging|not_a_folder|no_such_file/);
        expect(outside()).toEqual([secret, secret]);
      }
    },
  );

  it.each(['src/index.ts', 'src/deep/index.ts', 'src/new.ts'])(
    'is not written through when it comes after the file was read: %s',
    (path) => {
      const { root, state, swap, engine, outside } = swapping();
      const make = () => {
        state.isArmed = true;
        swap();
        return Buffer.from('ours');
      };
      try {
        changeFile(engine, path, make, { mayCreate: true });
        // The folder that was opened is still in staging, under another name.
        expect(readFileSync(join(root, 'staging/aside', path.slice(4)), 'utf8')).toBe('ours');
      } catch (error) {
        expect(error).toMatchObject({ code: 'outside_staging' });
      }
      expect(outside()).toEqual([secret, secret]);
    },
  );
});

describe('a race', () => {
  it('between looking and opening is lost by whoever puts a link there', async () => {
    const { root, read, write } = bare('/proc/self/fd');
    writeFileSync(join(root, 'outside/index.ts'), secret);
    const places = ['staging/src', 'staging/aside', 'outside'].map((path) => join(root, path));
    const child = spawn(process.execPath, ['-e', flipper, ...places], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let flips = '';
    child.stdout.on('data', (text) => {
      flips += String(text);
    });
    await until('the folder is flipped', () => flips !== '');
    const outcomes = { done: 0, refused: 0 };
    const deadline = performance.now() + 4_000;
    for (let turn = 0; turn < 4_000 && performance.now() < deadline; turn++) {
      try {
        const text = turn % 2 === 0 ? read('src/index.ts') : write('src/index.ts', `turn ${turn}\n`).diff;
        expect(text ?? '').not.toContain(secret);
        outcomes.done++;
      } catch (error) {
        expect(error).toMatchObject({ name: 'Failure' });
        outcomes.refused++;
      }
    }
    expect(readFileSync(join(root, 'outside/index.ts'), 'utf8')).toBe(secret);
    expect(readdirSync(join(root, 'outside')).sort()).toEqual(['index.ts', 'private.txt']);
    expect(existsSync(`/proc/${child.pid}/fd`)).toBe(true);
    // Both happened: the race was real.
    expect(outcomes.done).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});
