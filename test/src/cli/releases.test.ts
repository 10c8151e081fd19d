// The release verbs as a shell uses them, with a fixture in the watchdog's place.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findByVariable } from '../../../skills/process-manager/base/index.ts';
import { startFixtureWatchdog } from '../../support/fixture-watchdog.ts';
import {
  cleanEnvironment,
  codeRoot,
  type Finished,
  makeInstance,
  understudy,
  until,
} from '../../support/instance.ts';
import { makeEngine } from '../../support/manager.ts';
import { leftoversOf, liveFiles, snapshot, withStaging } from '../../support/releases.ts';

const config = JSON.stringify({ releases: { gates: ['echo gate passed'] } });
const makeRoot = () =>
  makeInstance({ ...withStaging(), 'config.json': config, 'staging/config.json': config, '.env': '' });

const outputOf = ({ stdout }: Finished) => JSON.parse(stdout);
const run = (root: string, ...words: string[]) => understudy(['--root', root, '--json', ...words]);

describe('what scripts rely on', () => {
  it('promote --dry-run lists changes with sizes, and changes nothing', async () => {
    const root = makeRoot();
    const before = snapshot(root, (path) => path.startsWith('memory'));
    const result = await run(root, 'promote', '--dry-run');
    expect(result.exitCode).toBe(0);
    expect(outputOf(result)).toEqual({
      release: null,
      changes: {
        added: expect.arrayContaining([{ path: 'src/fresh.ts', bytes: 5 }]),
        changed: expect.arrayContaining([{ path: 'src/index.ts', bytes: 3 }]),
        removed: expect.arrayContaining([{ path: 'src/deep/er/gone.ts', bytes: 12 }]),
      },
    });
    expect(snapshot(root, (path) => path.startsWith('memory'))).toEqual(before);
  });

  it('promote without a watchdog stages, says so, and names the command', async () => {
    const root = makeRoot();
    const result = await run(root, 'promote', '--reason', 'first');
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain('node watchdog.js --apply');
    expect(outputOf(result).release).toMatchObject({
      version: 'v1.1',
      state: 'staged',
      reason: 'first',
      gates: [{ command: 'echo gate passed', verdict: 'passed' }],
    });
    expect(existsSync(join(root, '.deploy-ready'))).toBe(true);
    const second = await run(root, 'promote');
    expect(second.exitCode).toBe(1);
    expect(outputOf(second).error).toMatchObject({
      code: 'release_waiting',
      hint: expect.stringContaining('--apply'),
    });
  });

  it('promote --skip-restart stages only; releases lists it; promote goes on with it', async () => {
    const root = makeRoot();
    expect(outputOf(await run(root, 'promote', '--skip-restart')).release).toMatchObject({ state: 'staged' });
    expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
    expect(outputOf(await run(root, 'releases')).releases).toEqual([
      expect.objectContaining({ version: 'v1.1', state: 'staged', createdAt: expect.any(String) }),
    ]);
    expect(outputOf(await run(root, 'promote')).release).toMatchObject({ version: 'v1.1' });
    expect(existsSync(join(root, '.deploy-ready'))).toBe(true);
  });

  it('revert --dry-run and revert answer with changes', async () => {
    const root = makeRoot();
    const dry = outputOf(await run(root, 'revert', '--dry-run'));
    expect(dry).toMatchObject({
      release: null,
      changes: { removed: expect.arrayContaining([{ path: 'src/fresh.ts', bytes: 5 }]) },
    });
    expect(existsSync(join(root, 'staging/src/fresh.ts'))).toBe(true);
    expect(outputOf(await run(root, 'revert'))).toEqual(dry);
    expect(existsSync(join(root, 'staging/src/fresh.ts'))).toBe(false);
  });

  it('a gate that fails ends with 1, and says where its output is', async () => {
    const root = makeRoot();
    writeFileSync(join(root, 'config.json'), '{"releases": {"gates": ["echo because; exit 4"]}}');
    const failed = await run(root, 'promote');
    expect(failed.exitCode).toBe(1);
    const { code, hint } = outputOf(failed).error;
    expect(code).toBe('gate_failed');
    const log = /backups\/\S+\.log/.exec(hint)?.[0] ?? '';
    expect(readFileSync(join(root, log), 'utf8')).toBe('because\n');
    const plain = await understudy(['--root', root, 'releases']);
    expect(plain.stdout).toMatch(/^v1\.1\s+failed\s.*failed.*echo because/m);
  });

  it('Ctrl-C while a gate runs ends the gate, and leaves nothing', async () => {
    const root = makeRoot();
    writeFileSync(join(root, 'config.json'), '{"releases": {"gates": ["echo it runs; exec sleep 60"]}}');
    const words = [join(codeRoot, 'src/cli/understudy.js'), '--root', root, '--json', 'promote'];
    const child = spawn(process.execPath, words, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await until('the gate runs', () => stderr.includes('gate 1 of 1: it runs'));
    const [work] = readdirSync(join(root, 'backups')).filter((name) => name.startsWith('.staging-'));
    expect(findByVariable('UNDERSTUDY_STAGING', work ?? '')).toHaveLength(1);
    child.kill('SIGINT');
    expect(await ended).toBe(1);
    expect(JSON.parse(stdout).error.code).toBe('aborted');
    expect(findByVariable('UNDERSTUDY_STAGING', work ?? '')).toEqual([]);
    expect(leftoversOf(root)).toEqual([]);
  });

  it.each([
    [['promote'], 'nothing_to_promote'],
    [['rollback'], 'nothing_to_roll_back'],
    [['self-restart'], 'no_watchdog'],
  ])('%s on a fresh instance: %s', async (words, code) => {
    const root = makeInstance(withStaging(liveFiles, liveFiles));
    const result = await run(root, ...words);
    expect(result.exitCode).toBe(1);
    expect(outputOf(result).error.code).toBe(code);
    expect(existsSync(join(root, '.restart-signal'))).toBe(false);
  });

  it('a version that is none is refused', async () => {
    const result = await run(makeRoot(), 'promote', '--version', 'latest');
    expect(outputOf(result).error.code).toBe('invalid_version');
  });
});

describe('with a watchdog', () => {
  it('promote shows each step and waits for the verdict; rollback goes back; the history knows', async () => {
    const root = makeRoot();
    await startFixtureWatchdog(root);
    const promoted = await run(root, 'promote');
    expect(promoted.exitCode).toBe(0);
    expect(outputOf(promoted).release).toMatchObject({ version: 'v1.1', state: 'good' });
    for (const step of [
      'copying the candidate',
      'gate passed',
      'until the bot is idle',
      'switching',
      'trying v1.1',
    ])
      expect(promoted.stderr).toContain(step);
    expect(readFileSync(join(root, 'src/index.ts'), 'utf8')).toBe('new');
    const back = await run(root, 'rollback');
    expect(outputOf(back)).toMatchObject({
      version: 'v1.0',
      state: 'done',
      releases: [{ version: 'v1.1', state: 'reverted' }],
    });
    expect(readFileSync(join(root, 'src/index.ts'), 'utf8')).toBe('old');
    // What was gone back from is not promoted again by accident.
    expect(outputOf(await run(root, 'promote')).error.code).toBe('reverted_before');
    const { entries } = outputOf(await run(root, 'history'));
    expect(
      entries.map(({ action, outcome }: { action: string; outcome: string }) => `${action} ${outcome}`),
    ).toEqual(['promote failed', 'rollback ok', 'promote ok']);
  });

  it('a release that is taken back ends with 1 and its reason', async () => {
    const root = makeRoot();
    await startFixtureWatchdog(root, 'reverted');
    const result = await understudy(['--root', root, 'promote']);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toContain('v1.1 was taken back: it crashed twice within 15 s.');
    expect(outputOf(await run(root, 'releases')).releases).toMatchObject([
      { version: 'v1.1', state: 'reverted', reason: 'it crashed twice within 15 s' },
    ]);
    expect(readFileSync(join(root, 'src/index.ts'), 'utf8')).toBe('old');
  });

  it('self_restart leaves the signal and word for the next process', async () => {
    const root = makeRoot();
    await startFixtureWatchdog(root);
    const result = await run(root, 'self_restart', '--reason', 'a new key');
    expect(outputOf(result)).toMatchObject({ reason: 'a new key' });
    await until('the watchdog took it', () => existsSync(join(root, 'restarted')));
    expect(JSON.parse(readFileSync(join(root, 'restarted'), 'utf8'))).toEqual({
      timestamp: outputOf(result).requestedAt,
      reason: 'a new key',
      requestedBy: expect.stringMatching(/^cli:/),
    });
    expect(JSON.parse(readFileSync(join(root, '.upgrade-context'), 'utf8'))).toMatchObject({
      action: 'restart',
    });
  });
});

describe('revert', () => {
  it('stops the staging bot, and nobody else', async () => {
    const root = makeRoot();
    const { engine } = makeEngine(root);
    const spawnIn = (name: string, directory: string) =>
      engine.processes.spawn({
        argv: ['sleep', '60'],
        command: 'sleep 60',
        name,
        directory,
        environment: { PATH: process.env.PATH ?? '' },
        type: 'background',
        agent: undefined,
        takesInput: false,
      });
    writeFileSync(join(root, 'staging/.env'), '');
    const config = JSON.parse(readFileSync(join(root, 'config.json'), 'utf8'));
    const staging = { command: ['sleep', '60'] };
    writeFileSync(join(root, 'config.json'), JSON.stringify({ ...config, staging }));
    expect((await run(root, 'start')).exitCode).toBe(0);
    const bud = engine.processes.resolve('staging');
    const other = await spawnIn('worker', join(root, 'staging'));
    expect((await run(root, 'revert')).exitCode).toBe(0);
    const rows = [bud, other].map((row) =>
      engine.processes.settle(engine.processes.registry.find(row.id) ?? row),
    );
    expect(rows.map(({ status }) => status)).toEqual(['killed', 'running']);
  });
});

describe('a staging bot', () => {
  it.each(['promote', 'revert', 'rollback', 'releases', 'self_restart'])('may not call %s', async (verb) => {
    const root = makeInstance({ '.env': 'BOT_ROLE=staging\n' });
    expect(outputOf(await run(root, verb)).error.code).toBe('staging_role');
  });
});
