// The life of a bot: every case in plain words, and what must hold of all of them.

import {
  assert,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  nat,
  oneof,
  option,
  property,
  record,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BotRow,
  type Ending,
  isLiving,
  isReady,
  judge,
  memoryReason,
  nextStep,
  stateOf,
} from '../../../../skills/process-manager/bots/states.ts';
import type {
  EngineNote,
  ProcessRow,
  RunnerName,
} from '../../../../skills/process-manager/processes/index.ts';

const now = Date.parse('2026-01-02T03:04:05.000Z');
const at = (ms: number) => new Date(now + ms).toISOString();

/** A bot that is wanted and rests; `part` says what is different. */
function rowOf(part: Partial<BotRow> = {}): BotRow {
  return {
    ...{ name: 'bot', desired: 'running', startReason: null, endRun: null, runId: 'r1', judgedRun: null },
    isHeld: 0,
    ...{
      readyRun: null,
      lateRun: null,
      outcome: null,
      detail: null,
      attempts: 0,
      restarts: 0,
      startCount: 1,
    },
    ...{ lastStartAt: at(-5_000), retryAt: null, activity: null, activityText: null },
    ...part,
  };
}

/** Its run, living unless `part` says that it ended. */
function runOf(part: Partial<ProcessRow> = {}): ProcessRow {
  return {
    ...{ id: 'r1', name: 'bot', pid: 7, pidStart: 'b:1', shimPid: 6, shimStart: 'b:1', command: 'run' },
    ...{ directory: '/', status: 'running', exitCode: null, signal: null, stopReason: null, forced: 0 },
    ...{ startedAt: at(-5_000), endedAt: null, agent: null, type: 'background', runFolder: '/run' },
    ...{ stdoutLog: '/log', stderrLog: '/log', branch: null, hookDepth: 0, context: null, hookModel: null },
    ...{ discordMessage: null, peakMemoryBytes: null, bot: 'bot', logFrom: 0, logUntil: null },
    ...{ runner: 'local', handle: null, node: null, note: null },
    ...part,
  };
}

const ended = (exitCode: number, upMs = 5_000, part: Partial<ProcessRow> = {}) =>
  runOf({ status: 'exited', exitCode, startedAt: at(-upMs), endedAt: at(0), ...part });
const alone = { dependsOn: [] };
const nobody = () => false;

describe('nextStep', () => {
  const step = (row: Partial<BotRow>, run?: ProcessRow, dependsOn: string[] = [], ready: string[] = []) =>
    nextStep(rowOf(row), run, { dependsOn, runner: 'local' }, now, (name) => ready.includes(name));

  it.each<[string, Partial<BotRow>, ProcessRow | undefined, object]>([
    ['never seen, not wanted', { desired: 'stopped', runId: null }, undefined, { kind: 'rest' }],
    ['wanted, never ran', { runId: null }, undefined, { kind: 'start', isAutomatic: true }],
    ['asked for', { startReason: 'me' }, undefined, { kind: 'start', isAutomatic: false }],
    ['runs as it is wanted', {}, runOf(), { kind: 'rest' }],
    ['is paused', {}, runOf({ status: 'paused' }), { kind: 'rest' }],
    ['runs, a start was asked for', { startReason: 'me' }, runOf(), { kind: 'clear' }],
    ['runs, a stop was asked for', { desired: 'stopped' }, runOf(), { kind: 'stop' }],
    [
      'is paused, a stop was asked for',
      { desired: 'stopped' },
      runOf({ status: 'paused' }),
      { kind: 'stop' },
    ],
    ['runs, and is to be restarted', { startReason: 'me', endRun: 'r1' }, runOf(), { kind: 'stop' }],
    ['runs, and an older run was to be ended', { endRun: 'r0' }, runOf(), { kind: 'rest' }],
    ['runs, unknown to the row', { runId: 'r0', desired: 'stopped' }, runOf(), { kind: 'note' }],
    ['ended, unknown to the row', { runId: null, startReason: 'me' }, ended(1), { kind: 'note' }],
    ['ended, not judged', {}, ended(1), { kind: 'judge' }],
    ['ended after a stop', { desired: 'stopped' }, ended(143), { kind: 'rest' }],
    [
      'ended for a restart',
      { startReason: 'me', endRun: 'r1' },
      ended(0),
      { kind: 'start', isAutomatic: false },
    ],
    ['finished', { judgedRun: 'r1', outcome: 'finished' }, ended(0), { kind: 'rest' }],
    ['failed', { judgedRun: 'r1', outcome: 'failed' }, ended(1), { kind: 'rest' }],
    [
      'failed, asked for again',
      { outcome: 'failed', startReason: 'me' },
      ended(1),
      { kind: 'start', isAutomatic: false },
    ],
    ['waits', { judgedRun: 'r1', retryAt: at(1) }, ended(1), { kind: 'rest' }],
    ['has waited', { judgedRun: 'r1', retryAt: at(0) }, ended(1), { kind: 'start', isAutomatic: true }],
  ])('%s', (_, row, run, expected) => expect(step(row, run)).toEqual(expected));

  it('waits for the bots that it depends on, each of them, however it is to be started', () => {
    for (const row of [{ runId: null }, { startReason: 'me' }, { judgedRun: 'r1', retryAt: at(0) }]) {
      const run = row.runId === null ? undefined : ended(1);
      expect(step(row, run, ['a', 'b'], ['a'])).toEqual({ kind: 'rest' });
      expect(step(row, run, ['a', 'b'], ['b', 'a'])).toMatchObject({ kind: 'start' });
    }
  });

  it('stops, judges and clears whatever it depends on', () => {
    expect(step({ desired: 'stopped' }, runOf(), ['a'])).toEqual({ kind: 'stop' });
    expect(step({}, ended(1), ['a'])).toEqual({ kind: 'judge' });
    expect(step({ startReason: 'me' }, runOf(), ['a'])).toEqual({ kind: 'clear' });
  });
});

