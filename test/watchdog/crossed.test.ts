// Wishes that cross, journals that are spoilt, and a watchdog that dies in the middle of somebody else's release: the tree
// is never a mixture, and nothing is stuck.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { codeRoot, until } from '../support/instance.ts';
import {
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
  watchdogLog,
} from './support.ts';

const version = (root: string) => /v1\.\d/.exec(readFileSync(join(root, 'live.sh'), 'utf8'))?.[0];
const files = (name: string) => ({ 'live.sh': shellBot(name), [`${name}.txt`]: name });
const stateOf = (root: string, name: string) => releaseOf(root, name).state;

async function begin(live = shellLive, environment: NodeJS.ProcessEnv = {}) {
  const root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0') }, live);
  const watchdog = startWatchdog(root, environment);
  await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
  return { root, watchdog };
}

/** A heartbeat that says busy, so that whatever is asked for waits. */
function beBusy(root: string, busy: number): void {
  const [pid] = livePids(root);
  writeFileSync(join(root, '.heartbeat.new'), JSON.stringify({ pid, state: 'ready', busy }));
  renameSync(join(root, '.heartbeat.new'), join(root, '.heartbeat'));
}

it('a marker that is replaced while it waits is done as it stands then', async () => {
  const { root } = await begin();
  const first = promote(root, { version: 'v1.1', files: files('v1.1') });
  await until('v1.1 is good', () => stateOf(root, first) === 'good' && isSettled(root));
  const busy = setInterval(() => beBusy(root, 1), 50);
  onTestFinished(() => clearInterval(busy));
  await until('it is known to be busy', () => existsSync(join(root, '.heartbeat')));
  const second = promote(root, { version: 'v1.2', files: files('v1.2') });
  await until('it waits', () => watchdogLog(root).includes(`${second}: staged; waiting`));
  writeFileSync(join(root, '.deploy-ready'), '{"action": "rollback"}');
  await until('it was read anew', () => watchdogLog(root).includes(`${first}: to be rolled back; waiting`));
  clearInterval(busy);
  beBusy(root, 0);
  await until('v1.1 is taken back', () => stateOf(root, first) === 'reverted' && isSettled(root));
  expect(version(root)).toBe('v1.0');
  expect(stateOf(root, second)).toBe('staged');
  expect(existsSync(join(root, 'v1.2.txt'))).toBe(false);
});

it('what has begun to move comes before what the marker says', async () => {
  const { root, watchdog } = await begin({ ...shellLive, trialSeconds: 3 });
  const first = promote(root, { version: 'v1.1', files: files('v1.1') });
  await until('v1.1 is good', () => stateOf(root, first) === 'good' && isSettled(root));
  const second = promote(root, { version: 'v1.2', files: files('v1.2') });
  await until('v1.2 is on trial', () => stateOf(root, second) === 'trial');
  watchdog.child.kill('SIGKILL');
  await watchdog.ended;
  writeFileSync(join(root, '.deploy-in-progress'), JSON.stringify({ action: 'rollback', rollback: [first] }));
  startWatchdog(root);
  await until('v1.2 is good', () => stateOf(root, second) === 'good' && isSettled(root));
  expect(version(root)).toBe('v1.2');
  expect(stateOf(root, first)).toBe('good');
});

it.each(['', '{"state":', 'gone'])(
  'a journal that is spoilt in the trial (%j) is written again',
  async (text) => {
    const { root } = await begin({ ...shellLive, trialSeconds: 5 });
    const name = promote(root, {
      version: 'v1.1',
      files: {
        ...files('v1.1'),
        'live.sh': 'echo v1.1 runs\nwhile ! [ -e memory/end ]; do sleep 0.02; done; exit 1\n',
      },
    });
    await until(
      'it is on trial',
      () => stateOf(root, name) === 'trial' && liveLog(root).includes('v1.1 runs'),
    );
    const path = join(root, 'backups', name, 'release.json');
    if (text === 'gone') rmSync(path);
    else writeFileSync(path, text);
    writeFileSync(join(root, 'memory/end'), '');
    await until(
      'it is taken back',
      () => existsSync(path) && stateOf(root, name) === 'reverted' && isSettled(root),
    );
    expect(version(root)).toBe('v1.0');
    expect(existsSync(join(root, 'v1.1.txt'))).toBe(false);
    expect(revertedOf(root)).toMatchObject({ version: 'v1.1', state: 'reverted' });
  },
);

