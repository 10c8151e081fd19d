// Listing, reading and searching the files of staging, and running commands there, through the real dispatcher.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import manager from '../../../skills/process-manager/index.ts';
import type { Tool } from '../../../skills/tool.ts';
import workshop from '../../../skills/workshop/index.ts';
import { rejectionOf } from '../../support/failure.ts';
import { openWith, person } from '../../support/skills.ts';

const secret = 'a-secret-of-staging';

function open(files: Readonly<Record<string, string>> = {}) {
  return openWith([manager, workshop], {
    'config.json': '{}',
    'staging/package.json': '{}',
    'staging/.env': `TOKEN=${secret}\n`,
    'staging/src/index.ts': "import './a.ts';\nstart('Hello');\n",
    'staging/src/deep/er/a.ts': '// hello\n',
    'staging/node_modules/zod/index.js': 'hello\n',
    'staging/.git/config': 'hello\n',
    ...files,
  });
}

function viewOf(name: string, output: unknown) {
  const tool = workshop.tools.find((each) => each.name === name) as Tool;
  return tool.present?.(output);
}

describe('list_files', () => {
  it('shows a tree with sizes, and leaves packages, git and secrets alone', async () => {
    const { call, root } = open();
    symlinkSync('../config.json', join(root, 'staging/link'));
    const output = await call('list_files', {});
    expect(viewOf('list_files', output)?.text).toBe(
      [
        '.env  (may hold secrets; left alone)',
        '.git/  (not entered)',
        'link  (symbolic link; not followed)',
        'node_modules/  (not entered)',
        'package.json  2 B',
        'src/',
        '  deep/',
        '    er/',
        '  index.ts  33 B',
      ].join('\n'),
    );
    expect(output).toMatchObject({ notes: [] });
    const one = await call('list_files', { path: 'src', depth: 1 });
    expect(viewOf('list_files', one)?.text).toBe('deep/\nindex.ts  33 B');
    expect(await rejectionOf(call('list_files', { path: 'nowhere' }))).toMatchObject({
      code: 'no_such_file',
    });
    expect(await rejectionOf(call('list_files', { path: 'package.json' }))).toMatchObject({
      code: 'not_a_folder',
    });
  });

  it('is bounded, and says what it leaves out', async () => {
    const { call, root } = open();
    for (let index = 0; index < 600; index++) writeFileSync(join(root, `staging/src/deep/${index}.txt`), '');
    const { entries, notes } = (await call('list_files', { depth: 9 })) as {
      entries: unknown[];
      notes: string[];
    };
    expect(entries).toHaveLength(500);
    expect(notes).toEqual([expect.stringContaining('first 500')]);
  });

  it('says that an empty staging can be filled', async () => {
    const { call } = openWith([workshop], { 'config.json': '{}', 'staging/SOUL.md': '' });
    expect((await call('list_files', {})).notes).toEqual([expect.stringContaining('revert')]);
  });
});

