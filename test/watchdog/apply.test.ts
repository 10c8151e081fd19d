// `node watchdog.js --apply`: the same switch without a watchdog that stays.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../support/instance.ts';
import {
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
  treeOf,
} from './support.ts';

const files = { ...ownFiles, 'live.sh': shellBot('v1.0') };

it('says that there is nothing to apply', async () => {
  const root = makeRoot(files);
  const watchdog = startWatchdog(root, {}, ['--apply']);
  expect(await watchdog.ended).toBe(0);
  expect(watchdog.output()).toContain('nothing to apply');
  expect(livePids(root)).toEqual([]);
});

it('switches, tries, and leaves live to the next watchdog', async () => {
  const root = makeRoot(files);
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
  const applying = startWatchdog(root, {}, ['--apply']);
  expect(await applying.ended).toBe(0);
  expect(releaseOf(root, name).state).toBe('good');
  const before = livePids(root);
  expect(before).toHaveLength(1);
  expect(liveLog(root)).toBe('version v1.1 runs\n');
  expect(readJson(join(root, '.watchdog.lock'))).toBeUndefined();
  const watchdog = startWatchdog(root);
  await until('it adopts', () => watchdog.output().includes(`already runs with PID ${before[0]}`));
  expect(livePids(root)).toEqual(before);
});

it('switches a live bot that nobody watches', async () => {
  const root = makeRoot(files);
  const first = startWatchdog(root);
  await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
  first.child.kill('SIGKILL');
  await first.ended;
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
  expect(await startWatchdog(root, {}, ['--apply']).ended).toBe(0);
  expect(releaseOf(root, name).state).toBe('good');
  expect(livePids(root)).toHaveLength(1);
});

it('puts a new watchdog.js into its place, if it works', async () => {
  const root = makeRoot(files);
  const own = readFileSync(join(root, 'watchdog.js'), 'utf8');
  const newer = `${own}// newer\n`;
  const name = promote(root, { version: 'v1.1', watchdog: newer });
  expect(await startWatchdog(root, {}, ['--apply']).ended).toBe(0);
  expect(releaseOf(root, name)).toMatchObject({ state: 'good', watchdog: 'installed' });
  expect(readFileSync(join(root, 'watchdog.js'), 'utf8')).toBe(newer);
  const next = promote(root, { version: 'v1.2', watchdog: 'broken(' });
  expect(await startWatchdog(root, {}, ['--apply']).ended).toBe(0);
  expect(releaseOf(root, next)).toMatchObject({ state: 'good', watchdog: 'refused' });
  expect(readFileSync(join(root, 'watchdog.js'), 'utf8')).toBe(newer);
});

it('takes a bad one back and ends with 1', async () => {
  const root = makeRoot(files);
  const before = treeOf(root);
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': 'exit 1' } });
  expect(await startWatchdog(root, {}, ['--apply']).ended).toBe(1);
  expect(releaseOf(root, name).state).toBe('reverted');
  expect(revertedOf(root)?.version).toBe('v1.1');
  expect(treeOf(root)).toEqual(before);
  expect(livePids(root)).toHaveLength(1);
});

it('stays with --stay', async () => {
  const root = makeRoot(files);
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
  const watchdog = startWatchdog(root, {}, ['--apply', '--stay']);
  await until('it is good', () => releaseOf(root, name).state === 'good');
  expect(await watchdog.stop()).toBe(0);
  expect(livePids(root)).toEqual([]);
});

it('is refused while a watchdog runs', async () => {
  const root = makeRoot(files);
  const watchdog = startWatchdog(root);
  await until('v1.0 runs', () => liveLog(root).includes('v1.0 runs'));
  const applying = startWatchdog(root, {}, ['--apply']);
  expect(await applying.ended).toBe(1);
  expect(applying.output()).toContain(`already runs for ${root}, with PID ${watchdog.child.pid}`);
});
