// What of a bot's folder goes into its image.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type BuildContext,
  readContext,
} from '../../../../../skills/process-manager/containers/image/context.ts';
import { rejectionOf } from '../../../../support/failure.ts';
import { makeFolder } from '../../../../support/folder.ts';

const read = (directory: string, options: { dockerfile?: string; argv?: string[]; keep?: string[] } = {}) =>
  readContext({
    ...{ bot: 'bot', directory, argv: options.argv ?? ['node', 'bot.js'] },
    ...{ keep: options.keep ?? [], dockerfile: options.dockerfile },
  });

/** What an engine gets, as tar lists and unpacks it. */
async function unpack(context: BuildContext) {
  const chunks: Buffer[] = [];
  for await (const chunk of context.pack()) chunks.push(chunk as Buffer);
  const input = Buffer.concat(chunks);
  const tar = (...words: string[]) => execFileSync('tar', words, { input, encoding: 'utf8' });
  const folder = makeFolder();
  tar('-x', '-C', folder);
  return {
    bytes: input,
    folder,
    names: tar('-t').split('\n').filter(Boolean).sort(),
    content: (path: string) => readFileSync(join(folder, path), 'utf8'),
    /** Mode, owner and moment of each. */
    details: tar('-tv', '--numeric-owner', '--utc', '--full-time').split('\n').filter(Boolean),
  };
}
const namesOf = async (directory: string) => (await unpack(await read(directory))).names;

const ours = '.understudy.Dockerfile';
const secrets = {
  '.env': 'TOKEN=x',
  '.env.local': 'TOKEN=x',
  '.env.production': 'TOKEN=x',
  '.git/config': 'url = https://me:token@host',
  'sub/.env': 'TOKEN=x',
  'sub/deep/.env.test': 'TOKEN=x',
  'sub/module/.git/HEAD': 'ref',
};

describe('a context', () => {
  it('has the program, and a recipe where there is none', async () => {
    const folder = makeFolder({ 'bot.js': 'run()', 'lib/a.js': 'a', 'package.json': '{}' });
    const context = await read(folder);
    const entries = await unpack(context);
    expect(entries.names).toEqual([ours, 'bot.js', 'lib/a.js', 'package.json']);
    expect(context.dockerfile).toBe(ours);
    expect(entries.content(ours)).toMatch(/^FROM node:/);
    expect(entries.content('bot.js')).toBe('run()');
    expect(context.hash).toMatch(/^[0-9a-f]{12}$/);
  });

  it('has the Dockerfile of the bot, even where that is left out, and says which', async () => {
    const folder = makeFolder({
      Dockerfile: 'FROM x',
      '.dockerignore': 'Dockerfile\nbuild\n',
      'build/own': 'FROM y',
    });
    expect((await read(folder)).dockerfile).toBe('Dockerfile');
    expect(await namesOf(folder)).toContain('Dockerfile');
    const own = await read(folder, { dockerfile: 'build/own' });
    expect(own.dockerfile).toBe('build/own');
    expect((await unpack(own)).content('build/own')).toBe('FROM y');
    expect((await read(folder, { dockerfile: './build/../build/own' })).dockerfile).toBe('build/own');
  });

  it('fails where the Dockerfile is not there, or nobody knows a recipe', async () => {
    const folder = makeFolder({ 'bot.js': '' });
    const missing = await rejectionOf(read(folder, { dockerfile: 'docker/Dockerfile' }));
    expect(missing).toMatchObject({ code: 'no_image_recipe' });
    expect(missing.message).toContain(join(folder, 'docker/Dockerfile'));
    expect(await rejectionOf(read(folder, { argv: ['./bot'] }))).toMatchObject({ code: 'no_image_recipe' });
  });
});

describe('what stays out', () => {
  it.each([
    ['', {}],
    ['with a recipe of its own', { Dockerfile: 'FROM x' }],
    ['with exceptions', { '.dockerignore': '!.env\n!**/.env*\n!.git\n!**/.git/**\n!sub/.env\n' }],
    [
      'with a recipe and exceptions',
      { Dockerfile: 'FROM x', '.dockerignore': '*\n!.env\n!sub\n!.git/config\n!bot.js' },
    ],
    ['with odd exceptions', { '.dockerignore': '! .env\n!./.env\n!/.env\n!sub/../.env\n!.e?v\n!.ENV\r\n' }],
  ])('secrets and history, in every folder %s', async (_, files) => {
    const names = await namesOf(makeFolder({ ...secrets, ...files, 'bot.js': '', 'sub/kept.js': '' }));
    expect(names.filter((name) => /(^|\/)\.(env|git)/.test(name))).toEqual([]);
    expect(names).toContain('bot.js');
  });

  it('what a recipe of ours installs by itself, and not where the bot has its own', async () => {
    const files = {
      'bot.js': '',
      'node_modules/a/index.js': '',
      'sub/node_modules/b.js': '',
      'venv/x': '',
      '__pycache__/y': '',
    };
    expect(await namesOf(makeFolder(files))).toEqual([ours, 'bot.js']);
    expect(await namesOf(makeFolder({ ...files, Dockerfile: 'FROM x' }))).toContain(
      'node_modules/a/index.js',
    );
  });

  it('what .dockerignore names, but for its exceptions', async () => {
    const folder = makeFolder({
      ...{ '.dockerignore': '# words\n\nlogs\n*.md\n!README.md\ndata/**\n!data/seed/words.txt\r\n' },
      ...{
        'bot.js': '',
        'a.md': '',
        'README.md': '',
        'logs/today': '',
        'data/big': '',
        'data/seed/words.txt': '',
        'data/seed/other': '',
      },
    });
    expect(await namesOf(folder)).toEqual([
      '.dockerignore',
      ours,
      'README.md',
      'bot.js',
      'data/seed/words.txt',
    ]);
  });

  it('sockets and pipes, which no archive can hold', async () => {
    const folder = makeFolder({ 'bot.js': '' });
    execFileSync('mkfifo', [join(folder, 'input')]);
    expect(await namesOf(folder)).toEqual([ours, 'bot.js']);
  });
});

