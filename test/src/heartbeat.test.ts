import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HeartbeatOptions, startHeartbeat } from '../../src/heartbeat.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot, makeInstance, until } from '../support/instance.ts';
import { makeLogger } from '../support/skill.ts';

const beatOf = (root: string) => JSON.parse(readFileSync(join(root, '.heartbeat'), 'utf8'));

function start(root: string, part: Partial<HeartbeatOptions> = {}) {
  const logger = makeLogger();
  const options = { root, codeRoot: root, environment: {}, logger, clock: { now: Date.now }, busy: () => 0 };
  const heartbeat = startHeartbeat({ ...options, ...part });
  onTestFinished(() => heartbeat.stop());
  return { heartbeat, logger };
}

describe('the heartbeat', () => {
  it('says starting at once, ready when told so, and is gone after a clean stop', () => {
    const root = makeFolder({ 'package.json': '{"version": "3.2.1"}' });
    let busy = 2;
    const { heartbeat } = start(root, { busy: () => busy });
    expect(beatOf(root)).toMatchObject({
      pid: process.pid,
      version: 'v3.2.1',
      state: 'starting',
      busy: 2,
      discord: 'off',
    });
    expect(Date.parse(beatOf(root).startedAt)).toBeLessThan(Date.parse(beatOf(root).at));
    busy = 0;
    heartbeat.ready();
    expect(beatOf(root)).toMatchObject({ state: 'ready', busy: 0 });
    heartbeat.stop();
    expect(existsSync(join(root, '.heartbeat'))).toBe(false);
  });

  it('leaves that of another bot alone when it stops', () => {
    const root = makeFolder();
    const { heartbeat } = start(root);
    writeFileSync(join(root, '.heartbeat'), '{"pid": 1}');
    heartbeat.stop();
    expect(beatOf(root)).toEqual({ pid: 1 });
  });

  it('is written by the bot that the watchdog of the root started, and by none that only works on it', () => {
    const root = makeFolder();
    const codeRoot = makeFolder();
    start(root, { codeRoot });
    start(root, { codeRoot, environment: { UNDERSTUDY_LIVE: `${codeRoot}:3`, UNDERSTUDY_VERSION: 'v1.4' } });
    expect(existsSync(join(root, '.heartbeat'))).toBe(false);
    start(root, { codeRoot, environment: { UNDERSTUDY_LIVE: `${root}:3`, UNDERSTUDY_VERSION: 'v1.4' } });
    expect(beatOf(root)).toMatchObject({ version: 'v1.4' });
  });

  it('that cannot be written is said once and harms nothing', () => {
    const root = join(makeFolder({ file: '' }), 'file');
    const { heartbeat, logger } = start(root);
    heartbeat.ready();
    heartbeat.ready();
    expect(logger.lines.map(({ message }) => message)).toEqual(['the heartbeat could not be written']);
  });

  it('comes from the real bot, and goes with it', async () => {
    const root = realpathSync(makeInstance());
    const bot = spawn(process.execPath, ['--import', 'tsx', 'src/index.ts'], {
      cwd: codeRoot,
      env: cleanEnvironment({
        UNDERSTUDY_ROOT: root,
        UNDERSTUDY_LIVE: `${root}:1`,
        UNDERSTUDY_VERSION: 'v1.9',
      }),
      stdio: 'ignore',
    });
    onTestFinished(() => void bot.kill('SIGKILL'));
    await until('it is ready', () => existsSync(join(root, '.heartbeat')) && beatOf(root).state === 'ready');
    expect(beatOf(root)).toMatchObject({ pid: bot.pid, version: 'v1.9', busy: 0, discord: 'off' });
    bot.kill('SIGTERM');
    await until('it is gone', () => !existsSync(join(root, '.heartbeat')));
    await until('it has ended', () => bot.exitCode === 0);
  });
});
