// Tools that call tools, and what a call knows of the agent's work: the inner call is a call like any other, by the same
// rules and for the same person.

import { describe, expect, it, onTestFinished } from 'vitest';
import type { PolicyRules } from '../../skills/policy.ts';
import type { BranchReference, Caller, Failure, HistoryEntry, Tool, ToolContext } from '../../skills/tool.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import { rejectionOf } from '../support/failure.ts';
import { makeInstance } from '../support/instance.ts';
import { makeActor, makeLogger, makePerson, makeSkill, makeTool } from '../support/skill.ts';

type Context = ToolContext<unknown>;

/** A tool that calls another one with its own target, and answers with what that one answered. */
function caller(name: string, other: string, input?: (target: string) => unknown): Tool {
  return makeTool(name, 'read', {
    handler: async ({ call }: Context, { target }) => {
      const { done } = await call(other, input ? input(target) : { target });
      return { done: `${name}(${String(done)})` };
    },
  });
}

function open(
  tools: readonly Tool[],
  options: { policy?: PolicyRules; role?: 'live' | 'staging'; allowedInStaging?: readonly Tool[] } = {},
): Instance {
  const open = makeSkill(options.allowedInStaging ?? [], {
    name: 'open',
    prefix: 'open',
    allowedInStaging: true,
  });
  const instance = openInstance({
    root: makeInstance({ 'config.json': JSON.stringify({ policy: options.policy ?? {} }) }),
    loaded: { skills: [makeSkill(tools), open], failures: [] },
    environment: { BOT_ROLE: options.role ?? 'live', DISCORD_TOKEN: 'a-very-secret-token' },
    logger: makeLogger(),
  });
  onTestFinished(() => instance.close());
  return instance;
}

const rows = (instance: Instance): string[] =>
  instance
    .database()
    .prepare<[], HistoryEntry>('SELECT actor, action, subject, outcome, detail FROM history ORDER BY id')
    .all()
    .map(({ actor, action, subject, outcome }) => `${actor} ${action} ${subject}: ${outcome}`);