const ids = constantFrom('r1', 'r2', null);
const someRow = record({
  desired: constantFrom('running' as const, 'stopped' as const),
  startReason: constantFrom('me', null),
  endRun: ids,
  runId: ids,
  judgedRun: ids,
  readyRun: ids,
  outcome: constantFrom('finished' as const, 'failed' as const, null),
  retryAt: option(integer({ min: -1_000, max: 1_000 }).map(at), { nil: null }),
}).map(rowOf);
const someRun = option(
  record({
    id: constantFrom('r1', 'r2'),
    status: constantFrom(
      'running' as const,
      'paused' as const,
      'exited' as const,
      'killed' as const,
      'lost' as const,
    ),
  }).map((part) => runOf({ ...part, endedAt: /running|paused/.test(part.status) ? null : at(-1) })),
  { nil: undefined },
);

describe('nextStep, of whatever row and run', () => {
  const always = (holds: (row: BotRow, run: ProcessRow | undefined, kind: string) => boolean) =>
    assert(
      property(someRow, someRun, boolean(), (row, run, ready) =>
        holds(row, run, nextStep(row, run, { dependsOn: ['a'], runner: 'local' }, now, () => ready).kind),
      ),
      { numRuns: 2_000 },
    );

  it('never starts a bot that is not wanted', () =>
    always(({ desired }, _, kind) => desired === 'running' || kind !== 'start'));

  it('never starts a second run beside a living one', () =>
    always((_, run, kind) => !isLiving(run) || kind !== 'start'));

  it('never stops or judges a run that it does not know, or whose time has not come', () => {
    always(({ runId }, run, kind) => run?.id === runId || (kind !== 'stop' && kind !== 'judge'));
    always((_, run, kind) => kind !== 'judge' || (run !== undefined && !isLiving(run)));
    always((_, run, kind) => kind !== 'stop' || isLiving(run));
  });
});

const limits = { max_restart_attempts: 3, restart_delay: 5 };
const middle = () => 0.5;

