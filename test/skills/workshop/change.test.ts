// Writing, editing and deleting files of staging, through the real dispatcher.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changeFile, deleteFile } from '../../../skills/workshop/change.ts';
import type { Workshop } from '../../../skills/workshop/engine.ts';
import workshop from '../../../skills/workshop/index.ts';
import { failureOf, rejectionOf } from '../../support/failure.ts';
import { makeInstance, runProgram, understudy } from '../../support/instance.ts';
import { openWith, person } from '../../support/skills.ts';

const greeting = ['export function greet(name: string) {', '  return (Hello, dear name);', '}', ''].join(
  '\n',
);

function open(files: Readonly<Record<string, string>> = {}) {
  const opened = openWith([workshop], { 'config.json': '{}', 'staging/greeting.ts': greeting, ...files });
  const at = (path: string) => join(opened.root, 'staging', path);
  const edit = (oldText: string, newText: string, path = 'greeting.ts', all = false) =>
    opened.call('edit_file', { path, oldText, newText, all });
  return { ...opened, at, edit, text: (path: string) => readFileSync(at(path), 'utf8') };
}

describe('edit_file', () => {
  it('replaces a text that stands there once, and answers with a diff', async () => {
    const { edit, text } = open();
    expect(await edit('Hello, dear name', 'Good morning, dear name')).toEqual({
      path: 'greeting.ts',
      change: 'changed',
      count: 1,
      diff: [
        '--- a/greeting.ts',
        '+++ b/greeting.ts',
        '@@ -1,3 +1,3 @@',
        ' export function greet(name: string) {',
        '-  return (Hello, dear name);',
        '+  return (Good morning, dear name);',
        ' }',
      ].join('\n'),
    });
    expect(text('greeting.ts')).toContain('Good morning');
  });

  it('shows the nearest lines when the text is not there, and changes nothing', async () => {
    const { edit, text } = open();
    const failure = await rejectionOf(edit('  return (Hallo, dear nam);', 'x'));
    expect(failure.code).toBe('text_not_found');
    expect(failure.message).toContain('2\t  return (Hello, dear name);');
    const blanks = await rejectionOf(edit('greet(name: string) {\nreturn (Hello', 'x'));
    expect(blanks.code).toBe('text_not_found');
    const other = await rejectionOf(
      edit('export function greet(name: string) {\n    return (Hello, dear name);', 'x'),
    );
    expect(other.message).toContain('With other blanks it is there');
    expect((await rejectionOf(edit('nothing like it in there at all', 'x'))).message).not.toContain('\t');
    expect(text('greeting.ts')).toBe(greeting);
  });

  it('names the lines when the text is there several times, and replaces all of them when told to', async () => {
    const { edit, text } = open({ 'staging/list.txt': 'a\nb\na a\nb\na' });
    const failure = await rejectionOf(edit('a', 'x', 'list.txt'));
    expect(failure).toMatchObject({ code: 'text_found_often' });
    expect(failure.message).toContain('4 times in list.txt: at lines 1, 3, 3, 5');
    expect(text('list.txt')).toBe('a\nb\na a\nb\na');
    expect(await edit('a', 'aa', 'list.txt', true)).toMatchObject({ count: 4 });
    expect(text('list.txt')).toBe('aa\nb\naa aa\nb\naa');
  });

  it('refuses a text that stays the same, a missing file, and a file that is too large', async () => {
    const { edit, at, call } = open();
    expect(await rejectionOf(edit('Hello', 'Hello'))).toMatchObject({ code: 'same_text' });
    expect(await rejectionOf(edit('a', 'b', 'missing.ts'))).toMatchObject({ code: 'no_such_file' });
    expect(await rejectionOf(edit('a', 'b', 'no/such/folder.ts'))).toMatchObject({ code: 'no_such_file' });
    expect(existsSync(at('no'))).toBe(false);
    writeFileSync(at('large.txt'), Buffer.alloc(6_000_000, 'x'));
    expect(await rejectionOf(edit('y', 'b', 'large.txt'))).toMatchObject({ code: 'file_too_large' });
    writeFileSync(at('growing.txt'), Buffer.alloc(4_999_999, 'x'));
    const grow = (oldText: string) =>
      rejectionOf(call('edit_file', { path: 'growing.txt', oldText, newText: `${oldText}y`, all: true }));
    expect(await grow('x'.repeat(1_000))).toMatchObject({ code: 'file_too_large' });
    expect(await grow('x')).toMatchObject({ code: 'text_found_often' });
    expect(statSync(at('growing.txt')).size).toBe(4_999_999);
  });

  it('takes line breaks as the file has them, and leaves bytes alone that are no UTF-8', async () => {
    const { edit, at } = open();
    writeFileSync(at('windows.txt'), 'one\r\ntwo\r\nthree\r\n');
    await edit('one\ntwo', 'eins\nzwei\nzweieinhalb', 'windows.txt');
    expect(readFileSync(at('windows.txt'), 'utf8')).toBe('eins\r\nzwei\r\nzweieinhalb\r\nthree\r\n');
    writeFileSync(at('latin.txt'), Buffer.from([0xe4, 0x20, 0x61, 0x0a, 0xff]));
    await edit('a', 'b', 'latin.txt');
    expect(readFileSync(at('latin.txt'))).toEqual(Buffer.from([0xe4, 0x20, 0x62, 0x0a, 0xff]));
  });

  it('keeps the mode of a file, and its owner', async () => {
    const { edit, at } = open();
    chmodSync(at('greeting.ts'), 0o751);
    if (process.getuid?.() === 0) spawnSync('chown', ['1234:1235', at('greeting.ts')]);
    const before = statSync(at('greeting.ts'));
    await edit('Hello', 'Hi');
    const { mode, uid, gid, ino } = statSync(at('greeting.ts'));
    expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid });
    expect(ino).not.toBe(before.ino);
  });
});

