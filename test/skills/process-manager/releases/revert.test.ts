import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { makeInstance } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveFiles,
  liveOf,
  releasesOf,
  request,
  snapshot,
  stagingFiles,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

const makeRoot = () => makeInstance(withStaging());
const stopped = async () => {};
const revert = (root: string, part: Parameters<typeof request>[0] = {}, stopStaging = stopped) =>
  releasesOf(root).revert({ ...request(part), stopStaging });

describe('a revert that cannot be made', () => {
  it('because a release is being switched: live is neither the old nor the new', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request());
    switchForward(root, name ?? '', 'trial');
    const before = snapshot(join(root, 'staging'));
    expect((await rejectionOf(revert(root))).code).toBe('release_in_progress');
    expect(snapshot(join(root, 'staging'))).toEqual(before);
  });

  it('because the staging bot does not stop: nothing is touched', async () => {
    const root = makeRoot();
    const before = snapshot(join(root, 'staging'));
    const refuses = async () => {
      throw new Error('it will not die');
    };
    await expect(revert(root, {}, refuses)).rejects.toThrow('it will not die');
    expect(snapshot(join(root, 'staging'))).toEqual(before);
  });

  it('because live holds a link that leads out of it', async () => {
    const root = makeRoot();
    symlinkSync('/etc', join(root, 'src/escape'));
    const before = snapshot(join(root, 'staging'));
    expect((await rejectionOf(revert(root))).code).toBe('link_leaves_tree');
    expect(snapshot(join(root, 'staging'))).toEqual(before);
    expect(leftoversOf(root)).toEqual([]);
  });

  it('because live is edited while it is copied', async () => {
    const root = makeRoot();
    const files = Array.from({ length: 600 }, (_, index) => [`src/many/${index}`, 'x']);
    fill(root, Object.fromEntries(files));
    const before = snapshot(join(root, 'staging'));
    const progress = ({ message }: { message: string }) => {
      if (message.startsWith('copying live')) writeFileSync(join(root, 'src/index.ts'), 'OLD');
    };
    expect((await rejectionOf(revert(root, { progress }))).code).toBe('candidate_changed');
    expect(snapshot(join(root, 'staging'))).toEqual(before);
  });
});

describe('a revert', () => {
  it('makes staging what live is, deletes what is new, and leaves what is its own', async () => {
    const root = makeRoot();
    const live = liveOf(root);
    const changes = await revert(root);
    expect(changes.removed.map(({ path }) => path)).toEqual([
      'assets/logo.svg',
      'skills/brand-new/index.ts',
      'src/fresh.ts',
    ]);
    const staging = snapshot(join(root, 'staging'));
    expect(staging['src/index.ts']).toBe('644 old');
    expect(staging['src/deep/er/gone.ts']).toBe('644 only in live');
    expect(staging['skills/retired/index.ts']).toBeDefined();
    for (const path of [
      '.env',
      'SOUL.md',
      'IDENTITY.md',
      'memory/notes',
      'logs/staging.log',
      'skills/greet/data/names.json',
      'skills/brand-new/data/start.json',
    ])
      expect([path, staging[path]]).toEqual([path, `644 ${stagingFiles[path]}`]);
    for (const path of [
      'assets',
      'src/fresh.ts',
      'skills/brand-new/index.ts',
      'data',
      'temp',
      'package-lock.json',
    ])
      expect([path, staging[path]]).toEqual([path, undefined]);
    expect(liveOf(root)).toEqual(live);
    expect(leftoversOf(root)).toEqual([]);
  });

  it('leaves nothing to promote, and nothing to revert', async () => {
    const root = makeRoot();
    await revert(root);
    expect((await releasesOf(root).promote(request({ dryRun: true }))).changes).toEqual({
      added: [],
      changed: [],
      removed: [],
    });
    expect(await revert(root)).toEqual({ added: [], changed: [], removed: [] });
  });

  it('stops the staging bot first', async () => {
    const root = makeRoot();
    let seen = '';
    await revert(root, {}, async () => {
      seen = readFileSync(join(root, 'staging/src/index.ts'), 'utf8');
    });
    expect(seen).toBe('new');
  });

  it('as a dry run stops nothing and writes nothing', async () => {
    const root = makeRoot();
    const before = snapshot(root);
    const changes = await revert(root, { dryRun: true }, async () => {
      throw new Error('it was stopped');
    });
    expect(changes.changed.map(({ path }) => path)).toEqual(['skills/greet/index.ts', 'src/index.ts']);
    expect(snapshot(root)).toEqual(before);
  });

  it('fills a staging that does not exist yet', async () => {
    const root = makeInstance(liveFiles);
    await revert(root);
    expect(readFileSync(join(root, 'staging/src/index.ts'), 'utf8')).toBe('old');
    expect(existsSync(join(root, 'staging/.env'))).toBe(false);
    expect(existsSync(join(root, 'staging/memory'))).toBe(false);
  });

  it('does not move what has not changed', async () => {
    const root = makeInstance(withStaging(liveFiles, { ...liveFiles, 'src/index.ts': 'new' }));
    const before = statSync(join(root, 'staging/skills/greet/index.ts')).ino;
    await revert(root);
    expect(statSync(join(root, 'staging/skills/greet/index.ts')).ino).toBe(before);
    expect(readFileSync(join(root, 'staging/src/index.ts'), 'utf8')).toBe('old');
  });

  it('clears away what a killed one had begun to build', async () => {
    const root = makeRoot();
    fill(root, { 'staging/.revert/next/src/index.ts': 'half of it' });
    mkdirSync(join(root, 'staging/.revert/previous'));
    expect(
      (await releasesOf(root).promote(request({ dryRun: true }))).changes.added.map(({ path }) => path),
    ).not.toContain('.revert');
    await revert(root);
    expect(leftoversOf(root)).toEqual([]);
    expect(readFileSync(join(root, 'staging/src/index.ts'), 'utf8')).toBe('old');
  });

  it('brings watchdog.js back too', async () => {
    const root = makeRoot();
    writeFileSync(join(root, 'staging/watchdog.js'), 'broken');
    await revert(root);
    expect(readFileSync(join(root, 'staging/watchdog.js'), 'utf8')).toBe('watchdog');
    rmSync(join(root, 'staging/watchdog.js'));
    await revert(root);
    expect(existsSync(join(root, 'staging/watchdog.js'))).toBe(true);
  });
});
