// Updates and recoveries that are killed with -9 at every single step, in processes of their own. Whatever the step, the
// recovery leaves a whole checkout of the old or the new commit with everybody's files in it, and the next update ends
// where one ends that nobody killed.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recoverUpdate, updateFromGit } from '../../../../../skills/process-manager/bots/update/update.ts';
import { fingerprint, git, leftovers, makeScene, type Scene, setTrap, snapshot, write } from './support.ts';
import { useUpdater } from './updater.ts';

/** A scene that is about to be updated, and what must come of it. */
interface Story {
  readonly scene: Scene;
  readonly forceSync: boolean;
  readonly preserve: readonly string[];
  /** Contents that a person wrote: in place or set aside, but never gone. */
  readonly precious: readonly string[];
  readonly before: Readonly<Record<string, string>>;
  readonly commits: readonly string[];
}

/** A copy of a story's instance. */
interface Copy {
  readonly root: string;
  readonly bot: string;
  readonly store: string;
}

const run = useUpdater();
// In memory where that is possible: a kill is no power cut, so nothing depends on the disk, which would only be slow.
const copies = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'understudy-copies-'));
afterAll(() => rmSync(copies, { recursive: true, force: true }));

const preserve = ['.env', '.secret', 'conf', 'link', 'clean.ini'];
const first = {
  ...{ 'bot.py': 'v1\n', 'lib.py': 'v1\n', '.env': 'v1', 'conf/a': 'v1', 'conf/b': 'v1', 'clean.ini': 'v1' },
  ...{ '.gitattributes': '*.trap filter=trap\n', 'm.trap': 'v1\n', 'old.py': 'v1\n', 'z.py': 'v1\n' },
};
const second = {
  ...{
    'bot.py': 'v2\n',
    '.env': 'v2',
    '.secret': 'theirs',
    'conf/a': 'v2',
    'conf/new': 'v2',
    'clean.ini': 'v2',
  },
  ...{ 'm.trap': 'v2\n', 'old.py': null, 'new.py': 'v2\n', 'z.py': 'v2\n', link: 'v2' },
};
const mine = { 'conf/own': 'mine', 'notes.txt': 'mine', link: { link: '/nowhere' } };

function tell(local: Parameters<typeof write>[1], forceSync: boolean, precious: readonly string[]): Story {
  const scene = makeScene(first);
  const from = scene.head();
  write(scene.bot, local);
  const before = snapshot(scene.bot);
  return { scene, forceSync, preserve, precious, before, commits: [from, scene.publish(second)] };
}

const forced = () =>
  tell(
    { ...mine, '.env': 'mine', '.secret': 'mine', 'conf/a': 'mine', 'lib.py': 'my lib', 'new.py': 'my new' },
    true,
    [...['my lib', 'my new']],
  );
const forward = () => tell({ 'conf/own': 'mine', 'notes.txt': 'mine' }, false, []);
const bare = (): Story => {
  const scene = makeScene(first, false);
  write(scene.bot, { ...mine, '.env': 'mine', 'conf/a': 'mine' });
  const before = snapshot(scene.bot);
  return { scene, forceSync: false, preserve, precious: [], before, commits: [scene.publish(second)] };
};

function copyOf({ root }: { readonly root: string }): Copy {
  const copy = mkdtempSync(join(copies, 'copy-'));
  for (const name of ['bots', 'backups', 'config.json', 'trap']) {
    const options = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true };
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), options);
  }
  return { root: copy, bot: join(copy, 'bots/echo'), store: join(copy, 'backups/bots/echo') };
}

function optionsFor({ scene, forceSync, preserve }: Story, { root, bot }: Copy) {
  return scene.options({ root, directory: bot, forceSync, preserveFiles: preserve });
}

