import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentVersion } from '../../../../skills/process-manager/releases/index.ts';
import { rejectionOf } from '../../../support/failure.ts';
import { makeInstance } from '../../../support/instance.ts';
import {
  liveOf,
  releasesOf,
  request,
  switchBack,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

/** Promotes once for each verdict, with what live was before each. */
async function history(verdicts: readonly ('good' | 'reverted')[]) {
  const root = makeInstance(withStaging());
  const names: string[] = [];
  const trees: Record<string, string>[] = [];
  for (const [index, verdict] of verdicts.entries()) {
    trees.push(liveOf(root));
    writeFileSync(join(root, 'staging/src/index.ts'), `promoted ${index + 1}`);
    writeFileSync(join(root, `staging/src/only-${index + 1}.ts`), 'new');
    const { name } = await releasesOf(root).promote(request());
    names.push(name ?? '');
    switchForward(root, name ?? '');
    if (verdict === 'reverted') switchBack(root, name ?? '');
  }
  return { root, names, trees };
}

const roll = (root: string, version?: string) =>
  releasesOf(root).rollback({ ...request(), version, reason: 'it is worse' });
const marker = (root: string) => JSON.parse(readFileSync(join(root, '.deploy-ready'), 'utf8'));

describe('a rollback that cannot be made', () => {
  it('because nothing was ever released', async () => {
    const { root } = await history([]);
    mkdirSync(join(root, 'backups'), { recursive: true });
    expect((await rejectionOf(roll(root))).code).toBe('nothing_to_roll_back');
  });

  it('because the only release was taken back already', async () => {
    const { root } = await history(['reverted']);
    expect((await rejectionOf(roll(root))).code).toBe('nothing_to_roll_back');
  });

  it('to a version that nobody knows: the known ones are named', async () => {
    const { root } = await history(['good', 'reverted', 'good']);
    for (const version of ['v7.0', 'v1.2']) {
      const failure = await rejectionOf(roll(root, version));
      expect(failure).toMatchObject({ code: 'unknown_version', hint: expect.stringContaining('v1.1, v1.0') });
    }
    expect((await rejectionOf(roll(root, 'newest'))).code).toBe('invalid_version');
  });

  it('to the version that is live', async () => {
    const { root } = await history(['good', 'good']);
    expect((await rejectionOf(roll(root, 'v1.2'))).code).toBe('already_live');
  });

  it('because the old tree was pruned', async () => {
    const { root, names } = await history(['good', 'good']);
    rmSync(join(root, 'backups', names[0] ?? '', 'previous'), { recursive: true });
    expect((await rejectionOf(roll(root, 'v1.0'))).hint).toBe('Those are: v1.1');
    expect(await roll(root)).toMatchObject({ version: 'v1.1' });
  });

  it('while a release waits or is under way', async () => {
    const { root } = await history(['good']);
    writeFileSync(join(root, 'staging/src/index.ts'), 'newest');
    const { name } = await releasesOf(root).promote(request());
    expect((await rejectionOf(roll(root))).code).toBe('release_waiting');
    switchForward(root, name ?? '', 'trial');
    expect((await rejectionOf(roll(root))).code).toBe('release_in_progress');
  });
});

describe('a rollback', () => {
  it('asks for the newest good release to be taken back', async () => {
    const { root, names } = await history(['good', 'good', 'reverted']);
    expect(await roll(root)).toMatchObject({ version: 'v1.1', releases: [{ version: 'v1.2' }] });
    expect(marker(root)).toEqual({
      release: names[1],
      version: 'v1.2',
      staged_at: expect.any(String),
      staged_by: 'test:owner',
      action: 'rollback',
      rollback: [names[1]],
    });
    expect(JSON.parse(readFileSync(join(root, '.upgrade-context'), 'utf8'))).toMatchObject({
      action: 'rollback',
      version: 'v1.1',
      reason: 'it is worse',
    });
  });

  it('to an older version takes back all that came after it, newest first, and leaves nothing of them', async () => {
    const { root, names, trees } = await history(['good', 'reverted', 'good', 'good']);
    await roll(root, '1.1');
    expect(marker(root).rollback).toEqual([names[3], names[2]]);
    for (const name of marker(root).rollback) switchBack(root, name);
    expect(liveOf(root)).toEqual(trees[2]);
    expect(currentVersion(releasesOf(root).list())).toBe('v1.1');
    // And on from there, to the very beginning.
    expect(await roll(root, 'v1.0')).toMatchObject({ version: 'v1.0', releases: [{ version: 'v1.1' }] });
    for (const name of marker(root).rollback) switchBack(root, name);
    expect(liveOf(root)).toEqual(trees[0]);
  });

  it('counts versions on afterwards: a number is never given twice', async () => {
    const { root, names } = await history(['good', 'good']);
    switchBack(root, names[1] ?? '');
    writeFileSync(join(root, 'staging/src/index.ts'), 'mended');
    expect((await releasesOf(root).promote(request())).name).toMatch(/^v1\.3-/);
  });
});

describe('the list of releases', () => {
  it('is newest first, and a damaged one is in nobody’s way', async () => {
    const { root, names } = await history(['good', 'good']);
    writeFileSync(join(root, 'backups', names[0] ?? '', 'release.json'), '{"format": 1, "ver');
    mkdirSync(join(root, 'backups/v9.9-20200101T000000Z'));
    mkdirSync(join(root, 'backups/notes of somebody'));
    writeFileSync(join(root, 'backups/v2.2-20200101T000000Z'), 'a file');
    const list = releasesOf(root).list();
    expect(list.map(({ version, state }) => `${version} ${state}`)).toEqual([
      'v1.2 good',
      'v1.1 damaged',
      'v9.9 damaged',
    ]);
    expect(list[2]?.createdAt).toBe('2020-01-01T00:00:00.000Z');
    writeFileSync(join(root, 'staging/src/index.ts'), 'next');
    expect((await releasesOf(root).promote(request())).name).toMatch(/^v9\.10-/);
  });

  it('is empty without backups/', () => expect(releasesOf(makeInstance()).list()).toEqual([]));
});
