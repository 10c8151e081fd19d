// A release moves in, proves itself or is taken back, and is rolled back by hand: with the real watchdog.js.

import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  releaseOf,
  revertedOf,
  shellBot,
  stage,
  startWatchdog,
  treeOf,
  watchdogLog,
} from './support.ts';

const files = {
  ...ownFiles,
  'live.sh': shellBot('v1.0'),
  'src/a.js': 'old',
  'skills/x/index.js': 'x',
  'skills/x/data/d': 'data',
};

describe('a good release', () => {
  it('moves in, proves itself, and leaves what is never promoted as it was', async () => {
    const root = makeRoot(files);
    const watchdog = startWatchdog(root);
    await until('v1.0 runs', () => liveLog(root).includes('version v1.0 runs'));
    const [before] = livePids(root);
    writeFileSync(join(root, '.deploy-reverted'), '{}');
    const name = promote(root, {
      version: 'v1.1',
      files: {
        'live.sh': shellBot('v1.1'),
        'src/b.js': 'new',
        'skills/x/index.js': 'x2',
        'skills/y/index.js': 'y',
        'skills/y/data/d': 'brought',
      },
      removed: ['src/a.js'],
    });
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
    expect(livePids(root)).not.toContain(before);
    const tree = treeOf(root);
    expect(Object.keys(tree)).toEqual(
      expect.arrayContaining(['src/b.js', 'skills/x/data/d', 'skills/y/data/d', '.env', 'memory/notes.md']),
    );
    expect(tree['src/a.js']).toBeUndefined();
    expect(readFileSync(join(root, 'skills/x/index.js'), 'utf8')).toBe('x2');
    expect(existsSync(join(root, '.deploy-reverted'))).toBe(false);
    expect(liveLog(root)).toContain('version v1.1 runs');
    expect(await watchdog.stop()).toBe(0);
    expect(livePids(root)).toEqual([]);
  });
});

describe('a bad release', () => {
  it('that ends at once, twice, is taken back by itself', async () => {
    const root = makeRoot(files);
    const before = treeOf(root);
    startWatchdog(root);
    await until('v1.0 runs', () => liveLog(root).includes('version v1.0 runs'));
    const name = promote(root, {
      version: 'v1.1',
      files: { 'live.sh': 'echo oh no\nexit 0\n', 'skills/y/index.js': 'y' },
    });
    await until('it is taken back', () => releaseOf(root, name).state === 'reverted' && isSettled(root));
    expect(treeOf(root)).toEqual(before);
    expect(revertedOf(root)).toMatchObject({
      release: name,
      version: 'v1.1',
      state: 'reverted',
      reason: expect.stringMatching(/ended 2 times.*exit code 0/),
    });
    expect(revertedOf(root)?.lines).toContain('oh no');
  });
});
void [appendFileSync, readdirSync, announce, stage, watchdogLog];
