import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startOf } from '../../../../skills/process-manager/base/index.ts';
import { rejectionOf } from '../../../support/failure.ts';
import { makeInstance, until } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveFiles,
  liveOf,
  releasesOf,
  request,
  requireRecord,
  snapshot,
  switchBack,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

const makeRoot = () => makeInstance(withStaging());

/** Promotes, and expects a refusal that changes nothing and leaves nothing. */
async function expectRefusal(
  root: string,
  code: string,
  part: Parameters<typeof request>[0] = {},
  settings = {},
) {
  const before = liveOf(root);
  const releases = releasesOf(root, settings).list();
  const failure = await rejectionOf(releasesOf(root, settings).promote(request(part)));
  expect(failure.code).toBe(code);
  expect(liveOf(root)).toEqual(before);
  if (existsSync(join(root, 'staging'))) expect(leftoversOf(root)).toEqual([]);
  expect(releasesOf(root, settings).list()).toEqual(releases);
  return failure;
}

describe('a candidate that cannot be promoted', () => {
  it('because there is none', async () => {
    const failure = await expectRefusal(makeInstance(liveFiles), 'no_candidate');
    expect(failure.hint).toContain('understudy revert');
  });

  it('because it is empty, but for what belongs to the staging bot', async () => {
    const root = makeInstance(withStaging(liveFiles, { 'SOUL.md': 'x', '.env': 'y', 'memory/a': 'z' }));
    mkdirSync(join(root, 'staging/src'));
    await expectRefusal(root, 'candidate_empty');
  });

  it('because it is exactly what is live', async () => {
    await expectRefusal(makeInstance(withStaging(liveFiles, liveFiles)), 'nothing_to_promote');
  });

  it.each([
    ['/etc/passwd', 'an absolute link'],
    ['../../outside', 'a relative one'],
    ['deep/deep/deep/../../../..', 'one that leaves by way of another'],
  ])('because of a link that leaves the tree: %s', async (target) => {
    const root = makeRoot();
    mkdirSync(join(root, 'outside'));
    symlinkSync('.', join(root, 'staging/src/deep'));
    symlinkSync(target, join(root, 'staging/src/escape'));
    const failure = await expectRefusal(root, 'link_leaves_tree');
    expect(failure.message).toContain('src/escape');
    expect(failure.message).not.toContain('src/deep');
  });

  it('because of a pipe', async () => {
    const root = makeRoot();
    expect(spawnSync('mkfifo', [join(root, 'staging/src/pipe')]).status).toBe(0);
    expect((await expectRefusal(root, 'special_file')).message).toContain('src/pipe');
  });

  it('because its config.json cannot be used', async () => {
    const root = makeRoot();
    for (const config of ['{"live": ', '{"live": {"trialSeconds": "long"}}']) {
      writeFileSync(join(root, 'staging/config.json'), config);
      await expectRefusal(root, 'candidate_config');
    }
  });

  it('because a skill with data in live is a file in it', async () => {
    const root = makeRoot();
    rmSync(join(root, 'staging/skills/greet'), { recursive: true });
    writeFileSync(join(root, 'staging/skills/greet'), 'a file');
    expect((await expectRefusal(root, 'path_conflict')).message).toContain('skills/greet');
  });

  it('because it is edited while it is copied', async () => {
    const root = makeRoot();
    const progress = ({ message }: { message: string }) => {
      if (message === 'copying the candidate') writeFileSync(join(root, 'staging/src/fresh.ts'), 'ADDED');
    };
    expect((await expectRefusal(root, 'candidate_changed', { progress })).message).toContain('src/fresh.ts');
    const addsFile = ({ message }: { message: string }) => {
      if (message === 'copying the candidate') writeFileSync(join(root, 'staging/src/late.ts'), 'late');
    };
    expect((await expectRefusal(root, 'candidate_changed', { progress: addsFile })).message).toContain(
      'late.ts',
    );
  });

  it('because its version is none, or is taken', async () => {
    const root = makeRoot();
    await expectRefusal(root, 'invalid_version', { version: 'newest' });
    const { name } = await releasesOf(root).promote(request({ version: 'v1.10' }));
    switchForward(root, name ?? '');
    writeFileSync(join(root, 'staging/src/index.ts'), 'newer');
    for (const version of ['v1.10', 'v1.9']) await expectRefusal(root, 'version_taken', { version });
  });

  it('because nobody waits for it any more', async () => {
    const root = makeRoot();
    const controller = new AbortController();
    const progress = ({ message }: { message: string }) => {
      if (message === 'copying the candidate') controller.abort();
    };
    await expectRefusal(root, 'aborted', { signal: controller.signal, progress });
  });
});

