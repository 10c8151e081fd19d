// How what an engine carried has ended.

import { describe, expect, it } from 'vitest';
import { type EngineEnding, noteEnding } from '../../../../skills/process-manager/containers/endings.ts';
import { makeEngine } from '../../../support/manager.ts';
import { insertRun } from '../../../support/relayed-log.ts';

const at = '2026-01-02T03:05:00.000Z';

/** How a run is noted that has ended so; `stop` says how far somebody had come with ending it. */
function ended(ending: Omit<EngineEnding, 'at'>, stop: 'not asked' | 'asked' | 'forced' = 'not asked') {
  const { engine, root } = makeEngine();
  const { registry } = engine.processes;
  const row = insertRun(registry, root, { name: 'bot' });
  registry.place(row.id, { pid: 7, node: 'n1' });
  if (stop !== 'not asked') registry.requestStop(row.id, 'a stop was asked for');
  if (stop === 'forced') registry.noteForced(row.id);
  // The row as it was before: what happened meanwhile stands in the registry.
  const isFirst = noteEnding(registry, row, { at, ...ending });
  return { isFirst, registry, row, found: registry.find(row.id) };
}

describe('noteEnding', () => {
  it.each([
    [0, null],
    [1, null],
    [137, 'SIGKILL'],
    [139, 'SIGSEGV'],
    [143, 'SIGTERM'],
    [127, null],
    [128, null],
    [255, null],
    [-1, null],
  ])('code %i by itself is an exit, by %s', (exitCode, signal) => {
    expect(ended({ exitCode }).found).toMatchObject({ status: 'exited', exitCode, signal, endedAt: at });
  });

  it.each([
    [0, null],
    [143, 'SIGTERM'],
  ])('code %i after somebody asked is killed, by %s', (exitCode, signal) => {
    expect(ended({ exitCode }, 'asked').found).toMatchObject({ status: 'killed', exitCode, signal });
  });

  it.each([0, 1, 137])('code %i after it was forced is killed by SIGKILL', (exitCode) => {
    expect(ended({ exitCode }, 'forced').found).toMatchObject({
      status: 'killed',
      exitCode,
      signal: 'SIGKILL',
    });
  });

  it('an end that nobody knows is never a success, asked for or not', () => {
    for (const stop of ['not asked', 'asked'] as const) {
      expect(ended({ exitCode: null }, stop).found).toMatchObject({
        status: 'lost',
        exitCode: null,
        signal: null,
      });
    }
    expect(ended({ exitCode: null }, 'forced').found).toMatchObject({
      ...{ status: 'killed', exitCode: null, signal: 'SIGKILL' },
    });
  });

  it('is noted once: whoever comes later changes nothing', () => {
    const { isFirst, registry, row } = ended({ exitCode: 3 });
    expect(isFirst).toBe(true);
    expect(noteEnding(registry, row, { exitCode: 0, at: '2027-01-01T00:00:00.000Z' })).toBe(false);
    expect(noteEnding(registry, row, { exitCode: null, at })).toBe(false);
    expect(registry.find(row.id)).toMatchObject({ status: 'exited', exitCode: 3, endedAt: at });
  });

  it('says nothing more of a run whose end somebody else has noted', () => {
    const { registry, row } = ended({ exitCode: 0 });
    noteEnding(registry, row, { exitCode: null, at, note: 'its container was removed' });
    expect(registry.find(row.id)?.note).toBeNull();
  });

  it('notes what else is to be said, and keeps where it ran', () => {
    const { found } = ended({ exitCode: 137, note: 'it used more memory than it may' });
    expect(found).toMatchObject({ note: 'it used more memory than it may', node: 'n1', pid: 7 });
    expect(ended({ exitCode: 0 }).found?.note).toBeNull();
  });
});