describe('write_file', () => {
  it('makes a file and its folders, and replaces one that is there', async () => {
    const { call, text } = open();
    const made = await call('write_file', { path: 'src/deep/new.ts', content: 'one\ntwo' });
    expect(made).toEqual({
      path: 'src/deep/new.ts',
      change: 'created',
      diff: '--- /dev/null\n+++ b/src/deep/new.ts\n@@ -0,0 +1,2 @@\n+one\n+two\n\\ No newline at end of file',
    });
    const replaced = await call('write_file', { path: 'src/deep/new.ts', content: 'one\nthree\n' });
    expect(replaced).toMatchObject({
      change: 'changed',
      diff: expect.stringContaining('-two\n\\ No newline'),
    });
    expect(text('src/deep/new.ts')).toBe('one\nthree\n');
    const same = await call('write_file', { path: 'src/deep/new.ts', content: 'one\nthree\n' });
    expect(same).toEqual({ path: 'src/deep/new.ts', change: 'none', diff: '' });
  });

  it('shows a huge change in few lines', async () => {
    const { call } = open();
    const content = Array.from({ length: 100_000 }, (_, line) => `line ${line}`).join('\n');
    await call('write_file', { path: 'large.txt', content });
    const { diff } = await call('write_file', {
      path: 'large.txt',
      content: content.replaceAll('line', 'row'),
    });
    expect(String(diff).length).toBeLessThan(25_000);
    expect(diff).toMatch(/… \d+ more lines of this change are not shown$/);
  });

  it('says so when something that is no text is replaced', async () => {
    const { call, at } = open();
    writeFileSync(at('image.bin'), Buffer.from([1, 0, 2]));
    const { diff } = await call('write_file', { path: 'image.bin', content: 'text' });
    expect(diff).toBe('Binary file image.bin differs');
  });

  it('does not put [masked] where a model was not shown what stands there', async () => {
    const line = "const token = 'ghp_0123456789abcdefghijABCDEFGHIJ';";
    const { call, text } = open({
      'staging/token.ts': `${line}\nconst a = 1;\n`,
      '.env': 'X=the-secret-value\n',
    });
    const shown = await call('read_file', { path: 'token.ts' }, person('llm'));
    expect(JSON.stringify(shown)).toContain('[masked]');
    const written = "const token = '[masked]';\nconst a = 2;\n";
    const failure = await rejectionOf(
      call('write_file', { path: 'token.ts', content: written }, person('llm')),
    );
    expect(failure.code).toBe('masked_text');
    expect(text('token.ts')).toContain(line);
    await call('edit_file', { path: 'token.ts', oldText: 'a = 1', newText: 'a = 2' }, person('llm'));
    expect(text('token.ts')).toBe(`${line}\nconst a = 2;\n`);
    // A file that speaks of masks is none of that.
    await call('write_file', { path: 'mask.ts', content: "const mark = '[masked]';\n" });
    await call('write_file', { path: 'mask.ts', content: "const mark = '[masked]';\nexpect('[masked]');\n" });
  });
});