describe('a tool that calls another', () => {
  it('gets its answer, and the history has both', async () => {
    const instance = open([makeTool('act', 'operate'), caller('outer', 'act')]);
    expect(await instance.dispatcher.call(makeActor('llm'), 'outer', { target: 'x' })).toEqual({
      done: 'outer(x)',
    });
    expect(rows(instance).sort()).toEqual(['llm:1 act x: ok', 'llm:1 outer x: ok']);
  });

  it('lends it no right that the person does not have, whatever the outer tool is allowed', async () => {
    const ran: string[] = [];
    const ship = makeTool('ship', 'deploy', {
      handler: async () => {
        ran.push('ship');
        return { done: '' };
      },
    });
    const instance = open([ship, caller('outer', 'ship')]);
    const call = instance.dispatcher.call(
      makeActor('llm', ['read', 'operate']),
      'outer',
      {},
      makePerson(true),
    );
    expect((await rejectionOf(call)).code).toBe('not_permitted');
    expect(ran).toEqual([]);
    expect(rows(instance)).toContain('llm:1 ship all: refused');
  });

  it('is held to the policy of the inner one, and its input is held against the schema', async () => {
    const policy: PolicyRules = { 'act:forbidden': 'deny' };
    const { dispatcher } = open(
      [makeTool('act', 'operate'), caller('outer', 'act'), caller('wrong', 'act', () => ({ targets: 7 }))],
      { policy },
    );
    const codeOf = async (name: string, input: unknown) =>
      (await rejectionOf(dispatcher.call(makeActor('llm'), name, input, makePerson(true)))).code;
    expect(await codeOf('outer', { target: 'forbidden' })).toBe('denied_by_policy');
    expect(await codeOf('wrong', {})).toBe('invalid_input');
    expect(await dispatcher.call(makeActor('llm'), 'outer', { target: 'fine' })).toEqual({
      done: 'outer(fine)',
    });
  });

  it('has the person asked once for each call that is to be confirmed, about exactly that call', async () => {
    const person = makePerson(true);
    const asks = makeTool('act', 'operate', { decide: () => 'ask' });
    const twice = makeTool('twice', 'operate', {
      decide: () => 'ask',
      handler: async ({ call }: Context) => {
        await call('act', { target: 'one' });
        await call('act', { target: 'two' });
        return { done: '' };
      },
    });
    const { dispatcher } = open([asks, twice]);
    await dispatcher.call(makeActor('llm'), 'twice', { target: 'both' }, person);
    expect(person.asked.map(({ tool, input }) => [tool, (input as { target: string }).target])).toEqual([
      ['twice', 'both'],
      ['act', 'one'],
      ['act', 'two'],
    ]);
    expect(new Set(person.asked.map(({ id }) => id)).size).toBe(3);
  });

  it('does not run what the person refuses, or what nobody can be asked about', async () => {
    const asks = makeTool('act', 'operate', { decide: () => 'ask' });
    const { dispatcher } = open([asks, caller('outer', 'act')]);
    for (const asker of [makePerson(false), {}]) {
      const call = dispatcher.call(makeActor('llm'), 'outer', {}, asker);
      expect((await rejectionOf(call)).code).toBe('not_confirmed');
    }
  });

  it('may go on after a refusal: that is a Failure like any other', async () => {
    const gentle = makeTool('gentle', 'read', {
      handler: async ({ call }: Context) => ({
        done: await call('ship', {}).then(
          () => 'ran',
          (error: Failure) => error.code,
        ),
      }),
    });
    const { dispatcher } = open([makeTool('ship', 'deploy'), gentle]);
    expect(await dispatcher.call(makeActor('llm', ['read']), 'gentle', {})).toEqual({
      done: 'not_permitted',
    });
  });

  it('in a staging bot reaches nothing that is closed there, through a tool that is open', async () => {
    const ran: string[] = [];
    const closed = makeTool('act', 'read', {
      handler: async () => {
        ran.push('act');
        return { done: '' };
      },
    });
    const { dispatcher } = open([closed], { role: 'staging', allowedInStaging: [caller('outer', 'act')] });
    expect((await rejectionOf(dispatcher.call(makeActor('llm'), 'outer', {}))).code).toBe('staging_role');
    expect(ran).toEqual([]);
  });

  it('finds no tool that is not there', async () => {
    const { dispatcher } = open([caller('outer', 'nothing')]);
    expect((await rejectionOf(dispatcher.call(makeActor('llm'), 'outer', {}))).code).toBe('unknown_tool');
  });

  it('sees no secret, as its person may not, and at the command line what there is', async () => {
    const seen: unknown[] = [];
    const act = makeTool('act', 'read', { handler: async () => ({ done: 'a-very-secret-token' }) });
    const outer = makeTool('outer', 'read', {
      handler: async ({ call }: Context) => {
        seen.push((await call('act', {})).done);
        return { done: '' };
      },
    });
    const { dispatcher } = open([act, outer]);
    await dispatcher.call(makeActor('llm'), 'outer', {});
    await dispatcher.call(makeActor('cli'), 'outer', {});
    expect(seen).toEqual(['[masked]', 'a-very-secret-token']);
  });

  it('that calls itself for ever, alone or in a circle, ends with a Failure and not with the bot', async () => {
    const instance = open([caller('self', 'self'), caller('ping', 'pong'), caller('pong', 'ping')]);
    for (const name of ['self', 'ping']) {
      const failure = await rejectionOf(instance.dispatcher.call(makeActor('llm'), name, {}));
      expect(failure.code).toBe('calls_too_deep');
    }
    // The first, the eight below it, and the one that was refused.
    expect(rows(instance).filter((row) => row.includes(' self '))).toHaveLength(10);
  });

  it('may call eight deep, and as often as it likes side by side', async () => {
    const chain = Array.from({ length: 8 }, (_, index) => caller(`deep_${index}`, `deep_${index + 1}`));
    const wide = makeTool('wide', 'read', {
      handler: async ({ call }: Context) => {
        await Promise.all(Array.from({ length: 50 }, () => call('deep_8', {})));
        return { done: 'wide' };
      },
    });
    const { dispatcher } = open([...chain, makeTool('deep_8', 'read'), wide]);
    expect(await dispatcher.call(makeActor('llm'), 'deep_0', {})).toEqual({
      done: expect.stringMatching(/^deep_0\(.*deep_7\(all\)+$/),
    });
    expect(await dispatcher.call(makeActor('llm'), 'wide', {})).toEqual({ done: 'wide' });
  });
});

describe('what a call knows of the work that it belongs to', () => {
  it('is its branch, the channel, the signal and the way to hand over, in an inner call too', async () => {
    const seen: { branch?: BranchReference | undefined; channel?: string | undefined; aborted: boolean }[] =
      [];
    const inner = makeTool('inner', 'read', {
      handler: async ({ branch, channel, signal, handOver }: Context) => {
        seen.push({ branch, channel, aborted: signal.aborted });
        handOver?.('restart');
        return { done: '' };
      },
    });
    const { dispatcher } = open([inner, caller('outer', 'inner')]);
    const handed: string[] = [];
    const asker: Caller = {
      branch: { id: 'b1', depth: 2 },
      channel: '42',
      signal: AbortSignal.abort(),
      handOver: (subject) => handed.push(subject),
    };
    await dispatcher.call(makeActor('llm'), 'outer', {}, asker);
    await dispatcher.call(makeActor('llm'), 'outer', {});
    expect(seen).toEqual([
      { branch: { id: 'b1', depth: 2 }, channel: '42', aborted: true },
      { branch: undefined, channel: undefined, aborted: false },
    ]);
    expect(handed).toEqual(['restart']);
  });
});
