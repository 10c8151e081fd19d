import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  forsakenSkills,
  isBelow,
  isSkillData,
  planEntries,
  staysWithInstance,
  type Tree,
} from '../../../../skills/process-manager/releases/what-moves.ts';

/** A tree of these files, with the folders above them. */
function tree(...files: readonly string[]): Tree {
  const paths = new Map<string, { kind: string }>();
  for (const file of files) {
    const parts = file.split('/');
    for (let length = 1; length < parts.length; length++)
      paths.set(parts.slice(0, length).join('/'), { kind: 'folder' });
    paths.set(file, { kind: 'file' });
  }
  return paths;
}

const namesOf = (source: Tree, destination: Tree, kept: readonly string[] = []) =>
  planEntries(source, destination, kept).entries.map(({ path }) => path);

describe('what stays with its instance', () => {
  it.each([
    '.env',
    '.env.local',
    'SOUL.md',
    'IDENTITY.md',
    'memory',
    'logs',
    'data',
    'temp',
    'node_modules',
    'package-lock.json',
    'backups',
    'staging',
    '.git',
    '.npm',
    '.cache',
    '.restart-signal',
    '.upgrade-context',
    '.heartbeat',
    '.deploy-ready',
    '.deploy-in-progress',
    '.deploy-reverted',
    '.watchdog.json',
    '.watchdog.json.2',
    '.watchdog.lock',
    '.deploy-ready.123.new',
    '.revert',
  ])('%s, at the root only', (name) => {
    expect(staysWithInstance(name, [])).toBe(true);
    expect(staysWithInstance(`src/${name}`, [])).toBe(false);
  });

  it.each([
    'src',
    'skills',
    'config.json',
    'package.json',
    'watchdog.js',
    '.gitignore',
    'memory.ts',
    'logsmith',
    '.environment',
  ])('not %s', (name) => expect(staysWithInstance(name, [])).toBe(name === '.environment'));

  it('what the configuration names, at any depth, however it is written', () => {
    expect(staysWithInstance('assets/cache', ['./assets/cache/'])).toBe(true);
    expect(staysWithInstance('assets/cache', ['assets\\cache'])).toBe(true);
    expect(staysWithInstance('assets', ['assets/cache'])).toBe(false);
    expect(staysWithInstance('deep/assets/cache', ['assets/cache'])).toBe(false);
  });

  it("a skill's own data, and no other folder of that name", () => {
    expect(isSkillData('skills/greet/data')).toBe(true);
    for (const path of [
      'skills/data',
      'skills/greet/deep/data',
      'src/skills/greet/data',
      'skills/greet/data/x',
    ])
      expect(isSkillData(path)).toBe(false);
  });
});

describe('the units of renaming', () => {
  it('are the names at the top, and the skills one by one', () => {
    const source = tree('src/a.ts', 'skills/one/index.ts', 'skills/notes.md', 'new.txt');
    const destination = tree('src/b.ts', 'skills/two/index.ts', 'old/file');
    expect(planEntries(source, destination, [])).toEqual({
      conflicts: [],
      entries: [
        { path: 'new.txt', live: false, next: true },
        { path: 'old', live: true, next: false },
        { path: 'skills/notes.md', live: false, next: true },
        { path: 'skills/one', live: false, next: true },
        { path: 'skills/two', live: true, next: false },
        { path: 'src', live: true, next: true },
      ],
    });
  });

  it('go round what has to stay: data of a skill, and what is excluded further down', () => {
    const source = tree('skills/greet/index.ts', 'assets/logo', 'assets/deep/a');
    const destination = tree('skills/greet/index.ts', 'skills/greet/old.ts', 'assets/logo', 'assets/deep/b');
    const kept = ['skills/greet/data', 'assets/deep/cache'];
    expect(namesOf(source, destination, kept)).toEqual([
      'assets/deep/a',
      'assets/deep/b',
      'assets/logo',
      'skills/greet/index.ts',
      'skills/greet/old.ts',
    ]);
  });

  it('never hold watchdog.js, which must not be replaced together with the bot', () => {
    expect(namesOf(tree('watchdog.js', 'src/watchdog.js'), tree('watchdog.js'))).toEqual(['src']);
  });

  it('cannot go round what is a folder on one side and a file on the other', () => {
    expect(planEntries(tree('skills/greet'), tree('skills/greet/index.ts'), ['skills/greet/data'])).toEqual({
      entries: [],
      conflicts: ['skills/greet'],
    });
    // Without anything to keep, one simply takes the place of the other.
    expect(namesOf(tree('skills'), tree('skills/greet/index.ts'))).toEqual(['skills']);
  });

  it('leave data behind whose skill is gone', () => {
    expect(forsakenSkills(tree('skills/old/data/x', 'skills/greet/data/y', 'skills/greet/index.ts'))).toEqual(
      ['skills/old'],
    );
  });
});

const name = fc.constantFrom('a', 'b', 'skills', 'data', 'src', 'memory', 'greet');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
/** Files of which none is a folder of another. */
const files = fc.uniqueArray(path, { maxLength: 12 }).map((paths) => {
  return paths.filter((one) => !paths.some((other) => other !== one && other.startsWith(`${one}/`)));
});

describe('whatever the trees are', () => {
  it('every file that moves is in exactly one unit, and what has to stay is in none', () => {
    fc.assert(
      fc.property(files, files, fc.uniqueArray(path, { maxLength: 3 }), (ours, theirs, exclude) => {
        const stays = (file: string) =>
          file.split('/').some((_, index, parts) => {
            const above = parts.slice(0, index + 1).join('/');
            return staysWithInstance(above, exclude) || isSkillData(above);
          });
        const [source, destination] = [
          tree(...ours.filter((file) => !stays(file))),
          tree(...theirs.filter((file) => !stays(file))),
        ];
        const kept = theirs.filter(stays);
        const { entries, conflicts } = planEntries(source, destination, kept);
        const tops = entries.map((entry) => entry.path);
        for (const file of [...source.keys(), ...destination.keys()]) {
          if ((source.get(file) ?? destination.get(file))?.kind === 'folder') continue;
          const units = tops.filter((top) => file === top || file.startsWith(`${top}/`));
          if (conflicts.some((conflict) => file === conflict || file.startsWith(`${conflict}/`))) continue;
          expect(units).toHaveLength(1);
        }
        for (const file of kept) expect(isBelow(file, new Set(tops))).toBe(false);
        for (const entry of entries) {
          expect(entry.live || entry.next).toBe(true);
          expect(entry.live).toBe(destination.has(entry.path));
          expect(entry.next).toBe(source.has(entry.path));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('promote and revert exclude the same', () => {
    fc.assert(
      fc.property(files, files, (ours, theirs) => {
        const stays = (file: string) => staysWithInstance(file.split('/')[0] ?? '', []);
        const one = tree(...ours.filter((file) => !stays(file)));
        const other = tree(...theirs.filter((file) => !stays(file)));
        expect(namesOf(one, other)).toEqual(namesOf(other, one));
      }),
    );
  });
});