describe('judge', () => {
  const verdict = (
    run: ProcessRow | undefined,
    { before = 0, policy = 'on-failure' as 'on-failure' | 'always' | 'no', isFromEarlierBoot = false } = {},
  ) => judge({ run, how: 'it ended', isFromEarlierBoot }, before, policy, limits, middle);
  const stopped = (part: Partial<ProcessRow> = {}) =>
    ended(143, 5_000, { status: 'killed', stopReason: 'hook h1: it printed x', ...part });

  it.each([
    ['on-failure', 0, 'finished'],
    ['on-failure', 1, 'again'],
    ['on-failure', 143, 'again'],
    ['always', 0, 'again'],
    ['always', 1, 'again'],
    ['no', 0, 'finished'],
    ['no', 1, 'failed'],
  ] as const)('%s, code %i: %s', (policy, code, kind) =>
    expect(verdict(ended(code), { policy })).toMatchObject({ kind }),
  );

  it.each([
    ['a run that vanished', runOf({ status: 'lost', endedAt: at(0) })],
    ['one that could not be started', undefined],
    ['one that used too much memory', stopped({ stopReason: memoryReason })],
    ['one that used too much memory and left politely', stopped({ stopReason: memoryReason, exitCode: 0 })],
  ])('%s has crashed', (_, run) => {
    expect(verdict(run)).toMatchObject({ kind: 'again', attempts: 1 });
    expect(verdict(run, { before: 3 })).toMatchObject({ kind: 'failed', attempts: 4 });
    expect(verdict(run, { policy: 'no' })).toMatchObject({ kind: 'failed' });
  });

  it('doubles the delay with each crash in a row, and then gives up', () => {
    const delays = [0, 1, 2].map((before) => verdict(ended(1), { before }));
    expect(delays).toMatchObject([
      { attempts: 1, delayMs: 5_625 },
      { attempts: 2, delayMs: 11_250 },
      { attempts: 3, delayMs: 22_500 },
    ]);
    expect(verdict(ended(1), { before: 3 })).toEqual({
      kind: 'failed',
      detail: 'it ended, after 3 restarts in a row',
      attempts: 4,
    });
  });

  it('forgets the crashes before after a minute of uptime, and not a moment earlier', () => {
    expect(verdict(ended(1, 60_000), { before: 3 })).toMatchObject({ kind: 'again', attempts: 1 });
    expect(verdict(ended(1, 59_999), { before: 3 })).toMatchObject({ kind: 'failed' });
  });

  it('does not count that the machine went down: it starts at once, whatever the policy', () => {
    for (const policy of ['on-failure', 'always', 'no'] as const) {
      for (const run of [ended(0), ended(143), runOf({ status: 'lost', endedAt: at(0) })]) {
        expect(verdict(run, { before: 2, policy, isFromEarlierBoot: true })).toMatchObject({
          ...{ kind: 'again', attempts: 2, delayMs: 0 },
        });
      }
    }
  });

  it('does not count that its engine was away, however often it was tried', () => {
    const ending = { run: undefined, how: 'no answer', isFromEarlierBoot: false, isEngineAway: true };
    for (const policy of ['on-failure', 'always', 'no'] as const) {
      expect(judge(ending, limits.max_restart_attempts, policy, limits, middle)).toMatchObject({
        ...{ kind: 'again', attempts: limits.max_restart_attempts, delayMs: 10_000 },
      });
    }
  });

  it('starts one that is to run always again after a stop that was asked for, and does not call it a crash', () => {
    expect(verdict(stopped(), { policy: 'always', before: 3 })).toMatchObject({ kind: 'again', attempts: 3 });
    expect(verdict(stopped(), { policy: 'always' })).toMatchObject({ attempts: 0, delayMs: 5_625 });
    expect(verdict(stopped())).toMatchObject({ kind: 'finished' });
    expect(verdict(stopped({ exitCode: 137 }), { policy: 'no' })).toMatchObject({ kind: 'finished' });
  });
});

