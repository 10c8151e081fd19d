import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isFinished,
  nextState,
  type ProcessState,
  processEvents,
  processStates,
  statesBefore,
  unfinishedStates,
} from '../../../../skills/process-manager/processes/states.ts';

describe('the table of states', () => {
  it.each([
    ['running', 'pause', 'paused'],
    ['running', 'resume', undefined],
    ['running', 'exit', 'exited'],
    ['running', 'kill', 'killed'],
    ['running', 'vanish', 'lost'],
    ['paused', 'pause', undefined],
    ['paused', 'resume', 'running'],
    ['paused', 'exit', 'exited'],
    ['paused', 'kill', 'killed'],
    ['paused', 'vanish', 'lost'],
  ] as const)('%s, %s: %s', (state, event, next) => expect(nextState(state, event)).toBe(next));

  it('lets nothing happen to what has ended, whatever comes late', () => {
    const run = (events: readonly (typeof processEvents)[number][]) => {
      const states: ProcessState[] = ['running'];
      for (const event of events) {
        const last = states.at(-1) ?? 'running';
        states.push(nextState(last, event) ?? last);
      }
      return states;
    };
    assert(
      property(array(constantFrom(...processEvents)), (events) => {
        const states = run(events);
        const end = states.findIndex(isFinished);
        return end < 0 || states.slice(end).every((state) => state === states[end]);
      }),
    );
  });

  it('names the states before an event exactly where the table leads on', () => {
    for (const event of processEvents) {
      expect(statesBefore(event)).toEqual(
        processStates.filter((state) => nextState(state, event) !== undefined),
      );
    }
    expect(processStates.filter((state) => !isFinished(state))).toEqual([...unfinishedStates]);
  });
});
