// A release that brings its own watchdog.js: the new one takes over only when it works, and the old one watches.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../support/folder.ts';
import { codeRoot, until } from '../support/instance.ts';
import {
  endEverything,
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
  startWatchdog,
  watchdogLog,
} from './support.ts';

const own = readFileSync(join(codeRoot, 'watchdog.js'), 'utf8');
/** The same program, which can be told from the other. */
const newer = `${own}\n// newer\n`;
const times = { UNDERSTUDY_WATCHDOG_TAKEOVER_MS: '1500', UNDERSTUDY_WATCHDOG_PROBATION_MS: '1500' };
const inRoot = (root: string) => readFileSync(join(root, 'watchdog.js'), 'utf8');
const holder = (root: string) => Number(readJson(join(root, '.watchdog.lock'))?.pid);

/** Promotes a release with this watchdog.js; it is good when this returns. */
async function promoted(watchdogText: string, environment: NodeJS.ProcessEnv = times) {
  const root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0') });
  const watchdog = startWatchdog(root, environment);
  await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
  const name = promote(root, {
    version: 'v1.1',
    files: { 'live.sh': shellBot('v1.1') },
    watchdog: watchdogText,
  });
  await until('it is good', () => releaseOf(root, name).state === 'good');
  const [live] = livePids(root);
  return { root, watchdog, name, live };
}

describe('a watchdog.js that works', () => {
  it('takes over live, the lock and its place; the old one waits for it and passes signals on', async () => {
    const { root, watchdog, name, live } = await promoted(newer);
    await until('it is installed', () => releaseOf(root, name).watchdog === 'installed');
    expect(inRoot(root)).toBe(newer);
    expect(readFileSync(join(root, 'backups', name, 'previous/watchdog.js'), 'utf8')).toBe(own);
    expect(holder(root)).not.toBe(watchdog.child.pid);
    expect(livePids(root)).toEqual([live]);
    const second = promote(root, { version: 'v1.2', files: { 'live.sh': shellBot('v1.2') } });
    await until('it switches too', () => releaseOf(root, second).state === 'good' && isSettled(root));
    expect(await watchdog.stop()).toBe(0);
    await until('live has ended', () => livePids(root).length === 0);
    expect(readJson(join(root, '.watchdog.lock'))).toBeUndefined();
  });

  it('hears how a live bot ended that the old one had started', async () => {
    const root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0') });
    const watchdog = startWatchdog(root, times);
    await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
    const files = { 'live.sh': 'echo v1.1 runs\nwhile ! [ -e memory/enough ]; do sleep 0.02; done\n' };
    const name = promote(root, { version: 'v1.1', files, watchdog: newer });
    await until('it is installed', () => releaseOf(root, name).watchdog === 'installed');
    writeFileSync(join(root, 'memory/enough'), '');
    expect(await watchdog.ended).toBe(0);
    expect(liveLog(root).match(/v1.1 runs/g)).toHaveLength(1);
  });

  it('and the next one: there is never more than one that waits', async () => {
    const { root, watchdog, name } = await promoted(newer, {
      ...times,
      UNDERSTUDY_WATCHDOG_PROBATION_MS: '300',
    });
    await until('it is installed', () => releaseOf(root, name).watchdog === 'installed');
    const second = holder(root);
    const next = promote(root, { version: 'v1.2', watchdog: `${newer}// newest\n` });
    await until('the next one is installed', () => releaseOf(root, next).watchdog === 'installed');
    expect(holder(root)).not.toBe(second);
    await until('the one between has ended', () => !isRunning(second));
    expect(watchdog.child.exitCode).toBeNull();
    expect(await watchdog.stop()).toBe(0);
    await until('live has ended', () => livePids(root).length === 0);
  });
});

