// The supervisor's part of an engine.

import { expect, it, onTestFinished } from 'vitest';
import { type AttendanceOptions, attend } from '../../../../skills/process-manager/containers/attendance.ts';
import type { ProcessRow } from '../../../../skills/process-manager/processes/index.ts';
import { until } from '../../../support/instance.ts';

const rowOf = (id: string, part: Partial<ProcessRow> = {}) =>
  ({ id, status: 'running', pid: 7, node: null, ...part }) as ProcessRow;

/** An attendance over these rows whose followers do what the test says. */
function setUp(options: Partial<AttendanceOptions> = {}) {
  const state = { rows: [] as ProcessRow[], looks: 0, changes: 0, troubles: [] as (string | undefined)[] };
  const followers = new Map<
    string,
    { end(): void; fail(text: string): void; signal: AbortSignal; begun: number }
  >();
  const attendance = attend({
    rows: () => state.rows,
    follow: ({ id }, signal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => resolve());
        const begun = (followers.get(id)?.begun ?? 0) + 1;
        followers.set(id, { end: resolve, fail: (text) => reject(new Error(text)), signal, begun });
      }),
    inspect: async () => void state.looks++,
    lookMs: 10,
    onChange: () => void state.changes++,
    onTrouble: (trouble) => void state.troubles.push(trouble),
    ...options,
  });
  onTestFinished(() => attendance.stop());
  return { attendance, state, followers };
}

/** So many more looks have been taken. */
const looked = (state: { looks: number }, times: number) => {
  const before = state.looks;
  return until('it has been looked', () => state.looks >= before + times);
};

it('looks again and again, follows each run once, and stops', async () => {
  const { attendance, state, followers } = setUp();
  state.rows = [rowOf('a'), rowOf('b')];
  await looked(state, 5);
  expect([...followers].map(([id, { begun }]) => [id, begun])).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
  await attendance.stop();
  expect([...followers.values()].map(({ signal }) => signal.aborted)).toEqual([true, true]);
});

it('stops following what has ended, and nothing else', async () => {
  const { state, followers } = setUp();
  state.rows = [rowOf('a'), rowOf('b')];
  await until('both are followed', () => followers.size === 2);
  state.rows = [rowOf('b')];
  await until('it is let go', () => followers.get('a')?.signal.aborted);
  expect(followers.get('b')?.signal.aborted).toBe(false);
});

it('looks at once when a log ends', async () => {
  const { state, followers } = setUp({ lookMs: 1_000_000 });
  state.rows = [rowOf('a')];
  await until('it is followed', () => followers.size === 1);
  const before = state.looks;
  state.rows = [];
  followers.get('a')?.end();
  await until('it has been looked', () => state.looks > before);
});

it('does not ask again and again for a log that ends at once although its run goes on', async () => {
  let begun = 0;
  const { state } = setUp({
    follow: async () => {
      begun++;
    },
  });
  state.rows = [rowOf('a')];
  const startedAt = performance.now();
  await looked(state, 40);
  await until('it is asked for again', () => begun > 1);
  expect(begun).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 1_000);
});

it('tells of a log that cannot be followed, and follows it again', async () => {
  const { state, followers } = setUp();
  state.rows = [rowOf('a')];
  await until('it is followed', () => followers.size === 1);
  followers.get('a')?.fail('the connection was cut');
  await until('it is followed again', () => followers.get('a')?.begun === 2);
  expect(state.troubles).toContain('the connection was cut');
});

it('tells of an engine that cannot be asked, goes on asking, and tells when it answers again', async () => {
  let looks = 0;
  const { state, followers } = setUp({
    inspect: async () => {
      if (++looks < 3) throw new Error('refused');
    },
  });
  state.rows = [rowOf('a')];
  await until('it answers again', () => followers.size === 1);
  expect(state.troubles.slice(0, 3)).toEqual(['refused', 'refused', undefined]);
});

it('tells of changes that a look has found, and only of those', async () => {
  const { state } = setUp({
    inspect: async () => {
      if (++state.looks === 3) state.rows = [rowOf('a', { node: 'n2' })];
    },
  });
  state.rows = [rowOf('a', { node: 'n1' })];
  await looked(state, 6);
  expect(state.changes).toBe(1);
});

it('stops while an engine is silent, as soon as that answers, and begins nothing then', async () => {
  let answer = () => {};
  const { attendance, state, followers } = setUp({
    inspect: () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      }),
  });
  state.rows = [rowOf('a')];
  const stopping = attendance.stop();
  answer();
  await stopping;
  expect(followers.size).toBe(0);
});
