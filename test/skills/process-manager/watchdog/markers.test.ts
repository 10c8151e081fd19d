import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type ReleaseRecord,
  readDeployInProgress,
  readDeployReady,
  readDeployReverted,
  readHeartbeat,
  readRecord,
  sweepTemporaryMarkers,
  withdrawDeployReady,
  writeDeployReady,
  writeRecord,
  writeRestartSignal,
  writeUpgradeContext,
} from '../../../../skills/process-manager/watchdog/index.ts';
import { makeFolder } from '../../../support/folder.ts';

const torn = ['', '{', '[]', 'null', '7', '"text"', '\0\0\0\0'];

describe('markers that others wrote', () => {
  it.each(torn)('count although they say nothing: %j', (content) => {
    const root = makeFolder({
      '.deploy-ready': content,
      '.deploy-in-progress': content,
      '.deploy-reverted': content,
    });
    expect(readDeployReady(root)).toEqual({ action: 'promote' });
    expect(readDeployInProgress(root)).toEqual({ action: 'promote' });
    expect(readDeployReverted(root)).toEqual({ state: 'reverted', lines: [] });
  });

  it('keep what can be understood of them', () => {
    const root = makeFolder({
      '.deploy-ready': '{"staged_at": "2026-01-01", "staged_by": "a script", "commit": 7, "action": "dance"}',
      '.deploy-reverted': '{"version": "v1.2", "lines": "none", "state": "inconsistent", "hash": null}',
    });
    expect(readDeployReady(root)).toEqual({
      staged_at: '2026-01-01',
      staged_by: 'a script',
      action: 'promote',
    });
    expect(readDeployReverted(root)).toEqual({ version: 'v1.2', lines: [], state: 'inconsistent' });
  });

  it('are not there when they are not', () => {
    const root = makeFolder();
    expect([readDeployReady(root), readDeployInProgress(root), readDeployReverted(root)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the heartbeat', () => {
  it.each([...torn, '{"state": "ready"}', '{"pid": "1"}'])(
    'that cannot be understood says nothing: %j',
    (content) => {
      expect(readHeartbeat(makeFolder({ '.heartbeat': content }))).toBeUndefined();
    },
  );

  it('is read', () => {
    const root = makeFolder({ '.heartbeat': '{"pid": 7, "state": "ready", "busy": 2, "discord": "down"}' });
    expect(readHeartbeat(root)).toEqual({ pid: 7, state: 'ready', busy: 2, discord: 'down' });
  });
});

describe('markers of ours', () => {
  it('are whole, and leave nothing beside them', () => {
    const root = makeFolder();
    writeDeployReady(root, { action: 'rollback', rollback: ['a', 'b'] });
    writeRestartSignal(root, { timestamp: 't', reason: 'r', requestedBy: 'me' });
    writeUpgradeContext(root, { action: 'restart', requestedBy: 'me', at: 't' });
    expect(readDeployReady(root)).toEqual({ action: 'rollback', rollback: ['a', 'b'] });
    expect(JSON.parse(readFileSync(join(root, '.restart-signal'), 'utf8'))).toEqual({
      timestamp: 't',
      reason: 'r',
      requestedBy: 'me',
    });
    expect(readdirSync(root).sort()).toEqual(['.deploy-ready', '.restart-signal', '.upgrade-context']);
  });

  it('can be withdrawn by exactly one', () => {
    const root = makeFolder({ '.deploy-ready': '{}' });
    expect(withdrawDeployReady(root, join(root, 'mine'))).toBe(true);
    expect(withdrawDeployReady(root, join(root, 'mine'))).toBe(false);
    expect(existsSync(join(root, 'mine'))).toBe(true);
  });

  it('that a killed writer left half are swept away, others are not', () => {
    const root = makeFolder({
      '.deploy-ready.999999999.new': '{',
      '.restart-signal.1.new': 'of a living process',
      'somebodys.999999999.new': 'not ours',
      '.heartbeat': '{}',
    });
    sweepTemporaryMarkers(root);
    expect(readdirSync(root).sort()).toEqual([
      '.heartbeat',
      '.restart-signal.1.new',
      'somebodys.999999999.new',
    ]);
  });
});

describe('release.json', () => {
  it.each([...torn, '{"format": 2}', '{"format": 1, "version": "v1.1"}'])(
    'that cannot be understood is none: %j',
    (content) => {
      expect(readRecord(makeFolder({ 'release.json': content }))).toBeUndefined();
      expect(readRecord(makeFolder())).toBeUndefined();
    },
  );

  it('comes back as it was written', () => {
    const folder = makeFolder();
    const record: ReleaseRecord = {
      format: 1,
      version: 'v1.1',
      createdAt: '2026-01-01T00:00:00.000Z',
      stagedBy: 'cli:me',
      reason: null,
      state: 'staged',
      stateAt: '2026-01-01T00:00:00.000Z',
      detail: null,
      commit: null,
      hash: 'h',
      entries: [{ path: 'src', live: true, next: true }],
      dependencies: 'same',
      watchdog: 'pending',
      gates: [{ command: 'true', verdict: 'timeout', exitCode: null, durationMs: 1, log: 'gates/1.log' }],
      changes: { added: [], changed: [{ path: 'src/a', bytes: 1 }], removed: [] },
      channel: null,
      live: { command: ['node'], readySeconds: 60 },
    };
    writeRecord(folder, record);
    expect(readRecord(folder)).toEqual(record);
    writeFileSync(join(folder, 'release.json'), JSON.stringify({ ...record, state: 'unheard of' }));
    expect(readRecord(folder)).toBeUndefined();
  });
});