describe('a handover that is cut off', () => {
  it('at any of its steps leaves a watchdog.js that works, and is done at the next start', {
    timeout: 120_000,
  }, async () => {
    const folder = makeFolder();
    const list = join(folder, 'steps');
    const model = await promoted(newer, { ...times, UNDERSTUDY_TEST_STEPS: list });
    await until('it is installed', () => releaseOf(model.root, model.name).watchdog === 'installed');
    const steps = readFileSync(list, 'utf8').split('\n');
    await model.watchdog.stop();
    const first = steps.findIndex((step) => step.includes(' is good')) + 1;
    const last = steps.findIndex((step) => step.includes('took over')) + 1;
    expect(last - first).toBeGreaterThan(8);
    // The two watchdogs write into one list, so that some of these are steps of the new one; then nothing is killed.
    const waiting = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const cutOff = async (step: number) => {
      const { root, watchdog, name } = await promoted(newer, {
        ...times,
        UNDERSTUDY_TEST_KILL_AT: String(step),
      });
      await until(
        `step ${step}`,
        () => watchdog.child.signalCode !== null || releaseOf(root, name).watchdog === 'installed',
      );
      watchdog.child.kill('SIGKILL');
      // As in a power cut: the new one goes too.
      endEverything(root, watchdog.child);
      expect([own, newer]).toContain(inRoot(root));
      const again = startWatchdog(root, times);
      await until(`step ${step}: installed`, () => releaseOf(root, name).watchdog === 'installed');
      await until(`step ${step}: in place`, () => inRoot(root) === newer && livePids(root).length === 1);
      again.child.kill('SIGKILL');
      endEverything(root, again.child);
    };
    // Most of the time each of them waits for something.
    const work = async () => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await cutOff(step);
    };
    await Promise.all(Array.from({ length: 6 }, work));
  });
});

describe('a watchdog.js is refused, and the old one goes on, that', () => {
  it.each([
    ['cannot be parsed', 'const = ;', /self-test failed/],
    [
      'fails its self-test',
      `${own.replace("if (has('--selftest')) return testOneself();", "if (has('--selftest')) throw new Error('no');")}`,
      /self-test failed/,
    ],
    ['never answers its self-test', 'setInterval(() => {}, 1000);', /no answer in time/],
    ['hangs in its self-test', 'for (;;) {}', /no answer in time/],
    [
      'ends instead of taking over',
      own.replace("if (has('--takeover')) return takeOver();", "if (has('--takeover')) process.exit(0);"),
      /ended with exit code 0 instead/,
    ],
    [
      'hangs instead of taking over',
      own.replace("if (has('--takeover')) return takeOver();", "if (has('--takeover')) for (;;) {}"),
      /did not take over within 1.5 s/,
    ],
    [
      'hangs when it has the lock',
      own.replace('  const now = readMemory();', '  for (;;) {}\n  const now = readMemory();'),
      /did not take over within 1.5 s/,
    ],
    [
      'ends soon after it took over',
      own.replace(
        "if (process.send) process.send('watching');",
        "if (process.send) process.send('watching');\n  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300);",
      ),
      /ended by itself within/,
    ],
  ])('%s', async (_, text, reason) => {
    expect(text).not.toBe(own);
    const { root, watchdog, name, live } = await promoted(text);
    await until('it is refused', () => releaseOf(root, name).watchdog === 'refused');
    await until('it is told', () => revertedOf(root) !== undefined);
    expect(revertedOf(root)).toMatchObject({
      release: name,
      state: 'watchdog-refused',
      reason: expect.stringMatching(reason),
    });
    await until('the old one has the lock', () => holder(root) === watchdog.child.pid);
    expect(inRoot(root)).toBe(own);
    expect(releaseOf(root, name).state).toBe('good');
    expect(livePids(root)).toEqual([live]);
    // It still does its work.
    const second = promote(root, { version: 'v1.2', files: { 'live.sh': shellBot('v1.2') } });
    await until(
      'the next release is good',
      () => releaseOf(root, second).state === 'good' && isSettled(root),
    );
    expect(watchdogLog(root)).toContain('is refused');
    expect(await watchdog.stop()).toBe(0);
    expect(livePids(root)).toEqual([]);
    endEverything(root, watchdog.child);
  });
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
