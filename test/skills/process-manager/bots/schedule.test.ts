// Restarts by the clock, with a clock that the test moves.

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { BotPlan } from '../../../../skills/process-manager/bots/plan.ts';
import { createSchedules } from '../../../../skills/process-manager/bots/schedule.ts';

const minute = 60_000;
const plan = (name: string, schedule: string | undefined) => ({ name, schedule }) as BotPlan;
const names = (plans: BotPlan[]) => plans.map(({ name }) => name);

/** Cron expressions are meant in the time of the machine. */
function inZone(zone: string) {
  vi.stubEnv('TZ', zone);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** The moments at which a schedule is due, looked at every so often. */
function moments(schedule: string, from: string, to: string, everyMs = minute): string[] {
  const schedules = createSchedules();
  const found: string[] = [];
  for (let now = Date.parse(from); now <= Date.parse(to); now += everyMs) {
    for (const _ of schedules.due([plan('a', schedule)], now)) found.push(new Date(now).toISOString());
    expect(schedules.next()).toBeGreaterThan(now);
  }
  return found;
}

describe('createSchedules', () => {
  it('is due once at its moment, and again at each next one', () => {
    inZone('UTC');
    const found = moments('0 4 * * *', '2026-01-01T00:00:00Z', '2026-01-05T00:00:00Z', 7_777);
    expect(found.map((at) => at.slice(0, 16))).toEqual(
      ['01', '02', '03', '04'].map((day) => `2026-01-${day}T04:00`),
    );
  });

  it('is due at the very moment, and not at it again', () => {
    inZone('UTC');
    const schedules = createSchedules();
    const due = (at: string) => names(schedules.due([plan('a', '0 4 * * *')], Date.parse(at)));
    expect(due('2026-01-01T03:59:59.999Z')).toEqual([]);
    expect(due('2026-01-01T04:00:00.000Z')).toEqual(['a']);
    expect(due('2026-01-01T04:00:00.000Z')).toEqual([]);
    expect(due('2026-01-01T04:00:00.500Z')).toEqual([]);
    expect(schedules.next()).toBe(Date.parse('2026-01-02T04:00:00Z'));
  });

  it('does not make up for moments at which nobody looked: one restart, however long it slept', () => {
    inZone('UTC');
    const schedules = createSchedules();
    const due = (at: string) => names(schedules.due([plan('a', '*/5 * * * *')], Date.parse(at)));
    expect(due('2026-01-01T00:00:01Z')).toEqual([]);
    expect(due('2026-01-03T12:34:56Z')).toEqual(['a']);
    expect(due('2026-01-03T12:34:57Z')).toEqual([]);
    expect(due('2026-01-03T12:35:00Z')).toEqual(['a']);
  });

  it('begins anew with a changed expression, and forgets bots that go away', () => {
    inZone('UTC');
    const schedules = createSchedules();
    const look = (plans: BotPlan[], at: string) => names(schedules.due(plans, Date.parse(at)));
    const [a, b] = [plan('a', '0 4 * * *'), plan('b', '0 5 * * *')];
    expect(look([a, b, plan('c', undefined)], '2026-01-01T03:00:00Z')).toEqual([]);
    expect(schedules.next()).toBe(Date.parse('2026-01-01T04:00:00Z'));
    // The old moment of a has gone with its expression.
    expect(look([plan('a', '0 6 * * *'), b], '2026-01-01T04:30:00Z')).toEqual([]);
    expect(schedules.next()).toBe(Date.parse('2026-01-01T05:00:00Z'));
    expect(look([plan('a', undefined)], '2026-01-01T07:00:00Z')).toEqual([]);
    expect(schedules.next()).toBeUndefined();
    // Back again: what passed while it was away is not made up for.
    expect(look([a, b], '2026-01-01T07:00:00Z')).toEqual([]);
  });

  it('tells several that are due together', () => {
    inZone('UTC');
    const schedules = createSchedules();
    const plans = ['a', 'b'].map((name) => plan(name, '0 4 * * *'));
    schedules.due(plans, Date.parse('2026-01-01T03:00:00Z'));
    expect(names(schedules.due(plans, Date.parse('2026-01-01T04:00:01Z')))).toEqual(['a', 'b']);
  });

  it('restarts once on the day on which the hour comes twice', () => {
    inZone('Europe/Berlin');
    const found = moments('30 2 * * *', '2025-10-25T12:00:00Z', '2025-10-27T12:00:00Z');
    expect(found).toEqual(['2025-10-26T00:30:00.000Z', '2025-10-27T01:30:00.000Z']);
  });

  it('restarts once on the day on which the hour is left out', () => {
    inZone('Europe/Berlin');
    const found = moments('30 2 * * *', '2025-03-29T12:00:00Z', '2025-03-31T12:00:00Z');
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^2025-03-30T0[01]:/);
    expect(found[1]).toBe('2025-03-31T00:30:00.000Z');
  });

  it.each(['2025-03-29T22:00:00Z', '2025-10-25T22:00:00Z'])(
    'keeps a steady beat through the change of %s',
    (from) => {
      inZone('Europe/Berlin');
      const to = new Date(Date.parse(from) + 6 * 60 * minute).toISOString();
      expect(moments('*/30 * * * *', from, to)).toHaveLength(12);
    },
  );
});