describe('while another is under way', () => {
  it('is staged and waits: a second one is refused, unless it takes its place', async () => {
    const root = makeRoot();
    await releasesOf(root).promote(request());
    writeFileSync(join(root, 'staging/src/index.ts'), 'newer');
    await expectRefusal(root, 'release_waiting');
    const { name } = await releasesOf(root).promote(request({ force: true }));
    expect(releasesOf(root).list()).toMatchObject([
      { version: 'v1.2', state: 'staged' },
      { version: 'v1.1', state: 'failed', record: { detail: expect.stringContaining('v1.2') } },
    ]);
    expect(JSON.parse(readFileSync(join(root, '.deploy-ready'), 'utf8'))).toMatchObject({ release: name });
    expect(leftoversOf(root)).toEqual([]);
  });

  it('waits by the word of an old script, whose marker is empty', async () => {
    const root = makeRoot();
    writeFileSync(join(root, '.deploy-ready'), '');
    await expectRefusal(root, 'release_waiting');
  });

  it.each(['switching', 'trial', 'reverting'] as const)('is %s: refused, with force too', async (state) => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request());
    switchForward(root, name ?? '', state);
    writeFileSync(join(root, 'staging/src/index.ts'), 'newer');
    await expectRefusal(root, 'release_in_progress', { force: true });
  });

  it('is switched, as the marker alone says', async () => {
    const root = makeRoot();
    writeFileSync(join(root, '.deploy-in-progress'), '{torn');
    await expectRefusal(root, 'release_in_progress', { force: true });
  });

  it('is being staged by another process: refused, and that one is left alone', async () => {
    const root = makeRoot();
    mkdirSync(join(root, 'backups'));
    const holder = { pid: process.ppid, start: startOf(process.ppid) ?? '' };
    const lock = join(root, `backups/.lock.${holder.pid}@${encodeURIComponent(holder.start)}`);
    writeFileSync(lock, '');
    const failure = await rejectionOf(releasesOf(root).promote(request()));
    expect(failure).toMatchObject({
      code: 'staging_in_progress',
      message: expect.stringContaining(`${holder.pid}`),
    });
    expect(existsSync(lock)).toBe(true);
    expect(readdirSync(join(root, 'backups'))).toHaveLength(1);
  });

  it('is asked for at the same moment: one of many wins', async () => {
    const root = makeRoot();
    const all = await Promise.allSettled(
      Array.from({ length: 5 }, () => releasesOf(root).promote(request())),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(releasesOf(root).list()).toHaveLength(1);
    expect(leftoversOf(root)).toEqual([]);
  });
});

describe('what was taken back', () => {
  it('is refused when it comes again unchanged, unless it is forced', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request());
    switchForward(root, name ?? '', 'trial');
    switchBack(root, name ?? '');
    expect((await expectRefusal(root, 'reverted_before')).message).toContain('v1.1');
    await releasesOf(root).promote(request({ force: true }));
    expect(releasesOf(root).list()[0]).toMatchObject({ version: 'v1.2', state: 'staged' });
  });

  it('is known by .deploy-reverted when its release is pruned', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request());
    const { hash } = requireRecord(join(root, 'backups', name ?? ''));
    rmSync(join(root, 'backups'), { recursive: true });
    rmSync(join(root, '.deploy-ready'));
    writeFileSync(
      join(root, '.deploy-reverted'),
      JSON.stringify({ version: 'v1.1', hash, state: 'reverted' }),
    );
    await expectRefusal(root, 'reverted_before');
    writeFileSync(join(root, 'staging/src/index.ts'), 'mended');
    expect((await releasesOf(root).promote(request())).name).toMatch(/^v1\.1-/);
  });
});

