import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { followRelease } from '../../../../skills/process-manager/watchdog/index.ts';
import { startFixtureWatchdog } from '../../../support/fixture-watchdog.ts';
import { makeInstance } from '../../../support/instance.ts';
import { releasesOf, request, withStaging } from '../../../support/releases.ts';

async function follow(
  verdict: Parameters<typeof startFixtureWatchdog>[1],
  part: { deadlineMs?: number; signal?: AbortSignal } = {},
) {
  const root = makeInstance(withStaging());
  await startFixtureWatchdog(root, verdict);
  const { name } = await releasesOf(root).promote(request());
  const told: string[] = [];
  const outcome = await followRelease({
    root,
    name: name ?? '',
    action: 'promote',
    deadlineMs: 20_000,
    progress: (message) => told.push(message),
    ...part,
  });
  return { root, name: name ?? '', outcome, told };
}

describe('following a release', () => {
  it('that nobody brings to an end gives up at its deadline', async () => {
    expect((await follow('die', { deadlineMs: 700 })).outcome).toEqual({
      state: 'unknown',
      detail: 'there is no verdict yet',
    });
  });

  it('ends when nobody waits', async () => {
    const { outcome } = await follow('good', { signal: AbortSignal.abort() });
    expect(outcome.state).toBe('unknown');
  });

  it('that cannot even be taken back fails', async () => {
    const { outcome } = await follow('inconsistent');
    expect(outcome).toEqual({ state: 'failed', detail: 'it crashed twice within 15 s' });
  });

  it('that is taken back tells why', async () => {
    const { outcome, told } = await follow('reverted');
    expect(outcome).toEqual({ state: 'reverted', detail: 'it crashed twice within 15 s' });
    expect(told).toContain('taking v1.1 back');
  });

  it('that is good tells each step', async () => {
    const { root, outcome, told } = await follow('good');
    expect(outcome).toEqual({ state: 'good', detail: null });
    expect(told).toEqual([
      'waiting until the bot is idle: 2 branches are at work',
      'switching',
      'trying v1.1: it has to be ready, and to stay up',
    ]);
    // Going back is over when nothing is under way any more.
    const wanted = await releasesOf(root).rollback(request());
    const back = await followRelease({
      root,
      name: wanted.releases[0]?.name ?? '',
      action: 'rollback',
      deadlineMs: 20_000,
      progress: () => {},
    });
    expect(back.state).toBe('reverted');
  });

  it('does not take an older verdict for this one', async () => {
    const root = makeInstance(withStaging());
    writeFileSync(
      join(root, '.deploy-reverted'),
      JSON.stringify({ release: 'v1.0-20200101T000000Z', state: 'inconsistent', reason: 'an old story' }),
    );
    await startFixtureWatchdog(root, 'good');
    const { name } = await releasesOf(root).promote(request());
    const options = {
      root,
      name: name ?? '',
      action: 'promote',
      deadlineMs: 20_000,
      progress: () => {},
    } as const;
    expect((await followRelease(options)).state).toBe('good');
  });
});
