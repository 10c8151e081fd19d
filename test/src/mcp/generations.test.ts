// The server as the official clients of every generation see it: a real process, a real instance.

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findByVariable } from '../../../skills/process-manager/base/index.ts';
import { loadSkills } from '../../../skills/registry.ts';
import { createHistory } from '../../../src/history.ts';
import { makeScene } from '../../skills/process-manager/bots/update/support.ts';
import { botConfig, runsOn } from '../../support/bots.ts';
import { codeRoot, makeInstance, understudy, until } from '../../support/instance.ts';
import { makeEngine } from '../../support/manager.ts';
import {
  type Connection,
  connect,
  type Generation,
  generations,
  type PersonsAnswer,
  yes,
} from '../../support/mcp.ts';
import { leftoversOf, snapshot, withStaging } from '../../support/releases.ts';

/** The history of an instance; whatever was started in it ends with the test. */
function historyOf(root: string) {
  const { database } = makeEngine(root);
  return createHistory(() => database, { now: Date.now });
}

/** Code and settings, live and staging: all but the data of an instance. */
function filesOf(root: string): Record<string, string> {
  return snapshot(root, (path) => /^(memory|logs|backups)$/.test(path));
}

function withGate(gate: string): Record<string, string> {
  const config = JSON.stringify({ releases: { gates: [gate] } });
  return { ...withStaging(), 'config.json': config, 'staging/config.json': config, '.env': '' };
}

const code = (connection: Connection, name: string, input?: Record<string, unknown>) =>
  connection.call(name, input).then(({ error }) => error?.code);