describe('a dry run', () => {
  it('lists what would happen with sizes, and writes nothing at all', async () => {
    const root = makeRoot();
    const before = snapshot(root);
    const { name, changes } = await releasesOf(root).promote(request({ dryRun: true }));
    expect(name).toBeNull();
    expect(changes).toEqual({
      added: [
        { path: 'assets/logo.svg', bytes: 6 },
        { path: 'skills/brand-new/data/start.json', bytes: 20 },
        { path: 'skills/brand-new/index.ts', bytes: 11 },
        { path: 'src/fresh.ts', bytes: 5 },
      ],
      changed: [
        { path: 'skills/greet/index.ts', bytes: 12 },
        { path: 'src/index.ts', bytes: 3 },
      ],
      removed: [
        { path: 'skills/retired/index.ts', bytes: 32 },
        { path: 'src/deep/er/gone.ts', bytes: 12 },
      ],
    });
    expect(snapshot(root)).toEqual(before);
  });

  it('says so when nothing would change', async () => {
    const root = makeInstance(withStaging(liveFiles, liveFiles));
    const { changes } = await releasesOf(root).promote(request({ dryRun: true }));
    expect(changes).toEqual({ added: [], changed: [], removed: [] });
  });
});

describe('staging a release', () => {
  it('writes what docs and watchdog rely on, and asks for the switch last', async () => {
    const root = makeRoot();
    const before = liveOf(root);
    const { name } = await releasesOf(root).promote(request({ reason: 'a test', channel: '123' }));
    expect(name).toMatch(/^v1\.1-\d{8}T\d{6}Z$/);
    const folder = join(root, 'backups', name ?? '');
    expect(readdirSync(folder).sort()).toEqual(['gates', 'next', 'release.json']);
    expect(requireRecord(folder)).toEqual({
      format: 1,
      version: 'v1.1',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      stagedBy: 'test:owner',
      reason: 'a test',
      state: 'staged',
      stateAt: expect.any(String),
      detail: null,
      commit: null,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: [
        { path: 'assets', live: false, next: true },
        { path: 'config.json', live: true, next: true },
        { path: 'skills/brand-new', live: false, next: true },
        { path: 'skills/greet/index.ts', live: true, next: true },
        { path: 'skills/retired/index.ts', live: true, next: false },
        { path: 'src', live: true, next: true },
      ],
      dependencies: 'same',
      watchdog: null,
      gates: [],
      changes: expect.any(Object),
      channel: '123',
      live: expect.objectContaining({ readySeconds: 60, trialSeconds: 30, ready: { heartbeat: true } }),
    });
    expect(JSON.parse(readFileSync(join(root, '.deploy-ready'), 'utf8'))).toEqual({
      release: name,
      version: 'v1.1',
      staged_at: requireRecord(folder).createdAt,
      staged_by: 'test:owner',
      action: 'promote',
    });
    expect(JSON.parse(readFileSync(join(root, '.upgrade-context'), 'utf8'))).toMatchObject({
      action: 'promote',
      version: 'v1.1',
      reason: 'a test',
      channel: '123',
      requestedBy: 'test:owner',
    });
    expect(liveOf(root)).toEqual(before);
    expect(snapshot(join(folder, 'next'))['skills/greet/data']).toBeUndefined();
  });

  it('moves new folders, deletes what was deleted, brings a new skill its data, and keeps what is live’s own', async () => {
    const root = makeRoot();
    const own = (tree: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(tree).filter(([path]) =>
          /^(\.env|\w+\.md|memory|logs|data|temp|package-lock)|\/data\b/.test(path),
        ),
      );
    const before = own(liveOf(root));
    const { name } = await releasesOf(root).promote(request());
    switchForward(root, name ?? '');
    const after = liveOf(root);
    expect(own(after)).toEqual({
      ...before,
      'skills/brand-new/data': 'folder 755',
      'skills/brand-new/data/start.json': '644 that brings its data',
    });
    expect(after['assets/logo.svg']).toBe('644 <svg/>');
    expect(Object.keys(after).filter((path) => /gone|retired\/index|deep/.test(path))).toEqual([]);
    // Going back leaves nothing of what was new.
    switchBack(root, name ?? '');
    expect(existsSync(join(root, 'assets'))).toBe(false);
    expect(existsSync(join(root, 'skills/brand-new'))).toBe(false);
    expect(readFileSync(join(root, 'src/deep/er/gone.ts'), 'utf8')).toBe('only in live');
  });

  it('keeps modes, times, links and empty folders', async () => {
    const root = makeRoot();
    const source = join(root, 'staging/src');
    chmodSync(join(source, 'fresh.ts'), 0o755);
    utimesSync(join(source, 'fresh.ts'), 1_000_000_000, 1_000_000_000);
    symlinkSync('fresh.ts', join(source, 'link'));
    symlinkSync('not-there-yet', join(source, 'dangling'));
    mkdirSync(join(source, 'empty'));
    const { name } = await releasesOf(root).promote(request());
    const next = join(root, 'backups', name ?? '', 'next/src');
    expect(statSync(join(next, 'fresh.ts'))).toMatchObject({ mode: 0o100755, mtimeMs: 1_000_000_000_000 });
    expect(readlinkSync(join(next, 'link'))).toBe('fresh.ts');
    expect(lstatSync(join(next, 'dangling')).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(next, 'empty'))).toEqual([]);
  });

  it('shares no file with staging or live: what is edited later changes nothing', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request());
    writeFileSync(join(root, 'staging/src/index.ts'), 'edited later', { flag: 'r+' });
    writeFileSync(join(root, 'config.json'), '{ }', { flag: 'r+' });
    const next = join(root, 'backups', name ?? '', 'next');
    expect(readFileSync(join(next, 'src/index.ts'), 'utf8')).toBe('new');
    expect(readFileSync(join(next, 'config.json'), 'utf8')).toBe('{}');
  });

  it('leaves watchdog.js to the watchdog, and says that there is another one', async () => {
    const root = makeRoot();
    writeFileSync(join(root, 'staging/watchdog.js'), 'another watchdog');
    const { name } = await releasesOf(root).promote(request());
    const record = requireRecord(join(root, 'backups', name ?? ''));
    expect(record.watchdog).toBe('pending');
    expect(record.entries.map(({ path }) => path)).not.toContain('watchdog.js');
    expect(readFileSync(join(root, 'backups', name ?? '', 'next/watchdog.js'), 'utf8')).toBe(
      'another watchdog',
    );
    rmSync(join(root, '.deploy-ready'));
    // A candidate without one does not take live's away.
    rmSync(join(root, 'staging/watchdog.js'));
    const { changes } = await releasesOf(root).promote(request({ dryRun: true }));
    expect(changes.removed.map(({ path }) => path)).not.toContain('watchdog.js');
  });

  it('goes round what the configuration excludes', async () => {
    const root = makeRoot();
    fill(root, {
      'assets/cache/a': 'live cache',
      'staging/assets/cache/b': 'staging cache',
      'staging/notes/x': 'x',
    });
    const { name, changes } = await releasesOf(root, { exclude: ['assets/cache', 'notes'] }).promote(
      request(),
    );
    expect(changes.added.map(({ path }) => path)).not.toContain('notes/x');
    switchForward(root, name ?? '');
    expect(readFileSync(join(root, 'assets/cache/a'), 'utf8')).toBe('live cache');
    expect(readdirSync(join(root, 'assets')).sort()).toEqual(['cache', 'logo.svg']);
  });

  it('counts versions on, numerically', async () => {
    const root = makeRoot();
    for (const [given, version] of [
      ['v1.9', 'v1.9'],
      [undefined, 'v1.10'],
      [undefined, 'v1.11'],
    ]) {
      writeFileSync(join(root, 'staging/src/index.ts'), `for ${version}`);
      const { name } = await releasesOf(root).promote(request({ version: given }));
      expect(name).toMatch(new RegExp(`^${version}-`));
      switchForward(root, name ?? '');
    }
    expect(
      releasesOf(root)
        .list()
        .map(({ version }) => version),
    ).toEqual(['v1.11', 'v1.10', 'v1.9']);
  });

  it('lets the rest of the process go on', async () => {
    const root = makeRoot();
    const files = Array.from({ length: 2_000 }, (_, index) => [
      `staging/many/${index % 40}/${index}`,
      'x'.repeat(20_000),
    ]);
    fill(root, Object.fromEntries(files));
    let longestMs = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 1);
    await releasesOf(root).promote(request());
    clearInterval(timer);
    expect(longestMs).toBeLessThan(1_500);
  });
});

