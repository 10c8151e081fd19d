// The life of a process, as one table: every change of a row's status goes through `nextState`.

/** Every state that a process can be in. */
export const processStates = ['running', 'paused', 'exited', 'killed', 'lost'] as const;
export type ProcessState = (typeof processStates)[number];

/** What can happen to a process. */
export const processEvents = ['pause', 'resume', 'exit', 'kill', 'vanish'] as const;
export type ProcessEvent = (typeof processEvents)[number];

const table: Readonly<Record<ProcessState, Readonly<Partial<Record<ProcessEvent, ProcessState>>>>> = {
  running: { pause: 'paused', exit: 'exited', kill: 'killed', vanish: 'lost' },
  paused: { resume: 'running', exit: 'exited', kill: 'killed', vanish: 'lost' },
  // A process that has ended stays as it ended: a late event belongs to nobody.
  exited: {},
  killed: {},
  lost: {},
};

/** The states of a process that has not ended. */
export const unfinishedStates = ['running', 'paused'] as const satisfies readonly ProcessState[];

/** Where an event leads, or undefined where it has no meaning. */
export function nextState(state: ProcessState, event: ProcessEvent): ProcessState | undefined {
  return table[state][event];
}

/** The states from which an event leads anywhere. */
export function statesBefore(event: ProcessEvent): ProcessState[] {
  return processStates.filter((state) => nextState(state, event) !== undefined);
}

/** True once nothing can happen to it any more. */
export function isFinished(state: ProcessState): boolean {
  return Object.keys(table[state]).length === 0;
}
