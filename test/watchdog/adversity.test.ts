// What the world does to a watchdog: torn files, a full disk, a disk that cannot be written, a broken configuration.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/instance.ts';
import {
  announce,
  isSettled,
  liveLog,
  livePids,
  makeRoot,
  mountDisk,
  ownFiles,
  promote,
  releaseOf,
  revertedOf,
  shellBot,
  shellLive,
  stage,
  startWatchdog,
  treeOf,
  watchdogLog,
} from './support.ts';

const files = { ...ownFiles, 'live.sh': shellBot('v1.0') };
const running = (root: string, version: string) =>
  liveLog(root).trimEnd().endsWith(`version ${version} runs`);

const remount = (disk: string, how: 'ro' | 'rw') =>
  expect(spawnSync('mount', ['-o', `remount,${how}`, disk]).status).toBe(0);

describe('.watchdog.json', () => {
  it.each([
    ['the first copy', ['.watchdog.json']],
    ['the second copy', ['.watchdog.json.2']],
    ['both copies', ['.watchdog.json', '.watchdog.json.2']],
  ])('%s torn: live is adopted, not started again', async (_, torn) => {
    const root = makeRoot(files);
    const first = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0') && existsSync(join(root, '.watchdog.json.2')));
    const before = livePids(root);
    first.child.kill('SIGKILL');
    await first.ended;
    for (const name of torn) {
      const whole = readFileSync(join(root, name), 'utf8');
      writeFileSync(join(root, name), whole.slice(0, whole.length / 2));
    }
    const second = startWatchdog(root);
    await until('it adopts', () => second.output().includes(`already runs with PID ${before[0]}`));
    expect(livePids(root)).toEqual(before);
    expect(await second.stop()).toBe(0);
    expect(livePids(root)).toEqual([]);
  });

  it('a bit flipped in one copy is noticed', async () => {
    const root = makeRoot(files);
    const first = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    await first.stop();
    const path = join(root, '.watchdog.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('startNumber\\":1', 'startNumber\\":9'));
    const second = startWatchdog(root);
    await until('live runs again', () => livePids(root).length === 1);
    const [pid = 0] = livePids(root);
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toContain(`UNDERSTUDY_LIVE=${root}:2\0`);
    await second.stop();
  });
});

describe('config.json', () => {
  it('that is broken later is as it was when it was last good', async () => {
    const root = makeRoot(files);
    const first = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    writeFileSync(join(root, 'config.json'), '{"live": {"command": [1]}}');
    writeFileSync(join(root, '.restart-signal'), '');
    await until('live runs again', () => liveLog(root).match(/v1.0 runs/g)?.length === 2);
    expect(watchdogLog(root)).toMatch(/live.command must be a list of words; going on with the last good/);
    await first.stop();
    rmSync(join(root, 'config.json'));
    startWatchdog(root);
    await until('and once more', () => liveLog(root).match(/v1.0 runs/g)?.length === 3);
  });
});

describe('a full disk', () => {
  const fillUp = (disk: string) => {
    const { bsize, bavail } = statfsSync(disk);
    spawnSync('dd', ['if=/dev/zero', `of=${disk}/fill`, `bs=${bsize}`, `count=${bavail}`]);
    expect(statfsSync(disk).bavail).toBe(0);
  };

  it('refuses a switch, and live runs on as it was', async () => {
    const disk = mountDisk('700k');
    if (!disk) return;
    const root = makeRoot(files, shellLive, disk);
    const watchdog = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    const name = stage(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
    const before = { tree: treeOf(root), pids: livePids(root) };
    writeFileSync(join(root, '.deploy-ready.new'), JSON.stringify({ release: name, action: 'promote' }));
    fillUp(disk);
    spawnSync('mv', [join(root, '.deploy-ready.new'), join(root, '.deploy-ready')]);
    await until('it is said', () => watchdog.output().includes('ENOSPC'));
    await until('the marker is gone', () => !existsSync(join(root, '.deploy-ready')));
    expect({ tree: treeOf(root), pids: livePids(root) }).toEqual(before);
    rmSync(join(disk, 'fill'));
    announceAgain(root, name);
    await until('with space it works', () => isSettled(root) && releaseOf(root, name).state === 'good');
  });

  it('that somebody fills again and again does not keep a release from being taken back', async () => {
    const disk = mountDisk('1200k');
    if (!disk) return;
    const root = makeRoot(files, shellLive, disk);
    const before = treeOf(root);
    const watchdog = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    const live = { ...shellLive, ready: { pattern: 'never' }, readySeconds: 2 };
    const name = promote(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') }, live });
    await until('it is on trial', () => running(root, 'v1.1'));
    // Whatever the watchdog would free for a moment is gone in the next one.
    const thief = spawn('sh', [
      '-c',
      `while [ -d ${root} ]; do cat /dev/zero >> ${disk}/fill; done 2>/dev/null`,
    ]);
    onTestFinished(() => void thief.kill('SIGKILL'));
    await until('the disk is full', () => statfsSync(disk).bavail === 0);
    await until('it is taken back', () => watchdog.output().includes('v1.0 is back'));
    expect(releaseOf(root, name).state).toBe('reverted');
    expect(revertedOf(root)).toMatchObject({ version: 'v1.1', state: 'reverted' });
    expect(treeOf(root)).toEqual(before);
    await until('v1.0 is started', () => livePids(root).length === 1);
  });

  it('that a release fills in its trial does not keep it from being taken back', async () => {
    const disk = mountDisk('1000k');
    if (!disk) return;
    const root = makeRoot(files, { ...shellLive, trialSeconds: 1 }, disk);
    const before = treeOf(root);
    startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    const name = promote(root, {
      version: 'v1.1',
      files: { 'live.sh': `dd if=/dev/zero of=${disk}/fill bs=4096 2>/dev/null\necho full\nexit 1\n` },
    });
    await until('it is taken back', () => releaseOf(root, name).state === 'reverted' && isSettled(root));
    expect(statfsSync(disk).bavail * 4096).toBeLessThan(70_000);
    expect(treeOf(root)).toEqual(before);
    expect(releaseOf(root, name).detail).toMatch(/ended 2 times/);
  });
});

/** The same release once more, whatever became of its journal. */
function announceAgain(root: string, name: string): void {
  const journal = { ...releaseOf(root, name), state: 'staged', detail: null };
  writeFileSync(join(root, 'backups', name, 'release.json'), JSON.stringify(journal));
  announce(root, name);
}

describe('a disk that cannot be written', () => {
  it('backups/ is read-only: the switch is refused, and live runs on', async () => {
    const disk = mountDisk('2m');
    if (!disk) return;
    const root = makeRoot(files);
    const watchdog = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    const name = stage(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
    const backups = join(root, 'backups');
    expect(spawnSync('mount', ['--bind', backups, backups]).status).toBe(0);
    onTestFinished(() => void spawnSync('umount', ['-l', backups]));
    expect(spawnSync('mount', ['-o', 'remount,bind,ro', backups]).status).toBe(0);
    const before = { tree: treeOf(root), pids: livePids(root) };
    announce(root, name);
    await until('it is said', () => watchdog.output().includes('EROFS'));
    await until('the marker is gone', () => !existsSync(join(root, '.deploy-ready')));
    expect({ tree: treeOf(root), pids: livePids(root) }).toEqual(before);
    spawnSync('umount', ['-l', backups]);
    announce(root, name);
    await until('then it works', () => isSettled(root) && releaseOf(root, name).state === 'good');
  });

  it('taking back fails: inconsistent, said, retried, and mended when it can be written again', async () => {
    const disk = mountDisk('2m');
    if (!disk) return;
    const root = makeRoot(files, shellLive, disk);
    const before = treeOf(root);
    const watchdog = startWatchdog(root, { UNDERSTUDY_WATCHDOG_LONGEST_RESTART_MS: '200' });
    await until('live runs', () => running(root, 'v1.0'));
    const live = { ...shellLive, ready: { pattern: 'never' }, readySeconds: 2 };
    const name = promote(root, {
      version: 'v1.1',
      files: { 'live.sh': 'exec sleep 600 >/dev/null 2>&1\n' },
      live,
    });
    await until(
      'it is on trial',
      () =>
        watchdogLog(root).includes('switching') &&
        releaseOf(root, name).state === 'trial' &&
        livePids(root).length === 1,
    );
    // A log that is open for writing keeps a disk from becoming read-only, so this bot has none.
    await until('the disk is read-only', () => spawnSync('mount', ['-o', 'remount,ro', disk]).status === 0);
    await until(
      'it is said',
      () => (watchdog.output().match(/inconsistent: v1.1 could not be taken back/g)?.length ?? 0) >= 2,
    );
    expect(watchdog.child.exitCode).toBeNull();
    remount(disk, 'rw');
    await until('it is back', () => releaseOf(root, name).state === 'reverted' && isSettled(root));
    expect(treeOf(root)).toEqual(before);
    await until('v1.0 runs', () => running(root, 'v1.0'));
    expect(revertedOf(root)?.state).toBe('reverted');
  });
});

describe('logs', () => {
  it('logs/watchdog.log is bounded', async () => {
    const root = makeRoot({ ...files, 'logs/watchdog.log': `${'an old line\n'.repeat(60_000)}` });
    const watchdog = startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    await watchdog.stop();
    const log = watchdogLog(root);
    expect(log.length).toBeLessThan(300_000);
    expect(log).toMatch(/^an old line\n/);
    expect(log).toContain('SIGTERM: stopping the bot');
  });

  it('a folder for them that cannot be made does not keep live from running', async () => {
    const root = makeRoot(files);
    rmSync(join(root, 'logs'), { recursive: true });
    writeFileSync(join(root, 'logs'), 'in the way');
    startWatchdog(root);
    await until('live runs', () => livePids(root).length === 1);
    mkdirSync(join(root, 'memory/x'));
  });
});
