// When the clock begins work: with timers that the test turns.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type CycleOptions, startCycles } from '../../../src/agent/cycles.ts';
import { makeLogger } from '../../support/skill.ts';
import { makeStores } from './support.ts';

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2030-01-01T00:00:30Z') }));
afterEach(() => void vi.useRealTimers());

function start(schedule: string, part: { role?: 'staging'; spent?: string } = {}) {
  const { branches, talk, time } = makeStores();
  const notices: string[] = [];
  time.now = Date.now();
  const environment = { role: part.role ?? 'live', wakeChannelId: undefined };
  const options = {
    config: { agent: { cycles: [{ schedule, prompt: 'Look around' }] }, environment },
    clock: { now: () => time.now },
    logger: makeLogger(),
    notify: ({ text }: { text: string }) => void notices.push(text),
  } as unknown as CycleOptions['options'];
  const kicks: number[] = [];
  const kick = () => {
    kicks.push(time.now);
    for (const { id } of branches.withStatus('running')) branches.move(id, 'rested');
  };
  const work = { kick } as unknown as CycleOptions['work'];
  const cycles = startCycles({ options, branches, talk, work, obstacle: () => part.spent });
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      time.now += 1_000;
      vi.advanceTimersByTime(1_000);
    }
  };
  return { time, notices, kicks, pass, stop: cycles.stop };
}

it('a staging bot does not do the work of the clock a second time', () => {
  start('* * * * *', { role: 'staging' });
  expect(vi.getTimerCount()).toBe(0);
});

it('goes on when the clock is put back by a year', () => {
  const { time, kicks, pass, stop } = start('0 * * * *');
  time.now += 365 * 86_400_000;
  pass(31_000);
  expect(kicks).toHaveLength(1);
  time.now -= 365 * 86_400_000;
  pass(2 * 3_600_000);
  expect(kicks).toHaveLength(3);
  stop();
});

it('says once why it skips, and again for another reason', () => {
  const { notices, pass, stop } = start('* * * * *', { spent: 'nothing may be spent' });
  pass(10 * 60_000);
  expect(notices).toEqual([expect.stringMatching(/"Look around" was skipped: nothing may be spent\./)]);
  stop();
});
