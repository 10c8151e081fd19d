import { chmodSync, linkSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { compareTrees, contentsOf, isNothing } from '../../../../skills/process-manager/releases/changes.ts';
import { hashTree, openHashes } from '../../../../skills/process-manager/releases/hash.ts';
import { createPace } from '../../../../skills/process-manager/releases/pace.ts';
import { walkTree } from '../../../../skills/process-manager/releases/tree.ts';
import { makeFolder } from '../../../support/folder.ts';

const pace = createPace();

async function side(root: string) {
  return { root, items: (await walkTree(root, () => false, pace)).items };
}

async function compare(source: string, destination: string, cache = '') {
  const hashes = openHashes(cache);
  const changes = await compareTrees(await side(source), await side(destination), hashes, pace);
  if (cache !== '') hashes.save();
  return changes;
}

async function hashOf(root: string, cache = ''): Promise<string> {
  const tree = await side(root);
  const hashes = openHashes(cache);
  const hash = hashTree(tree.items, await contentsOf(tree, hashes, pace));
  if (cache !== '') hashes.save();
  return hash;
}

describe('comparing two trees', () => {
  it('finds a change that keeps size and time: equal times prove nothing', async () => {
    const [source, destination] = [makeFolder({ a: 'new' }), makeFolder({ a: 'old' })];
    for (const root of [source, destination]) utimesSync(join(root, 'a'), 1_000_000_000, 1_000_000_000);
    expect(statSync(join(source, 'a')).mtimeMs).toBe(statSync(join(destination, 'a')).mtimeMs);
    expect((await compare(source, destination)).changed).toEqual([{ path: 'a', bytes: 3 }]);
  });

  it('finds it also when both were hashed before and the time was set back', async () => {
    const [source, destination] = [makeFolder({ a: 'same' }), makeFolder({ a: 'same' })];
    const cache = join(makeFolder(), 'hashes');
    for (const root of [source, destination]) utimesSync(join(root, 'a'), 1_000_000_000, 1_000_000_000);
    // Old enough to be remembered.
    await sleep(80);
    expect(isNothing(await compare(source, destination, cache))).toBe(true);
    writeFileSync(join(source, 'a'), 'diff');
    utimesSync(join(source, 'a'), 1_000_000_000, 1_000_000_000);
    expect((await compare(source, destination, cache)).changed).toHaveLength(1);
  });

  it('calls equal what only differs in its times', async () => {
    const [source, destination] = [makeFolder({ a: 'same' }), makeFolder({ a: 'same' })];
    utimesSync(join(source, 'a'), 1, 1);
    expect(isNothing(await compare(source, destination))).toBe(true);
  });

  it('tells added, changed and removed, with sizes, in order', async () => {
    const source = makeFolder({ b: '12', 'deep/new': '1', changed: 'longer', same: 's' });
    const destination = makeFolder({ changed: 'c', same: 's', 'gone/too': '123' });
    expect(await compare(source, destination)).toEqual({
      added: [
        { path: 'b', bytes: 2 },
        { path: 'deep/new', bytes: 1 },
      ],
      changed: [{ path: 'changed', bytes: 6 }],
      removed: [{ path: 'gone/too', bytes: 3 }],
    });
  });

  it('sees kinds: a mode that lets run, a link, a folder where a file was', async () => {
    const source = makeFolder({ script: 'x', 'was-file/inside': 'y' });
    const destination = makeFolder({ script: 'x', 'was-file': 'y' });
    chmodSync(join(source, 'script'), 0o755);
    symlinkSync('script', join(source, 'link'));
    writeFileSync(join(destination, 'link'), 'script');
    expect(await compare(source, destination)).toEqual({
      added: [{ path: 'was-file/inside', bytes: 1 }],
      changed: [
        { path: 'link', bytes: 6 },
        { path: 'script', bytes: 1 },
      ],
      removed: [{ path: 'was-file', bytes: 1 }],
    });
  });

  it('does not read what is one file by two names', async () => {
    const [source, destination] = [makeFolder({ a: 'x' }), makeFolder()];
    linkSync(join(source, 'a'), join(destination, 'a'));
    expect(isNothing(await compare(source, destination))).toBe(true);
  });

  it('is quick for 10,000 files, and quicker the second time', async () => {
    const [source, destination, cache] = [makeFolder(), makeFolder(), join(makeFolder(), 'hashes')];
    for (const root of [source, destination]) {
      for (let folder = 0; folder < 100; folder++) {
        mkdirSync(join(root, String(folder)));
        for (let file = 0; file < 100; file++)
          writeFileSync(join(root, `${folder}/${file}`), `${folder} ${file}`);
      }
    }
    writeFileSync(join(source, '50/50'), 'XX XX');
    await sleep(80);
    const startedAt = performance.now();
    expect((await compare(source, destination, cache)).changed).toEqual([{ path: '50/50', bytes: 5 }]);
    const firstMs = performance.now() - startedAt;
    expect((await compare(source, destination, cache)).changed).toHaveLength(1);
    expect(firstMs).toBeLessThan(10_000);
  });
});

describe('the hash of a candidate', () => {
  it('follows from paths, modes and contents, not from times or order', async () => {
    const one = makeFolder({ a: '1', 'b/c': '2' });
    const other = makeFolder({ 'b/c': '2', a: '1' });
    utimesSync(join(other, 'a'), 5, 5);
    expect(await hashOf(one)).toBe(await hashOf(other));
    chmodSync(join(other, 'a'), 0o755);
    expect(await hashOf(one)).not.toBe(await hashOf(other));
  });

  it.each([
    ['another content', { a: '2', 'b/c': '2' }],
    ['another path', { aa: '1', 'b/c': '2' }],
    ['one file more', { a: '1', 'b/c': '2', d: '' }],
    ['contents exchanged', { a: '2', 'b/c': '1' }],
  ])('changes with %s', async (_, files) => {
    expect(await hashOf(makeFolder({ a: '1', 'b/c': '2' }))).not.toBe(await hashOf(makeFolder(files)));
  });

  it('is the documented one', async () => {
    // printf 'a\0file\0%s\n' $(printf 1 | sha256sum | cut -c1-64) | sha256sum
    expect(await hashOf(makeFolder({ a: '1' }))).toBe(
      'a1bb578bc83a92cd6dca5db0e5e3e7ac5927d604c0d6047a136bde496e7b95e7',
    );
  });

  it('of a file of many megabytes needs little memory, and is right', async () => {
    const root = makeFolder({ big: Buffer.alloc(9_000_001, 'understudy') });
    expect([...(await contentsOf(await side(root), openHashes(''), pace)).values()]).toEqual([
      'f03d948f144b34f1c01c1f6e7eb37dfec5ed3bb014a0f9da66c9a3c7497b8b70',
    ]);
  });

  it('does not believe a cache that is torn', async () => {
    const root = makeFolder({ a: '1' });
    const cache = join(makeFolder({ hashes: '{"format": 1, "hashes": [["x", "y"], 7' }), 'hashes');
    expect(await hashOf(root, cache)).toBe(await hashOf(root));
    expect(await hashOf(root, cache)).toBe(await hashOf(root));
  });
});