describe('read_file', () => {
  it('numbers the lines, in ranges, and says where to read on', async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index + 1}`);
    const { call } = open({ 'staging/long.txt': `${lines.join('\n')}\n` });
    const first = await call('read_file', { path: 'long.txt' });
    expect(first).toMatchObject({
      from: 1,
      to: 2_000,
      totalLines: 5_000,
      cut: expect.stringContaining('line 2001'),
    });
    expect(String(first.text).split('\n')[0]).toBe('   1\tline 1');
    const some = await call('read_file', { path: 'long.txt', from: 4_999, lines: 10 });
    expect(some).toMatchObject({ text: '4999\tline 4999\n5000\tline 5000', to: 5_000 });
    expect(some).not.toHaveProperty('cut');
    const failure = await rejectionOf(call('read_file', { path: 'long.txt', from: 5_001 }));
    expect(failure).toMatchObject({ code: 'no_such_line', message: expect.stringContaining('5000') });
  });

  it('is bounded in characters, of a line too', async () => {
    const { call } = open({
      'staging/wide.txt': Array.from({ length: 300 }, () => 'x'.repeat(1_000)).join('\n'),
      'staging/minified.js': `${'y'.repeat(500_000)}\nshort`,
    });
    const wide = (await call('read_file', { path: 'wide.txt' })) as { text: string; to: number; cut: string };
    expect(wide.text.length).toBeLessThan(101_000);
    expect(wide.cut).toContain(`line ${wide.to + 1}`);
    const minified = await call('read_file', { path: 'minified.js' });
    expect(minified.text).toMatch(/^1\ty{4000}… \(496000 more characters\)\n2\tshort$/);
  });

  it('refuses what is no text, what is too large, and what is not there; tolerates what is no UTF-8', async () => {
    const { call, root } = open({ 'staging/empty.txt': '' });
    const put = (name: string, bytes: Buffer) => writeFileSync(join(root, 'staging', name), bytes);
    put('image.bin', Buffer.from([137, 80, 0, 13]));
    put('latin.txt', Buffer.from([0x67, 0x72, 0xfc, 0x6e]));
    put('huge.txt', Buffer.alloc(21_000_000, 'x'));
    expect(await rejectionOf(call('read_file', { path: 'image.bin' }))).toMatchObject({
      code: 'binary_file',
    });
    expect(await rejectionOf(call('read_file', { path: 'huge.txt' }))).toMatchObject({
      code: 'file_too_large',
    });
    expect(await rejectionOf(call('read_file', { path: 'none.txt' }))).toMatchObject({
      code: 'no_such_file',
    });
    expect(await call('read_file', { path: 'latin.txt' })).toMatchObject({ text: '1\tgr\ufffdn' });
    expect(await call('read_file', { path: 'empty.txt' })).toMatchObject({ text: '', totalLines: 0 });
  });
});

describe('search_files', () => {
  it('finds text, patterns, in some files, and never in packages, git or secrets', async () => {
    const { call } = open();
    const find = async (input: object) =>
      ((await call('search_files', input)).hits as { path: string }[]).map(({ path }) => path);
    expect(await find({ pattern: 'hello' })).toEqual(['src/deep/er/a.ts']);
    expect(await find({ pattern: 'hello', ignoreCase: true })).toEqual(['src/index.ts', 'src/deep/er/a.ts']);
    expect(await find({ pattern: '^// h.llo$', regex: true })).toEqual(['src/deep/er/a.ts']);
    expect(await find({ pattern: 'start(', path: 'src/index.ts' })).toEqual(['src/index.ts']);
    expect(await find({ pattern: secret })).toEqual([]);
    expect(await find({ pattern: 'hello', path: 'node_modules/zod' })).toEqual(['node_modules/zod/index.js']);
    const globs: readonly [string, number][] = [
      ['*.ts', 2],
      ['src/*.ts', 1],
      ['src/**/*.ts', 2],
      ['**/er/*', 1],
      ['*.{js,ts}', 2],
      ['[!a-h]*.ts', 1],
      ['?.ts', 1],
      ['*.js', 0],
      ['{*.ts', 0],
    ];
    for (const [glob, count] of globs) {
      expect([glob, await find({ pattern: 'hello', ignoreCase: true, glob })]).toEqual([
        glob,
        expect.objectContaining({ length: count }),
      ]);
    }
    for (const path of ['.env', 'nowhere', '../staging']) {
      await rejectionOf(call('search_files', { pattern: 'x', path }));
    }
  });

  it('refuses patterns that cannot be, and takes linear time for hostile ones', async () => {
    const { call } = open({ 'staging/hostile.txt': `${'a'.repeat(200_000)}b\n` });
    for (const pattern of ['(', '(?=x)', '(a)\\1', '((a{100}){100}){100}', 'a\nb']) {
      expect(await rejectionOf(call('search_files', { pattern, regex: true }))).toMatchObject({
        code: 'pattern_refused',
      });
    }
    const started = performance.now();
    expect(await call('search_files', { pattern: '^(a+)+$', regex: true, glob: '*.txt' })).toMatchObject({
      hits: [],
    });
    const heavy = { pattern: '(a?b?){300}(a|b)*[b-d]$', regex: true, glob: '*.txt' };
    expect(await call('search_files', heavy)).toMatchObject({ hits: [] });
    expect(await call('search_files', { pattern: 'x', glob: `${'*'.repeat(900)}y` })).toMatchObject({
      hits: [],
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('is bounded in hits and sizes, and says what it passed over', async () => {
    const { call, root } = open({ 'staging/many.txt': 'needle\n'.repeat(300) });
    writeFileSync(join(root, 'staging/binary'), Buffer.from('needle\0'));
    writeFileSync(join(root, 'staging/large'), Buffer.alloc(2_100_000, 'needle '));
    writeFileSync(join(root, 'staging/aaa-wide'), `${'x'.repeat(5_000)}needle${'y'.repeat(5_000)}`);
    const { hits, notes } = (await call('search_files', { pattern: 'needle', limit: 20 })) as {
      hits: { text: string }[];
      notes: string[];
    };
    expect(hits).toHaveLength(20);
    expect(hits[0]?.text).toMatch(/^…x{100}needley+… \(\d+ more characters\)$/);
    expect(notes.join(' ')).toMatch(/more than 20 hits/);
    expect(notes.join(' ')).toMatch(/1 larger than 2 MB.*1 that are no text/);
  });

  it('stops when nobody waits any more, and lets others have their turn meanwhile', async () => {
    const { call } = open({ 'staging/slow.txt': `${`${'ab'.repeat(2_000)}\n`.repeat(400)}` });
    const controller = new AbortController();
    const slow = { pattern: '(a?b?){300}(a|b)*[cd]$', regex: true };
    const searching = call('search_files', slow, person(), { signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    expect(await rejectionOf(searching)).toMatchObject({ code: 'aborted' });
  });
});

describe('run_in_staging', () => {
  it('runs in staging and returns output and exit code, which is a result whatever it is', async () => {
    const { call, root } = open();
    const output = await call('run_in_staging', { command: 'pwd; echo oops >&2; exit 3' });
    expect(output).toMatchObject({
      process: { status: 'exited', exitCode: 3 },
      output: { stdout: `${join(root, 'staging')}\n`, stderr: 'oops\n' },
    });
    expect(viewOf('run_in_staging', output)?.notes).toEqual([join(root, 'staging'), 'oops']);
    const below = await call('run_in_staging', { command: 'pwd', folder: 'src/deep' });
    expect(below).toMatchObject({ output: { stdout: `${join(root, 'staging/src/deep')}\n` } });
  });

  it('answers when the waiting is over, and the command runs on', async () => {
    const { call } = open();
    const output = (await call('run_in_staging', { command: 'exec sleep 60', wait: 0.2 })) as {
      process: { id: string; status: string };
    };
    expect(output.process.status).toBe('running');
    expect(output).not.toHaveProperty('output');
    await call('kill', { process: output.process.id });
  });

  it('is confined, and goes by the rules of run: blocklist, policy, confirmation, rights', async () => {
    const { call, root } = open({
      'config.json': '{"policy": {"run:git push*": "deny", "run:echo *": "allow"}}',
    });
    mkdirSync(join(root, 'outside'));
    symlinkSync('../outside', join(root, 'staging/out'));
    for (const folder of ['..', '/', 'out', 'nowhere', 'package.json']) {
      expect((await rejectionOf(call('run_in_staging', { command: 'true', folder }))).code).toMatch(
        /outside_staging|no_such_file|not_a_folder/,
      );
    }
    expect(await rejectionOf(call('run_in_staging', { command: 'rm -rf /' }))).toMatchObject({
      code: 'blocked_command',
    });
    expect(await rejectionOf(call('run_in_staging', { command: 'git push --force' }))).toMatchObject({
      code: 'denied_by_policy',
    });
    const model = person('llm');
    expect(await rejectionOf(call('run_in_staging', { command: 'touch x' }, model))).toMatchObject({
      code: 'not_confirmed',
    });
    const asked: unknown[] = [];
    const confirm = async ({ tool, input }: { tool: string; input: unknown }) => {
      asked.push([tool, (input as { command: string }).command]);
      return true;
    };
    await call('run_in_staging', { command: 'touch x' }, model, { confirm });
    expect(asked).toEqual([['run', 'touch x']]);
    await call('run_in_staging', { command: 'echo known' }, model);
    const reader = person('llm', ['read']);
    expect(await rejectionOf(call('run_in_staging', { command: 'echo x' }, reader))).toMatchObject({
      code: 'not_permitted',
    });
  });

  it('says so when the owner has confined commands to another folder', async () => {
    const { call, root } = open({ 'config.json': '{"agent": {"workspace": "elsewhere"}}' });
    mkdirSync(join(root, 'elsewhere'));
    expect(await rejectionOf(call('run_in_staging', { command: 'true' }))).toMatchObject({
      code: 'outside_workspace',
    });
  });
});

describe('rights', () => {
  it('to look are enough to look, and not to change', async () => {
    const { call } = open();
    const reader = person('llm', ['read']);
    await call('list_files', {}, reader);
    await call('read_file', { path: 'package.json' }, reader);
    await call('search_files', { pattern: 'x' }, reader);
    for (const [name, input] of [
      ['write_file', { path: 'x', content: '' }],
      ['edit_file', { path: 'package.json', oldText: '{', newText: '[' }],
      ['delete_file', { path: 'package.json' }],
    ] as const) {
      expect(await rejectionOf(call(name, input, reader))).toMatchObject({ code: 'not_permitted' });
    }
  });

  it('are refused to a staging bot altogether', async () => {
    const { call } = open({ '.env': 'BOT_ROLE=staging\n' });
    const inputs: Readonly<Record<string, object>> = {
      list_files: {},
      read_file: { path: 'package.json' },
      search_files: { pattern: 'x' },
      write_file: { path: 'x', content: '' },
      edit_file: { path: 'package.json', oldText: '{', newText: '[' },
      delete_file: { path: 'package.json' },
      run_in_staging: { command: 'true' },
    };
    expect(Object.keys(inputs).sort()).toEqual(workshop.tools.map(({ name }) => name).sort());
    for (const [name, input] of Object.entries(inputs)) {
      expect(await rejectionOf(call(name, input, person('llm')))).toMatchObject({ code: 'staging_role' });
      expect(await rejectionOf(call(`workshop_${name}`, input))).toMatchObject({ code: 'staging_role' });
    }
  });
});
