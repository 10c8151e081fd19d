// What people type, and what their editors and generators write, without thinking of us.

import { spawnSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InitRequest, initInstance } from '../../../src/init/index.ts';
import { joinWords, splitWords } from '../../../src/init/words.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';
import { codeRoot } from '../../support/instance.ts';

function init(folder: string, part: Partial<InitRequest> = {}) {
  return initInstance({ folder, codeRoot, dryRun: false, ...part });
}

const manifest = (part: object) => ({ 'package.json': JSON.stringify(part) });
const commandOf = (files: Record<string, string>, part: Partial<InitRequest> = {}) =>
  joinWords(init(makeFolder(files), { dryRun: true, ...part }).command);

describe('how the bot is started', () => {
  it('is looked for in the folder of the bot, wherever --command is typed', () => {
    const folder = makeFolder({ 'a.js': '' });
    // There is such a file where this test runs.
    const lost = failureOf(() => init(folder, { command: 'node test/src/init/index.test.ts' }));
    expect(lost.message).toBe(`${folder}/test/src/init/index.test.ts is not there.`);
    expect(commandOf({ 'a.js': '' }, { command: `node ${join(folder, 'a.js')}` })).toContain(folder);
  });

  it.each([
    'node a.js && node b.js',
    'node a.js > log.txt',
    'NODE_ENV=production node a.js',
    'node ~/a.js',
    'node $HOME/a.js',
    'node a.js; echo over',
  ])('is not what a shell alone understands: %s', (command) => {
    const failure = failureOf(() => init(makeFolder({ 'a.js': '', 'b.js': '' }), { command }));
    expect(failure).toMatchObject({ code: 'usage', message: expect.stringContaining('for a shell') });
    const [, words = ''] = /--command (.*)$/.exec(failure.hint) ?? [];
    expect(splitWords(splitWords(words)?.[0] ?? '')).toEqual(['sh', '-c', command]);
    expect(() => init(makeFolder({ 'a.js': '' }), { command: splitWords(words)?.[0] })).not.toThrow();
  });

  it('is found in files as Windows writes them, too', () => {
    const bom = '\uFEFF';
    expect(commandOf({ 'package.json': `${bom}{\r\n "main": "x.js"\r\n}\r\n`, 'x.js': '' })).toBe(
      'node x.js',
    );
    const project = `${bom}[project.scripts] # what it has\nbot = "a.run:main"\nadmin = "a.tools:main"\n`;
    for (const text of [project, project.replaceAll('\n', '\r\n')]) {
      const failure = failureOf(() => init(makeFolder({ 'pyproject.toml': text })));
      expect(failure.message).toMatch(/"bot"[\s\S]*"admin"/);
    }
  });
});

describe('what is made', () => {
  it('names the variables of .env and no line of a key that has several', () => {
    const key =
      '"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nlastPartOfTheKey12=\n-----END PRIVATE KEY-----"';
    const folder = makeFolder({ 'index.js': '', '.env': `KEY=${key}\nexport OTHER = x\n` });
    init(folder);
    const example = readFileSync(join(folder, 'staging/.env.example'), 'utf8');
    expect(example.match(/^\w+=.*$/gm)).toEqual(['KEY=', 'OTHER=', 'BOT_ROLE=staging']);
  });

  it('starts its watchdog where a folder above says that .js is CommonJS', () => {
    const folder = makeFolder({ ...manifest({ type: 'commonjs' }), 'bots/one/main.py': '' });
    const bot = join(folder, 'bots/one');
    expect(init(bot).created).toContain('watchdog.mjs');
    const ran = spawnSync(process.execPath, [join(bot, 'watchdog.js'), '--table'], { encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const own = makeFolder({
      ...manifest({ type: 'commonjs' }),
      'bot/package.json': '{}',
      'bot/index.js': '',
    });
    expect(init(join(own, 'bot')).created).not.toContain('watchdog.mjs');
  });

  it('says to root that the bot belongs to somebody else, who has to be able to write', (context) => {
    if (process.getuid?.() !== 0) return context.skip();
    const folder = makeFolder({ 'index.js': '' });
    chownSync(folder, 65_534, 65_533);
    expect(init(folder).notes.join('\n')).toContain(`chown -R 65534:65533 ${folder}`);
  });

  it('refuses a pattern that could never match, before anything is written', () => {
    const folder = makeFolder({ 'index.js': '' });
    const failure = failureOf(() => init(folder, { readyPattern: 'ready (' }));
    expect(failure).toMatchObject({ code: 'usage', message: expect.stringContaining('is no pattern') });
    expect(readdirSync(folder)).toEqual(['index.js']);
  });

  it('says which options it did not need', () => {
    const folder = makeFolder({ 'index.js': '' });
    expect(init(folder, { readyPattern: 'Logged in' }).notes).toEqual([]);
    const { notes } = init(folder, { readyPattern: 'Hello', command: 'node index.js' });
    expect(notes.join('\n')).toMatch(/--command and --ready-pattern changed nothing: .*"live"/);
  });

  it('goes on with the line ends of a .gitignore', () => {
    const windows = makeFolder({ 'index.js': '', '.gitignore': 'node_modules\r\nlogs/\r\n' });
    spawnSync('git', ['init', '-q', windows]);
    expect(init(windows).ignored).not.toContain('/logs/');
    expect(readFileSync(join(windows, '.gitignore'), 'utf8')).not.toMatch(/[^\r]\n/);
  });
});
