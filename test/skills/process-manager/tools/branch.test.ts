// What the agent's calls leave with a process: whose it is, the branch, and how deep that is.

import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { makeActor } from '../../../support/skill.ts';
import { makeScene } from './support.ts';

describe('a command that a branch runs', () => {
  it('is the agent’s, knows its branch and depth, and why it runs', async () => {
    const { call, rows } = makeScene();
    await call(
      'run',
      { command: 'sleep 600', context: 'waits for the tests' },
      { branch: { id: 'b7', depth: 2 } },
    );
    await call('run', { command: 'sleep 600', agent: 'helper' }, { branch: { id: 'b7', depth: 0 } });
    await call('run', { command: 'sleep 600' });
    expect(rows()).toMatchObject([
      { branch: 'b7', hookDepth: 2, agent: 'agent', context: 'waits for the tests' },
      { branch: 'b7', hookDepth: 0, agent: 'helper', context: null },
      { branch: null, hookDepth: 0, agent: null, context: null },
    ]);
    const { processes } = await call<{ processes: Record<string, unknown>[] }>('list', {});
    expect(processes.map(({ branch, context }) => [branch, context])).toEqual([
      [undefined, undefined],
      ['b7', undefined],
      ['b7', 'waits for the tests'],
    ]);
    expect(processes[0]).not.toHaveProperty('branch');
    const { processes: own } = await call<{ processes: unknown[] }>('list', { agent: 'agent' });
    expect(own).toHaveLength(1);
  });

  it('has a timeout that knows the branch too', async () => {
    const { call, instance } = makeScene();
    await call('run', { command: 'sleep 600', timeout: 600 }, { branch: { id: 'b7', depth: 2 } });
    const hooks = instance.database().prepare('SELECT branch, depth, action FROM hooks').all();
    expect(hooks).toEqual([{ branch: 'b7', depth: 2, action: 'stop_process' }]);
  });

  it('cannot name its branch or depth itself: they are no input', async () => {
    const { call, rows } = makeScene();
    for (const field of [{ branch: 'b1' }, { hookDepth: 0 }, { depth: 0 }, { hook_depth: 0 }]) {
      const failure = await rejectionOf(call('run', { command: 'true', ...field }));
      expect(failure.code).toBe('invalid_input');
    }
    expect(rows()).toEqual([]);
  });
});

// The agent platform before ours had tools that forgot to ask whether the caller may: ours ask in one place.
describe('what an LLM does to processes', () => {
  const branch = { id: 'b1', depth: 0 };

  it('asks for the rights of the person that it serves, also of its own processes', async () => {
    const { call, rows } = makeScene();
    await call('run', { command: 'cat', input: true, name: 'own' }, { branch });
    const reader = { actor: makeActor('llm', ['read']), branch };
    for (const [tool, input] of [
      ['kill', { process: 'own' }],
      ['kill', { agent: 'agent' }],
      ['send', { process: 'own', text: 'x' }],
      ['pause', { process: 'own' }],
      ['hook', { process: 'own', onExit: 'any', do: 'spawn_branch' }],
      ['run', { command: 'true' }],
    ] as const) {
      expect((await rejectionOf(call(tool, input, reader))).code, tool).toBe('not_permitted');
    }
    expect(
      (await rejectionOf(call('logs', { process: 'own' }, { actor: makeActor('llm', []), branch }))).code,
    ).toBe('not_permitted');
    expect(await call('logs', { process: 'own' }, reader)).toEqual({ lines: [] });
    expect(rows()).toHaveLength(1);
    await call('kill', { process: 'own', grace: 0 }, { branch });
  });

  it('stays in the workspace by real path, whatever the name of the folder begins with', async () => {
    const { call, root } = makeScene({ config: { agent: { workspace: 'work' } } });
    for (const folder of ['work/inner', 'work-evil']) mkdirSync(join(root, folder), { recursive: true });
    symlinkSync(root, join(root, 'work/out'));
    for (const cwd of ['..', '../work-evil', 'out', join(root, 'work-evil'), '/']) {
      const failure = await rejectionOf(call('run', { command: 'pwd > here', cwd }, { branch }));
      expect(failure.code, cwd).toBe('outside_workspace');
    }
    await call('run', { command: 'pwd > here', cwd: 'inner', wait: 10 }, { branch });
    expect(readFileSync(join(root, 'work/inner/here'), 'utf8')).toMatch(/work\/inner\n$/);
  });
});