describe('links', () => {
  it('stay links, also where they lead out or nowhere, and are never followed', async () => {
    const outside = makeFolder({ secret: 'TOKEN' });
    const folder = makeFolder({ 'bot.js': 'x', 'lib/a.js': '' });
    symlinkSync('bot.js', join(folder, 'main.js'));
    symlinkSync(outside, join(folder, 'out'));
    symlinkSync('nowhere', join(folder, 'dead'));
    symlinkSync('..', join(folder, 'lib/up'));
    const entries = await unpack(await read(folder));
    expect(entries.names).toEqual([ours, 'bot.js', 'dead', 'lib/a.js', 'lib/up', 'main.js', 'out']);
    expect(readlinkSync(join(entries.folder, 'out'))).toBe(outside);
    expect(readlinkSync(join(entries.folder, 'main.js'))).toBe('bot.js');
    const { hash } = await read(folder);
    rmSync(join(folder, 'dead'));
    symlinkSync('elsewhere', join(folder, 'dead'));
    expect((await read(folder)).hash).not.toBe(hash);
  });
});

describe('the hash', () => {
  const files = { 'bot.js': 'run()', 'lib/a.js': 'a' };
  const hashOf = async (directory: string, options?: Parameters<typeof read>[1]) =>
    (await read(directory, options)).hash;

  it('is the same for the same content, wherever and whenever it was written, and so are the bytes', async () => {
    const [one, other] = [makeFolder(files), makeFolder(Object.fromEntries(Object.entries(files).reverse()))];
    utimesSync(join(other, 'bot.js'), 1, 1);
    mkdirSync(join(other, 'empty'));
    expect(await hashOf(other)).toBe(await hashOf(one));
    for (const folder of [one, other]) chmodSync(join(folder, 'bot.js'), 0o644);
    const [first, second] = [await unpack(await read(one)), await unpack(await read(other))];
    for (const each of first.details) expect(each).toMatch(/ 0\/0 .* 1970-01-01 00:00:00 /);
    expect(first.bytes.equals(second.bytes)).toBe(true);
  });

  it.each<[string, (folder: string) => void]>([
    ['a content', (folder) => writeFileSync(join(folder, 'bot.js'), 'run(1')],
    ['a mode', (folder) => chmodSync(join(folder, 'bot.js'), 0o755)],
    ['a name', (folder) => writeFileSync(join(folder, 'lib/b.js'), '')],
    ['an end', (folder) => rmSync(join(folder, 'lib/a.js'))],
    [
      'what moves from one file to the next',
      (folder) => {
        writeFileSync(join(folder, 'bot.js'), 'run()a');
        writeFileSync(join(folder, 'lib/a.js'), '');
      },
    ],
    ['the recipe, by what is installed', (folder) => writeFileSync(join(folder, 'package-lock.json'), '{}')],
    ['a Dockerfile of its own', (folder) => writeFileSync(join(folder, 'Dockerfile'), 'FROM x')],
  ])('changes with %s', async (_, change) => {
    const folder = makeFolder(files);
    const before = await hashOf(folder);
    change(folder);
    expect(await hashOf(folder)).not.toBe(before);
  });

  it('changes with the command and the folders that are kept, which stand in the recipe', async () => {
    const folder = makeFolder(files);
    const hashes = [
      await hashOf(folder),
      await hashOf(folder, { argv: ['node', 'b.js'] }),
      await hashOf(folder, { keep: ['data'] }),
    ];
    expect(new Set(hashes).size).toBe(3);
  });

  it('does not change with what stays out', async () => {
    const folder = makeFolder({ ...files, '.dockerignore': 'logs' });
    const before = await hashOf(folder);
    mkdirSync(join(folder, 'logs'));
    writeFileSync(join(folder, 'logs/today'), 'x');
    writeFileSync(join(folder, '.env'), 'TOKEN=1');
    expect(await hashOf(folder)).toBe(before);
  });
});

it('a folder that is far too large is refused before anything is read of it', async () => {
  const folder = makeFolder({ 'bot.js': '' });
  writeFileSync(join(folder, 'video'), '');
  // Sparse: it takes no space.
  truncateSync(join(folder, 'video'), 2 * 1024 ** 3 + 1);
  const failure = await rejectionOf(read(folder));
  expect(failure).toMatchObject({ code: 'context_too_large' });
  expect(failure.hint).toContain(join(folder, '.dockerignore'));
  writeFileSync(join(folder, '.dockerignore'), 'video\n');
  expect(await namesOf(folder)).toEqual(['.dockerignore', ours, 'bot.js']);
});

describe('an .npmrc', () => {
  it('goes along where it only says where a registry is', async () => {
    const folder = makeFolder({ 'bot.js': '', '.npmrc': 'registry=https://registry.example.org/\n' });
    expect(await namesOf(folder)).toContain('.npmrc');
  });

  it('stays here where it lets whoever has it into one', async () => {
    const folder = makeFolder({
      'bot.js': '',
      'package.json': '{"dependencies":{"a":"1"}}',
      '.npmrc': '//registry.example.org/:_authToken=npm_secret\n',
      'sub/.npmrc': '',
    });
    const { names, content } = await unpack(await read(folder));
    expect(names.filter((name) => name.includes('npmrc'))).toEqual([]);
    expect(content(ours)).not.toContain('.npmrc');
  });
});
