import { describe, expect, it, onTestFinished } from 'vitest';
import type { HistoryEntry } from '../../skills/tool.ts';
import { openDatabase } from '../../src/database.ts';
import { createHistory, historyMigrations } from '../../src/history.ts';
import { makeFolder } from '../support/folder.ts';

describe('the history', () => {
  it('passes on that its database cannot be opened, at the first use and not before', () => {
    const history = createHistory(() => {
      throw new Error('closed');
    }, clock);
    expect(() => history.begin(act('x'))).toThrow('closed');
    expect(() => history.recent({ limit: 1 })).toThrow('closed');
  });

  it('trims reads by themselves, so that many reads cost no act', () => {
    const { history, count } = open();
    history.begin(act('the first act'));
    for (let index = 0; index < 3_000; index++) history.begin({ ...act(`read ${index}`), isRead: true });
    expect(count(1)).toBeGreaterThanOrEqual(1_000);
    expect(count(1)).toBeLessThanOrEqual(1_200);
    expect(count(0)).toBe(1);
    const [newest] = history.recent({ limit: 1 });
    expect(newest?.subject).toBe('read 2999');
    expect(history.recent({ limit: 5_000 }).at(-1)?.subject).toBe('the first act');
  });

  it('trims what was refused by itself, so that a stranger who tries and tries pushes no act out', () => {
    const { history, count, database } = open();
    history.begin(act('the first act'));
    database.transaction(() => {
      for (let index = 0; index < 25_000; index++)
        history.finish(history.begin(act(`try ${index}`)), 'refused', 'not_permitted');
    })();
    expect(count(0)).toBe(1);
    expect(count(3)).toBeLessThanOrEqual(5_200);
    expect(history.recent({ limit: 1 })).toMatchObject([{ subject: 'try 24999', outcome: 'refused' }]);
    expect(history.recent({ limit: 100_000 }).at(-1)?.subject).toBe('the first act');
  });

  it('trims acts at a bound of their own, the oldest first, and leaves reads alone', () => {
    const { history, count, database } = open();
    history.begin({ ...act('the first read'), isRead: true });
    database.transaction(() => {
      for (let index = 0; index < 25_000; index++) history.begin(act(`act ${index}`));
    })();
    expect(count(0)).toBeGreaterThanOrEqual(20_000);
    expect(count(0)).toBeLessThanOrEqual(20_200);
    expect(count(1)).toBe(1);
    expect(history.recent({ limit: 1 })).toMatchObject([{ subject: 'act 24999' }]);
    expect(history.recent({ limit: 100_000 }).map(({ subject }) => subject)).not.toContain('act 4000');
  });

  it('takes the end of a call whose row was trimmed away without touching another row', () => {
    const { history } = open();
    const id = history.begin(act('still running'));
    history.finish(id + 1, 'failed', 'late');
    expect(history.recent({ limit: 10 })).toMatchObject([{ subject: 'still running', outcome: 'started' }]);
  });

  it('tells the newest first, also within one millisecond, and at most as many as asked for', () => {
    const { history } = open();
    for (const subject of ['a', 'b', 'c', 'd']) history.begin(act(subject));
    expect(subjects(history.recent({ limit: 3 }))).toEqual(['d', 'c', 'b']);
    expect(subjects(history.recent({ limit: 100 }))).toEqual(['d', 'c', 'b', 'a']);
  });

  it('is filtered by action, by actor, and by both', () => {
    const { history } = open();
    for (const [action, actor] of [
      ['run', 'cli:root'],
      ['run', 'discord:1'],
      ['kill', 'discord:1'],
    ] as const)
      history.begin({ action, actor, subject: `${action} ${actor}`, isRead: false });
    expect(subjects(history.recent({ limit: 9, action: 'run' }))).toEqual(['run discord:1', 'run cli:root']);
    expect(subjects(history.recent({ limit: 9, actor: 'discord:1' }))).toEqual([
      'kill discord:1',
      'run discord:1',
    ]);
    expect(subjects(history.recent({ limit: 9, action: 'run', actor: 'discord:1' }))).toEqual([
      'run discord:1',
    ]);
    expect(history.recent({ limit: 9, action: "run' OR 1=1 --" })).toEqual([]);
    expect(history.recent({ limit: 9, action: '' })).toEqual([]);
  });

  it('keeps an entry as it was given, from "started" to its outcome', () => {
    const { history } = open();
    const hostile = "x'); DROP TABLE history; --\n\u0000 ☃";
    const id = history.begin({ action: 'run', actor: 'llm:7', subject: hostile, isRead: false });
    const row = { at: '2026-01-02T03:04:05.006Z', actor: 'llm:7', action: 'run', subject: hostile };
    expect(history.recent({ limit: 9 })).toEqual([{ ...row, outcome: 'started', detail: '' }]);
    history.finish(id, 'failed', hostile);
    expect(history.recent({ limit: 9 })).toEqual([{ ...row, outcome: 'failed', detail: hostile }]);
  });
});

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) };

function act(subject: string) {
  return { actor: 'cli:root', action: 'run', subject, isRead: false };
}

function subjects(entries: readonly HistoryEntry[]): string[] {
  return entries.map(({ subject }) => subject);
}

function open() {
  const database = openDatabase(makeFolder(), historyMigrations);
  onTestFinished(() => void database.close());
  const counting = database.prepare<[number], number>('SELECT count(*) FROM history WHERE kind = ?').pluck();
  return {
    database,
    history: createHistory(() => database, clock),
    count: (kind: 0 | 1 | 3) => counting.get(kind) ?? 0,
  };
}