const reasons = constantFrom(null, memoryReason, 'hook h1', 'a stop was asked for');
const someEnd = record({
  run: option(
    record({ exitCode: constantFrom(null, 0, 1, 137), stopReason: reasons, upMs: nat(120_000) }).map(
      ({ upMs, ...part }) => ended(0, upMs, part),
    ),
    { nil: undefined },
  ),
  how: constant('it ended'),
  isFromEarlierBoot: boolean(),
});
const someLimits = record({
  max_restart_attempts: integer({ min: 0, max: 1_000 }),
  restart_delay: oneof(integer({ min: 0, max: 3_600 }), double({ min: 0, max: 3_600, noNaN: true })),
});
const someRandom = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('judge, of whatever end', () => {
  const always = (
    holds: (
      verdict: ReturnType<typeof judge>,
      given: { end: Ending; before: number; most: number; delayMs: number },
    ) => boolean,
  ) =>
    assert(
      property(
        someEnd,
        nat(1_000),
        constantFrom('on-failure' as const, 'always' as const, 'no' as const),
        someLimits,
        someRandom,
        (end, count, policy, set, random) => {
          const before = Math.min(count, set.max_restart_attempts);
          const given = { end, before, most: set.max_restart_attempts, delayMs: set.restart_delay * 1_000 };
          return holds(
            judge(end, before, policy, set, () => random),
            given,
          );
        },
      ),
      { numRuns: 3_000 },
    );

  it('waits between the restart delay and a quarter more than the doubled one, which is capped, never under 100 ms', () =>
    always((verdict, { end, before, delayMs }) => {
      if (verdict.kind !== 'again' || end.isFromEarlierBoot) return true;
      const longest = Math.max(delayMs, 300_000);
      const least = Math.max(100, Math.floor(delayMs));
      const most = Math.max(100, Math.ceil(Math.min(longest, delayMs * 2 ** before) * 1.25));
      return verdict.delayMs >= least && verdict.delayMs <= most;
    }));

  it('counts at most one crash more than there may be', () =>
    always((verdict, { most }) => verdict.kind === 'finished' || verdict.attempts <= most + 1));

  it('never lets a stop that was asked for count', () =>
    always((verdict, { end, before }) => {
      const reason = end.run?.stopReason ?? null;
      if (reason === null || reason === memoryReason) return true;
      return verdict.kind === 'finished' || (verdict.kind === 'again' && verdict.attempts <= before);
    }));

  it('never takes a bot for finished that was ended for its memory', () =>
    always(
      (verdict, { end }) =>
        end.isFromEarlierBoot || end.run?.stopReason !== memoryReason || verdict.kind !== 'finished',
    ));
});

