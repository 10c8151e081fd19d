import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PolicyRules } from '../../skills/policy.ts';
import processManager from '../../skills/process-manager/index.ts';
import type { AnySkill } from '../../skills/registry.ts';
import { type Confirmation, Failure, type HistoryEntry, type Tool } from '../../skills/tool.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import { rejectionOf } from '../support/failure.ts';
import { cleanEnvironment, codeRoot, makeInstance } from '../support/instance.ts';
import { makeActor, makeLogger, makePerson, makeSkill, makeTool } from '../support/skill.ts';

/** What a surface can do for the person behind a call. */
type Caller = NonNullable<Parameters<Instance['dispatcher']['call']>[3]>;

const everyRight = ['read', 'operate', 'deploy'] as const;

afterEach(() => {
  vi.useRealTimers();
});

describe('the order of the checks', () => {
  it('is role, right, policy, input, confirmation, handler', async () => {
    const ran: string[] = [];
    const tool = makeTool('launch', 'deploy', {
      decide: () => 'ask',
      handler: async () => {
        ran.push('handler');
        return { done: 'yes' };
      },
    });
    const attempt = async (mended: number) => {
      const { dispatcher } = open([tool], {
        policy: mended < 3 ? { launch: 'deny' } : {},
        role: mended < 1 ? 'staging' : 'live',
      });
      const actor = makeActor('discord', mended < 2 ? ['read'] : everyRight);
      const input = mended < 4 ? { target: 7 } : { target: 'v2' };
      const caller = mended < 5 ? {} : makePerson(true);
      return dispatcher.call(actor, 'launch', input, caller);
    };
    const codes: string[] = [];
    for (const mended of [0, 1, 2, 3, 4]) codes.push((await rejectionOf(attempt(mended))).code);
    expect(codes).toEqual([
      'staging_role',
      'not_permitted',
      'denied_by_policy',
      'invalid_input',
      'not_confirmed',
    ]);
    expect(ran).toEqual([]);
    expect(await attempt(5)).toEqual({ done: 'yes' });
    expect(ran).toEqual(['handler']);
  });

  it('starts with the name', async () => {
    const { dispatcher } = open([makeTool('look', 'read')]);
    for (const name of ['lok', '', '__proto__', 'constructor', 'trial_', 'trial_trial_look']) {
      expect((await rejectionOf(dispatcher.call(makeActor(), name, {}))).code).toBe('unknown_tool');
    }
  });
});

describe('a look that a surface takes again and again', () => {
  it('leaves no row in the history when it goes well, but does when it is refused, fails, or changes something', async () => {
    const failing = async () => {
      throw new Failure('broken', 'It is broken.', 'Mend it.');
    };
    const { dispatcher, history } = open([
      makeTool('look', 'read'),
      makeTool('fail', 'read', { handler: failing }),
      makeTool('act', 'operate'),
    ]);
    const repeated = { isRepeated: true };
    await dispatcher.call(makeActor(), 'look', {}, repeated);
    expect(history.recent({ limit: 10 })).toEqual([]);
    await rejectionOf(dispatcher.call(makeActor('discord', []), 'look', {}, repeated));
    await rejectionOf(dispatcher.call(makeActor(), 'fail', {}, repeated));
    await dispatcher.call(makeActor(), 'act', {}, repeated);
    const rows = history.recent({ limit: 10 }).map(({ action, outcome }) => `${action} ${outcome}`);
    expect(rows).toEqual(['act ok', 'fail failed', 'look refused']);
  });
});

describe('the channel that asked', () => {
  it('is known to the tool, where there is one', async () => {
    const channels: (string | undefined)[] = [];
    const tool = makeTool('look', 'read', {
      handler: async ({ channel }) => {
        channels.push(channel);
        return { done: '' };
      },
    });
    const { dispatcher } = open([tool]);
    await dispatcher.call(makeActor(), 'look', {}, { channel: '42' });
    await dispatcher.call(makeActor(), 'look', {});
    expect(channels).toEqual(['42', undefined]);
  });
});

