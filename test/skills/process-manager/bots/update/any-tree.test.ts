// Any old tree, any new tree, anything that a person did to the folder in between: nothing of theirs gets lost.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Files, git, leftovers, makeScene, setAside, setTrap, snapshot, write } from './support.ts';

// Few names, so that files, folders and links come to stand in each other's place.
const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const content = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('one', 'two') },
  { weight: 1, arbitrary: fc.constantFrom({ link: 'a' }, { link: '../b' }, { script: 'one' }) },
);
const tree = fc.dictionary(path, content, { maxKeys: 6 }).map(possible);
const local = fc.dictionary(path, fc.constantFrom('mine', null), { maxKeys: 4 });
const preserve = fc.uniqueArray(path, { maxLength: 3 });

/** Of names that cannot stand together, as `a` and `a/b`, the first stays. */
function possible(files: Readonly<Record<string, Files[string]>>): Files {
  const kept: Record<string, Files[string]> = {};
  for (const [path, content] of Object.entries(files)) {
    if (!Object.keys(kept).some((other) => isRelated(path, other))) kept[path] = content;
  }
  return kept;
}

function isRelated(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

it('keeps what a person wrote, whatever the trees', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      tree,
      tree,
      local,
      preserve,
      fc.boolean(),
      async (from, to, changes, entries, forceSync) => {
        const scene = makeScene(from);
        const mine = Object.entries(changes).map(
          ([path, text], index) => [path, text && `mine ${index}`] as const,
        );
        for (const [path, text] of mine) writeWherePossible(scene.bot, path, text);
        const before = snapshot(scene.bot);
        const old = git(scene.bot, 'ls-files').split('\n');
        // An empty folder is preserved like any other.
        const preservedThings = entries.filter(
          (entry) => existsSync(join(scene.bot, entry)) || entry in before,
        );
        for (const name of ['a', 'b', 'c'])
          rmSync(join(scene.author, name), { recursive: true, force: true });
        const target = scene.publish(to);
        const { outcome, detail } = await scene.update({ forceSync, preserveFiles: entries });
        const after = snapshot(scene.bot);
        expect(leftovers(scene)).toEqual([]);
        if (outcome === 'skipped') {
          expect(forceSync, detail).toBe(false);
          expect(after).toEqual(before);
          return;
        }
        expect(scene.head()).toBe(target);
        const isPreserved = (path: string) =>
          entries.some((entry) => path === entry || path.startsWith(`${entry}/`));
        const kept = Object.keys(before).filter(isPreserved);
        for (const path of kept) expect(after[path], path).toBe(before[path]);
        const inPlace = new Set(Object.values(after));
        const aside = Object.values(setAside(scene));
        for (const [path, print] of Object.entries(before)) {
          const text = mine.find(([own]) => own === path)?.[1];
          if (text && !inPlace.has(print)) expect(aside, path).toContain(text);
          // What git does not track, and nothing needs the place of, has not been moved.
          const isFree = !old.includes(path) && !Object.keys(to).some((other) => isRelated(path, other));
          if (isFree) expect(after[path], path).toBe(print);
        }
        const differing = git(scene.bot, 'diff', '--name-only', 'HEAD').split('\n').filter(Boolean);
        expect(differing.filter((path) => !preservedThings.some((other) => isRelated(path, other)))).toEqual(
          [],
        );
        const tracked = git(scene.bot, 'ls-files').split('\n');
        expect(Object.keys(after).filter((path) => !tracked.includes(path) && !(path in before))).toEqual([]);
      },
    ),
    {
      // A person who had put a file in place of the folder of a preserved one lost it.
      examples: [
        [{ 'a/b': 'one' }, { 'a/b': 'one', c: 'two' }, { a: 'mine' }, ['a/b'], false],
        // A preserved file was looked for behind a link that the repository had put in the place of its folder.
        [{ 'a/a': 'one' }, { a: { link: 'a' } }, {}, ['a'], false],
        [{ 'a/a': 'one' }, { a: { link: 'b' }, 'b/a': 'one' }, {}, ['a'], false],
      ],
      numRuns: 8,
    },
  );
});

it('puts everything back as it was when git dies at any file', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(tree, tree, local, preserve),
      fc.nat({ max: 3 }),
      async ([from, to, changes, entries], files) => {
        const scene = makeScene(from);
        Object.entries(changes).forEach(([path, text], index) => {
          writeWherePossible(scene.bot, path, text && `mine ${index}`);
        });
        const [before, head] = [snapshot(scene.bot), scene.head()];
        for (const name of ['a', 'b', 'c'])
          rmSync(join(scene.author, name), { recursive: true, force: true });
        scene.publish(to);
        setTrap(scene, 1, files);
        write(scene.bot, { '.git/info/attributes': '* filter=trap\n' });
        const failure = await scene
          .update({ forceSync: true, preserveFiles: entries })
          .catch((error) => error);
        // Git may have had fewer files to write than it takes.
        if (!(failure instanceof Error)) return;
        expect(failure).toMatchObject({ code: 'git_killed' });
        const after = snapshot(scene.bot);
        expect([scene.head(), leftovers(scene)]).toEqual([head, []]);
        expect(after).toMatchObject(before);
        // Only what the person had deleted of the old version is there again.
        const tracked = git(scene.bot, 'ls-files').split('\n');
        const more = Object.keys(after).filter((path) => !(path in before));
        expect(more.filter((path) => !tracked.includes(path))).toEqual([]);
      },
    ),
    { numRuns: 8 },
  );
});

/** What a person can do to a folder: no file is written through a link or below a file. */
function writeWherePossible(folder: string, path: string, text: string | null): void {
  try {
    write(folder, { [path]: text });
  } catch {
    // Something that is no folder stands in the way of it.
  }
}