it.each(['{"action":"rollback","rollback":[5]}', 'garbage', '{"release":"nobody"}'])(
  'a .deploy-in-progress that says %s keeps nobody from starting or promoting',
  async (text) => {
    const root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0'), '.deploy-in-progress': text });
    startWatchdog(root);
    await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
    writeFileSync(join(root, '.deploy-in-progress'), text);
    await until('it is removed', () => !existsSync(join(root, '.deploy-in-progress')));
    const name = promote(root, { version: 'v1.1', files: files('v1.1') });
    await until('v1.1 is good', () => stateOf(root, name) === 'good');
  },
);

it('a marker that is a folder is removed and said', async () => {
  const { root } = await begin();
  mkdirSync(join(root, '.deploy-ready/inside'), { recursive: true });
  await until('it is gone', () => !existsSync(join(root, '.deploy-ready')));
  expect(watchdogLog(root)).toContain('.deploy-ready is ignored: it is no file');
});

it.each(['{"release":"v9-20260101T000000Z"}', '{"action":"rollback"}'])(
  '--apply with %s starts the bot, and ends with 1',
  async (text) => {
    const root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0'), '.deploy-ready': text });
    const applied = startWatchdog(root, {}, ['--apply']);
    expect(await applied.ended).toBe(1);
    expect(liveLog(root)).toContain('v1.0 runs');
  },
);

it('a new watchdog that dies while it tries the next release leaves that work to the old one', async () => {
  const own = readFileSync(join(codeRoot, 'watchdog.js'), 'utf8');
  const times = { UNDERSTUDY_WATCHDOG_TAKEOVER_MS: '1500', UNDERSTUDY_WATCHDOG_PROBATION_MS: '60000' };
  const { root, watchdog } = await begin(shellLive, times);
  const first = promote(root, { version: 'v1.1', files: files('v1.1'), watchdog: `${own}\n// newer\n` });
  await until('it took over', () => releaseOf(root, first).watchdog === 'installed');
  const second = stage(root, {
    version: 'v1.2',
    files: files('v1.2'),
    live: { ...shellLive, trialSeconds: 4 },
  });
  writeFileSync(
    join(root, '.deploy-ready'),
    JSON.stringify({ release: second, version: 'v1.2', action: 'promote' }),
  );
  await until('v1.2 is on trial', () => stateOf(root, second) === 'trial');
  const heir = Number(readJson(join(root, '.watchdog.lock'))?.pid);
  expect(heir).not.toBe(watchdog.child.pid);
  process.kill(heir, 'SIGKILL');
  await until('v1.2 is good', () => stateOf(root, second) === 'good' && isSettled(root), 25_000);
  expect(version(root)).toBe('v1.2');
  expect(stateOf(root, first)).toBe('good');
});

it('the lines of a release that is taken back are its own', async () => {
  const { root } = await begin();
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': 'echo only this; exit 1\n' } });
  await until('it is taken back', () => stateOf(root, name) === 'reverted' && isSettled(root));
  expect(revertedOf(root)?.lines).toEqual(['only this', 'only this']);
});

it('a lock that somebody tidied away is there again', async () => {
  const { root, watchdog } = await begin();
  rmSync(join(root, '.watchdog.lock'));
  await until('it is there', () => readJson(join(root, '.watchdog.lock'))?.pid === watchdog.child.pid);
  const second = startWatchdog(root);
  expect(await second.ended).toBe(1);
});
