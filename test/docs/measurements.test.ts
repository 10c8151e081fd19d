// docs/measurements.md repeats figures of bench/results.md, which the next run of the benches replaces.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { codeRoot } from '../support/instance.ts';

const read = (path: string) => readFileSync(join(codeRoot, path), 'utf8');
const rowsOf = (page: string) =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));

it('every result stands in the results, with the same verdict', () => {
  const measured = rowsOf(read('bench/results.md'));
  const told = rowsOf(read('docs/measurements.md')).filter((row) => /^(yes|\*\*no\*\*)$/.test(row[4] ?? ''));
  expect(told.length).toBeGreaterThan(10);
  const unknown = told.filter(
    ([, , , result, holds]) => !measured.some((row) => row[4] === result && row[6] === holds),
  );
  expect(unknown.map(([, what, , result]) => `${what}: ${result}`)).toEqual([]);
});

it('no missed aim is left out', () => {
  const missed = rowsOf(read('bench/results.md')).filter((row) => row[6] === '**no**');
  const told = rowsOf(read('docs/measurements.md')).filter((row) => row[4] === '**no**');
  expect(told.map((row) => row[3]).sort()).toEqual(missed.map((row) => row[4]).sort());
});
