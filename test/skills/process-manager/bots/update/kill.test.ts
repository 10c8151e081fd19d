// Updates and recoveries that are killed with -9 at every single step, in processes of their own. Whatever the step, the
// recovery leaves a whole checkout of the old or the new commit with everybody's files in it, and the next update ends
// where one ends that nobody killed.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recoverUpdate, updateFromGit } from '../../../../../skills/process-manager/bots/update/update.ts';
import { type Files, git, leftovers, makeScene, type Scene, setTrap, snapshot, write } from './support.ts';
import { useUpdater } from './updater.ts';

/** A scene that is about to be updated, and what must come of it. */
interface Story {
  readonly scene: Scene;
  readonly forceSync: boolean;
  readonly preserve: readonly string[];
  /** Other files that a person wrote: in place or set aside, but never gone. */
  readonly precious: readonly string[];
  readonly before: Readonly<Record<string, string>>;
  /** The old and the new commit, each with the files that it has. */
  readonly commits: ReadonlyMap<string, readonly string[]>;
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

const first = {
  ...{ 'bot.py': 'v1\n', 'lib.py': 'v1\n', '.env': 'v1', 'conf/a': 'v1', 'conf/b': 'v1' },
  ...{ '.gitattributes': '*.trap filter=trap\n', 'm.trap': 'v1\n', 'old.py': 'v1\n', 'z.py': 'v1\n' },
};
const second = {
  ...{ 'bot.py': 'v2\n', '.env': 'v2', '.secret': 'theirs', 'conf/a': 'v2', 'conf/new': 'v2' },
  ...{ 'm.trap': 'v2\n', 'old.py': null, 'new.py': 'v2\n', 'z.py': 'v2\n', 'link/x': 'v2' },
};

function tell(
  isCloned: boolean,
  local: Files,
  part: Pick<Story, 'forceSync' | 'preserve' | 'precious'>,
): Story {
  const scene = makeScene(first, isCloned);
  const from = isCloned ? [scene.head()] : [];
  write(scene.bot, { 'notes.txt': 'mine', 'conf/own': 'mine', ...local });
  const filesOf = (commit: string) => git(scene.remote, 'ls-tree', '-r', '--name-only', commit).split('\n');
  const commits = new Map([...from, scene.publish(second)].map((commit) => [commit, filesOf(commit)]));
  return { ...part, scene, before: snapshot(scene.bot), commits };
}

/** Local changes, an untracked file in the way, and preserved files of every kind that git would refuse to overwrite. */
const forced = () =>
  tell(
    true,
    { '.env': 'mine', '.secret': 'mine', link: { link: '/nowhere' }, 'lib.py': 'my lib', 'new.py': 'my new' },
    { forceSync: true, preserve: ['.env', '.secret', 'link'], precious: ['lib.py', 'new.py'] },
  );
/** Preserved files that differ from the new version alone, in a folder. */
const forward = () => tell(true, {}, { forceSync: false, preserve: ['conf'], precious: [] });
const bare = () =>
  tell(
    false,
    { '.env': 'mine', 'conf/a': 'mine' },
    { forceSync: false, preserve: ['.env', 'conf'], precious: [] },
  );

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
  const aside = Object.entries(snapshot(copy.store)).map(([, print]) => print);
  for (const path of story.precious) {
    expect([now[path], ...aside], `${step}: what was in ${path}`).toContain(story.before[path]);
  }
  expect(now['notes.txt']).toBe(story.before['notes.txt']);
  expect(leftovers(copy), step).toEqual([]);
  if (!existsSync(join(copy.bot, '.git'))) return;
  const [branch = '', ...records] = git(copy.bot, 'status', '--porcelain=v2', '--branch', '-uno').split('\n');
  const known = story.commits.get(branch.split(' ').at(-1) ?? '') ?? [];
  expect(known, step).not.toEqual([]);
  const strange = Object.keys(now).filter((path) => !known.includes(path) && !(path in story.before));
  expect(strange, step).toEqual([]);
  const changed = records.filter((record) => !record.startsWith('#')).map((record) => record.split(' ')[8]);
  const explained = [...story.preserve, ...story.precious];
  expect(
    changed.filter((path) => !explained.includes(path?.split('/')[0] ?? '')),
    step,
  ).toEqual([]);
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
    expect(steps).toEqual(expect.arrayContaining(['git merge runs', 'conf/a is back']));
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
    expect(steps).toEqual(expect.arrayContaining(['git read-tree runs', 'lib.py is back']));
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
