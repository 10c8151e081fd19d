// `understudy mcp` as a process: what it prints, how it begins, and how it ends, whatever the other side does.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findByVariable } from '../../../skills/process-manager/base/index.ts';
import { createHistory } from '../../../src/history.ts';
import { fillWithCode } from '../../support/code.ts';
import { makeInstance, understudy, until } from '../../support/instance.ts';
import { makeEngine } from '../../support/manager.ts';
import { callMessage, connect, type Message, openPipes, type Pipes } from '../../support/mcp.ts';
import { leftoversOf, withStaging } from '../../support/releases.ts';

/** Skills that do what skills must not: print, hang, throw, and fail to load. */
const trial = `
  import { spawn } from 'node:child_process';
  import { z } from 'zod';
  import { defineTool } from '../dispatch.ts';
  console.log('printed while loading');
  setTimeout(() => console.log('printed later'), 1).unref();
  const make = (name, permission, handler, rest = {}) => defineTool({
    name, title: name, description: name, input: z.strictObject({}), output: z.object({ text: z.string() }),
    annotations: { readOnly: permission === 'read', destructive: false, idempotent: true }, permission, handler, ...rest,
  });
  export default {
    name: 'trial', description: '', prefix: 'trial', allowedInStaging: true, migrations: [], open: () => undefined,
    tools: [
      make('print', 'read', async () => {
        console.log('printed by a tool');
        process.stdout.write('written by a tool\\n');
        console.error('said by a tool');
        return { text: 'done' };
      }),
      make('hang', 'operate', (context) => {
        context.progress({ message: 'hanging' });
        return new Promise(() => setInterval(() => {}, 1_000));
      }),
      make('throw', 'read', async () => { throw new Error('a fault of ours'); }),
      make('undrawable', 'read', async () => ({ text: 'done' }), { present: () => { throw new Error('no view'); } }),
      make('big', 'read', async () => ({ text: 'x'.repeat(3_000_000) })),
      make('twice', 'operate', async (context) => ({
        text: [await context.confirm('The first?'), await context.confirm('The second?')].join(' '),
      })),
    ],
  };`;

const gate = 'trap "" TERM; echo gate begins; sleep 600 & wait; sleep 600';
let code = '';

beforeAll(async () => {
  code = fillWithCode(mkdtempSync(join(tmpdir(), 'understudy-code-')));
  for (const [name, text] of [
    ['trial', trial],
    ['torn', "console.log('printed by a torn skill'); throw new Error('not today');"],
  ] as const) {
    mkdirSync(join(code, 'skills', name));
    writeFileSync(join(code, 'skills', name, 'index.ts'), text);
  }
  await understudy(['--help'], { code });
});

afterAll(() => rmSync(code, { recursive: true, force: true }));

const start = (root: string, own = false) => openPipes(['mcp', '--root', root], own ? { code } : {});

function recent(root: string, action: string) {
  const { database } = makeEngine(root);
  return createHistory(() => database, { now: Date.now }).recent({ limit: 9, action });
}

function textOf({ result }: Message): string {
  return (result as { content: { text: string }[] }).content.map(({ text }) => text).join('\n');
}

/** A stack would say where in our files. */
function expectNoStack({ stderr }: Pipes): void {
  expect(stderr()).not.toMatch(/^\s+at .*:\d+:\d+/m);
}