describe('a staging bot', () => {
  it('may call no tool of a skill that is closed to it, by any of its names, with any right', async () => {
    const ran: string[] = [];
    const tools = everyRight.map((permission) =>
      makeTool(`do_${permission}`, permission, {
        aliases: [`also_${permission}`, `again_${permission}`],
        handler: async () => {
          ran.push(permission);
          return { done: '' };
        },
      }),
    );
    const skills = [makeSkill(tools), processManager as unknown as AnySkill];
    const { dispatcher, catalogue } = openWith(skills, { role: 'staging' });
    const names = catalogue.entries.flatMap(({ tool, skill }) => [
      tool.name,
      ...(tool.aliases ?? []),
      `${skill.prefix}_${tool.name}`,
    ]);
    expect(names.length).toBeGreaterThanOrEqual(12 + 6);
    for (const name of names) {
      for (const surface of ['cli', 'discord', 'llm', 'mcp', 'page', 'system'] as const) {
        const failure = await rejectionOf(dispatcher.call(makeActor(surface), name, {}, makePerson(true)));
        expect(failure.code).toBe('staging_role');
        expect(failure.message).toContain('BOT_ROLE=staging');
      }
    }
    expect(ran).toEqual([]);
  });

  it('may call the tools of a skill that is open to it', async () => {
    const skill = makeSkill([makeTool('remember', 'operate')], { allowedInStaging: true });
    const { dispatcher } = openWith([skill], { role: 'staging' });
    expect(await dispatcher.call(makeActor(), 'trial_remember', {})).toEqual({ done: 'all' });
  });
});

describe('a handler', () => {
  it('cannot be reached from a tool or a catalogue entry', () => {
    const handler = async () => ({ done: '' });
    const { catalogue } = open([makeTool('secret', 'operate', { handler, aliases: ['hidden'] })]);
    expect(reaches({ spec: { deep: [{ handler }] } }, handler)).toBe(true);
    expect(catalogue.entries).toHaveLength(1);
    expect(reaches(catalogue, handler)).toBe(false);
    expect(reaches(catalogue.find('hidden'), handler)).toBe(false);
  });

  it('does not run for a copy of its tool, nor can the tool be altered', async () => {
    const ran: string[] = [];
    const handler = async () => {
      ran.push('ran');
      return { done: '' };
    };
    const tool = makeTool('secret', 'deploy', { handler });
    const copy: Tool = { ...tool, permission: 'read' };
    const { dispatcher } = open([copy]);
    expect((await rejectionOf(dispatcher.call(makeActor('cli', ['read']), 'secret', {}))).code).toBe(
      'internal',
    );
    expect(ran).toEqual([]);
    expect(() => Object.assign(tool, { permission: 'read' })).toThrow(TypeError);
  });

  it('is given the validated input with its defaults, the actor, and the skill opened once', async () => {
    const seen: unknown[] = [];
    let opened = 0;
    const tool = makeTool('look', 'read', {
      handler: async ({ actor, engine }, input) => {
        seen.push({ actor: actor.id, engine, input });
        return { done: '' };
      },
    });
    const open = () => ({ number: ++opened });
    const { dispatcher } = openWith([makeSkill([tool], { open })]);
    await dispatcher.call(makeActor(), 'look', undefined);
    await dispatcher.call(makeActor(), 'trial_look', { target: 'x', count: 2 });
    expect(seen).toEqual([
      { actor: 'discord:1', engine: { number: 1 }, input: { target: 'all' } },
      { actor: 'discord:1', engine: { number: 1 }, input: { target: 'x', count: 2 } },
    ]);
  });
});

describe('rights', () => {
  it.each([
    ['read', [], 'not_permitted'],
    ['operate', ['read'], 'not_permitted'],
    ['deploy', ['read', 'operate'], 'not_permitted'],
    ['read', ['deploy'], 'not_permitted'],
    ['operate', ['read', 'operate'], 'ran'],
  ] as const)('%s with the rights %j: %s', async (permission, rights, expected) => {
    const { dispatcher } = open([makeTool('act', permission)]);
    const outcome = dispatcher.call(makeActor('llm', rights), 'trial_act', {}, makePerson(true)).then(
      () => 'ran',
      (error: Failure) => error.code,
    );
    expect(await outcome).toBe(expected);
  });
});

describe('input', () => {
  it.each([
    [{ target: '' }, /target: /],
    [{ count: 1.5 }, /count: /],
    [{ tagret: 'x' }, /tagret/],
    [{ target: 7, count: 'x' }, /target: .*count: /],
    ['a text', /look/],
    [['a', 'list'], /look/],
  ])('that cannot be used is refused with the field: %j', async (input, message) => {
    const failure = await rejectionOf(
      open([makeTool('look', 'read')]).dispatcher.call(makeActor(), 'look', input),
    );
    expect(failure.code).toBe('invalid_input');
    expect(failure.message).toMatch(message);
    expect(failure.hint).toContain('target, count');
  });
});

