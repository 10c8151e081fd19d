// The rules of hooks without a supervisor's timing: a clock that the test turns, real rows, real files.

import { appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../../skills/process-manager/engine.ts';
import { createHooks } from '../../../../skills/process-manager/hooks/index.ts';
import type { ProcessRow } from '../../../../skills/process-manager/processes/index.ts';
import { failureFrom } from '../../../support/failure.ts';
import { until } from '../../../support/instance.ts';
import { makeEngine, owner, spawnShell } from '../../../support/manager.ts';

type NewHook = Parameters<Engine['hooks']['add']>[0];

/** Hooks over a process that sleeps, with a clock that stands still until it is turned. */
async function scene(options: { hookDepth?: number; branch?: string } = {}) {
  const { engine, database } = makeEngine();
  let now = Date.now();
  const hooks = createHooks({
    database,
    processes: engine.processes,
    history: engine.history,
    logger: engine.logger,
    clock: { now: () => now },
    secrets: ['secret-of-this-instance'],
  });
  const row = await spawnShell(engine, 'sleep 600', { name: 'worker', ...options });
  const add = (hook: Partial<NewHook>) =>
    hooks.add({
      processId: row.id,
      trigger: { type: 'on_output_match', pattern: 'ERROR' },
      action: 'notify_channel',
      message: null,
      delaySeconds: 0,
      maxFires: 0,
      creator: owner,
      ...hook,
    });
  return {
    engine,
    database,
    hooks,
    row,
    add,
    print: (text: string) => appendFileSync(row.stdoutLog, text),
    turn: (ms: number) => {
      now += ms;
    },
    read: () => {
      while (hooks.scan(row.id) !== 'nothing');
    },
    said: () => hooks.outbox.take(['notify_channel'], 100).map(({ text }) => text),
    actions: () => engine.history.recent({ limit: 100, action: 'hook' }),
  };
}

describe('making a hook', () => {
  it.each([
    ['(a)\\1', 'back-reference'],
    ['(?=x)', 'look-ahead'],
    ['(?<!x)y', 'look-behind'],
    ['(unclosed', '('],
  ])('refuses the pattern %s, and says what it is', async (pattern, named) => {
    const { add } = await scene();
    const failure = await failureFrom(() => add({ trigger: { type: 'on_output_match', pattern } }));
    expect(failure.code).toBe('pattern_refused');
    expect(failure.message).toContain(named);
  });

  it('is refused for a process that ended more than a minute ago; a moment late it fires all the same', async () => {
    const { add, engine, hooks, row, turn, said } = await scene();
    await engine.processes.kill(row, { reason: 'test', graceMs: 200 });
    add({ trigger: { type: 'on_exit', filter: 'failure' } });
    add({ trigger: { type: 'on_timeout', seconds: 0.001 } });
    await hooks.tick();
    expect(said()).toEqual([expect.stringContaining('it ended with failure')]);
    turn(61_000);
    expect((await failureFrom(() => add({}))).code).toBe('not_running');
  });

  it('is refused where a branch would be too deep: three hooks deep is the deepest', async () => {
    for (const [hookDepth, allowed] of [
      [0, true],
      [2, true],
      [3, false],
    ] as const) {
      const { add } = await scene({ hookDepth });
      const make = () => add({ action: 'spawn_branch' });
      if (allowed) expect(make().action).toBe('spawn_branch');
      else expect((await failureFrom(make)).code).toBe('hooks_too_deep');
    }
  });
});

describe('a hook that a branch makes', () => {
  it('is as deep as that branch, also on a process that somebody else began, so that no chain goes on for ever', async () => {
    const { add, print, read, hooks } = await scene();
    expect((await failureFrom(() => add({ action: 'spawn_branch', depth: 3 }))).code).toBe('hooks_too_deep');
    expect(add({ action: 'inject_context', depth: 3 }).depth).toBe(3);
    add({ action: 'spawn_branch', branch: 'deep', depth: 2 });
    print('ERROR\n');
    read();
    await hooks.tick();
    expect(hooks.outbox.take(['spawn_branch'], 10)).toMatchObject([{ branch: 'deep', depth: 3 }]);
  });

  it('keeps its branch and depth when a bot has its next run', async () => {
    const { add, hooks, engine } = await scene();
    const { processId } = add({ branch: 'b1', depth: 2 });
    const next = await spawnShell(engine, 'sleep 600');
    hooks.carryOver(processId, next.id);
    expect(hooks.ofProcess(next.id)).toMatchObject([{ branch: 'b1', depth: 2 }]);
  });

  it('tells the branch that made it, else the one that began the process; and stops the one that began it', async () => {
    for (const [ofHook, ofProcess, told, stopped] of [
      ['made', 'began', 'made', 'began'],
      [null, 'began', 'began', 'began'],
      ['made', undefined, 'made', 'made'],
      [null, undefined, null, null],
    ] as const) {
      const { add, print, read, hooks } = await scene(ofProcess === undefined ? {} : { branch: ofProcess });
      for (const action of ['inject_context', 'spawn_branch', 'stop_branch'] as const)
        add({ action, branch: ofHook });
      print('ERROR\n');
      read();
      await hooks.tick();
      const messages = hooks.outbox.take(['inject_context', 'spawn_branch', 'stop_branch'], 10);
      expect(messages).toHaveLength(3);
      for (const { action, branch } of messages)
        expect(branch).toBe(action === 'stop_branch' ? stopped : told);
    }
  });

  it('says a bounded amount, however much was printed, and keeps the newest', async () => {
    const { add, print, read, hooks } = await scene();
    add({ action: 'spawn_branch', maxFires: 1 });
    print(`ERROR ${'x'.repeat(100_000)}\n`);
    for (let line = 1; line <= 40; line++) print(`${line} ${'y'.repeat(5_000)}\n`);
    read();
    await hooks.tick();
    const [message] = hooks.outbox.take(['spawn_branch'], 1);
    expect(message?.text.length).toBeLessThan(16_000);
    expect(message?.text).toMatch(/> ERROR x{900,1000}…\n/);
    expect(message?.text).toMatch(/\[… earlier lines are left out\]\n> \d+ y.*\n> 40 y+…\n/s);
  });

  it('hides secrets wherever a line is cut, however they are coloured, and keys over several lines', async () => {
    const { add, print, read, hooks } = await scene();
    add({ action: 'inject_context', maxFires: 1, message: 'not secret-of-this-instance' });
    print(`ERROR ${'x'.repeat(980)} secret-of-this-instance\n`);
    print('secret-\u001b[1mof-this\u001b[0m-instance\n');
    print('-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n');
    read();
    await hooks.tick();
    const [message] = hooks.outbox.take(['inject_context'], 1);
    expect(message?.text).toContain('says: not [masked]');
    expect(message?.text).toMatch(/^> \[masked\]$/m);
    expect(message?.text).not.toMatch(/secret|MIIE/);
  });
});

describe('what fires', () => {
  it('counts when the trigger is met, not after the delay', async () => {
    const { add, print, read, hooks, row } = await scene();
    add({ maxFires: 2, delaySeconds: 60 });
    print('ERROR one\nERROR two\nERROR three\n');
    read();
    expect(hooks.ofProcess(row.id)[0]?.fireCount).toBe(2);
    print('ERROR four\n');
    read();
    expect(hooks.ofProcess(row.id)[0]?.fireCount).toBe(2);
  });

  it('waits for its delay exactly, and is told when to look', async () => {
    const { add, print, read, hooks, turn, said } = await scene();
    add({ delaySeconds: 30 });
    print('ERROR\n');
    read();
    await hooks.tick();
    expect(said()).toEqual([]);
    expect((hooks.nextMoment() ?? 0) - Date.now()).toBeGreaterThan(25_000);
    turn(29_999);
    await hooks.tick();
    expect(said()).toEqual([]);
    turn(1);
    await hooks.tick();
    expect(said()).toHaveLength(1);
    expect(hooks.nextMoment()).toBeUndefined();
  });

  it('notifies at most every 180 s, counts what it held back, and tells of it afterwards', async () => {
    const { add, print, read, hooks, turn, said, actions } = await scene();
    add({ message: 'look at it' });
    const round = async () => {
      print('ERROR\n');
      read();
      await hooks.tick();
    };
    await round();
    await round();
    turn(179_000);
    await round();
    expect(said()).toHaveLength(1);
    expect(actions().filter(({ detail }) => detail.includes('held back'))).toHaveLength(2);
    turn(1_000);
    await hooks.tick();
    expect(said()).toEqual([expect.stringContaining('2 more times')]);
    await hooks.tick();
    expect(said()).toEqual([]);
    turn(180_000);
    await round();
    expect(said()).toEqual([expect.stringMatching(/^worker \(sleep 600\): .*ERROR.*\nERROR\nlook at it$/s)]);
  });

  it('holds back for each hook by itself', async () => {
    const { add, print, read, hooks, said } = await scene();
    add({ message: 'first' });
    add({ message: 'second' });
    print('ERROR\n');
    read();
    await hooks.tick();
    expect(said()).toHaveLength(2);
  });

  it.each(['inject_context', 'stop_branch', 'spawn_branch'] as const)(
    'leaves %s for the agent, with the branch, the output, and whose rights it has',
    async (action) => {
      const { add, print, read, hooks, row } = await scene({ branch: 'branch-7', hookDepth: 1 });
      const creator = { ...owner, id: 'discord:42', rights: ['read' as const] };
      add({ action, creator, message: 'do something' });
      print('before\nERROR here\nafter\n');
      read();
      await hooks.tick();
      const [message] = hooks.outbox.take([action], 10);
      expect(message).toMatchObject({ action, processId: row.id, branch: 'branch-7', depth: 2, creator });
      for (const part of ['do something', 'before', 'ERROR here', 'after'])
        expect(message?.text).toContain(part);
    },
  );

  it('stops the process', async () => {
    const { add, print, read, hooks, engine, row } = await scene();
    add({ action: 'stop_process', maxFires: 1 });
    print('ERROR\n');
    read();
    await hooks.tick();
    // Nobody else's hook waits for it.
    await until('it has stopped', () => engine.processes.registry.find(row.id)?.status === 'killed');
    expect(engine.processes.registry.find(row.id)).toMatchObject({ status: 'killed', exitCode: 143 });
  });

  it('survives that its process was forgotten meanwhile', async () => {
    const { add, print, read, hooks, engine, row, database } = await scene();
    add({ delaySeconds: 10 });
    print('ERROR\n');
    read();
    await engine.processes.kill(row, { reason: 'test', graceMs: 200 });
    engine.processes.registry.remove(row.id);
    expect(database.prepare('SELECT count(*) AS n FROM hook_fires').get()).toEqual({ n: 0 });
    await hooks.tick();
  });
});

describe('the outbox', () => {
  it('hands out in the order in which it was said, whatever is to be done', async () => {
    const { add, print, read, hooks } = await scene();
    for (const action of ['spawn_branch', 'inject_context', 'stop_branch'] as const) add({ action });
    print('ERROR\nERROR\n');
    read();
    await hooks.tick();
    const taken = hooks.outbox.take(['stop_branch', 'inject_context'], 3);
    const ids = taken.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((one, other) => one - other));
    expect(new Set(taken.map(({ action }) => action))).toEqual(new Set(['inject_context', 'stop_branch']));
    expect(hooks.outbox.take(['stop_branch', 'inject_context', 'spawn_branch'], 100)).toHaveLength(3);
  });

  it('gives again what was taken by somebody who died', async () => {
    const { add, print, read, hooks } = await scene();
    add({});
    print('ERROR\n');
    read();
    await hooks.tick();
    const [taken] = hooks.outbox.take(['notify_channel'], 1);
    expect(hooks.outbox.take(['notify_channel'], 1)).toEqual([]);
    hooks.outbox.putBackTaken();
    expect(hooks.outbox.take(['notify_channel'], 1)).toEqual([taken]);
  });

  it('does not grow without end when nobody takes anything', async () => {
    const { hooks, database, row } = await scene();
    for (let index = 0; index < 2_500; index++) {
      hooks.outbox.put({
        ...{ action: 'inject_context', hookId: 1, processId: row.id, at: '', text: String(index) },
        ...{ branch: null, depth: 1, creator: owner },
      });
    }
    expect(database.prepare('SELECT count(*) AS n FROM hook_outbox').get()).toEqual({ n: 2_000 });
    expect(hooks.outbox.take(['inject_context'], 1)[0]?.text).toBe('500');
  });
});

