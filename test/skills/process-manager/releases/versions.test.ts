import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseVersion,
  compareVersions,
  isVersion,
  nextVersion,
  parseVersion,
} from '../../../../skills/process-manager/releases/versions.ts';
import { failureOf } from '../../../support/failure.ts';

describe('a given version', () => {
  it.each([
    '',
    'v',
    '1',
    'v1',
    'v1.2.3',
    'v01.2',
    'v1.02',
    'v1.x',
    ' v1.2',
    'v-1.2',
    'v1.2-beta',
    '../v1.2',
    'v1.9999999',
  ])("'%s' is refused", (text) => expect(failureOf(() => parseVersion(text)).code).toBe('invalid_version'));

  it.each([
    ['v1.9', 'a version that exists'],
    ['v1.2', 'an older one'],
    ['v0.99', 'an older one'],
  ])('%s is refused: %s', (text) => {
    const failure = failureOf(() => chooseVersion(text, ['v1.2', 'v1.10', 'v1.9']));
    expect(failure).toMatchObject({ code: 'version_taken', hint: expect.stringContaining('v1.11') });
  });

  it('is taken when it is newer, with or without its v', () => {
    expect(chooseVersion('v2.0', ['v1.10'])).toBe('v2.0');
    expect(chooseVersion('1.11', ['v1.10'])).toBe('v1.11');
    expect(chooseVersion('v1.1', [])).toBe('v1.1');
  });
});

describe('the next version', () => {
  it('is v1.1 at first', () => expect(nextVersion([])).toBe('v1.1'));

  it('counts numerically: v1.9 -> v1.10 -> v1.11, in whatever order they lie', () => {
    expect(nextVersion(['v1.9'])).toBe('v1.10');
    expect(nextVersion(['v1.9', 'v1.10', 'v1.8'])).toBe('v1.11');
    expect(nextVersion(['v1.14', 'v1.9'])).toBe('v1.15');
    expect(nextVersion(['v2.0', 'v1.14'])).toBe('v2.1');
  });

  it('does not stumble over a folder that is no version', () =>
    expect(nextVersion(['v1.x', 'notes', 'v1.3'])).toBe('v1.4'));

  it('is newer than all others, whatever they are', () => {
    const version = fc.tuple(fc.nat(999), fc.nat(999)).map(([major, minor]) => `v${major}.${minor}`);
    fc.assert(
      fc.property(fc.array(version), (known) => {
        const next = nextVersion(known);
        expect(isVersion(next)).toBe(true);
        for (const other of known) expect(compareVersions(next, other)).toBeGreaterThan(0);
      }),
    );
  });
});