describe('staging without a switch', () => {
  it('is listed, asks for nothing, and is what a later promote switches', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request({ skipRestart: true }));
    expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
    expect(existsSync(join(root, '.upgrade-context'))).toBe(false);
    expect(releasesOf(root).list()).toMatchObject([{ version: 'v1.1', state: 'staged' }]);
    expect(await releasesOf(root).promote(request())).toMatchObject({ name });
    expect(JSON.parse(readFileSync(join(root, '.deploy-ready'), 'utf8'))).toMatchObject({ release: name });
    expect(releasesOf(root).list()).toHaveLength(1);
  });

  it('is staged anew when the candidate, live or the gates are others by then', async () => {
    const root = makeRoot();
    const names = new Set<string | null>();
    const stage = async (settings = {}) => {
      names.add((await releasesOf(root, settings).promote(request({ skipRestart: true }))).name);
    };
    await stage();
    await stage();
    expect(names.size).toBe(1);
    writeFileSync(join(root, 'staging/src/index.ts'), 'other');
    await stage();
    expect(names.size).toBe(2);
    fill(root, { 'src/added-by-hand.ts': 'x' });
    await stage();
    expect(names.size).toBe(3);
    await stage({ gates: ['true'] });
    expect(names.size).toBe(4);
    const states = releasesOf(root)
      .list()
      .map(({ version, state }) => `${version} ${state}`);
    expect(states).toEqual(['v1.4 staged', 'v1.3 failed', 'v1.2 failed', 'v1.1 failed']);
    expect(existsSync(join(root, 'backups', [...names][0] ?? '', 'next'))).toBe(false);
  });

  it('is refused when its files are not what they were', async () => {
    const root = makeRoot();
    const { name } = await releasesOf(root).promote(request({ skipRestart: true }));
    writeFileSync(join(root, 'backups', name ?? '', 'next/src/index.ts'), 'NEW');
    await expectRefusal(root, 'hash_mismatch');
    await releasesOf(root).promote(request({ force: true }));
    expect(releasesOf(root).list()[0]).toMatchObject({ version: 'v1.2', state: 'staged' });
  });
});

describe('what a killed promotion started', () => {
  it('is ended by the next one', async () => {
    const root = makeRoot();
    const work = join(root, 'backups/.staging-0123456789abcdef');
    fill(work, { 'next/src/index.ts': 'half', 'holder.json': '{"pid": 999999999, "start": "gone"}' });
    const orphan = spawn('sleep', ['60'], {
      env: { UNDERSTUDY_STAGING: '.staging-0123456789abcdef' },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => orphan.once('exit', (_, signal) => resolve(signal)));
    await until('it runs', () => startOf(orphan.pid ?? 0));
    await releasesOf(root).promote(request());
    expect(await ended).toBe('SIGKILL');
    expect(existsSync(work)).toBe(false);
  });
});