describe('many patterns', () => {
  it('a thousand on one process: each line finds its own', async () => {
    const { add, print, read, hooks, row } = await scene();
    for (let index = 0; index < 1_000; index++) {
      add({
        trigger: { type: 'on_output_match', pattern: `event-${index}\\b` },
        maxFires: 1,
        delaySeconds: 60,
      });
    }
    print(Array.from({ length: 3_000 }, (_, index) => `event-${index % 1_500}, and more`).join('\n'));
    print('\n');
    const startedAt = performance.now();
    read();
    const ms = performance.now() - startedAt;
    expect(hooks.ofProcess(row.id).every(({ fireCount }) => fireCount === 1)).toBe(true);
    expect(ms).toBeLessThan(10_000);
  });

  it('of the kind that makes other engines hang is quick', async () => {
    const { add, print, read, hooks, row } = await scene();
    add({ trigger: { type: 'on_output_match', pattern: '(a+)+$' }, delaySeconds: 60 });
    print(`${'a'.repeat(100_000)}!\n${'a'.repeat(1_000)}\n`);
    const startedAt = performance.now();
    read();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(hooks.ofProcess(row.id)[0]?.fireCount).toBe(1);
  });
});

it('the row type of a process that hooks work on is the one that the registry gives', async () => {
  const { row, engine } = await scene();
  const same: ProcessRow | undefined = engine.processes.registry.find(row.id);
  expect(same).toEqual(row);
});
