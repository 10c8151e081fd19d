// The process verbs as a shell uses them.

import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findByVariable, startOf } from '../../../skills/process-manager/base/index.ts';
import { makeInstance, understudy, until } from '../../support/instance.ts';
import { startSupervisorProcess } from '../../support/supervisor.ts';

interface Shown {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
  readonly status: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A root whose processes are ended with the test, and its command line. */
function shell(files: Record<string, string> = {}) {
  const root = makeInstance(files);
  const started: string[] = [];
  onTestFinished(() => {
    for (const id of started) {
      for (const pid of findByVariable('UNDERSTUDY_PROCESS', id)) process.kill(pid, 'SIGKILL');
    }
  });
  const json = async <T>(...words: string[]): Promise<T> => {
    const { stdout, stderr } = await understudy(['--root', root, '--json', ...words]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as T;
  };
  const run = async (...words: string[]) => {
    const answer = await json<{ process: Shown; output?: { stdout: string; stderr: string } }>(
      'run',
      ...words,
    );
    if (answer.process) started.push(answer.process.id);
    return answer;
  };
  const errorOf = async (...words: string[]) => {
    const { error } = await json<{ error: { code: string; message: string; hint: string } }>(...words);
    return error;
  };
  return { root, json, run, errorOf, plain: (...words: string[]) => understudy(['--root', root, ...words]) };
}

describe('run', () => {
  it('answers at once with the process, which outlives the command line', async () => {
    const { run, json } = shell();
    const { process: started } = await run(
      'sleep 60',
      '--name',
      'sleeper',
      '--agent',
      'planner',
      '--type',
      'concurrent',
    );
    expect(started).toMatchObject({ name: 'sleeper', status: 'running', exitCode: null, signal: null });
    expect(startOf(started.pid)).toBeDefined();
    const { processes } = await json<{ processes: Shown[] }>('list');
    expect(processes).toMatchObject([
      { id: started.id, agent: 'planner', type: 'concurrent', command: 'sleep 60' },
    ]);
  });

  it('with --wait answers with exit code and output when it ends in time, and with the process when not', async () => {
    const { run } = shell();
    const quick = await run('echo out; echo err >&2; exit 3', '--wait', '20');
    expect(quick.process).toMatchObject({ status: 'exited', exitCode: 3 });
    expect(quick.output).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    const slow = await run('sleep 60', '--wait', '0.2');
    expect(slow.process.status).toBe('running');
    expect(slow.output).toBeUndefined();
  });

  it('keeps the end of long output, and says how much is missing', async () => {
    const { run } = shell();
    const { output } = await run('seq 100000', '--wait', '20');
    expect(output?.stdout.length).toBeLessThan(50_200);
    expect(output?.stdout).toMatch(/^\[… \d+ bytes before this are left out\]\n/);
    expect(output?.stdout.endsWith('\n99999\n100000\n')).toBe(true);
  });

  it('understands what a shell understands: folders, variables, pipes', async () => {
    const { run, root } = shell({ 'inside/file': '' });
    const { output } = await run(`cd inside && FOO=1 sh -c 'echo $FOO' | cat; pwd`, '--wait', '20');
    expect(output?.stdout).toBe(`1\n${root}/inside\n`);
  });

  it('shows output line by line while it runs, although nobody looks like a terminal', async () => {
    const { run, json } = shell();
    const { process: started } = await run(`python3 -c "import time; print('first'); time.sleep(60)"`);
    for (;;) {
      const { lines } = await json<{ lines: string[] }>('logs', started.id);
      if (lines.includes('first')) break;
    }
  });

  it('gives a command nothing of the bot: no token, no key', async () => {
    const { root } = shell({ '.env': 'DISCORD_TOKEN=the-secret-token\n' });
    const words = ['--root', root, '--json', 'run', 'env', '--wait', '20'];
    const { stdout } = await understudy(words, {
      env: { ANTHROPIC_API_KEY: 'the-secret-key', SOMETHING: 'else' },
    });
    expect(stdout).toContain('PYTHONUNBUFFERED=1');
    expect(stdout).toContain(`HOME=${root}`);
    for (const hidden of ['the-secret', 'SOMETHING', 'else']) expect(stdout).not.toContain(hidden);
  });

  it('is confined to the workspace, by real path', async () => {
    const { root, run, errorOf } = shell();
    mkdirSync(join(root, 'work'));
    symlinkSync('/tmp', join(root, 'out'));
    expect((await run('pwd', '--cwd', 'work', '--wait', '20')).output?.stdout).toBe(`${root}/work\n`);
    for (const cwd of ['..', '/tmp', 'out', 'work/../..', `${root}-other`]) {
      expect((await errorOf('run', 'pwd', '--cwd', cwd)).code).toMatch(
        /^(outside_workspace|no_such_folder)$/,
      );
    }
  });

  it('refuses what destroys, and --dry-run says so without starting anything', async () => {
    const { root, errorOf, json, plain } = shell({
      'config.json': '{"policy": {"run:npm *": "allow", "run:curl *": "deny"}}',
    });
    // Should it be run by mistake, it does nothing: the test must not be able to harm anybody.
    expect((await errorOf('run', 'false && rm -rf /')).code).toBe('blocked_command');
    const verdict = async (command: string) =>
      (await json<{ process: null; verdict: Record<string, unknown> }>('run', command, '--dry-run')).verdict;
    expect(await verdict('rm -rf / --no-preserve-root')).toMatchObject({
      allowed: false,
      blocked: expect.anything(),
    });
    expect(await verdict('npm test')).toEqual({ allowed: true, policy: 'allow' });
    expect(await verdict('npm test; touch x')).toEqual({ allowed: true, policy: 'ask' });
    expect(await verdict('curl example.org')).toEqual({ allowed: false, policy: 'deny' });
    expect((await errorOf('run', 'true; curl example.org')).code).toBe('denied_by_policy');
    expect((await plain('run', 'rm -rf /', '--dry-run')).exitCode).toBe(1);
    expect((await plain('run', `touch ${root}/started`, '--dry-run')).exitCode).toBe(0);
    expect(existsSync(join(root, 'started'))).toBe(false);
    expect((await json<{ processes: unknown[] }>('list')).processes).toEqual([]);
  });

  it('with --timeout is stopped by the supervisor; without one the person is told that nobody watches', async () => {
    const { root, run, json, plain } = shell();
    const told = await plain('run', 'sleep 60', '--timeout', '1', '--name', 'first');
    expect(told.stderr).toContain('Nobody is watching');
    await startSupervisorProcess(root);
    const { process: second } = await run('echo some output; sleep 60', '--timeout', '1', '--wait', '20');
    expect(second).toMatchObject({ status: 'killed', signal: 'SIGTERM' });
    expect((await json<{ lines: string[] }>('logs', second.id, '--stream', 'stdout')).lines).toEqual([
      'some output',
    ]);
    const { processes } = await json<{ processes: Shown[] }>('list');
    expect(processes.map(({ status }) => status)).toEqual(['killed', 'killed']);
  });
});

describe('list', () => {
  it('tells the truth without a supervisor', async () => {
    const { run, json } = shell();
    const { process: started } = await run('exit 4');
    await until('it has ended', () => startOf(started.pid) === undefined);
    const { processes } = await json<{ processes: Shown[] }>('list');
    expect(processes).toMatchObject([{ id: started.id, status: 'exited', exitCode: 4 }]);
  });

  it('is a table for people, and can be of one agent', async () => {
    const { run, plain, json } = shell();
    await run('sleep 60', '--agent', 'one');
    await run('exit 0', '--agent', 'two', '--wait', '20');
    const { stdout } = await plain('list');
    expect(stdout).toMatch(
      /^ID +NAME +PID +STATUS +STARTED +AGENT +COMMAND\n\w+ +- +\d+ +running +\d+ s ago +one +sleep 60\n/,
    );
    expect((await json<{ processes: unknown[] }>('list', '--agent', 'two')).processes).toHaveLength(1);
  });
});

describe('kill', () => {
  it('by id, name or PID; and says what it took', async () => {
    const { run, json, errorOf } = shell();
    const { process: byId } = await run('sleep 60');
    const { process: byName } = await run('sleep 60', '--name', 'worker');
    const { process: byPid } = await run(`trap '' TERM; sleep 60 & wait; sleep 60`);
    for (const word of [byId.id, 'worker']) {
      const { processes } = await json<{ processes: Shown[] }>('kill', word);
      expect(processes).toMatchObject([{ status: 'killed', exitCode: 143, signal: 'SIGTERM' }]);
    }
    const forced = await json<{ processes: Shown[] }>('kill', String(byPid.pid), '--grace', '0.3');
    expect(forced.processes).toMatchObject([{ status: 'killed', signal: 'SIGKILL' }]);
    for (const { pid } of [byId, byName, byPid]) expect(startOf(pid)).toBeUndefined();
    expect((await errorOf('kill', byId.id)).code).toBe('not_running');
    expect((await errorOf('kill', 'nobody')).code).toBe('unknown_process');
    expect((await errorOf('kill')).code).toBe('usage');
  });

  it('ends all processes of an agent, and no other', async () => {
    const { run, json } = shell();
    for (const agent of ['one', 'one', 'two']) await run('sleep 60', '--agent', agent);
    const { processes } = await json<{ processes: Shown[] }>('kill', '--agent', 'one');
    expect(processes.map(({ status }) => status)).toEqual(['killed', 'killed']);
    const left = await json<{ processes: Shown[] }>('list');
    expect(left.processes.map(({ status }) => status).sort()).toEqual(['killed', 'killed', 'running']);
  });
});

describe('many command lines at once', () => {
  it('share one registry with a supervisor: nothing starts twice, nothing is lost, nobody finds it busy', async () => {
    const { root, json } = shell();
    const supervisor = await startSupervisorProcess(root);
    const commands = Array.from({ length: 12 }, (_, index) => `echo ${index} >> ${root}/started; sleep 60`);
    const answers = await Promise.all(
      commands.map((command, index) =>
        json<{ process: Shown }>('run', command, '--name', `n${index}`, '--agent', 'many'),
      ),
    );
    expect(new Set(answers.map(({ process: started }) => started.id)).size).toBe(12);
    const kills = await Promise.all(
      answers.slice(0, 6).map(({ process: started }) => json<{ processes: Shown[] }>('kill', started.id)),
    );
    expect(kills.flatMap(({ processes }) => processes.map(({ status }) => status))).toEqual(
      Array(6).fill('killed'),
    );
    await json('kill', '--agent', 'many');
    const { processes } = await json<{ processes: Shown[] }>('list');
    expect(processes.map(({ status }) => status)).toEqual(Array(12).fill('killed'));
    const started = readFileSync(join(root, 'started'), 'utf8').trim().split('\n').map(Number);
    expect(started.sort((one, other) => one - other)).toEqual(
      Array.from({ length: 12 }, (_, index) => index),
    );
    expect(supervisor.errors()).toBe('');
  });
});

describe('logs, status and send', () => {
  it('show what was printed, also after the end', async () => {
    const { run, json, plain } = shell();
    const { process: over } = await run('seq 100; echo problem >&2', '--name', 'counter', '--wait', '20');
    const lines = async (...words: string[]) =>
      (await json<{ lines: string[] }>('logs', 'counter', ...words)).lines;
    expect(await lines('--lines', '3')).toEqual(['98', '99', '100', 'problem']);
    expect(await lines('--lines', '2', '--stream', 'stdout')).toEqual(['99', '100']);
    expect(await lines('--stream', 'stderr')).toEqual(['problem']);
    expect(await lines()).toHaveLength(51);
    expect((await plain('read_logs', over.id, '--lines', '1')).stdout).toBe('100\nproblem\n');
    const status = await json<{ process: Shown; tail: string[] }>('status', 'counter');
    expect(status.process.exitCode).toBe(0);
    expect(status.tail).toEqual([...Array.from({ length: 20 }, (_, index) => String(index + 81)), 'problem']);
  });

  it('send reaches a process that was started with input', async () => {
    const { run, json, errorOf } = shell();
    await run('while read line; do echo "got $line"; done', '--name', 'echo', '--input');
    expect(await json('send', 'echo', 'hello there')).toEqual({ bytes: 12 });
    for (;;) {
      const { lines } = await json<{ lines: string[] }>('logs', 'echo');
      if (lines.includes('got hello there')) break;
    }
    await run('sleep 60', '--name', 'deaf');
    expect((await errorOf('send', 'deaf', 'x')).code).toBe('no_input');
  });
});

describe('hook', () => {
  it('fires, and the history tells', async () => {
    const { root, run, json } = shell();
    await startSupervisorProcess(root);
    const { process: started } = await run('sleep 4; echo "ERROR 42"; exit 3', '--name', 'worker');
    const made = await json<{ hook: { trigger: string } }>(
      'hook',
      'worker',
      '--on-output',
      'ERROR \\d+',
      '--do',
      'notify_channel',
      '--delay',
      '0',
    );
    expect(made.hook.trigger).toContain('ERROR \\d+');
    await json('hook', 'worker', '--on-exit', 'failure', '--do', 'inject_context', '--message', 'it failed');
    const entries = await (async () => {
      for (;;) {
        const found = await json<{ entries: Record<string, string>[] }>('history', '--action', 'hook');
        if (found.entries.length === 2) return found.entries;
      }
    })();
    expect(entries.every(({ subject, action }) => subject === started.id && action === 'hook')).toBe(true);
    const details = entries.map(({ detail }) => detail).join('\n');
    expect(details).toContain('ERROR 42');
    expect(details).toContain('inject_context');
    // A script that adds its hook a moment after the end gets what it asked for.
    await json('hook', 'worker', '--on-exit', 'any', '--do', 'notify_channel', '--message', 'a moment late');
    await until('it has fired', () => readFileSync(join(root, 'notices'), 'utf8').includes('a moment late'));
    expect(readFileSync(join(root, 'notices'), 'utf8')).toContain('ERROR 42');
  });

  it('wants one trigger and a pattern that it can use', async () => {
    const { run, errorOf, plain } = shell();
    await run('sleep 60', '--name', 'worker');
    expect((await errorOf('hook', 'worker', '--do', 'stop_process')).code).toBe('usage');
    expect(
      (await errorOf('hook', 'worker', '--do', 'stop_process', '--on-exit', 'any', '--on-timeout', '5')).code,
    ).toBe('usage');
    expect((await errorOf('hook', 'worker', '--do', 'stop_process', '--on-output', '(a)\\1')).code).toBe(
      'pattern_refused',
    );
    expect((await plain('hook', 'worker', '--on-exit', 'sometimes', '--do', 'stop_process')).exitCode).toBe(
      2,
    );
    expect((await plain('hook', 'worker', '--on-exit', 'any', '--do', 'explode')).exitCode).toBe(2);
    const told = await plain('hook', 'worker', '--on-exit', 'any', '--do', 'notify_channel');
    expect(told.exitCode).toBe(0);
    expect(told.stderr).toContain('Nobody is watching');
  });
});