describe('a call that the policy wants confirmed', () => {
  const asks = makeTool('act', 'operate', { decide: () => 'ask' });

  it.each([
    ['nobody can be asked', {}],
    ['the person says no', makePerson(false)],
    ['the person cannot be reached', { confirm: () => Promise.reject(new Error('Discord is down')) }],
    [
      'asking itself breaks',
      {
        confirm: () => {
          throw new Error('no such channel');
        },
      },
    ],
    ['the answer is not a yes', { confirm: async () => 'no' as unknown as boolean }],
    ['the caller has already gone', { ...makePerson(true), signal: AbortSignal.abort() }],
    [
      'the caller has already gone, and nobody will answer',
      { confirm: () => new Promise(() => {}), signal: AbortSignal.abort() },
    ],
  ] satisfies [string, Caller][])('does not run when %s', async (_, caller) => {
    const { dispatcher, ran } = openCounting();
    expect((await rejectionOf(dispatcher.call(makeActor(), 'act', {}, caller))).code).toBe('not_confirmed');
    expect(ran()).toBe(0);
  });

  it('does not run when the caller goes away while the question stands', async () => {
    const gone = new AbortController();
    const { dispatcher, ran } = openCounting();
    const asked = withResolvers<boolean>();
    const call = dispatcher.call(
      makeActor(),
      'act',
      {},
      {
        signal: gone.signal,
        confirm: () => {
          gone.abort();
          return asked.promise;
        },
      },
    );
    expect((await rejectionOf(call)).code).toBe('not_confirmed');
    asked.resolve(true);
    await asked.promise;
    expect(ran()).toBe(0);
  });

  it('does not run when the answer comes together with the end of the caller', async () => {
    const gone = new AbortController();
    const { dispatcher, ran } = openCounting();
    const confirm = async () => {
      gone.abort();
      return true;
    };
    const call = dispatcher.call(makeActor(), 'act', {}, { signal: gone.signal, confirm });
    expect((await rejectionOf(call)).code).toBe('not_confirmed');
    expect(ran()).toBe(0);
  });

  it('is denied after 120 seconds without an answer, and a yes after that changes nothing', async () => {
    vi.useFakeTimers();
    const { dispatcher, ran, instance } = openCounting();
    const answer = withResolvers<boolean>();
    const outcome = rejectionOf(dispatcher.call(makeActor(), 'act', {}, { confirm: () => answer.promise }));
    let settled = false;
    outcome.finally(() => {
      settled = true;
    });
    await vi.advanceTimersByTimeAsync(119_999);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect((await outcome).code).toBe('not_confirmed');
    answer.resolve(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ran()).toBe(0);
    expect(rows(instance).map(({ outcome }) => outcome)).toEqual(['refused']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is denied when the yes comes after the expiry that the question named, however the timers ran', async () => {
    let now = 1_000;
    const { dispatcher, ran } = openCounting({ clock: { now: () => now } });
    const confirm = async ({ expiresAt }: Confirmation) => {
      expect(expiresAt).toBe(121_000);
      now = expiresAt;
      return true;
    };
    expect((await rejectionOf(dispatcher.call(makeActor(), 'act', {}, { confirm }))).code).toBe(
      'not_confirmed',
    );
    expect(ran()).toBe(0);
  });

  it('runs when the yes comes in the last moment', async () => {
    let now = 1_000;
    const { dispatcher } = openCounting({ clock: { now: () => now } });
    const confirm = async ({ expiresAt }: Confirmation) => {
      now = expiresAt - 1;
      return true;
    };
    expect(await dispatcher.call(makeActor(), 'act', {}, { confirm })).toEqual({ done: 'all' });
  });

  it('asks with the actor, the tool and the exact input, of which the answerer has a copy only', async () => {
    const actor = makeActor('llm');
    const { dispatcher } = open([asks]);
    const asked: Confirmation[] = [];
    const confirm = async (confirmation: Confirmation) => {
      asked.push({ ...confirmation, input: structuredClone(confirmation.input) });
      (confirmation.input as { target: string }).target = 'something else';
      return true;
    };
    const output = await dispatcher.call(
      actor,
      'trial_act',
      { target: 'the backups', count: 3 },
      { confirm },
    );
    expect(output).toEqual({ done: 'the backups' });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ tool: 'act', input: { target: 'the backups', count: 3 } });
    expect(asked[0]?.actor).toBe(actor);
    expect(asked[0]?.question).toContain('act: the backups');
  });

  it('asks anew each time, under another id', async () => {
    const { dispatcher } = open([asks]);
    const person = makePerson(true);
    await dispatcher.call(makeActor(), 'act', {}, person);
    await dispatcher.call(makeActor(), 'act', {}, person);
    expect(new Set(person.asked.map(({ id }) => id)).size).toBe(2);
    expect((await rejectionOf(dispatcher.call(makeActor(), 'act', {}, makePerson(false)))).code).toBe(
      'not_confirmed',
    );
  });

  it.each(['discord', 'llm', 'mcp', 'page', 'system'] as const)('asks on the surface %s', async (surface) => {
    const person = makePerson(true);
    await open([asks]).dispatcher.call(makeActor(surface), 'act', {}, person);
    expect(person.asked).toHaveLength(1);
  });

  it('does not ask at the command line, where deny denies all the same', async () => {
    const person = makePerson(false);
    expect(await open([asks]).dispatcher.call(makeActor('cli'), 'act', {}, person)).toEqual({ done: 'all' });
    expect(person.asked).toEqual([]);
    const rules: PolicyRules = { 'act:all': 'deny' };
    const { dispatcher } = open([asks], { policy: rules });
    expect((await rejectionOf(dispatcher.call(makeActor('cli'), 'act', {}, makePerson(true)))).code).toBe(
      'denied_by_policy',
    );
  });

  it("is the owner's choice before it is the tool's", async () => {
    const person = makePerson(false);
    const { dispatcher } = open([asks, makeTool('read_it', 'read', { aliases: ['peek'] })], {
      policy: { act: 'allow', 'peek:s*': 'ask' },
    });
    await dispatcher.call(makeActor(), 'act', {}, person);
    await dispatcher.call(makeActor(), 'read_it', { target: 'notes' }, person);
    expect(person.asked).toEqual([]);
    const refused = dispatcher.call(makeActor(), 'read_it', { target: 'secrets' }, person);
    expect((await rejectionOf(refused)).code).toBe('not_confirmed');
  });

  it('lets a handler ask for itself, with the same bounds', async () => {
    const tool = makeTool('ponder', 'operate', {
      handler: async ({ confirm }) => ({ done: String(await confirm('Really?')) }),
    });
    const { dispatcher } = open([tool]);
    const person = makePerson(true);
    expect(await dispatcher.call(makeActor('cli'), 'ponder', {}, person)).toEqual({ done: 'true' });
    expect(person.asked[0]?.question).toBe('Really?');
    expect(await dispatcher.call(makeActor('cli'), 'ponder', {})).toEqual({ done: 'false' });
  });

  function openCounting(options: OpenOptions = {}) {
    let count = 0;
    const tool = makeTool('act', 'operate', {
      decide: () => 'ask',
      handler: async (_, { target }) => {
        count++;
        return { done: target };
      },
    });
    const instance = open([tool], options);
    return { instance, dispatcher: instance.dispatcher, ran: () => count };
  }
});