describe.each(generations)('a client of %s', (generation: Generation) => {
  it('is offered the whole catalogue, as the tools describe themselves', async () => {
    const connection = await connect(generation, { root: makeInstance() });
    const listed = await connection.list();
    const { skills } = await loadSkills(join(codeRoot, 'skills'));
    const known = skills.flatMap(({ prefix, tools }) =>
      tools.map((tool) => ({
        name: `${prefix}_${tool.name}`,
        title: tool.title,
        description: tool.description,
        annotations: {
          readOnlyHint: tool.annotations.readOnly,
          destructiveHint: tool.annotations.destructive,
          idempotentHint: tool.annotations.idempotent,
          openWorldHint: !tool.annotations.readOnly,
        },
      })),
    );
    expect(listed).toEqual(known.map((tool) => expect.objectContaining(tool)));
    expect(known.length).toBeGreaterThan(20);
    for (const { inputSchema, outputSchema } of listed) {
      for (const schema of [inputSchema, outputSchema]) {
        expect(schema).toMatchObject({ type: 'object', properties: expect.any(Object) });
        for (const union of ['oneOf', 'anyOf', 'allOf']) expect(schema).not.toHaveProperty(union);
      }
    }
    const run = listed.find(({ name }) => name === 'process_run');
    expect(run?.inputSchema.required).toEqual(['command']);
    expect(run?.inputSchema.properties).toMatchObject({ command: { description: expect.any(String) } });
  });

  it('gets the output as it is, and as the terminal shows it', async () => {
    const root = makeInstance();
    await understudy([
      '--root',
      root,
      'run',
      'printf "\\033[31mred\\033[0m\\n"',
      '--name',
      'painter',
      '--wait',
      '10',
    ]);
    const connection = await connect(generation, { root });
    const { structured, text, isError } = await connection.call('process_list');
    expect(isError).toBe(false);
    expect(structured).toMatchObject({ processes: [{ name: 'painter', status: 'exited', exitCode: 0 }] });
    expect(text).toMatch(/^ID +NAME +PID +STATUS +STARTED +AGENT +COMMAND\n\S+ +painter +\d+ +exited 0 /);
    const logs = await connection.call('process_logs', { process: 'painter' });
    expect(logs.text).toBe('red');
  });

  it('has its questions asked, about exactly this input, and only a clear yes counts', async () => {
    const root = makeInstance();
    const asked: string[] = [];
    const answers: PersonsAnswer[] = [
      { action: 'decline' },
      { action: 'cancel' },
      { action: 'accept', content: { confirm: false } },
      yes,
    ];
    const person = (message: string) => {
      asked.push(message);
      return answers[asked.length - 1] ?? { action: 'cancel' };
    };
    const connection = await connect(generation, { root, person });
    const command = 'echo "once\u202e more"\nexit 0';
    for (const expected of ['not_confirmed', 'not_confirmed', 'not_confirmed', undefined]) {
      expect(await code(connection, 'process_run', { command, wait: 10 })).toBe(expected);
    }
    expect(asked).toHaveLength(4);
    expect(asked[0]).toContain('process_run {"command":"echo \\"once\\u{202e} more\\"\\nexit 0"');
    const outcomes = historyOf(root)
      .recent({ limit: 9, action: 'run' })
      .map(({ actor, outcome }) => [actor, outcome]);
    const actor = expect.stringMatching(/^mcp:./);
    expect(outcomes).toEqual([[actor, 'ok'], ...Array.from({ length: 3 }, () => [actor, 'refused'])]);
    const { structured } = await connection.call('process_list');
    expect(structured?.processes).toHaveLength(1);
  });

  it('that cannot ask is refused, never obeyed, and told the way', async () => {
    const root = makeInstance();
    const connection = await connect(generation, { root });
    const { error, text, isError } = await connection.call('process_run', { command: 'touch done' });
    expect(isError).toBe(true);
    expect(error).toMatchObject({
      code: 'not_confirmed',
      message: expect.stringContaining('does not declare elicitation'),
      hint: expect.stringMatching(/at the command line, or allow it under "policy"/),
    });
    expect(text).toBe(`${error?.code}: ${error?.message}\n-> ${error?.hint}`);
    expect((await connection.call('process_list')).structured?.processes).toEqual([]);
    // Looking at what would happen needs nobody's yes.
    expect(await connection.call('process_run', { command: 'ls', dryRun: true })).toMatchObject({
      isError: false,
    });
  });

  it("follows the owner's policy", async () => {
    const policy = { 'run:echo *': 'allow', kill: 'deny', list: 'ask' };
    const root = makeInstance({ 'config.json': JSON.stringify({ policy }) });
    const connection = await connect(generation, { root });
    expect(await code(connection, 'process_run', { command: 'echo hello', wait: 10 })).toBeUndefined();
    expect(await code(connection, 'process_run', { command: 'echo hello; id', wait: 10 })).toBe(
      'not_confirmed',
    );
    expect(await code(connection, 'process_kill', { process: 'x' })).toBe('denied_by_policy');
    expect(await code(connection, 'process_list')).toBe('not_confirmed');
  });

  it('gets failures that a model can act upon', async () => {
    const connection = await connect(generation, { root: makeInstance() });
    const failures = [
      await connection.call('process_lst'),
      await connection.call('list'),
      await connection.call('process_logs', { process: 'nobody' }),
      await connection.call('process_logs', { proces: 'typo' }),
      await connection.call('process_logs', { process: 7 as never, lines: 'many' as never }),
    ];
    expect(failures.map(({ error }) => error?.code)).toEqual([
      'unknown_tool',
      'unknown_tool',
      'unknown_process',
      'invalid_input',
      'invalid_input',
    ]);
    expect(failures[0]?.error?.message).toContain("Did you mean 'process_list'");
    expect(failures[3]?.error).toMatchObject({
      message: expect.stringContaining('proces'),
      hint: expect.stringContaining('process, lines'),
    });
    for (const { isError, text, structured } of failures) {
      expect(isError).toBe(true);
      expect(structured).toBeUndefined();
      expect(text).toMatch(/^\w+: .+\n-> \S/);
      expect(text).not.toMatch(/^\s+at .*:\d+:\d+/m);
    }
  });

  it('sees no secrets', async () => {
    const secret = 'hunter2-hunter2-hunter2';
    const root = makeInstance({
      '.env': `SERVICE_KEY=${secret}\n`,
      'config.json': '{"policy": {"run": "allow"}}',
      'notes.txt': `the key is ${secret}\n`,
    });
    const connection = await connect(generation, { root });
    const steps: string[] = [];
    const ran = await connection.call(
      'process_run',
      { command: 'cat notes.txt', name: `n${secret}`, wait: 10 },
      { onprogress: ({ message }) => steps.push(message ?? '') },
    );
    expect(ran.structured).toMatchObject({ output: { stdout: 'the key is [masked]\n' } });
    const missing = await connection.call('process_logs', { process: secret });
    const shown = JSON.stringify([ran, missing, steps]);
    expect(shown).toContain('[masked]');
    expect(shown).not.toContain(secret);
    expect(steps).toHaveLength(1);
  });

  it('hears from long work, and only if it asked to', async () => {
    const root = makeInstance({
      ...withGate('echo first line; sleep 0.3; echo last line'),
      'bot.sh': runsOn,
    });
    const config = JSON.parse(botConfig({ worker: { sh: runsOn } }));
    writeFileSync(
      join(root, 'config.json'),
      JSON.stringify({
        ...config,
        policy: { promote: 'allow', run: 'allow' },
        releases: { gates: ['echo first line; sleep 0.3; echo last line'] },
      }),
    );
    makeEngine(root);
    const connection = await connect(generation, { root });
    const follow = async (name: string, input: Record<string, unknown> = {}) => {
      const steps: { progress: number; message?: string | undefined }[] = [];
      const { error } = await connection.call(name, input, { onprogress: (step) => steps.push(step) });
      expect(error).toBeUndefined();
      for (const [index, { progress }] of steps.entries()) {
        expect(progress).toBeGreaterThan(steps[index - 1]?.progress ?? 0);
      }
      return steps.map(({ message }) => message).join('\n');
    };
    expect(await follow('process_promote', { skipRestart: true })).toMatch(
      /comparing staging with live\n[\s\S]*gate 1 of 1/,
    );
    expect(await follow('process_run', { command: 'sleep 7', wait: 20 })).toMatch(
      /waiting up to 20 s for '\w+'\nwaiting up to 20 s for '\w+' \(\d+ s\)/,
    );
    expect(await follow('process_start_all')).toContain('worker: running');
    expect((await connection.call('process_start_all')).isError).toBe(false);
    expect(connection.stderr()).toBe('');
  });

  it('hears from an update, and gets what became of it', async () => {
    const { root, remote, publish } = makeScene({ 'run.sh': 'echo v1\n' });
    const bot = { directory: 'bots/echo', command: ['bash', 'run.sh'], repo_url: remote };
    writeFileSync(join(root, 'config.json'), botConfig({ echo: bot }));
    publish({ 'run.sh': 'echo v2\n' });
    const connection = await connect(generation, { root });
    const steps: (string | undefined)[] = [];
    const { structured } = await connection.call(
      'process_update',
      { bot: 'echo' },
      { onprogress: ({ message }) => steps.push(message) },
    );
    expect(structured).toMatchObject({ updates: [{ bot: 'echo', outcome: 'updated' }] });
    expect(steps.join('\n')).toMatch(/^updating from git\n/);
  });

  it('can call work off, which leaves nothing half done', async () => {
    const root = makeInstance(withGate('echo gate begins; sleep 600'));
    const before = filesOf(root);
    const connection = await connect(generation, { root, person: () => yes });
    const history = historyOf(root);
    const controller = new AbortController();
    let mark = '';
    const called = connection.call(
      'process_promote',
      {},
      {
        signal: controller.signal,
        onprogress: ({ message }) => {
          if (!message?.includes('gate 1 of 1: gate begins')) return;
          [mark = ''] = readdirSync(join(root, 'backups')).filter((name) => name.startsWith('.staging-'));
          controller.abort();
        },
      },
    );
    await expect(called).rejects.toThrow();
    const [ended] = await until('the call has ended', () => {
      const found = history.recent({ limit: 1, action: 'promote' });
      return found[0]?.outcome === 'started' ? undefined : found;
    });
    expect(ended).toMatchObject({ outcome: 'failed', detail: expect.stringMatching(/^aborted: /) });
    expect(mark).not.toBe('');
    expect(findByVariable('UNDERSTUDY_STAGING', mark)).toEqual([]);
    expect(leftoversOf(root)).toEqual([]);
    expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
    expect(filesOf(root)).toEqual(before);
    expect((await connection.call('process_releases')).structured).toMatchObject({ releases: [] });
  });

  it('calls off its waiting for a process, not the process', async () => {
    const root = makeInstance({ 'config.json': '{"policy": {"run": "allow"}}' });
    const connection = await connect(generation, { root });
    const controller = new AbortController();
    const called = connection.call(
      'process_run',
      { command: 'sleep 600', name: 'sleeper', wait: 600 },
      { signal: controller.signal, onprogress: () => controller.abort() },
    );
    await expect(called).rejects.toThrow();
    const history = historyOf(root);
    await until('the call has ended', () => history.recent({ limit: 1 })[0]?.outcome === 'ok');
    expect((await connection.call('process_list')).structured).toMatchObject({
      processes: [{ name: 'sleeper', status: 'running' }],
    });
    expect((await understudy(['--root', root, 'kill', 'sleeper'])).exitCode).toBe(0);
  });

  it('is told that nobody supervises, where that matters', async () => {
    const root = makeInstance({ 'config.json': '{"policy": {"run": "allow"}}' });
    const connection = await connect(generation, { root });
    const { text, isError } = await connection.call('process_run', { command: 'true', timeout: 60 });
    expect(isError).toBe(false);
    expect(text).toContain('Nobody is watching');
  });

  it('may do nothing at a staging bot, and learns why', async () => {
    const root = makeInstance({ '.env': 'BOT_ROLE=staging\n' });
    const connection = await connect(generation, { root, person: () => yes });
    const { skills } = await loadSkills(join(codeRoot, 'skills'));
    const refused = skills.filter(({ allowedInStaging }) => !allowedInStaging);
    for (const { prefix, tools } of refused) {
      for (const { name } of tools) {
        const { error } = await connection.call(`${prefix}_${name}`);
        expect(error, name).toMatchObject({
          code: 'staging_role',
          message: expect.stringContaining('BOT_ROLE=staging'),
          hint: expect.stringContaining('live'),
        });
      }
    }
    expect(refused.map(({ name }) => name)).toContain('process-manager');
  });
});