describe('nextStep, where an engine keeps the bot', () => {
  const noteOf = (isActive: boolean, text: string | null = null): EngineNote => ({
    ...{ isActive, isThere: isActive, text, rolledBackAt: null, rollback: null },
  });
  const swarmRun = (part: Partial<ProcessRow> = {}) =>
    runOf({ runner: 'swarm', pid: null, pidStart: null, shimPid: null, shimStart: null, ...part });
  const over = (exitCode: number | null, part: Partial<ProcessRow> = {}) =>
    swarmRun({ status: exitCode === null ? 'lost' : 'exited', exitCode, endedAt: at(0), ...part });
  const step = (
    row: Partial<BotRow>,
    run: ProcessRow | undefined,
    note: EngineNote | undefined,
    { runner = 'swarm', ready = true }: { runner?: RunnerName; ready?: boolean } = {},
  ) => nextStep(rowOf(row), run, { dependsOn: ['a'], runner }, now, () => ready, note);
  const [active, idle] = [noteOf(true), noteOf(false)];
  const start = { kind: 'start', isAutomatic: false };

  it.each<[string, Partial<BotRow>, ProcessRow | undefined, EngineNote | undefined, object]>([
    [
      'is not wanted, and would be started again',
      { desired: 'stopped' },
      over(1),
      active,
      { kind: 'retire' },
    ],
    [
      'is not wanted, never ran, and is about to',
      { desired: 'stopped', runId: null },
      undefined,
      active,
      { kind: 'retire' },
    ],
    ['is not wanted, and is left alone', { desired: 'stopped' }, over(1), idle, { kind: 'rest' }],
    ['is held, and would be started again', { isHeld: 1 }, over(1), active, { kind: 'retire' }],
    ['is not wanted, and runs', { desired: 'stopped' }, swarmRun(), active, { kind: 'stop' }],
    ['is held, and runs', { isHeld: 1 }, swarmRun(), active, { kind: 'stop' }],
    ['ended, and the swarm starts it again', {}, over(1), active, { kind: 'rest' }],
    ['was lost with its node, and the swarm starts it elsewhere', {}, over(null), active, { kind: 'rest' }],
    ['has not run yet, and the swarm looks for a node', { runId: null }, undefined, active, { kind: 'rest' }],
    ['ended, and the swarm has given it up', {}, over(1), idle, { kind: 'judge' }],
    ['ended, and nobody has asked the swarm yet', {}, over(1), undefined, { kind: 'judge' }],
    ['has failed for good', { judgedRun: 'r1', outcome: 'failed' }, over(1), idle, { kind: 'rest' }],
    [
      'has failed for good, and somebody else began it again',
      { judgedRun: 'r1', outcome: 'failed' },
      over(1),
      active,
      { kind: 'rest' },
    ],
    ['is asked for while the swarm waits', { startReason: 'me' }, over(1), active, start],
    ['runs, and is asked for', { startReason: 'me' }, swarmRun(), active, { kind: 'clear' }],
    ['runs on another node than known', { runId: 'r0' }, swarmRun(), active, { kind: 'note' }],
  ])('%s', (_, row, run, note, expected) => expect(step(row, run, note)).toEqual(expected));

  it('starts instead of stopping for a restart: the swarm ends the old run, and has it to go back to', () => {
    expect(step({ startReason: 'me', endRun: 'r1' }, swarmRun(), active)).toEqual(start);
    expect(step({ startReason: 'me', endRun: 'r1' }, swarmRun(), active, { ready: false })).toEqual(start);
  });

  it.each<[string, Partial<BotRow>, ProcessRow, RunnerName]>([
    ['it is not wanted any more', { desired: 'stopped' }, swarmRun(), 'swarm'],
    ['it is held', { isHeld: 1 }, swarmRun(), 'swarm'],
    ['somebody has asked it to end', {}, swarmRun({ stopReason: 'hook h1' }), 'swarm'],
    ['it is to run on this machine from now on', {}, swarmRun(), 'local'],
    ['it is to run in a container from now on', {}, swarmRun(), 'docker'],
    ['it runs on this machine still', {}, runOf(), 'swarm'],
    ['it runs in a container still', {}, swarmRun({ runner: 'docker' }), 'swarm'],
  ])('stops for a restart after all where %s', (_, row, run, runner) =>
    expect(step({ startReason: 'me', endRun: 'r1', ...row }, run, active, { runner })).toEqual({
      kind: 'stop',
    }),
  );

  it('takes it from the swarm before it is started elsewhere', () => {
    for (const runner of ['local', 'docker'] as const) {
      expect(step({ startReason: 'me' }, over(0), active, { runner })).toEqual({ kind: 'retire' });
      expect(step({ startReason: 'me' }, over(0), idle, { runner })).toEqual(start);
    }
  });

  it('leaves what it depends on to whoever asks for it', () => {
    expect(step({ startReason: 'me' }, over(1), active, { ready: false })).toEqual({ kind: 'rest' });
    expect(step({ desired: 'stopped' }, over(1), active, { ready: false })).toEqual({ kind: 'retire' });
  });

  it.each([
    ['on-failure', 1, 'failed'],
    ['on-failure', 0, 'finished'],
    ['on-failure', null, 'failed'],
    ['always', 0, 'failed'],
    ['always', 1, 'failed'],
    ['no', 1, 'failed'],
    ['no', 0, 'finished'],
  ] as const)('judged by %s when the swarm has given it up with code %s: %s', (policy, code, kind) => {
    const end = { run: over(code), how: 'it ended', isFromEarlierBoot: false };
    const verdict = judge(end, 2, policy, limits, middle);
    expect(verdict.kind).toBe(kind);
    if (verdict.kind === 'failed') {
      expect(verdict).toMatchObject({
        attempts: 2,
        detail: 'it ended, and the swarm does not start it again',
      });
    }
  });

  it('shows what the swarm waits for', () => {
    const state = (row: Partial<BotRow>, run: ProcessRow | undefined, note: EngineNote) =>
      stateOf(rowOf(row), run, { ready: undefined, dependsOn: ['a'] }, nobody, false, note);
    expect(state({}, over(1), active)).toBe('backoff');
    expect(state({ runId: null }, undefined, noteOf(true, 'waits for a node'))).toBe('waiting');
    expect(state({}, swarmRun(), active)).toBe('running');
    expect(state({ desired: 'stopped' }, over(1), active)).toBe('stopped');
    expect(state({ outcome: 'failed' }, over(1), idle)).toBe('failed');
    expect(state({ activity: 'updating' }, over(1), active)).toBe('updating');
  });

  it('never judges what the swarm keeps, never leaves it one that is not wanted, and starts none beside a living one elsewhere', () =>
    assert(
      property(
        someRow,
        someRun,
        constantFrom('local' as const, 'docker' as const, 'swarm' as const),
        constantFrom('local' as const, 'docker' as const, 'swarm' as const),
        boolean(),
        boolean(),
        (row, given, carrier, runner, isActive, ready) => {
          const run = given && { ...given, runner: carrier };
          const plan = { dependsOn: ['a'], runner };
          const { kind } = nextStep(row, run, plan, now, () => ready, noteOf(isActive));
          if (isActive) expect(kind).not.toBe('judge');
          if (kind === 'retire') expect([isLiving(run), isActive]).toEqual([false, true]);
          const isUnwanted = row.desired === 'stopped' || row.isHeld === 1;
          const isKnown = run === undefined || run.id === row.runId;
          if (isActive && isKnown && !isLiving(run) && isUnwanted) expect(kind).toBe('retire');
          if (kind === 'start') expect(isUnwanted).toBe(false);
          if (kind === 'start' && isLiving(run)) {
            expect([carrier, runner, row.endRun]).toEqual(['swarm', 'swarm', run.id]);
          }
        },
      ),
      { numRuns: 2_000 },
    ));
});

