import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type BranchEvent, type BranchStatus, nextStatus } from '../../../src/agent/states.ts';

const events: BranchEvent[] = ['news', 'paused', 'answered', 'rested', 'stopped', 'ended', 'aged'];
const statuses: BranchStatus[] = ['running', 'waiting', 'idle', 'completed'];

it('is this table', () => {
  const rows = statuses.map((status) => events.map((event) => nextStatus(status, event) ?? '-').join(' '));
  expect(rows).toEqual([
    'running waiting - idle idle completed -',
    'running - running - idle completed completed',
    'running - - - idle completed completed',
    'running - - - - completed -',
  ]);
});

it('news always make a branch run, and only what was asked waits', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events)), (sequence) => {
      let status: BranchStatus = 'idle';
      for (const event of sequence) {
        const next = nextStatus(status, event);
        if (event === 'news') expect(next).toBe('running');
        if (next === 'waiting') expect([status, event]).toEqual(['running', 'paused']);
        // A branch at work is not ended by the clock.
        if (event === 'aged' && next !== undefined) expect(['idle', 'waiting']).toContain(status);
        status = next ?? status;
      }
    }),
  );
});