/** What holds after a recovery, whatever it had to recover from. */
function expectWhole(story: Story, copy: Copy, step: string): void {
  const now = snapshot(copy.bot);
  for (const [path, was] of Object.entries(story.before)) {
    if (story.preserve.some((entry) => path === entry || path.startsWith(`${entry}/`))) {
      expect(now[path], `${step}: ${path}`).toBe(was);
    }
  }
  const contents = [...Object.values(now), ...Object.values(asideOf(copy))];
  for (const [path, was] of Object.entries(story.before)) {
    if (isPrecious(story, path)) expect(contents, `${step}: what was in ${path}`).toContain(was);
  }
  expect(now['notes.txt']).toBe(story.before['notes.txt']);
  expect(leftovers(copy), step).toEqual([]);
  if (!existsSync(join(copy.bot, '.git'))) return;
  const head = git(copy.bot, 'rev-parse', 'HEAD');
  expect(story.commits, step).toContain(head);
  const known = git(copy.bot, 'ls-tree', '-r', '--name-only', head).split('\n');
  const strange = Object.keys(now).filter((path) => !known.includes(path) && !(path in story.before));
  expect(strange, step).toEqual([]);
  const changed = git(copy.bot, 'diff', '--name-only', 'HEAD').split('\n').filter(Boolean);
  const unexplained = changed.filter(
    (path) => !story.preserve.includes(path.split('/')[0] ?? '') && !isPrecious(story, path),
  );
  expect(unexplained, step).toEqual([]);
}

function isPrecious({ scene, precious, before }: Story, path: string): boolean {
  if (before[path] === undefined || before[path].startsWith('->')) return false;
  const target = join(scene.bot, path);
  return precious.length > 0 &&
    ['lib.py', 'new.py', 'bot.py'].includes(path) &&
    fingerprint(target) === before[path]
    ? precious.some((text) => scene.read(path) === text)
    : false;
}

function asideOf(copy: Copy): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [path, print] of Object.entries(snapshot(copy.store))) {
    if (path.startsWith('overwritten-')) found[path] = print;
  }
  return found;
}

/** Kills at each of the steps, recovers, and updates once more. */
async function killAtEach(story: Story, start: { readonly root: string }, from: string, recovers = false) {
  const whole = copyOf(start);
  const steps = await run(optionsFor(story, whole), undefined, recovers);
  await updateFromGit(optionsFor(story, whole));
  const end = snapshot(whole.bot);
  expect(steps.length).toBeGreaterThan(5);
  const begin = from === '' ? 0 : steps.indexOf(from);
  expect(begin).toBeGreaterThanOrEqual(0);
  const numbers = steps.map((_, index) => index + 1).slice(begin);
  const work = async () => {
    for (let killAt = numbers.shift(); killAt !== undefined; killAt = numbers.shift()) {
      const step = `killed at ${killAt}, ${steps[killAt - 1]}`;
      const copy = copyOf(start);
      const options = optionsFor(story, copy);
      await run(options, killAt, recovers);
      await recoverUpdate(options);
      expectWhole(story, copy, step);
      expect(await recoverUpdate(options), step).toBe(false);
      const result = await updateFromGit(options);
      expect(result.outcome, `${step}: ${result.detail}`).toMatch(/updated|current/);
      expect(snapshot(copy.bot), step).toEqual(end);
      expect(leftovers(copy), step).toEqual([]);
      rmSync(copy.root, { recursive: true });
    }
  };
  await Promise.all([work(), work(), work()]);
  return steps;
}

describe('an update that is killed at each step', { timeout: 120_000 }, () => {
  it('by force, with local changes and files in the way', async () => {
    const story = forced();
    const steps = await killAtEach(story, story.scene, '');
    expect(steps).toEqual(expect.arrayContaining(['git checkout runs', 'held in place', 'replaced kept']));
  });

  it('forward', async () => {
    const story = forward();
    const steps = await killAtEach(story, story.scene, 'manifest written');
    expect(steps).toEqual(expect.arrayContaining(['git merge runs', 'clean.ini is back']));
  });

  it('in a folder that is no repository', async () => {
    const story = bare();
    const steps = await killAtEach(story, story.scene, 'git clone runs');
    expect(steps).toEqual(expect.arrayContaining(['filled in z.py', 'metadata in place']));
  });

  it('after git itself died in the middle of a checkout', async () => {
    const story = forced();
    setTrap(story.scene, 1);
    const steps = await killAtEach(story, story.scene, 'step failed');
    expect(steps).toEqual(expect.arrayContaining(['git reset runs', 'lib.py is back']));
  });
});

describe('a recovery that is killed at each step', { timeout: 120_000 }, () => {
  it('of a checkout that is half done, with the lock of git', async () => {
    const story = forced();
    setTrap(story.scene, 1);
    const half = copyOf(story.scene);
    await run(optionsFor(story, half), 'step failed');
    expect(existsSync(join(half.bot, '.git/index.lock'))).toBe(true);
    expect(existsSync(join(half.bot, 'm.trap'))).toBe(false);
    await killAtEach(story, half, '', true);
  });
});