describe('the beginning', () => {
  it('with a broken config.json is an end with a sentence and the next step', async () => {
    const root = makeInstance({ 'config.json': '{"polcy": {}}' });
    const pipes = start(root);
    expect((await pipes.ended()).exitCode).toBe(1);
    expect(pipes.stderr()).toMatch(/config\.json: polcy[\s\S]*\n-> \S/);
    expect(pipes.messages()).toEqual([]);
    expectNoStack(pipes);
  });

  it('without an instance, or with words that mean nothing, too', async () => {
    const nowhere = start('/nowhere/at/all');
    expect((await nowhere.ended()).exitCode).toBe(1);
    expect(nowhere.stderr()).toMatch(/\n-> \S/);
    const typo = openPipes(['mcp', '--rot', '.']);
    expect((await typo.ended()).exitCode).toBe(2);
    expect([...nowhere.messages(), ...typo.messages()]).toEqual([]);
  });

  it('on a broken database leaves doctor to say what is wrong', async () => {
    const root = makeInstance({ 'memory/understudy.db': 'no database at all'.repeat(500) });
    const pipes = start(root);
    await pipes.begin();
    pipes.send(callMessage(1, 'process_list'));
    pipes.send(callMessage(2, 'process_doctor'));
    expect((await pipes.answer(1)).result).toMatchObject({ isError: true });
    expect(textOf(await pipes.answer(2))).toContain('database');
    expectNoStack(pipes);
  });

  it('has an example in its help', async () => {
    const { stdout, exitCode } = await understudy(['mcp', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('$ understudy mcp --root ');
    expect((await understudy(['--help'])).stdout).toMatch(/^ +mcp /m);
  });
});

describe('the standard output', () => {
  it('carries the protocol alone, whatever skills and tools print', async () => {
    const pipes = start(makeInstance(), true);
    await pipes.begin();
    for (const [id, tool] of ['print', 'throw', 'undrawable', 'big'].entries()) {
      pipes.send(callMessage(id + 1, `trial_${tool}`));
    }
    expect(textOf(await pipes.answer(1))).toContain('done');
    expect(textOf(await pipes.answer(2))).toMatch(/^internal: 'throw' failed: Error: a fault of ours\n-> /);
    expect(textOf(await pipes.answer(3))).toContain('done');
    expect(textOf(await pipes.answer(4))).toMatch(/characters are left out/);
    // Every line was read as a message; these went elsewhere.
    for (const text of ['printed while loading', 'printed later', 'printed by a tool', 'written by a tool']) {
      expect(pipes.stderr()).toContain(text);
    }
    expect(pipes.stderr()).toMatch(/skills\/torn does not load: not today/);
    expect(JSON.stringify(pipes.messages())).not.toMatch(/\s+at .*:\d+:\d+/);
  });

  it('stays whole when the input is not: what is no message is passed over', async () => {
    const pipes = start(makeInstance());
    await pipes.begin();
    pipes.send('this is no JSON\n{"jsonrpc":"2.0"}\n[]\nnull\n{"jsonrpc":"2.0","id":7}\n\n');
    pipes.send({ jsonrpc: '2.0', id: 8, method: 'no/such/method' });
    pipes.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 7 } });
    pipes.send({
      jsonrpc: '2.0',
      id: 10,
      method: 'tools/call',
      params: { name: 'process_list', arguments: 'x' },
    });
    pipes.send(callMessage(11, 'process_list'));
    expect((await pipes.answer(11)).result).toMatchObject({ structuredContent: { processes: [] } });
    for (const id of [8, 9, 10]) expect((await pipes.answer(id)).error?.code).toBeLessThan(0);
    expect(pipes.stderr()).toContain('no message of MCP; it was passed over');
    expect(pipes.stderr().length).toBeLessThan(2_000);
    expectNoStack(pipes);
  });

  it('a message without end closes the connection, not the machine', async () => {
    const pipes = start(makeInstance());
    await pipes.begin();
    pipes.send('x'.repeat(11 * 1024 * 1024));
    expect(await pipes.ended()).toMatchObject({ exitCode: 0 });
    expectNoStack(pipes);
  });

  it('more calls than are reasonable are refused, and the others go on', async () => {
    const pipes = start(makeInstance(), true);
    await pipes.begin();
    for (let id = 1; id <= 40; id++) pipes.send(callMessage(id, 'trial_hang'));
    expect(textOf(await pipes.answer(40))).toMatch(/^too_many_calls: 32 calls/);
    pipes.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    pipes.send({ jsonrpc: '2.0', id: 50, method: 'tools/list' });
    expect((await pipes.answer(50)).result).toMatchObject({ tools: expect.any(Array) });
  });
});

