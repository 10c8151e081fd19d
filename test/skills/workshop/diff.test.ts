// The diff is right when `git apply` makes the one text of the other with it.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unifiedDiff } from '../../../skills/workshop/diff.ts';
import { makeFolder } from '../../support/folder.ts';

const hasGit = spawnSync('git', ['--version']).status === 0;

function patched(before: string, diff: string): string {
  const folder = makeFolder({ 'file.txt': before, 'change.diff': `${diff}\n` });
  const { status, stderr, stdout } = spawnSync('git', ['apply', '--whitespace=nowarn', 'change.diff'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${stdout}${stderr}\n${diff}`);
  return readFileSync(join(folder, 'file.txt'), 'utf8');
}

describe('a unified diff', () => {
  it.runIf(hasGit)('makes the one text of the other', () => {
    const line = fc.constantFrom('a', 'b', 'c', '', 'long line', '-- x', '++ y');
    const text = fc
      .tuple(fc.array(line, { minLength: 1, maxLength: 40 }), fc.boolean())
      .map(([lines, ends]) => `${lines.join('\n')}${ends ? '\n' : ''}`)
      .filter((made) => made !== '');
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = unifiedDiff('file.txt', before, after);
        if (before === after) expect(diff).toBe('');
        else expect(patched(before, diff)).toBe(after);
      }),
      { numRuns: 60 },
    );
  });

  it('shows no more than has changed', () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}`);
    const after = lines.with(100, 'new').toSpliced(500, 0, 'inserted').toSpliced(900, 1);
    const diff = unifiedDiff('x', `${lines.join('\n')}\n`, `${after.join('\n')}\n`);
    expect(diff.split('\n').filter((line) => /^[-+](?![-+])/.test(line))).toEqual([
      '-line 100',
      '+new',
      '+inserted',
      '-line 899',
    ]);
    expect(diff.split('\n').filter((line) => line.startsWith('@@'))).toEqual([
      '@@ -98,7 +98,7 @@',
      '@@ -498,6 +498,7 @@',
      '@@ -897,7 +898,6 @@',
    ]);
  });

  it('of two large files that have nothing in common is made at once', () => {
    const make = (word: string) =>
      Array.from({ length: 200_000 }, (_, index) => `${word} ${index}`).join('\n');
    const [before, after] = [make('old'), make('new')];
    const started = performance.now();
    const diff = unifiedDiff('x', before, after);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(diff.length).toBeLessThan(25_000);
  });
});
