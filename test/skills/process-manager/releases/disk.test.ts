// Disks that refuse: full ones (a small tmpfs) and read-only ones (a bind mount). Both take root; without it the tests
// are skipped and say so.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { makeFolder } from '../../../support/folder.ts';
import { makeInstance } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveOf,
  releasesOf,
  request,
  snapshot,
  withStaging,
} from '../../../support/releases.ts';

const canMount = process.getuid?.() === 0 && mountFor(makeProbe(), ['-t', 'tmpfs', 'tmpfs']);
if (!canMount) process.stderr.write('SKIPPED: full and read-only disks need root and mount\n');

function makeProbe(): string {
  const { stdout } = spawnSync('mktemp', ['-d'], { encoding: 'utf8' });
  return stdout.trim();
}

/** Tries whether mounting works here; undoes it. */
function mountFor(folder: string, words: string[]): boolean {
  const worked = spawnSync('mount', [...words, folder]).status === 0;
  if (worked) spawnSync('umount', [folder]);
  spawnSync('rmdir', [folder]);
  return worked;
}

function mount(folder: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', [...words, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  onTestFinished(() => void spawnSync('umount', ['-l', folder]));
}

const stopStaging = async () => {};

describe.runIf(canMount)('a full disk', () => {
  /** Live and staging on a disk of a few megabytes. */
  function makeRoot(size: string, megabytes: number): string {
    const root = makeFolder();
    mount(root, ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs']);
    fill(root, { ...withStaging(), 'config.json': '{}' });
    writeFileSync(join(root, 'staging/src/large'), Buffer.alloc(megabytes * 1024 * 1024, 'x'));
    return root;
  }

  it('refuses before anything is copied, when it is plain that it will not fit', async () => {
    const root = makeRoot('8m', 5);
    const before = liveOf(root);
    expect((await rejectionOf(releasesOf(root).promote(request()))).code).toBe('disk_full');
    expect(liveOf(root)).toEqual(before);
    expect(leftoversOf(root)).toEqual([]);
  });

  it('refuses when it fills up in the middle, and leaves nothing', async () => {
    const root = makeRoot('8m', 3);
    const before = liveOf(root);
    const progress = ({ message }: { message: string }) => {
      if (message === 'copying the candidate')
        writeFileSync(join(root, 'logs/live.log'), Buffer.alloc(3 * 1024 * 1024));
    };
    expect((await rejectionOf(releasesOf(root).promote(request({ progress })))).code).toBe('disk_full');
    writeFileSync(join(root, 'logs/live.log'), 'live log');
    expect(liveOf(root)).toEqual(before);
    expect(leftoversOf(root)).toEqual([]);
    // With space again it works.
    await releasesOf(root).promote(request());
  });

  it('refuses a revert, and staging stays what it was', async () => {
    const root = makeRoot('8m', 3);
    writeFileSync(join(root, 'src/large'), Buffer.alloc(1024 * 1024, 'y'));
    writeFileSync(join(root, 'logs/live.log'), Buffer.alloc(3.5 * 1024 * 1024));
    const before = snapshot(join(root, 'staging'));
    const failure = await rejectionOf(releasesOf(root).revert({ ...request(), stopStaging }));
    expect(failure.code).toBe('disk_full');
    expect(snapshot(join(root, 'staging'))).toEqual(before);
  });
});

describe.runIf(canMount)('a read-only folder', () => {
  function makeReadOnly(root: string, name: string): void {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    mount(folder, ['--bind', folder]);
    const { status, stderr } = spawnSync('mount', ['-o', 'remount,ro,bind', folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }

  it('backups/ refuses promotions and rollbacks, and a dry run still answers', async () => {
    const root = makeInstance(withStaging());
    makeReadOnly(root, 'backups');
    const before = snapshot(root);
    const failure = await rejectionOf(releasesOf(root).promote(request()));
    expect(failure).toMatchObject({ code: 'not_writable', hint: expect.stringContaining('ls -ld') });
    expect((await rejectionOf(releasesOf(root).rollback(request()))).code).toBe('not_writable');
    expect((await releasesOf(root).promote(request({ dryRun: true }))).changes.added).not.toEqual([]);
    expect(releasesOf(root).list()).toEqual([]);
    expect(snapshot(root)).toEqual(before);
  });

  it('staging/ refuses a revert, and can be promoted', async () => {
    const root = makeInstance(withStaging());
    makeReadOnly(root, 'staging');
    expect((await rejectionOf(releasesOf(root).revert({ ...request(), stopStaging }))).code).toBe(
      'not_writable',
    );
    expect((await releasesOf(root).promote(request())).name).toMatch(/^v1\.1-/);
  });
});
