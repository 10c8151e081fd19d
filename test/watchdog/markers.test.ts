// The markers that anybody may write, waiting for idle, rolling back by hand, and versions that stop working later.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../support/instance.ts';
import {
  announce,
  isSettled,
  liveLog,
  livePids,
  makeRoot,
  ownFiles,
  promote,
  readJson,
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

/** A root whose live bot runs. */
async function started(own: Record<string, string> = files, live = shellLive, environment = {}) {
  const root = makeRoot(own, live);
  const watchdog = startWatchdog(root, environment);
  await until('live runs', () => livePids(root).length === 1 && existsSync(join(root, '.watchdog.json.2')));
  await until('live has said so', () => liveLog(root) !== '');
  return { root, watchdog };
}

describe('.restart-signal', () => {
  it.each([
    ['empty', ''],
    ['whatever', 'please'],
    ['JSON', '{"timestamp": "2026-01-01", "reason": "new token", "requestedBy": "cli:root"}'],
  ])('%s: live is started again, and the signal is gone', async (_, content) => {
    const { root, watchdog } = await started();
    const [before] = livePids(root);
    writeFileSync(join(root, '.restart-signal'), content);
    await until('another one runs', () => livePids(root).length === 1 && livePids(root)[0] !== before);
    expect(existsSync(join(root, '.restart-signal'))).toBe(false);
    expect(watchdogLog(root)).toContain('a restart was asked for');
    expect(watchdog.child.exitCode).toBeNull();
  });

  it('is noticed at once', async () => {
    const { root } = await started(files, shellLive, { UNDERSTUDY_WATCHDOG_POLL_MS: '80' });
    await until('time passes', () => running(root, 'v1.0'));
    const before = performance.now();
    writeFileSync(join(root, '.restart-signal'), '');
    while (existsSync(join(root, '.restart-signal'))) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(performance.now() - before).toBeLessThan(100);
  });

  it('from before the start is deleted and means nothing', async () => {
    const root = makeRoot({ ...files, '.restart-signal': '' });
    startWatchdog(root);
    await until('live runs', () => running(root, 'v1.0'));
    expect(existsSync(join(root, '.restart-signal'))).toBe(false);
    expect(liveLog(root).match(/runs/g)).toHaveLength(1);
  });

  it('that is a folder is removed too', async () => {
    const { root } = await started();
    const [before] = livePids(root);
    mkdirSync(join(root, '.restart-signal'));
    await until('another one runs', () => livePids(root).length === 1 && livePids(root)[0] !== before);
  });
});

describe('.deploy-ready', () => {
  it.each([
    ['nothing in it', ''],
    ['what old scripts write', '{"staged_at": "2026-01-01", "staged_by": "script", "commit": "abc"}'],
    ['no JSON', 'deploy!'],
  ])('with %s means the newest staged release', async (_, content) => {
    const { root } = await started();
    stage(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
    const newest = stage(root, { version: 'v1.2', files: { 'live.sh': shellBot('v1.2') } });
    writeFileSync(join(root, '.deploy-ready'), content);
    await until('it is good', () => releaseOf(root, newest).state === 'good' && isSettled(root));
    expect(running(root, 'v1.2')).toBe(true);
  });

  it.each([
    ['no release is staged', ''],
    ['there is no release', '{"release": "v9-x"}'],
    ['there is no release ../../etc', '{"release": "../../etc"}'],
    ['no release to roll back', '{"action": "rollback"}'],
  ])('that nothing can be done about is removed, and the log says: %s', async (reason, content) => {
    const { root } = await started();
    const [before] = livePids(root);
    writeFileSync(join(root, '.deploy-ready'), content);
    await until('it is removed', () => !existsSync(join(root, '.deploy-ready')));
    await until('it is said', () => watchdogLog(root).includes(reason));
    expect(livePids(root)).toEqual([before]);
    expect(existsSync(join(root, '.deploy-reverted'))).toBe(false);
  });

  it.each([
    [
      'lacks an entry',
      (root: string, name: string) => rmSync(join(root, 'backups', name, 'next/live.sh')),
      /next\/ lacks live.sh/,
    ],
    [
      'is about a live that changed since',
      (root: string) => writeFileSync(join(root, 'new.txt'), ''),
      /new.txt appeared in live/,
    ],
    [
      'is about a file that is gone from live',
      (root: string) => rmSync(join(root, 'package.json')),
      /package.json is gone in live/,
    ],
  ] as const)('whose release %s leaves live as it is', async (_, change, reason) => {
    const { root } = await started();
    const [before] = livePids(root);
    const name = stage(root, { version: 'v1.1', files: { 'new.txt': 'new', 'live.sh': shellBot('v1.1') } });
    change(root, name);
    const tree = treeOf(root);
    announce(root, name);
    await until('it has failed', () => releaseOf(root, name).state === 'failed' && isSettled(root));
    expect(releaseOf(root, name).detail).toMatch(reason);
    await until('it is told', () => revertedOf(root)?.reason !== undefined);
    expect(treeOf(root)).toEqual(tree);
    expect(livePids(root)).toEqual([before]);
  });
});

describe('idle', () => {
  const busy = (count: number) =>
    `import { renameSync, writeFileSync } from 'node:fs';
console.log('version v1.0 runs');
setInterval(() => {
  writeFileSync('.heartbeat.new', JSON.stringify({ pid: process.pid, state: 'ready', busy: globalThis.done ? 0 : ${count} }));
  renameSync('.heartbeat.new', '.heartbeat');
}, 30);
process.on('SIGUSR2', () => { globalThis.done = true; });
`;
  const config = (idleDeadlineSeconds: number) =>
    JSON.stringify({
      live: { ...shellLive, command: ['node', 'live.js'] },
      releases: { idleDeadlineSeconds },
    });
  const start = async (deadline: number) => {
    const { root } = await started({ 'live.js': busy(2), 'config.json': config(deadline) });
    await until('it beats', () => readJson(join(root, '.heartbeat'))?.busy === 2);
    const name = promote(root, { version: 'v1.1', files: { 'live.js': 'setInterval(() => {}, 1000)' } });
    await until('the watchdog knows', () => watchdogLog(root).includes('waiting for the bot to be idle'));
    return { root, name };
  };

  it('is waited for', async () => {
    const { root, name } = await start(60);
    const [before = 0] = livePids(root);
    // Many beats later it still runs.
    const since = statSync(join(root, '.heartbeat')).mtimeMs;
    await until('it beats on', () => statSync(join(root, '.heartbeat')).mtimeMs > since + 500);
    expect(releaseOf(root, name).state).toBe('staged');
    expect(livePids(root)).toEqual([before]);
    process.kill(before, 'SIGUSR2');
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
  });

  it('is not waited for beyond the deadline', async () => {
    const { root, name } = await start(0.5);
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
    expect(watchdogLog(root)).toContain('still busy after 0.5 s');
  });

  it('is not waited for when somebody takes the marker away again', async () => {
    const { root, name } = await start(60);
    rmSync(join(root, '.deploy-ready'));
    writeFileSync(join(root, '.restart-signal'), '');
    await until('it is restarted', () => liveLog(root).match(/v1.0 runs/g)?.length === 2);
    expect(releaseOf(root, name).state).toBe('staged');
  });

  it('is what a bot is whose heartbeat is old', async () => {
    const { root } = await started(
      {
        'live.js': busy(2).replace('setInterval', 'setTimeout').replace(/$/, 'setInterval(() => {}, 1000);'),
        'config.json': config(60),
      },
      shellLive,
      { UNDERSTUDY_WATCHDOG_BUSY_MS: '300' },
    );
    await until('it beats', () => readJson(join(root, '.heartbeat'))?.busy === 2);
    const name = promote(root, { version: 'v1.1', files: { 'live.js': 'setInterval(() => {}, 1000)' } });
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
  });
});

/** Promotes shell bots, each over the one before; their names. */
async function promoteAll(root: string, versions: readonly string[], text = shellBot): Promise<string[]> {
  const names: string[] = [];
  for (const version of versions) {
    const name = promote(root, { version, files: { 'live.sh': text(version), [`only-${version}.txt`]: '' } });
    await until(`${version} is good`, () => releaseOf(root, name).state === 'good' && isSettled(root));
    names.push(name);
  }
  return names;
}

describe('rolling back by hand', () => {
  it('takes the newest back, and two at once, and refuses what is not the newest', async () => {
    const { root } = await started();
    const before = treeOf(root);
    const [first = '', second = '', third = ''] = await promoteAll(root, ['v1.1', 'v1.2', 'v1.3']);
    writeFileSync(join(root, '.deploy-ready'), JSON.stringify({ action: 'rollback' }));
    await until('the third is back', () => releaseOf(root, third).state === 'reverted' && isSettled(root));
    await until('v1.2 runs', () => running(root, 'v1.2'));
    expect(existsSync(join(root, '.deploy-reverted'))).toBe(false);
    announce(root, first, { action: 'rollback', rollback: [first] });
    await until('it is refused', () => watchdogLog(root).includes('is not what was promoted last'));
    announce(root, second, { action: 'rollback', rollback: [second, first] });
    await until('the first is back', () => releaseOf(root, first).state === 'reverted' && isSettled(root));
    expect(treeOf(root)).toEqual(before);
    await until('v1.0 runs', () => running(root, 'v1.0'));
  });

  it('leaves the data that a skill gathered meanwhile with the instance', async () => {
    const { root } = await started({ ...files, 'skills/x/index.js': 'x' });
    const files2 = { 'skills/x/index.js': 'x2', 'skills/y/index.js': 'y' };
    const name = promote(root, { version: 'v1.1', files: { ...files2, 'live.sh': shellBot('v1.1') } });
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
    for (const skill of ['x', 'y']) {
      mkdirSync(join(root, 'skills', skill, 'data'));
      writeFileSync(join(root, 'skills', skill, 'data/gathered'), skill);
    }
    announce(root, name, { action: 'rollback', rollback: [name] });
    await until('it is back', () => releaseOf(root, name).state === 'reverted' && isSettled(root));
    expect(Object.keys(treeOf(join(root, 'skills')))).toEqual([
      'x/data/gathered',
      'x/index.js',
      'y/data/gathered',
    ]);
    expect(readFileSync(join(root, 'skills/x/index.js'), 'utf8')).toBe('x');
  });
});

describe('old releases', () => {
  it('beyond keep are pruned, but never what runs and what it came from', async () => {
    const { root } = await started({
      ...files,
      'config.json': JSON.stringify({ live: shellLive, releases: { keep: 1 } }),
    });
    const [first = '', second = '', third = ''] = await promoteAll(root, ['v1.1', 'v1.2', 'v1.3']);
    await until('the first is gone', () => !existsSync(join(root, 'backups', first)));
    expect(existsSync(join(root, 'backups', second, 'previous'))).toBe(true);
    expect(existsSync(join(root, 'backups', third, 'previous'))).toBe(true);
    mkdirSync(join(root, 'backups/.pruning-v0'));
    await promoteAll(root, ['v1.4']);
    await until('leftovers are gone too', () => !existsSync(join(root, 'backups/.pruning-v0')));
  });
});

describe('a good release that crashes at every start later', () => {
  const fragile = (version: string) => `[ -e memory/poison ] && exit 5\n${shellBot(version)}`;
  const times = {
    UNDERSTUDY_WATCHDOG_LONGEST_RESTART_MS: '50',
    UNDERSTUDY_WATCHDOG_LAST_RESORT_MS: '300',
    UNDERSTUDY_WATCHDOG_STABLE_MS: '30000',
  };
  const poison = (root: string) => {
    writeFileSync(join(root, 'memory/poison'), '');
    for (const pid of livePids(root)) process.kill(pid, 'SIGKILL');
  };

  it('is rolled back to the one before, and its hash is remembered', async () => {
    const { root } = await started(files, shellLive, times);
    const [first = ''] = await promoteAll(root, ['v1.1']);
    const [second = ''] = await promoteAll(root, ['v1.2'], fragile);
    poison(root);
    await until('it is rolled back', () => releaseOf(root, second).state === 'reverted' && isSettled(root));
    await until('v1.1 runs', () => running(root, 'v1.1'));
    expect(revertedOf(root)).toMatchObject({
      release: second,
      state: 'reverted',
      reason: expect.stringContaining('5 times'),
    });
    expect(releaseOf(root, first).state).toBe('good');
    expect(JSON.stringify(readJson(join(root, '.watchdog.json')))).toContain(
      String(releaseOf(root, second).hash),
    );
  });

  it('never in a circle: with nothing left it keeps trying, says so each time, and recovers', async () => {
    const { root, watchdog } = await started({ ...files, 'live.sh': fragile('v1.0') }, shellLive, times);
    const names = await promoteAll(root, ['v1.1', 'v1.2'], fragile);
    poison(root);
    await until('both are rolled back', () =>
      names.every((name) => releaseOf(root, name).state === 'reverted'),
    );
    const tries = () => watchdogLog(root).match(/no good release is left/g)?.length ?? 0;
    await until('it keeps trying', () => tries() >= 3);
    expect(watchdog.child.exitCode).toBeNull();
    expect(names.map((name) => releaseOf(root, name).state)).toEqual(['reverted', 'reverted']);
    rmSync(join(root, 'memory/poison'));
    await until('it runs again', () => running(root, 'v1.0') && livePids(root).length === 1);
  });

  it('goes on past one that has failed itself', async () => {
    const { root, watchdog } = await started({ ...files, 'live.sh': shellBot('v1.0') }, shellLive, times);
    const names = await promoteAll(root, ['v1.1', 'v1.2'], fragile);
    await watchdog.stop();
    // As if v1.1 had been taken back once, and was promoted again by force.
    const hash = String(releaseOf(root, names[0] ?? '').hash);
    const { content, ...rest } = readJson(join(root, '.watchdog.json')) as { content: string; sum: string };
    const changed = JSON.stringify({ ...JSON.parse(content), bad: [hash] });
    const sum = createHash('sha256').update(changed).digest('hex');
    for (const copy of ['.watchdog.json', '.watchdog.json.2'])
      writeFileSync(join(root, copy), JSON.stringify({ ...rest, content: changed, sum }));
    startWatchdog(root, times);
    await until('it runs', () => livePids(root).length === 1);
    poison(root);
    await until(
      'both are back',
      () => names.every((name) => releaseOf(root, name).state === 'reverted') && isSettled(root),
    );
    await until('v1.0 runs', () => running(root, 'v1.0'));
  });

  it('hangs: it is started again', async () => {
    const hanging = `import { renameSync, writeFileSync } from 'node:fs';
console.log('runs');
writeFileSync('.heartbeat.new', JSON.stringify({ pid: process.pid, state: 'ready', busy: 0 }));
renameSync('.heartbeat.new', '.heartbeat');
setTimeout(() => { while (true) {} }, 20);`;
    const own = { ...files, 'live.js': hanging };
    const live = { ...shellLive, command: ['node', 'live.js'] };
    const { root } = await started(own, live, {
      UNDERSTUDY_WATCHDOG_STALL_MS: '300',
      UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '100',
    });
    await until('it was started twice', () => liveLog(root).match(/runs/g)?.length === 2);
    expect(watchdogLog(root)).toContain('the bot hangs: no heartbeat');
  });
});
