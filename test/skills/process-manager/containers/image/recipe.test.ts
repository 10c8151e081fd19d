// The recipes for images of bots that have none of their own.

import { describe, expect, it } from 'vitest';
import { recipeFor } from '../../../../../skills/process-manager/containers/image/recipe.ts';
import { failureOf } from '../../../../support/failure.ts';
import { makeFolder } from '../../../../support/folder.ts';

const recipe = (argv: readonly string[], files: Record<string, string> = {}, keep: readonly string[] = []) =>
  recipeFor({ bot: 'bot', directory: makeFolder(files), argv, keep });
const major = process.versions.node.split('.')[0];
const manifest = (dependencies?: object) =>
  JSON.stringify({ name: 'bot', ...(dependencies ? { dependencies } : {}) });

describe('the recipe for Node', () => {
  it('is only the program where there is no package.json', () => {
    expect(recipe(['node', 'bot.js'])).toBe(`FROM node:${major}-slim
WORKDIR /app
RUN mkdir -p "." && chown 1000:1000 "."
USER 1000:1000
ENV HOME=/app NODE_ENV=production
COPY --chown=1000:1000 . .
CMD ["node","bot.js"]
`);
  });

  it('installs what package.json names, exactly where there is a lock, and before the program is copied', () => {
    const files = { 'package.json': manifest({ 'discord.js': '^14' }) };
    const loose = recipe(['node', 'bot.js'], files);
    expect(loose).toContain('RUN npm install --omit=dev --no-audit --no-fund\n');
    expect(loose).toContain('COPY --chown=1000:1000 ["package.json","./"]\n');
    const locked = recipe(['node', 'bot.js'], { ...files, 'package-lock.json': '{}', '.npmrc': '' });
    expect(locked).toContain('RUN npm ci --omit=dev --no-audit --no-fund\n');
    expect(locked).toContain('COPY --chown=1000:1000 ["package.json","package-lock.json",".npmrc","./"]\n');
    expect(locked.indexOf('npm ci')).toBeLessThan(locked.indexOf('COPY --chown=1000:1000 . .'));
    expect(locked.indexOf('npm ci')).toBeGreaterThan(locked.indexOf('USER 1000:1000'));
  });

  it('installs nothing where package.json needs nothing', () => {
    expect(recipe(['node', 'bot.js'], { 'package.json': manifest() })).not.toMatch(/npm|package\.json/);
    expect(recipe(['node', 'bot.js'], { 'package.json': manifest({}) })).not.toMatch(/npm/);
  });

  it('leaves a package.json that cannot be read to npm, which says what is wrong with it', () => {
    expect(recipe(['node', 'bot.js'], { 'package.json': '{ not json' })).toContain('RUN npm install');
  });

  it.each([
    [['node', '--import', 'tsx', 'bot.ts']],
    [['tsx', 'bot.ts']],
    [['npx', 'tsx', 'src/bot.mts']],
    [['node', 'bot.mts']],
  ])('adds what runs TypeScript for %j', (argv) => {
    expect(recipe(argv)).toContain('RUN npm install --no-save --no-audit --no-fund tsx@4\n');
    const both = recipe(argv, { 'package.json': manifest({ a: '1' }) });
    expect(both.indexOf('tsx@4')).toBeGreaterThan(both.indexOf('npm install --omit=dev'));
  });

  it('does not add it for JavaScript', () =>
    expect(recipe(['node', 'bot.mjs', 'tsx.js'])).not.toContain('tsx@4'));
});

describe('the recipe for Python', () => {
  it('installs requirements.txt where there is one', () => {
    const found = recipe(['python3', '-u', 'bot.py'], { 'requirements.txt': 'discord.py\n' });
    expect(found).toContain('FROM python:3-slim\n');
    expect(found).toContain('COPY --chown=1000:1000 ["requirements.txt","./"]\n');
    expect(found).toContain('RUN pip install --no-cache-dir --user -r requirements.txt\n');
    expect(found).toContain('CMD ["python3","-u","bot.py"]\n');
    expect(recipe(['python', 'bot.py'])).not.toContain('pip');
  });
});

describe('a recipe', () => {
  it('makes the folders that are kept, so that a new volume belongs to the program', () => {
    const found = recipe(['node', 'bot.js'], {}, ['data', 'a b', '/var/lib/bot']);
    expect(found).toContain(
      'RUN mkdir -p "." "data" "a b" "/var/lib/bot" && chown 1000:1000 "." "data" "a b" "/var/lib/bot"\n',
    );
  });

  it('is never run as root', () => {
    for (const argv of [
      ['node', 'bot.js'],
      ['python3', 'bot.py'],
    ]) {
      const lines = recipe(argv).split('\n');
      expect(lines.indexOf('USER 1000:1000')).toBeLessThan(lines.findIndex((each) => each.startsWith('CMD')));
    }
  });

  it('keeps the words of the command apart, whatever they hold', () => {
    const argv = ['node', 'my bot.js', '--say', '"hello" $HOME \\ \n'];
    const command = recipe(argv)
      .split('\n')
      .find((each) => each.startsWith('CMD '));
    expect(JSON.parse(command?.slice(4) ?? '')).toEqual(argv);
  });

  it.each([[['deno', 'run', 'bot.ts']], [['./bot']], [['bash', '-c', 'node bot.js']], [[]]])(
    'is not made up for %j',
    (argv) => {
      const failure = failureOf(() => recipe(argv));
      expect(failure).toMatchObject({ code: 'no_image_recipe' });
      expect(failure.message).toContain("'bot' has no Dockerfile");
      expect(failure.hint).toMatch(/Dockerfile|image/);
    },
  );
});
