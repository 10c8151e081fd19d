import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { makeInstance } from '../../../support/instance.ts';
import {
  fill,
  releasesOf,
  request,
  requireRecord,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

const evidence = 'What was changed, and how it was tested. '.repeat(4);
const settings = { projectType: 'runner-dev' } as const;
const makeRoot = () => makeInstance({ ...withStaging(), 'staging/EVIDENCE.md': evidence });

function git(folder: string, ...words: string[]): string {
  const identity = [
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@localhost',
    '-c',
    'init.defaultBranch=main',
  ];
  const { status, stdout, stderr } = spawnSync('git', [...identity, '-C', folder, ...words], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function codeOf(root: string): Promise<string> {
  const failure = await rejectionOf(releasesOf(root, settings).promote(request()));
  expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
  expect(
    releasesOf(root)
      .list()
      .filter(({ state }) => state === 'staged'),
  ).toEqual([]);
  return failure.code;
}

describe('a runner-dev candidate is refused', () => {
  it('without EVIDENCE.md, or when that says next to nothing', async () => {
    const root = makeRoot();
    rmSync(join(root, 'staging/EVIDENCE.md'));
    expect(await codeOf(root)).toBe('evidence_missing');
    writeFileSync(join(root, 'staging/EVIDENCE.md'), 'x'.repeat(100));
    expect(await codeOf(root)).toBe('evidence_missing');
  });

  it('when its evidence is older than the last release', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root, settings).promote(request());
    switchForward(root, name ?? '');
    writeFileSync(join(root, 'staging/src/index.ts'), 'newer');
    expect(await codeOf(root)).toBe('evidence_stale');
    writeFileSync(join(root, 'staging/EVIDENCE.md'), evidence);
    const future = Date.now() / 1_000 + 5;
    utimesSync(join(root, 'staging/EVIDENCE.md'), future, future);
    await releasesOf(root, settings).promote(request());
  });

  it('with uncommitted changes, new files too, which are named', async () => {
    const root = makeRoot();
    const staging = join(root, 'staging');
    git(staging, 'init', '-q');
    expect(await codeOf(root)).toBe('uncommitted_changes');
    git(staging, 'add', '-A');
    git(staging, 'commit', '-qm', 'all');
    fill(staging, { 'src/index.ts': 'changed', 'src/new file.ts': 'new' });
    const failure = await rejectionOf(releasesOf(root, settings).promote(request()));
    expect(failure.message).toContain('src/index.ts');
    expect(failure.message).toContain('src/new file.ts');
    git(staging, 'add', '-A');
    expect(await codeOf(root)).toBe('uncommitted_changes');
    git(staging, 'commit', '-qm', 'more');
    // Its own memory is nobody's change.
    fill(staging, { 'memory/understudy.db': 'changed' });
    const { name } = await releasesOf(root, settings).promote(request());
    expect(requireRecord(join(root, 'backups', name ?? '')).commit).toBe(git(staging, 'rev-parse', 'HEAD'));
  });
});

describe('a runner-dev candidate passes', () => {
  it('without a repository', async () => {
    expect((await releasesOf(makeRoot(), settings).promote(request())).name).toMatch(/^v1\.1-/);
  });

  it('inside somebody else’s repository, which is not asked', async () => {
    const root = makeRoot();
    git(root, 'init', '-q');
    const { name } = await releasesOf(root, settings).promote(request());
    expect(requireRecord(join(root, 'backups', name ?? '')).commit).toBeNull();
  });
});

it('a normal project needs neither', async () => {
  const root = makeInstance(withStaging());
  git(join(root, 'staging'), 'init', '-q');
  expect((await releasesOf(root).promote(request())).name).toMatch(/^v1\.1-/);
});