describe('delete_file', () => {
  it('removes a file and shows what it held, or an empty folder, and nothing else', async () => {
    const { call, at } = open({ 'staging/src/one.ts': 'one\n' });
    expect(await rejectionOf(call('delete_file', { path: 'src' }))).toMatchObject({
      code: 'folder_not_empty',
    });
    expect(await call('delete_file', { path: 'src/one.ts' })).toMatchObject({
      change: 'deleted',
      diff: '--- a/src/one.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-one',
    });
    expect(await call('delete_file', { path: 'src' })).toMatchObject({ change: 'deleted', diff: '' });
    expect(readdirSync(at('.'))).toEqual(['greeting.ts']);
    expect(await rejectionOf(call('delete_file', { path: 'src' }))).toMatchObject({ code: 'no_such_file' });
  });
});

describe('two changes at once', () => {
  it('both count, also from two processes', async () => {
    const lines = Array.from({ length: 8 }, (_, index) => `line ${index};`);
    const { root, text, call } = open({ 'staging/list.txt': lines.join('\n') });
    await understudy(['--root', root, 'list_files']);
    const shells = lines
      .slice(0, 4)
      .map((line) =>
        understudy([
          '--root',
          root,
          'edit_file',
          'list.txt',
          '--old-text',
          line,
          '--new-text',
          `shell ${line}`,
        ]),
      );
    const calls = lines
      .slice(4)
      .map((line) => call('edit_file', { path: 'list.txt', oldText: line, newText: `call ${line}` }));
    for (const { exitCode, stderr } of await Promise.all(shells)) expect([exitCode, stderr]).toEqual([0, '']);
    await Promise.all(calls);
    expect(text('list.txt').split('\n')).toEqual(
      lines.map((line, index) => `${index < 4 ? 'shell' : 'call'} ${line}`),
    );
  });

  it('wait for each other: while somebody changes a file, nobody else begins to', () => {
    const { root, text, instance } = open();
    instance.database();
    const other = new Sqlite(join(root, 'memory/understudy.db'));
    onTestFinished(() => void other.close());
    const engine = instance.catalogue.skills[0]?.engine() as Workshop;
    instance.database().exec('PRAGMA busy_timeout = 50');
    const change = () => changeFile(engine, 'greeting.ts', () => Buffer.from('ours'), { mayCreate: true });
    other.exec('BEGIN IMMEDIATE');
    for (const act of [change, () => deleteFile(engine, 'greeting.ts')]) {
      expect(act).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
      expect(text('greeting.ts')).toBe(greeting);
    }
    other.exec('ROLLBACK');
    change();
    expect(text('greeting.ts')).toBe('ours');
  });

  it.each([
    ['changed', (path: string) => writeFileSync(path, 'theirs')],
    ['made longer', (path: string) => writeFileSync(path, greeting.repeat(2))],
    ['removed', (path: string) => spawnSync('rm', [path])],
    ['replaced by a link', (path: string) => spawnSync('ln', ['-sf', '../config.json', path])],
  ])('where the file is %s behind our back: it is left as they wrote it', (_, meddle) => {
    const root = makeInstance({ 'staging/greeting.ts': greeting });
    const path = join(root, 'staging/greeting.ts');
    const engine = {
      bounds: { root, descriptors: '/proc/self/fd' },
      exclusively: <T>(act: () => T) => act(),
    };
    const make = () => {
      meddle(path);
      return Buffer.from('ours');
    };
    const failure = failureOf(() => changeFile(engine, 'greeting.ts', make, { mayCreate: true }));
    expect(failure.code).toMatch(/changed_meanwhile|not_a_file/);
    expect(existsSync(path) ? readFileSync(path, 'utf8') : '').not.toBe('ours');
    expect(readFileSync(join(root, 'config.json'), 'utf8')).toBe('{}');
    expect(readdirSync(join(root, 'staging')).filter((name) => name !== 'greeting.ts')).toEqual([]);
  });

  it('a file that somebody makes behind our back is left as they made it', () => {
    const root = makeInstance({ 'staging/.gitkeep': '' });
    const path = join(root, 'staging/new.ts');
    const engine = {
      bounds: { root, descriptors: '/proc/self/fd' },
      exclusively: <T>(act: () => T) => act(),
    };
    const make = () => {
      writeFileSync(path, 'theirs');
      return Buffer.from('ours');
    };
    const failure = failureOf(() => changeFile(engine, 'new.ts', make, { mayCreate: true }));
    expect(failure.code).toBe('changed_meanwhile');
    expect(readFileSync(path, 'utf8')).toBe('theirs');
  });
});