describe('what a handler throws', () => {
  it('is passed on as it is when it was expected', async () => {
    const expected = new Failure('no_such_bot', 'There is no bot x.', 'List them: understudy list');
    const { dispatcher } = open([throwing(expected)]);
    expect(await rejectionOf(dispatcher.call(makeActor(), 'act', {}))).toBe(expected);
  });

  it('is passed on when it is a Failure of another copy of the contract', async () => {
    const foreign = Object.assign(new Error('x'), { name: 'Failure', code: 'foreign', hint: 'do y' });
    const { dispatcher } = open([throwing(foreign)]);
    expect((await rejectionOf(dispatcher.call(makeActor(), 'act', {}))).code).toBe('foreign');
  });

  it.each([
    ['an error', new TypeError('x is not a function')],
    ['a text', 'x is not a function'],
    ['nothing', undefined],
    ['an error with another hint', Object.assign(new Error('x'), { code: 'ENOENT' })],
  ])('becomes "internal", without a stack, when it is %s', async (_, thrown) => {
    const logger = makeLogger();
    const { dispatcher } = open([throwing(thrown)], { logger });
    const failure = await rejectionOf(dispatcher.call(makeActor(), 'act', {}));
    expect(failure.code).toBe('internal');
    expect(failure.message).not.toMatch(/\bat .*(\.ts|node:)/);
    expect(failure.cause).toBe(thrown);
    const logged = logger.lines.filter(({ level }) => level === 'error');
    expect(logged).toHaveLength(1);
    if (thrown instanceof Error) expect(JSON.stringify(logged[0]?.fields)).toContain('dispatch.test.ts');
  });

  it.each([{ done: 7 }, {}, undefined, null, 'a text'])(
    'an output that breaks the promise is a fault: %j',
    async (output) => {
      const handler = async () => output as { done: string };
      const { dispatcher, database } = open([makeTool('act', 'operate', { handler })]);
      expect((await rejectionOf(dispatcher.call(makeActor(), 'act', {}))).code).toBe('internal');
      expect(historyOf(database())[0]).toMatchObject({ outcome: 'failed' });
    },
  );

  it('an output keeps to its schema: what was not promised is left out', async () => {
    const handler = async () => ({ done: 'x', token: 'hidden' });
    const { dispatcher } = open([makeTool('act', 'operate', { handler })]);
    expect(await dispatcher.call(makeActor(), 'act', {})).toEqual({ done: 'x' });
  });

  function throwing(thrown: unknown): Tool {
    return makeTool('act', 'operate', {
      handler: async () => {
        throw thrown;
      },
    });
  }
});

