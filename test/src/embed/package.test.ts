// The package as somebody else gets it: built, checked by the tools that find what goes wrong with packages, and used by
// a bare discord.js bot against our small Discord.

import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo } from '../../support/discord-bot.ts';
import { makeFolder } from '../../support/folder.ts';
import { cleanEnvironment, codeRoot, runProgram, until } from '../../support/instance.ts';

const timeout = 120_000;
const example = 'examples/discord-bot/bot.mjs';

/** Where the package is installed; built once. */
let shared = '';

beforeAll(async () => {
  shared = join(mkdtempSync(join(tmpdir(), 'understudy-package-')), 'node_modules');
  mkdirSync(shared);
  for (const name of readdirSync(join(codeRoot, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'understudy')
      symlinkSync(join(codeRoot, 'node_modules', name), join(shared, name));
  }
  const words = ['--import', 'tsx', join(codeRoot, 'package/build.ts'), '--out', join(shared, 'understudy')];
  const built = await runProgram(process.execPath, words, { cwd: codeRoot });
  expect(built).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('wrote ') });
}, timeout);

afterAll(() => rmSync(dirname(shared), { recursive: true, force: true }));

/** A project that has installed it. */
function makeProject(files: Record<string, string> = {}): string {
  const project = makeFolder({ 'package.json': '{"type": "module"}', ...files });
  symlinkSync(shared, join(project, 'node_modules'));
  return project;
}

describe('the package', { timeout }, () => {
  it('is one that publint and attw find nothing wrong with', async () => {
    const folder = join(shared, 'understudy');
    const tool = (name: string, ...words: string[]) =>
      runProgram(join(codeRoot, 'node_modules/.bin', name), words, { cwd: folder });
    const [publint, attw] = await Promise.all([
      tool('publint', '--strict', folder),
      tool('attw', '--pack', folder, '--profile', 'esm-only'),
    ]);
    expect(publint).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('All good!') });
    expect(attw.stdout).toContain('understudy/process-manager');
    expect(attw).toMatchObject({ exitCode: 0 });
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const path of Object.values(exports['./process-manager']) as string[])
      expect(existsSync(join(folder, path))).toBe(true);
  });

  it('has types that fit discord.js, runs as JavaScript alone, and closes its doors', async () => {
    const project = makeProject({
      'use.ts': `import type { ChatInputCommandInteraction } from 'discord.js';
import { type Actor, createDispatcher, Failure, isFailure, openProcessManager, processManager, type Tool } from 'understudy/process-manager';
const manager = openProcessManager({ root: '.' });
const actor: Actor = { id: 'x', name: 'x', surface: 'discord', rights: ['read'] };
export async function answer(interaction: ChatInputCommandInteraction) {
  await interaction.client.application.commands.set(manager.slashCommands);
  await interaction.editReply(await manager.answer(interaction, actor));
}
export const tools: readonly Tool[] = [...manager.tools, ...processManager.tools];
export const dispatch: typeof createDispatcher = createDispatcher;
export const known: boolean = isFailure(new Failure('a', 'b', 'c'));
// @ts-expect-error there is no such right
export const wrong: Actor = { ...actor, rights: ['everything'] };
`,
      'use.js': `import { openProcessManager } from 'understudy/process-manager';
const manager = openProcessManager({ root: '.' });
const actor = { id: 'test:1', name: 'Ada', surface: 'cli', rights: ['read', 'operate'] };
const run = await manager.dispatcher.call(actor, 'run', { command: 'echo from a package', wait: 10 });
const { lines } = await manager.dispatcher.call(actor, 'logs', { process: run.process.id });
console.log(JSON.stringify(lines));
manager.close();
`,
      'inside.js': "await import('understudy/skills/dispatch.ts');\n",
    });
    const words = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--skipLibCheck',
      '--types',
      'node',
      'use.ts',
    ];
    const checked = await runProgram(join(codeRoot, 'node_modules/.bin/tsc'), words, { cwd: project });
    expect(checked).toMatchObject({ exitCode: 0, stdout: '' });
    const ran = await runProgram(process.execPath, ['use.js'], { cwd: project });
    expect(ran).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('from a package') });
    const inside = await runProgram(process.execPath, ['inside.js'], { cwd: project });
    expect(inside.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('says what is wrong with a configuration in words', async () => {
    const project = makeProject({
      'config.json': '{"bot": {}}',
      'use.js':
        "import { isFailure, openProcessManager } from 'understudy/process-manager';\ntry { openProcessManager({ root: '.' }); } catch (error) { console.log(isFailure(error), error.code); }\n",
    });
    expect((await runProgram(process.execPath, ['use.js'], { cwd: project })).stdout).toBe(
      'true config_invalid\n',
    );
  });
});

describe('the example', { timeout }, () => {
  it('is under 30 lines', () => {
    const text = readFileSync(join(codeRoot, example), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThan(30);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(111);
  });

  it('gives a bare discord.js bot /process, for its owners only', async () => {
    const discord = await makeDiscord();
    const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
    const bots = { greeter: { directory: '.', script: 'greeter.js' } };
    const project = makeProject({ 'config.json': JSON.stringify({ bots }), 'greeter.js': '' });
    copyFileSync(join(codeRoot, example), join(project, 'bot.mjs'));
    const bot = spawn(process.execPath, ['bot.mjs'], {
      cwd: project,
      env: cleanEnvironment({
        DISCORD_TOKEN: discord.token,
        DISCORD_OWNER_ID: ada.id,
        DISCORD_API: discord.url,
      }),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    onTestFinished(() => void bot.kill('SIGKILL'));
    await until('the commands are registered', () => discord.world.commands.size > 0, 60_000);
    expect([...discord.world.commands.values()]).toMatchObject([
      { name: 'process', default_member_permissions: '8', contexts: [0] },
    ]);

    expect(await answerTo(ada.command('process', 'list'))).toMatch(/greeter/);
    expect(await answerTo(eve.command('process', 'list'))).toMatch(
      /needs the right to read, which Eve does not have/,
    );
    const asked = ada.command('process', 'run', { command: 'some-unknown-program --now' });
    expect(await answerTo(asked)).toMatch(/needs a confirmation, and there was none/);
    const previewed = ada.command('process', 'run', { command: 'echo hi', 'dry-run': true });
    expect(await answerTo(previewed)).not.toBe('');
    const failed = ada.command('process', 'stop', { bot: 'no-such-bot' });
    expect(await answerTo(failed)).toMatch(/^⛔ /);
    expect(existsSync(join(project, 'memory/understudy.db'))).toBe(true);
  });
});
