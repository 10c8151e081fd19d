import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Event, startWakeUp } from '../../src/wake-up.ts';
import { makeFolder } from '../support/folder.ts';
import { until } from '../support/instance.ts';
import { makeLogger } from '../support/skill.ts';

const release = (version: string, state: string, minute: number, part: object = {}) =>
  JSON.stringify({
    version,
    state,
    stateAt: `2026-01-01T00:0${minute}:00.000Z`,
    stagedBy: 'cli:ada',
    ...part,
  });

const reverted = JSON.stringify({
  release: 'v1.10-x',
  version: 'v1.10',
  reason: 'it ended 2 times in its trial',
  at: '2026-01-01T00:05:00.000Z',
  lines: Array.from({ length: 50 }, (_, number) => `line ${number}`),
  state: 'reverted',
  hash: 'h',
});

/** What a bot that starts now tells; `tell` may throw. */
function wake(root: string, tell: (event: Event) => void = () => {}, awaited: string[] = []): Event[] {
  const told: Event[] = [];
  const wakeUp = startWakeUp({
    root,
    logger: makeLogger(),
    awaited: () => awaited,
    tell: (event) => {
      tell(event);
      told.push(event);
    },
  });
  onTestFinished(() => wakeUp.stop());
  return told;
}

describe('a bot that wakes up', () => {
  it('has nothing to tell when nothing happened', () => {
    expect(wake(makeFolder())).toEqual([]);
  });

  it.each([
    ['is not JSON', 'oops'],
    ['says something else', '{"action": "dance"}'],
  ])('is not confused by an .upgrade-context that %s', (_, text) => {
    const root = makeFolder({ '.upgrade-context': text });
    expect(wake(root)).toEqual([]);
    expect(existsSync(join(root, '.upgrade-context'))).toBe(false);
  });

  it('tells that a release is live, to the channel that asked, once', () => {
    const root = makeFolder({
      'backups/v1.9-x/release.json': release('v1.9', 'reverted', 1),
      'backups/v1.10-x/release.json': release('v1.10', 'good', 2, { channel: '42' }),
    });
    expect(wake(root)).toEqual([
      expect.objectContaining({
        text: 'v1.10 is live.',
        channel: '42',
        forAgent: expect.stringContaining('cli:ada'),
      }),
    ]);
    expect(wake(root)).toEqual([]);
  });

  it('tells what failed, why, and what is back, once', () => {
    const root = makeFolder({
      '.deploy-reverted': reverted,
      'backups/v1.9-x/release.json': release('v1.9', 'good', 1),
      'backups/v1.10-x/release.json': release('v1.10', 'reverted', 2, { channel: '42' }),
      'memory/wake-up.json': '{"told": ["good:v1.9-x"]}',
    });
    const [event, ...others] = wake(root);
    expect(others).toEqual([]);
    expect(event?.text).toBe(
      `v1.10 failed and v1.9 is back: it ended 2 times in its trial.\nIts last lines:\n${Array.from({ length: 10 }, (_, number) => `line ${number + 40}`).join('\n')}`,
    );
    expect(event?.forAgent).toContain('\n> line 0\n> line 1\n');
    expect(event?.channel).toBe('42');
    expect(wake(root)).toEqual([]);
  });

  it('tells whoever waits what became of a release that another one has replaced', () => {
    const root = makeFolder({
      'backups/v1.8-x/release.json': release('v1.8', 'reverted', 1),
      'backups/v1.9-x/release.json': release('v1.9', 'good', 2),
      'backups/v1.10-x/release.json': release('v1.10', 'good', 3),
    });
    const told = wake(root, undefined, ['release:v1.9-x', 'release:v1.10-x', 'restart']);
    expect(told).toMatchObject([
      { subject: 'release:v1.10-x', text: 'v1.10 is live.' },
      { subject: 'release:v1.9-x', text: 'v1.9 was live.', isOld: true },
    ]);
    expect(wake(root)).toEqual([]);
  });

  it('tells a verdict when it comes, not before', async () => {
    const root = makeFolder({ 'backups/v1.10-x/release.json': release('v1.10', 'trial', 2) });
    const told = wake(root);
    expect(told).toEqual([]);
    writeFileSync(join(root, 'backups/v1.10-x/release.json'), release('v1.10', 'good', 3));
    await until('it is told', () => told.length === 1);
    expect(told[0]?.text).toBe('v1.10 is live.');
  });

  it('tells why it was restarted, and by whom, once', () => {
    const context = {
      action: 'restart',
      reason: 'of a new token',
      requestedBy: 'cli:ada',
      channel: '7',
      at: 'now',
    };
    const root = makeFolder({ '.upgrade-context': JSON.stringify(context) });
    expect(wake(root)).toMatchObject([
      { text: 'v1.0 was restarted because of a new token (asked for by cli:ada).', channel: '7' },
    ]);
    expect(existsSync(join(root, '.upgrade-context'))).toBe(false);
    expect(wake(root)).toEqual([]);
  });

  it('tells later what it could not tell, also after a crash in between', () => {
    const context = { action: 'rollback', requestedBy: 'cli:ada', at: 'now' };
    const root = makeFolder({ '.upgrade-context': JSON.stringify(context) });
    const fail = () => {
      throw new Error('no connection');
    };
    expect(wake(root, fail)).toEqual([]);
    expect(wake(root)).toMatchObject([{ text: 'It was rolled back (asked for by cli:ada); v1.0 is live.' }]);
    expect(wake(root)).toEqual([]);
    expect(JSON.parse(readFileSync(join(root, 'memory/wake-up.json'), 'utf8')).told).toHaveLength(1);
  });

  it('tells of a watchdog.js that was refused', () => {
    const text = JSON.parse(reverted);
    const root = makeFolder({
      '.deploy-reverted': JSON.stringify({
        ...text,
        state: 'watchdog-refused',
        reason: 'watchdog.js of v1.10 is refused',
        lines: [],
      }),
    });
    expect(wake(root).map((event) => event.text)).toEqual(['watchdog.js of v1.10 is refused']);
    rmSync(join(root, '.deploy-reverted'));
  });
});