describe('the history', () => {
  it('says "started" before the handler begins, and how it ended afterwards', async () => {
    const during: HistoryEntry[][] = [];
    const tool = makeTool('act', 'operate', {
      handler: async () => {
        during.push(rows(instance));
        return { done: '' };
      },
    });
    const instance = open([tool], { clock: { now: () => 0 } });
    await instance.dispatcher.call(makeActor('llm'), 'trial_act', { target: 'bot 7' });
    const row = {
      at: '1970-01-01T00:00:00.000Z',
      actor: 'llm:1',
      action: 'act',
      subject: 'bot 7',
      detail: '',
    };
    expect(during).toEqual([[{ ...row, outcome: 'started' }]]);
    expect(rows(instance)).toEqual([{ ...row, outcome: 'ok' }]);
  });

  it('is not asked for leave by a tool that only reads', async () => {
    const during: HistoryEntry[][] = [];
    const handler = async () => {
      during.push(rows(instance));
      return { done: '' };
    };
    const instance = open([makeTool('look', 'read', { handler })]);
    await instance.dispatcher.call(makeActor(), 'look', {});
    expect(during).toEqual([[]]);
    expect(rows(instance)).toMatchObject([{ action: 'look', outcome: 'ok' }]);
  });

  it('keeps every refusal and every failure, with its reason', async () => {
    const thrower = makeTool('break', 'operate', { handler: () => Promise.reject(new Error('boom')) });
    const bad = makeTool('bad_answer', 'read', { isFailure: ({ done }) => done === 'all' });
    const instance = open([makeTool('act', 'deploy'), thrower, bad], {
      policy: { 'act:b': 'deny', 'act:c': 'ask' },
    });
    const { dispatcher } = instance;
    const call = (
      name: string,
      input: unknown,
      rights: readonly (typeof everyRight)[number][] = everyRight,
    ) => dispatcher.call(makeActor('mcp', rights), name, input).catch(() => undefined);
    await call('act', { target: 'a' }, ['read']);
    await call('act', { target: 'b' });
    await call('act', { target: 'c' });
    await call('act', { target: 5 });
    await call('break', {});
    await call('bad_answer', {});
    expect(rows(instance).reverse()).toMatchObject([
      { action: 'act', subject: 'a', outcome: 'refused', detail: expect.stringMatching(/^not_permitted: /) },
      {
        action: 'act',
        subject: 'b',
        outcome: 'refused',
        detail: expect.stringMatching(/^denied_by_policy: /),
      },
      { action: 'act', subject: 'c', outcome: 'refused', detail: expect.stringMatching(/^not_confirmed: /) },
      { action: 'act', subject: '', outcome: 'refused', detail: expect.stringMatching(/^invalid_input: /) },
      {
        action: 'break',
        subject: 'all',
        outcome: 'failed',
        detail: expect.stringMatching(/^internal: .*boom/),
      },
      { action: 'bad_answer', outcome: 'failed', detail: '' },
    ]);
  });

  it('keeps a bounded piece of what is long', async () => {
    const long = 'x'.repeat(100_000);
    const instance = open([
      makeTool('act', 'operate', { handler: () => Promise.reject(new Failure('long', long, 'hint')) }),
    ]);
    await rejectionOf(instance.dispatcher.call(makeActor(), 'act', { target: long }));
    const [row] = rows(instance);
    expect(row?.subject.length).toBeLessThanOrEqual(2_000);
    expect(row?.detail.length).toBeLessThanOrEqual(2_000);
    expect(row?.detail).toMatch(/^long: x+$/);
  });

  it('keeps "started" for ever when a kill -9 hits the handler', async () => {
    const root = makeInstance();
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join(codeRoot, 'test/fixtures/hanging-tool.ts'), root],
      { cwd: codeRoot, env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const [said] = await Promise.race([once(child.stdout, 'data'), exited]);
    expect(String(said)).toBe('inside\n');
    child.kill('SIGKILL');
    expect(await exited).toEqual([null, 'SIGKILL']);
    const instance = open([makeTool('look', 'read')], { root });
    expect(rows(instance)).toMatchObject([
      { actor: 'cli:1', action: 'hang', subject: 'the database', outcome: 'started' },
    ]);
  });
});

