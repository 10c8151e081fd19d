// When the agent comes to rest because a watchdog is about to replace the bot: never for nothing, or it would never be
// woken, and never later than the moment at which the bot may end.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { startFixtureWatchdog } from '../../../support/fixture-watchdog.ts';
import { makeInstance, until } from '../../../support/instance.ts';
import { withStaging } from '../../../support/releases.ts';
import { makeScene } from './support.ts';

type Release = { readonly name?: string; readonly version: string; readonly state: string };

/** An instance with something to promote, and a caller that notes what it is handed over to, and what was there then. */
function scene(gates: readonly string[] = ['echo gate passed']) {
  const config = JSON.stringify({ releases: { gates } });
  const root = makeInstance({
    ...withStaging(),
    'config.json': config,
    'staging/config.json': config,
    '.env': '',
  });
  const handed: string[] = [];
  const before: string[] = [];
  const told: string[] = [];
  const caller = {
    handOver: (subject: string) => {
      handed.push(subject);
      before.push(...['.restart-signal', '.upgrade-context'].filter((name) => existsSync(join(root, name))));
    },
    notify: (message: string) => void told.push(message),
    branch: { id: 'b1', depth: 0 },
    channel: '42',
  };
  const { call } = makeScene({ root });
  const releases = async () => (await call<{ releases: Release[] }>('releases', {})).releases;
  return { root, handed, before, told, caller, call, releases };
}

describe('with a running watchdog', () => {
  it('promote hands over to the release, and returns before there is a verdict', async () => {
    const { root, handed, caller, call, releases } = scene();
    await startFixtureWatchdog(root);
    const { release } = await call<{ release: Release }>('promote', {}, caller);
    expect(release.state).not.toBe('good');
    expect(handed).toEqual([expect.stringMatching(/^release:v1\.1-\d{8}/)]);
    let state: string | undefined;
    await until('it is switched and good', () => {
      void releases().then(([newest]) => {
        state = newest?.state;
      });
      return state === 'good';
    });
    // The name is that of the folder, which whoever wakes up can look into.
    const name = handed[0]?.slice('release:'.length) ?? '';
    expect(existsSync(join(root, 'backups', name, 'release.json'))).toBe(true);

    const back = await call<{ state: string }>('rollback', {}, caller);
    expect(back.state).toBe('requested');
    expect(handed).toEqual([`release:${name}`, 'rollback']);
    await until('it is taken back', () => readFileSync(join(root, 'src/index.ts'), 'utf8') === 'old');
  });

  it('self_restart hands over before anybody can be asked to restart, for then it may be too late', async () => {
    const { root, handed, before, caller, call } = scene();
    await startFixtureWatchdog(root);
    await call('self_restart', { reason: 'new key' }, caller);
    expect(handed).toEqual(['restart']);
    expect(before).toEqual(['.upgrade-context']);
    await until('the watchdog has the signal', () => existsSync(join(root, 'restarted')));
  });

  it.each([
    ['a dry run', { dryRun: true }],
    ['what is only staged', { skipRestart: true }],
  ])('promote does not hand over %s', async (_, input) => {
    const { root, handed, caller, call } = scene();
    await startFixtureWatchdog(root);
    await call('promote', input, caller);
    expect(handed).toEqual([]);
  });

  it('promote does not hand over what its gates refuse, nor rollback what cannot be gone back to', async () => {
    const { root, handed, caller, call } = scene(['exit 3']);
    await startFixtureWatchdog(root);
    expect((await rejectionOf(call('promote', {}, caller))).code).toMatch(/gate/);
    expect((await rejectionOf(call('rollback', {}, caller))).code).toBe('nothing_to_roll_back');
    expect(handed).toEqual([]);
    expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
  });

  it('promote hands over what was staged before, once', async () => {
    const { root, handed, caller, call } = scene();
    await startFixtureWatchdog(root);
    await call('promote', { skipRestart: true }, caller);
    await call('promote', {}, caller);
    expect(handed).toHaveLength(1);
  });
});

describe('without a running watchdog', () => {
  it.each([
    ['none has ever run', undefined],
    ['the one that ran was killed', { pid: 2 ** 22 - 3, start: 'long ago' }],
    ['its number belongs to somebody else', { pid: process.pid, start: 'another boot' }],
  ])('nobody is handed over, since nobody would be woken: %s', async (_, lock) => {
    const { root, handed, told, caller, call } = scene();
    if (lock) writeFileSync(join(root, '.watchdog.lock'), JSON.stringify(lock));
    const { release } = await call<{ release: Release }>('promote', {}, caller);
    expect(release.state).toBe('staged');
    expect(told.join()).toContain('node watchdog.js --apply');
    expect((await rejectionOf(call('self_restart', {}, caller))).code).toBe('no_watchdog');
    expect(existsSync(join(root, '.restart-signal'))).toBe(false);
    expect(handed).toEqual([]);
  });
});