describe('the end', () => {
  const ways: [string, (pipes: Pipes) => void][] = [
    ['of the input', ({ child }) => void child.stdin.end()],
    ['by SIGTERM', ({ child }) => void child.kill('SIGTERM')],
    ['by SIGINT', ({ child }) => void child.kill('SIGINT')],
  ];

  it.each(ways)('%s comes at once', async (_, end) => {
    const pipes = start(makeInstance());
    await pipes.begin();
    pipes.send(callMessage(1, 'process_list'));
    await pipes.answer(1);
    end(pipes);
    const { exitCode, afterMs } = await pipes.ended();
    expect(exitCode).toBe(0);
    expect(afterMs).toBeLessThan(1_000);
    expect(pipes.stderr()).toBe('');
  });

  it.each(ways)('%s comes before anything was said', async (_, end) => {
    const pipes = start(makeInstance());
    end(pipes);
    const { exitCode, signal } = await pipes.ended();
    // A signal may come before the process could listen.
    expect(exitCode === 0 || signal !== null).toBe(true);
    expectNoStack(pipes);
  });

  it.each(ways)(
    '%s in the middle of a promotion leaves no gate, however stubborn, and no rubbish',
    async (_, end) => {
      const config = JSON.stringify({ releases: { gates: [gate] }, policy: { promote: 'allow' } });
      const root = makeInstance({
        ...withStaging(),
        'config.json': config,
        'staging/config.json': config,
        '.env': '',
      });
      const pipes = start(root);
      await pipes.begin();
      const params = { name: 'process_promote', arguments: {}, _meta: { progressToken: 'p' } };
      pipes.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
      await until('the gate runs', () =>
        JSON.stringify(pipes.messages()).includes('gate 1 of 1: gate begins'),
      );
      const [mark = ''] = readdirSync(join(root, 'backups')).filter((name) => name.startsWith('.staging-'));
      expect(findByVariable('UNDERSTUDY_STAGING', mark).length).toBeGreaterThan(0);
      end(pipes);
      const { exitCode, afterMs } = await pipes.ended();
      expect(exitCode).toBe(0);
      expect(afterMs).toBeLessThan(1_500);
      expect(findByVariable('UNDERSTUDY_STAGING', mark)).toEqual([]);
      expect(leftoversOf(root)).toEqual([]);
      expect(recent(root, 'promote')).toMatchObject([
        { outcome: 'failed', detail: expect.stringContaining('aborted') },
      ]);
    },
  );

  it('does not wait for a tool that does not listen', async () => {
    const root = makeInstance();
    const pipes = start(root, true);
    await pipes.begin();
    pipes.send(callMessage(1, 'trial_hang'));
    await until('it hangs', () => recent(root, 'hang').length === 1);
    pipes.child.stdin.end();
    const { exitCode, afterMs } = await pipes.ended();
    expect(exitCode).toBe(0);
    expect(afterMs).toBeLessThan(1_500);
    expect(recent(root, 'hang')).toMatchObject([{ outcome: 'started' }]);
  });

  it('leaves running what was meant to run on', async () => {
    const root = makeInstance({ 'config.json': '{"policy": {"run": "allow"}}' });
    const { engine } = makeEngine(root);
    const pipes = start(root);
    await pipes.begin();
    pipes.send(callMessage(1, 'process_run', { command: 'sleep 600', name: 'sleeper' }));
    await pipes.answer(1);
    pipes.child.stdin.end();
    await pipes.ended();
    expect(engine.processes.settle(engine.processes.resolve('sleeper'))).toMatchObject({ status: 'running' });
  });

  it('of the reader of its answers is no crash', async () => {
    const pipes = start(makeInstance());
    await pipes.begin();
    pipes.child.stdout.destroy();
    pipes.child.stderr.destroy();
    for (let id = 1; id < 5; id++) pipes.send(callMessage(id, 'process_list'));
    expect(await pipes.ended()).toMatchObject({ exitCode: 0, signal: null });
    const logged = start(makeInstance());
    await logged.begin();
    logged.child.stdout.destroy();
    logged.send(callMessage(1, 'process_list'));
    expect(await logged.ended()).toMatchObject({ exitCode: 0 });
    expectNoStack(logged);
  });

  it('by kill -9 in the middle of a call leaves the row that says so', async () => {
    const root = makeInstance();
    const pipes = start(root, true);
    await pipes.begin();
    pipes.send(callMessage(1, 'trial_hang'));
    await until('it hangs', () => recent(root, 'hang').length === 1);
    pipes.child.kill('SIGKILL');
    expect(await pipes.ended()).toMatchObject({ signal: 'SIGKILL' });
    expect(recent(root, 'hang')).toMatchObject([
      { outcome: 'started', actor: expect.stringMatching(/^mcp:/), action: 'hang' },
    ]);
  });
});

it('follows config.json and .env as they are now, and refuses while they cannot be used', async () => {
  const root = makeInstance({
    'config.json': '{"policy": {"run": "allow"}}',
    'notes.txt': 'a-new-secret-value\n',
  });
  const server = await connect('2025', { root });
  const read = async () => {
    const { structured, error } = await server.call('process_run', { command: 'cat notes.txt', wait: 20 });
    return error?.code ?? (structured?.output as { stdout: string } | undefined)?.stdout;
  };
  expect(await read()).toBe('a-new-secret-value\n');
  writeFileSync(join(root, '.env'), 'NEW_KEY=a-new-secret-value\n');
  expect(await read()).toBe('[masked]\n');
  writeFileSync(join(root, 'config.json'), '{"policy": {"run": "deny"}}');
  expect(await read()).toBe('denied_by_policy');
  writeFileSync(join(root, 'config.json'), '{"policy": ');
  expect(await read()).toBe('config_invalid');
  const doctor = await server.call('process_doctor');
  expect(doctor).toMatchObject({ isError: true, structured: { healthy: false } });
  expect(doctor.text).toContain('config.json');
  writeFileSync(join(root, 'config.json'), '{"policy": {"run": "allow"}}');
  rmSync(join(root, '.env'));
  expect(await read()).toBe('a-new-secret-value\n');
});

it('two servers on one instance work side by side', async () => {
  const root = makeInstance({ 'config.json': '{"policy": {"run": "allow"}}' });
  const servers = await Promise.all([connect('2026', { root }), connect('sdk 1', { root })]);
  const calls = servers.flatMap((server, side) =>
    Array.from({ length: 8 }, (_, index) =>
      server.call('process_run', { command: `echo ${side}-${index}`, name: `n${side}-${index}`, wait: 20 }),
    ),
  );
  for (const { isError, text } of await Promise.all(calls)) expect(isError, text).toBe(false);
  for (const server of servers) {
    const { structured } = await server.call('process_list');
    expect(structured?.processes).toHaveLength(16);
  }
  const rows = recent(root, 'run');
  expect(rows.every(({ outcome }) => outcome === 'ok')).toBe(true);
});