describe('without a history', () => {
  const cases = [
    ['the database cannot be opened', () => open(bothTools(), { root: makeInstance({ memory: 'a file' }) })],
    [
      'the database cannot be written',
      () => {
        const instance = open(bothTools());
        instance.database().pragma('query_only = ON');
        return instance;
      },
    ],
  ] as const;

  it.each(cases)('nothing is changed, and reading goes on, when %s', async (_, opening) => {
    ran.length = 0;
    const { dispatcher } = opening();
    await rejectionOf(dispatcher.call(makeActor(), 'act', {}));
    await rejectionOf(dispatcher.call(makeActor(), 'ship', {}));
    expect(ran).toEqual([]);
    expect(await dispatcher.call(makeActor(), 'look', {})).toEqual({ done: '' });
    expect(ran).toEqual(['look']);
  });

  it('says why in the log when only the outcome could not be written', async () => {
    const logger = makeLogger();
    const tool = makeTool('act', 'operate', {
      handler: async () => {
        instance.database().pragma('query_only = ON');
        return { done: 'x' };
      },
    });
    const instance = open([tool], { logger });
    expect(await instance.dispatcher.call(makeActor(), 'act', {})).toEqual({ done: 'x' });
    expect(logger.lines).toMatchObject([{ level: 'warn', message: 'the history could not be written' }]);
  });

  const ran: string[] = [];
  function bothTools(): Tool[] {
    const noting = (name: string) => async () => {
      ran.push(name);
      return { done: '' };
    };
    return [
      makeTool('look', 'read', { handler: noting('look') }),
      makeTool('act', 'operate', { handler: noting('act') }),
      makeTool('ship', 'deploy', { handler: noting('ship') }),
    ];
  }
});

type OpenOptions = {
  root?: string;
  role?: 'live' | 'staging';
  policy?: PolicyRules;
  logger?: ReturnType<typeof makeLogger>;
  clock?: { now(): number };
};

function open(tools: readonly Tool[], options: OpenOptions = {}): Instance {
  return openWith([makeSkill(tools)], options);
}

function openWith(skills: readonly AnySkill[], options: OpenOptions = {}): Instance {
  const instance = openInstance({
    root: options.root ?? makeInstance({ 'config.json': JSON.stringify({ policy: options.policy ?? {} }) }),
    loaded: { skills, failures: [] },
    environment: { BOT_ROLE: options.role ?? 'live' },
    logger: options.logger ?? makeLogger(),
    ...(options.clock ? { clock: options.clock } : {}),
  });
  onTestFinished(() => instance.close());
  return instance;
}

function rows(instance: Instance): HistoryEntry[] {
  return historyOf(instance.database());
}

function historyOf(database: ReturnType<Instance['database']>): HistoryEntry[] {
  return database
    .prepare<[], HistoryEntry>(
      'SELECT at, actor, action, subject, outcome, detail FROM history ORDER BY id DESC',
    )
    .all();
}

/** Follows every property of everything, hidden ones and prototypes too. */
function reaches(from: unknown, wanted: unknown, seen = new Set<unknown>()): boolean {
  if (from === wanted) return true;
  if ((typeof from !== 'object' && typeof from !== 'function') || from === null || seen.has(from))
    return false;
  seen.add(from);
  const inner = Reflect.ownKeys(from).map((key) => Reflect.getOwnPropertyDescriptor(from, key)?.value);
  return [...inner, Object.getPrototypeOf(from)].some((value) => reaches(value, wanted, seen));
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