describe('a process that was killed in the middle', () => {
  it('leaves the old file, and what it began is cleared away by the next change and shown to nobody', async () => {
    const { call, at, text } = open();
    writeFileSync(at('.workshop-0123456789ab.new'), 'half');
    writeFileSync(at('.workshop-mine.new'), 'of somebody else');
    expect(JSON.stringify(await call('list_files', {}))).not.toContain('0123456789ab');
    expect(await call('search_files', { pattern: 'half' })).toMatchObject({ hits: [] });
    await call('write_file', { path: 'other.ts', content: '' });
    expect(readdirSync(at('.')).sort()).toEqual(['.workshop-mine.new', 'greeting.ts', 'other.ts']);
    expect(text('greeting.ts')).toBe(greeting);
  });
});

const canMount = process.getuid?.() === 0 && process.platform === 'linux' && mountWorks();
if (!canMount) process.stderr.write('SKIPPED: full and read-only disks need root and mount\n');

function mountWorks(): boolean {
  const folder = spawnSync('mktemp', ['-d'], { encoding: 'utf8' }).stdout.trim();
  const worked = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status === 0;
  if (worked) spawnSync('umount', [folder]);
  spawnSync('rmdir', [folder]);
  return worked;
}

describe.runIf(canMount)('a disk that refuses', () => {
  async function openOn(options: string) {
    const opened = open();
    const staging = opened.at('.');
    const mounted = await runProgram('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', staging]);
    expect(mounted.exitCode).toBe(0);
    onTestFinished(() => void spawnSync('umount', ['-l', staging]));
    return opened;
  }

  it('because it is full leaves the file as it was, and nothing beside it', async () => {
    const { call, at, text } = await openOn('size=1m');
    const content = 'x'.repeat(600_000);
    await call('write_file', { path: 'file.txt', content });
    const failure = await rejectionOf(call('write_file', { path: 'file.txt', content: `${content}y` }));
    expect(failure.code).toBe('disk_full');
    expect(text('file.txt')).toBe(content);
    const edit = call('edit_file', { path: 'file.txt', oldText: content.slice(0, 9), newText: 'z' });
    expect((await rejectionOf(edit)).code).toMatch(/text_found_often|disk_full/);
    expect(readdirSync(at('.'))).toEqual(['file.txt']);
  });

  it('because it is read-only says so', async () => {
    const { call, at } = await openOn('size=1m');
    writeFileSync(at('file.txt'), 'old');
    mkdirSync(at('folder'));
    symlinkSync('file.txt', at('link'));
    spawnSync('mount', ['-o', 'remount,ro', at('.')]);
    for (const act of [
      call('write_file', { path: 'file.txt', content: 'new' }),
      call('write_file', { path: 'new/file.txt', content: 'new' }),
      call('delete_file', { path: 'link' }),
      call('delete_file', { path: 'folder' }),
    ]) {
      expect(await rejectionOf(act)).toMatchObject({ code: 'not_allowed' });
    }
  });
});
