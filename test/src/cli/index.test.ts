import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  cleanEnvironment,
  codeRoot,
  type Finished,
  makeInstance,
  understudy,
} from '../../support/instance.ts';

const verbs = ['list', 'history', 'doctor'];

/** Every error is at most one screen, ends with the next step, and shows no stack. */
function expectOneScreen({ stdout, stderr }: Finished): void {
  const shown = `${stdout}${stderr}`.trimEnd();
  expect(shown.split('\n').length).toBeLessThanOrEqual(24);
  expect(shown).toMatch(/\n-> \S+/);
  expect(shown).not.toMatch(/^\s+at .*:\d+:\d+/m);
}

function errorOf({ stdout }: Finished): { code: string; message: string; hint: string } {
  return (JSON.parse(stdout) as { error: { code: string; message: string; hint: string } }).error;
}

describe('what scripts rely on', () => {
  it('answers `list --json` with a list', async () => {
    const result = await understudy(['--root', makeInstance(), '--json', 'list']);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({ processes: [], bots: [{ name: 'staging' }] });
  });

  it('records each call, and `history --json` tells of it', async () => {
    const root = makeInstance();
    await understudy(['list', '--root', root]);
    const { stdout } = await understudy(['history', '--json', '--root', root]);
    const { entries } = JSON.parse(stdout) as { entries: Record<string, string>[] };
    expect(entries).toEqual([expect.objectContaining({ action: 'list', outcome: 'ok', subject: '' })]);
    expect(entries[0]?.actor).toMatch(/^cli:/);
    expect(Object.keys(entries[0] ?? {}).sort()).toEqual([
      'action',
      'actor',
      'at',
      'detail',
      'outcome',
      'subject',
    ]);
  });

  it('finds the instance from a folder inside it, and by UNDERSTUDY_ROOT', async () => {
    const root = makeInstance({ 'deep/er/file': '' });
    const inside = await understudy(['list', '--json'], { cwd: join(root, 'deep/er') });
    expect(inside.exitCode).toBe(0);
    const named = await understudy(['list', '--json'], { env: { UNDERSTUDY_ROOT: root } });
    expect(named.exitCode).toBe(0);
    const { stdout } = await understudy(['history', '--json', '--root', root]);
    expect((JSON.parse(stdout) as { entries: unknown[] }).entries).toHaveLength(2);
  });

  it('ends quietly when the reader of its output has gone', async () => {
    const root = makeInstance();
    const child = spawn(process.execPath, [join(codeRoot, 'src/cli/understudy.js'), '--root', root, 'list'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment(),
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});

describe('help', () => {
  it('shows verbs and examples, and needs no instance', async () => {
    const { exitCode, stdout } = await understudy(['--help']);
    expect(exitCode).toBe(0);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect(stdout).toContain('Examples:');
  });

  it('is what one sees without any word', async () => {
    const [bare, asked] = await Promise.all([understudy([]), understudy(['--help'])]);
    expect(bare.stdout).toBe(asked.stdout);
  });

  it.each(verbs)('of %s has an example that runs', async (verb) => {
    const { exitCode, stdout } = await understudy([verb, '--help']);
    expect(exitCode).toBe(0);
    const example = new RegExp(`^  \\$ understudy (${verb}.*)$`, 'm').exec(stdout)?.[1];
    const words = example?.split(' ') ?? ['no example'];
    expect((await understudy([...words, '--root', makeInstance()])).exitCode).toBe(0);
  });

  it('of every verb has an example of that verb, and every example is understood', async () => {
    const { stdout: overview } = await understudy(['--help']);
    const groups = overview.match(/^[A-Z][^\n]*:$/gm);
    expect(groups).toEqual(
      expect.arrayContaining([
        'Look:',
        'Run bots and processes:',
        'Change the bot itself:',
        'Set up and serve:',
      ]),
    );
    expect(overview).not.toMatch(/^Commands:$/m);
    const { default: manager } = await import('../../../skills/process-manager/index.ts');
    const { ownVerbs } = await import('../../../src/cli/own-verbs.ts');
    const { buildProgram, verbsOf } = await import('../../../src/cli/program.ts');
    const { splitWords } = await import('../../../src/init/words.ts');
    const verbs = verbsOf(manager.tools, ownVerbs);
    expect(verbs.length).toBeGreaterThan(22);
    for (const { name, input } of verbs) {
      // In this process, since as many others would take half a minute.
      let stdout = '';
      const output = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
        stdout += String(text);
        return true;
      });
      await buildProgram(codeRoot, verbs)
        .parse([name, '--help'])
        .finally(() => output.mockRestore());
      const examples = [...stdout.matchAll(/^ {2}\$ understudy (.*)$/gm)].map(([, words = '']) => words);
      expect(examples.length, `${name} has no example`).toBeGreaterThan(0);
      for (const example of examples) {
        const call = await buildProgram(codeRoot, verbs).parse(splitWords(example) ?? []);
        expect(call?.verb.name, example).toBe(name);
        expect(input.safeParse(call?.input).success, example).toBe(true);
      }
      expect(overview).toMatch(new RegExp(`^  ${name}[ |]`, 'm'));
    }
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(readFileSync(join(codeRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect((await understudy(['--version'])).stdout).toBe(`${version}\n`);
  });
});

describe('words that cannot be understood end with 2', () => {
  it.each([
    ['a mistyped verb', ['lsit'], "'lsit' is not a verb of understudy. Did you mean 'list'?"],
    ['a mistyped verb in capitals', ['HISTROY'], "Did you mean 'history'?"],
    ['a verb like no other', ['frobnicate'], "'frobnicate' is not a verb of understudy."],
    ['a mistyped option', ['list', '--agnet', 'x'], "unknown option '--agnet'. Did you mean --agent?"],
    ['an option without its value', ['history', '--limit'], "option '--limit <number>' argument missing"],
    [
      'a word where a number belongs',
      ['history', '--limit', 'ten'],
      "limit takes a number, and 'ten' is none.",
    ],
    ['a number out of range', ['history', '--limit', '0'], 'limit: Too small'],
    ['one word too many', ['doctor', 'now'], 'too many arguments'],
    ['an empty value', ['list', '--agent', ''], 'agent: Too small'],
  ])('%s', async (_, words, message) => {
    const root = makeInstance();
    const plain = await understudy([...words, '--root', root]);
    expect(plain.exitCode).toBe(2);
    expect(plain.stdout).toBe('');
    expect(plain.stderr).toContain(message);
    expectOneScreen(plain);
    const json = await understudy(['--json', '--root', root, ...words]);
    expect(json.exitCode).toBe(2);
    expect(errorOf(json)).toEqual({
      code: expect.any(String),
      message: expect.stringContaining(message),
      hint: expect.any(String),
    });
  });
});

describe('what is broken is said on one screen', () => {
  it.each([
    ['a root that does not exist', '/no/such/folder', 'There is no folder /no/such/folder.'],
    ['a root that is no instance', '/proc', '/proc is not an instance: it holds no config.json.'],
  ])('%s', async (_, root, message) => {
    const result = await understudy(['--root', root, 'list']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(message);
    expectOneScreen(result);
    expect(errorOf(await understudy(['--root', root, '--json', 'list'])).code).toBe('unknown_root');
  });

  it('no instance here or above', async () => {
    const result = await understudy(['list'], { cwd: '/proc' });
    expect(result.exitCode).toBe(1);
    expectOneScreen(result);
  });

  it.each([
    ['malformed', '{"live": {\n  "trialSeconds": 5,,\n}}', 'config.json, line 2'],
    ['with an unknown key', '{"bot": {}}', 'config.json: bot: this key is not known. Did you mean "bots"?'],
    [
      'with a wrong value',
      '{"live": {"readySeconds": "fast"}}',
      'config.json: live.readySeconds: "fast" is not allowed.',
    ],
    ['empty', '', 'config.json, line 1'],
  ])('a config.json that is %s, which doctor can still speak of', async (_, content, message) => {
    const root = makeInstance({ 'config.json': content });
    const result = await understudy(['--root', root, 'list']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(message);
    expectOneScreen(result);
    const doctor = await understudy(['--root', root, '--json', 'doctor']);
    expect(doctor.exitCode).toBe(1);
    const { healthy, findings } = JSON.parse(doctor.stdout) as {
      healthy: boolean;
      findings: { name: string; status: string; message: string }[];
    };
    expect(healthy).toBe(false);
    expect(findings.find(({ name }) => name === 'configuration')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining(message),
    });
    expect(readFileSync(join(root, 'config.json'), 'utf8')).toBe(content);
  });

  it('a database that is none: it is named and not touched', async () => {
    const root = makeInstance({
      'memory/understudy.db': 'these are notes, and somebody needs them\n'.repeat(50),
    });
    const before = readFileSync(join(root, 'memory/understudy.db'));
    for (const verb of ['list', 'history']) {
      const result = await understudy(['--root', root, verb]);
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toContain('is not a database');
      expectOneScreen(result);
    }
    const doctor = await understudy(['--root', root, 'doctor']);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain('is not a database');
    expect(readFileSync(join(root, 'memory/understudy.db'))).toEqual(before);
  });

  it('a memory folder that is a file', async () => {
    const root = makeInstance({ memory: 'a file' });
    const result = await understudy(['--root', root, 'list']);
    expect(result.exitCode).toBe(1);
    expectOneScreen(result);
    expect((await understudy(['--root', root, 'doctor'])).exitCode).toBe(1);
  });

  it('a Node that is too old', async () => {
    const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"18.20.4"})';
    const result = await understudy(['list'], { nodeOptions: ['--import', pretend] });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('Understudy needs Node 20.19 or newer, and this is Node 18.20.4.');
    expectOneScreen(result);
    const json = await understudy(['list', '--json'], { nodeOptions: ['--import', pretend] });
    expect(errorOf(json).code).toBe('node_too_old');
  });
});

describe('rules that no surface can go round', () => {
  it.each(verbs)('a staging bot is refused %s, whether .env or the environment says so', async (verb) => {
    const byFile = makeInstance({ '.env': 'BOT_ROLE=staging\n' });
    const refused = await understudy(['--root', byFile, '--json', verb]);
    expect(refused.exitCode).toBe(1);
    expect(errorOf(refused)).toMatchObject({
      code: 'staging_role',
      message: expect.stringContaining('manages nothing'),
    });
    const byEnvironment = makeInstance({ '.env': 'BOT_ROLE=live\n' });
    const also = await understudy(['--root', byEnvironment, '--json', verb], {
      env: { BOT_ROLE: 'staging' },
    });
    expect(errorOf(also).code).toBe('staging_role');
  });

  it('a denying policy holds at the command line, an asking one does not stop it', async () => {
    const root = makeInstance({ 'config.json': '{"policy": {"list": "deny", "history": "ask"}}' });
    expect(errorOf(await understudy(['--root', root, '--json', 'list'])).code).toBe('denied_by_policy');
    const { exitCode, stdout } = await understudy(['--root', root, '--json', 'history']);
    expect(exitCode).toBe(0);
    expect((JSON.parse(stdout) as { entries: unknown[] }).entries).toMatchObject([
      { action: 'list', outcome: 'refused' },
    ]);
  });

  it('doctor finds a rule that names no tool, since it protects nothing', async () => {
    const root = makeInstance({ 'config.json': '{"policy": {"lsit": "deny"}}' });
    const { exitCode, stdout } = await understudy(['--root', root, 'doctor']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("'lsit'");
  });
});

describe('doctor', () => {
  it('finds nothing in the way of a fresh instance, and shows no secret', async () => {
    const secret = 'a-very-secret-token-value';
    const root = makeInstance({ '.env': `DISCORD_TOKEN=${secret}\nDISCORD_OWNER_ID=123456789012345678\n` });
    const { exitCode, stdout } = await understudy(['--root', root, 'doctor']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^discord\s+ok\s+token present, 1 owner/m);
    expect(stdout).toMatch(/^watchdog\s+warning/m);
    expect(stdout).not.toContain(secret);
  });

  it('refuses to guess a role', async () => {
    const root = makeInstance({ '.env': 'BOT_ROLE=stagin\n' });
    const result = await understudy(['--root', root, 'doctor']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('BOT_ROLE');
    expectOneScreen(result);
  });

  it('names a folder that is in the way', async () => {
    const root = makeInstance({ logs: 'a file' });
    mkdirSync(join(root, 'memory'));
    const { exitCode, stdout } = await understudy(['--root', root, 'doctor']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^logs\/\s+PROBLEM\s+.* is not a folder/m);
  });
});

describe('a file of somebody else', () => {
  it('that steers the terminal is shown harmlessly', async () => {
    const root = makeInstance({ 'config.json': `{"policy": {"${'\\u001b'}[31mred": "deny"}}` });
    writeFileSync(join(root, '.env'), '');
    chmodSync(join(root, '.env'), 0o600);
    const { stdout } = await understudy(['--root', root, 'doctor']);
    expect(stdout).not.toContain('\u001b[31m');
    expect(stdout).toContain('[31mred');
  });
});
