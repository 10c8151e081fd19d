// Folders of bots as people have them, and folders that are none. What is refused is left exactly as it was.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { type InitRequest, initInstance } from '../../../src/init/index.ts';
import { joinWords, splitWords } from '../../../src/init/words.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { codeRoot } from '../../support/instance.ts';
import { snapshot } from '../../support/releases.ts';

function init(folder: string, part: Partial<InitRequest> = {}) {
  return initInstance({ folder, codeRoot, dryRun: false, ...part });
}

const manifest = (part: object) => ({ 'package.json': JSON.stringify(part) });
const commandOf = (files: Record<string, string>, part: Partial<InitRequest> = {}) =>
  joinWords(init(makeFolder(files), { dryRun: true, ...part }).command);

describe('how the bot is started', () => {
  it.each([
    [
      'its start script',
      { ...manifest({ scripts: { start: 'node --no-warnings ./src/x.js --port 1' } }) },
      'node --no-warnings ./src/x.js --port 1',
    ],
    [
      'a start script for a shell',
      manifest({ scripts: { start: 'tsc && node dist/index.js' } }),
      'npm run --silent start',
    ],
    [
      'a start script with a quote that is not closed',
      manifest({ scripts: { start: 'node "a b.js' } }),
      'npm run --silent start',
    ],
    [
      'one that restarts at every change',
      { ...manifest({ scripts: { start: 'nodemon bot.js' } }), 'bot.js': '' },
      'node bot.js',
    ],
    [
      'TypeScript',
      { ...manifest({ scripts: { start: 'tsx src/bot.ts' } }), 'src/bot.ts': '' },
      'node --import tsx src/bot.ts',
    ],
    [
      'main',
      { ...manifest({ main: './lib/start.js' }), 'lib/start.js': '', 'index.js': '' },
      'node lib/start.js',
    ],
    ['a main that is not there', { ...manifest({ main: 'index.js' }), 'bot.js': '' }, 'node bot.js'],
    ['a bin', { ...manifest({ bin: { a: 'cli.js', b: './cli.js' } }), 'cli.js': '' }, 'node cli.js'],
    ['a usual name', { 'index.mjs': '' }, 'node index.mjs'],
    ['a usual name in Python', { 'bot.py': '', 'helper.py': '' }, 'python3 -u bot.py'],
    [
      'the only program',
      { 'task_master.py': '', 'test_it.py': '', 'requirements.txt': '' },
      'python3 -u task_master.py',
    ],
    ['a package', { 'musicbot/__main__.py': '', 'setup.py': '' }, 'python3 -u -m musicbot'],
    [
      'a script of pyproject.toml',
      {
        'pyproject.toml': '[project]\nname = "b"\n[project.scripts]\nbot = "pkg.run:main"\n[x]\ny = "z:w"\n',
        'src/pkg/run.py': '',
      },
      `python3 -u -c 'import sys; sys.path.insert(0, '\\''src'\\''); from pkg.run import main; sys.exit(main())'`,
    ],
    ['its own Python', { 'main.py': '', '.venv/bin/python': '' }, '.venv/bin/python -u main.py'],
    [
      'a Python bot with a package.json for its tools',
      { ...manifest({ devDependencies: {} }), 'main.py': '' },
      'python3 -u main.py',
    ],
  ])('%s', (_, files, expected) => expect(commandOf(files as Record<string, string>)).toBe(expected));

  it('is what --command says, in words of a shell', () => {
    expect(commandOf({ 'a.js': '', 'b.js': '' }, { command: `node "b.js" 'x y'` })).toBe(`node b.js 'x y'`);
    const lost = failureOf(() => init(makeFolder({ 'a.js': '' }), { command: 'node bot.js' }));
    expect(lost.code).toBe('init_no_file');
    expect(failureOf(() => init(makeFolder({ 'a.js': '' }), { command: 'node "bot.js' })).code).toBe('usage');
  });

  it('is not guessed: several ways are named, each as it can be typed', () => {
    for (const files of [
      { 'bot.js': '', 'index.js': '' },
      { 'index.js': '', 'main.py': '' },
      { 'one.py': '', 'two.py': '' },
      {
        ...manifest({ main: 'index.js' }),
        'index.js': '',
        'pyproject.toml': '[project.scripts]\nb = "a:b"\n',
      },
    ]) {
      const folder = makeFolder(files as Record<string, string>);
      const failure = failureOf(() => init(folder));
      expect(failure.code).toBe('init_ambiguous');
      const typed = [...failure.message.matchAll(/--command (.*?) {3}\(/g)].map(
        ([, words = '']) => splitWords(words)?.[0],
      );
      expect(typed.length).toBeGreaterThan(1);
      for (const command of typed) expect(() => init(folder, { command, dryRun: true })).not.toThrow();
    }
  });

  it('is taken apart and put together again without loss, whatever the words are', () => {
    const word = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(splitWords(joinWords(words))).toEqual(words);
        const { stdout } = spawnSync(
          'sh',
          ['-c', `for w in ${joinWords(words)}; do printf '%s\\0' "$w"; done`],
          { encoding: 'utf8' },
        );
        expect(stdout.split('\0').slice(0, -1)).toEqual(words);
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is refused, and left exactly as it was', () => {
  const bot = { 'index.js': '' };
  it.each([
    ['an empty folder', {}, 'init_empty'],
    ['a folder without a bot', { 'notes.txt': '', 'photo.jpg': '' }, 'init_no_bot'],
    ['a package.json that is none', { 'package.json': '{"main":' }, 'init_manifest'],
    [
      "a config.json that is the bot's own",
      { ...bot, 'config.json': '{"token": "abc", "prefix": "!"}' },
      'init_config_taken',
    ],
    ['a config.json that is broken', { ...bot, 'config.json': '{' }, 'init_config_taken'],
    ["a staging/ that is somebody else's", { ...bot, 'staging/site.html': '' }, 'init_taken'],
    ['a staging that is a file', { ...bot, staging: '' }, 'init_taken'],
    ["a watchdog.js that is somebody else's", { ...bot, 'watchdog.js': 'console.log("wuff")' }, 'init_taken'],
  ])('%s', (_, files, code) => {
    const folder = makeFolder(files as Record<string, string>);
    const before = snapshot(folder);
    expect(failureOf(() => init(folder)).code).toBe(code);
    expect(snapshot(folder)).toEqual(before);
  });

  it.each([
    ['/', 'init_refused'],
    [homedir(), 'init_refused'],
    [join(homedir(), '..'), 'init_refused'],
    ['/home', 'init_refused'],
    [codeRoot, 'init_own'],
    ['/no/such/folder', 'init_no_folder'],
    ['/etc/passwd', 'init_no_folder'],
  ])('%s', (folder, code) => expect(failureOf(() => init(folder)).code).toBe(code));

  it('a link to the home folder, and the staging folder of an instance', () => {
    const folder = makeFolder({ 'config.json': '{}', 'staging/index.js': '' });
    symlinkSync(homedir(), join(folder, 'home'));
    expect(failureOf(() => init(join(folder, 'home'))).code).toBe('init_refused');
    expect(failureOf(() => init(join(folder, 'staging'))).code).toBe('init_staging');
  });

  it('a folder that cannot be written', (context) => {
    const folder = makeFolder(bot);
    const isRoot = process.getuid?.() === 0;
    if (isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder]).status !== 0) {
      process.stderr.write('SKIPPED: a folder that root cannot write needs the right to mount one\n');
      return context.skip();
    }
    if (!isRoot) chmodSync(folder, 0o500);
    try {
      expect(failureOf(() => init(folder)).code).toBe('init_no_access');
    } finally {
      if (isRoot) spawnSync('umount', [folder]);
      else chmodSync(folder, 0o700);
    }
  });

  it('a file in the place of a folder that is needed: said, and gone on from when it is mended', () => {
    const folder = makeFolder({ ...bot, logs: 'a file' });
    expect(failureOf(() => init(folder)).code).toBe('init_failed');
    expect(snapshot(folder)['config.json']).toBeUndefined();
    spawnSync('mv', [join(folder, 'logs'), join(folder, 'logs.mine')]);
    expect(init(folder).created).toContain('config.json');
  });
});

describe('what is made', () => {
  it('leaves the data of the bot where it is: databases, and what git ignores, but not what is built', () => {
    const files = {
      ...manifest({ main: 'dist/bot.js' }),
      'dist/bot.js': '',
      'src/bot.js': '',
      'users.sqlite': '',
      'src/cogs/deep/xp.db': '',
      'src/a/b/c/too-deep.db': '',
      'node_modules/x/test.db': '',
      'sessions/1': '',
      '.env': '',
      '.gitignore': 'sessions\ndist\n.env\n*.log\n__pycache__\nnode_modules\n/src/cogs\n',
      'debug.log': '',
    };
    const folder = makeFolder(files);
    const databases = ['src/cogs/deep/xp.db', 'users.sqlite'].flatMap((path) => [
      path,
      `${path}-journal`,
      `${path}-shm`,
      `${path}-wal`,
    ]);
    const plain = makeFolder(files);
    init(plain);
    expect(loadConfig(plain, {}).releases.exclude).toEqual(databases);
    spawnSync('git', ['init', '-q', folder]);
    const { notes } = init(folder);
    expect(loadConfig(folder, {}).releases.exclude).toEqual([...databases, 'debug.log', 'sessions'].sort());
    expect(notes.join()).toContain('users.sqlite');
  });

  it('is a valid instance, with nothing of the bot changed and no secret copied', () => {
    const files = {
      'index.js': 'bot',
      '.env': 'export TOKEN=secret\n# A=b\nDB_URL="x"\nBOT_ROLE=live\n',
      'SOUL.md': 'mine',
    };
    const folder = makeFolder(files);
    const before = snapshot(folder);
    const answer = init(folder);
    expect(answer.created).toEqual([
      'staging/SOUL.md',
      'staging/IDENTITY.md',
      'staging/.env.example',
      'watchdog.js',
      'config.json',
    ]);
    expect(snapshot(folder)).toMatchObject(before);
    const config = loadConfig(folder, {});
    expect(config.live).toMatchObject({ command: ['node', 'index.js'], ready: { uptimeSeconds: 10 } });
    expect(config.releases.gates).toEqual(['node --check index.js']);
    const example = readFileSync(join(folder, 'staging/.env.example'), 'utf8');
    expect(example.match(/^\w+=.*$/gm)).toEqual(['TOKEN=', 'DB_URL=', 'BOT_ROLE=staging']);
    expect(readFileSync(join(folder, 'watchdog.js'))).toEqual(readFileSync(join(codeRoot, 'watchdog.js')));
    expect(Object.keys(snapshot(folder)).filter((path) => path.includes('.new-'))).toEqual([]);
  });

  it('is the same when it is said again, and only what is missing when something is', () => {
    const folder = makeFolder({ 'index.js': '' });
    init(folder);
    writeFileSync(join(folder, 'staging/SOUL.md'), 'I am somebody.');
    const before = snapshot(folder);
    expect(init(folder)).toMatchObject({
      created: [],
      kept: expect.arrayContaining(['staging/SOUL.md', 'config.json']),
    });
    expect(snapshot(folder)).toEqual(before);
    writeFileSync(
      join(folder, 'watchdog.js'),
      `${readFileSync(join(codeRoot, 'watchdog.js'), 'utf8')}// older\n`,
    );
    spawnSync('rm', [join(folder, 'staging/IDENTITY.md')]);
    const again = init(folder, { command: 'node other.js'.replace('other', 'index') });
    expect(again.created).toEqual(['staging/IDENTITY.md']);
    expect(again.notes.join('\n')).toMatch(/--command changed nothing[\s\S]*watchdog\.js is another version/);
  });

  it('goes on where a kill cut it off, at any of its files', () => {
    const whole = makeFolder({ 'index.js': '' });
    const { created } = init(whole);
    for (const count of created.keys()) {
      const folder = makeFolder({ 'index.js': '' });
      mkdirSync(join(folder, 'staging/memory'), { recursive: true });
      for (const path of created.slice(0, count))
        writeFileSync(join(folder, path), readFileSync(join(whole, path)));
      expect(init(folder).created).toEqual(created.slice(count));
    }
  });

  it('tells git what is nobody else\u2019s business, once, and only where there is a repository', () => {
    const folder = makeFolder({ 'index.js': '', '.gitignore': 'node_modules\n.env\nlogs' });
    expect(init(folder, { dryRun: true }).ignored).toEqual([]);
    spawnSync('git', ['init', '-q', folder]);
    expect(init(folder).ignored).not.toContain('/.env');
    const text = readFileSync(join(folder, '.gitignore'), 'utf8');
    expect(text).toMatch(/^node_modules\n\.env\nlogs\n\n# Understudy/);
    expect(init(folder).ignored).toEqual([]);
    writeFileSync(join(folder, '.heartbeat'), '');
    writeFileSync(join(folder, '.watchdog.json.2'), '');
    const { stdout } = spawnSync('git', ['-C', folder, 'status', '--short', '-uall'], { encoding: 'utf8' });
    expect(stdout.trim().split('\n').sort()).toEqual([
      '?? .gitignore',
      '?? config.json',
      '?? index.js',
      '?? watchdog.js',
    ]);
  });
});