describe('isReady', () => {
  const withCheck = { ready: { pattern: 'up' } };
  it.each<
    [string, Partial<BotRow>, ProcessRow | undefined, { ready: { pattern: string } | undefined }, boolean]
  >([
    ['runs, without a check', {}, runOf(), { ready: undefined }, true],
    ['runs, not ready yet', {}, runOf(), withCheck, false],
    ['an older run was ready', { readyRun: 'r0' }, runOf(), withCheck, false],
    ['is ready', { readyRun: 'r1' }, runOf(), withCheck, true],
    ['was ready, and is paused', { readyRun: 'r1' }, runOf({ status: 'paused' }), withCheck, false],
    ['was ready, and has ended', { readyRun: 'r1' }, ended(0), withCheck, false],
    ['runs, unknown to its row', { runId: 'r0' }, runOf(), { ready: undefined }, false],
    ['never ran', { runId: null }, undefined, { ready: undefined }, false],
  ])('%s', (_, row, run, plan, expected) => expect(isReady(rowOf(row), run, plan)).toBe(expected));
});

describe('stateOf', () => {
  const state = (row: Partial<BotRow>, run?: ProcessRow, isSupervised = true, dependsOn: string[] = []) =>
    stateOf(rowOf(row), run, { ready: undefined, dependsOn }, nobody, isSupervised);
  it.each<[string, Partial<BotRow>, ProcessRow | undefined, string]>([
    ['somebody is at it', { activity: 'updating' }, runOf(), 'updating'],
    ['runs', {}, runOf(), 'running'],
    ['is paused', {}, runOf({ status: 'paused' }), 'paused'],
    ['a stop was asked for, and it still runs', { desired: 'stopped' }, runOf(), 'running'],
    ['is not wanted', { desired: 'stopped' }, ended(1), 'stopped'],
    ['is not wanted, and had failed', { desired: 'stopped', outcome: 'failed' }, ended(1), 'stopped'],
    ['has finished', { outcome: 'finished' }, ended(0), 'finished'],
    ['has failed', { outcome: 'failed' }, ended(1), 'failed'],
    ['failed, asked for again', { outcome: 'failed', startReason: 'me' }, ended(1), 'starting'],
    ['is asked for', { startReason: 'me', runId: null }, undefined, 'starting'],
    ['waits after a crash', { retryAt: at(1) }, ended(1), 'backoff'],
  ])('%s', (_, row, run, expected) => expect(state(row, run)).toBe(expected));

  it('is starting until it is ready, when there is a check', () => {
    const plan = { ready: { pattern: 'up' }, dependsOn: [] };
    expect(stateOf(rowOf(), runOf(), plan, nobody, true)).toBe('starting');
    expect(stateOf(rowOf({ readyRun: 'r1' }), runOf(), plan, nobody, true)).toBe('running');
  });

  it('waits for another bot', () => {
    expect(state({ startReason: 'me' }, ended(0), true, ['a'])).toBe('waiting');
    expect(state({}, runOf(), true, ['a'])).toBe('running');
  });

  it('promises nothing while nobody is there to start it', () => {
    expect(state({ startReason: 'me' }, ended(0), false)).toBe('stopped');
    expect(state({ outcome: 'failed' }, ended(1), false)).toBe('failed');
    expect(state({}, runOf(), false)).toBe('running');
  });

  it('says running or paused of nothing that has ended, and stopped of nothing that runs', () =>
    assert(
      property(someRow, someRun, boolean(), (row, run, isSupervised) => {
        const found = stateOf(row, run, { ...alone, ready: undefined }, nobody, isSupervised);
        return isLiving(run) ? !/stopped|finished|failed|backoff/.test(found) : !/running|paused/.test(found);
      }),
    ));
});
