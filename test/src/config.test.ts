import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultConfig, didYouMean, findRoot, loadConfig } from '../../src/config.ts';
import { failureOf } from '../support/failure.ts';
import { makeFolder } from '../support/folder.ts';
import { codeRoot } from '../support/instance.ts';

const containerDefaults = {
  keep: [],
  volumeDriver: 'local',
  volumeOptions: {},
  reserve: {},
  constraints: [],
  trialSeconds: 10,
};

const load = (files: Readonly<Record<string, string | Buffer>>, own: NodeJS.ProcessEnv = {}) =>
  loadConfig(makeFolder(files), own);
const loadJson = (value: unknown) => load({ 'config.json': JSON.stringify(value) });
const refuse = (files: Readonly<Record<string, string | Buffer>>, own: NodeJS.ProcessEnv = {}) => {
  const folder = makeFolder(files);
  const failure = failureOf(() => loadConfig(folder, own));
  for (const [name, content] of Object.entries(files)) {
    expect(readFileSync(join(folder, name))).toEqual(Buffer.from(content));
  }
  return failure;
};
const refuseJson = (value: unknown) => refuse({ 'config.json': JSON.stringify(value) });
const linesOf = (value: unknown) => refuseJson(value).message.split('\n');
const bot = { directory: 'bots/a', script: 'main.py' };

describe('config.json that is no JSON', () => {
  it.each([
    ['{"a":}', 1, 6],
    ['{"a":1,}', 1, 8],
    ['{"live": {"readySeconds": 60,}}', 1, 30],
    ['{"policy": {"a" "allow"}}', 1, 17],
    ['{"x": tru}', 1, 10],
    ['{"name": "x", "b": nope}', 1, 21],
    ['{"a": "x}", "b": }', 1, 18],
    ['{"u": "undefined", "b": undefined}', 1, 25],
    ["{'a':1}", 1, 2],
    ['{"a":"b\nc"}', 1, 8],
    ['{"a":1} x', 1, 9],
    ['{"a":1}\n{"b":2}', 2, 1],
    ['{\n  // comment\n  "live": {}\n}', 2, 3],
    ['{"a": 01}', 1, 8],
    ['{"a": "\\x"}', 1, 9],
    ['{"a": +1}', 1, 7],
    ['{"a": 1.}', 1, 9],
    ['{"a": NaN}', 1, 7],
    ['{"a": [1,2}', 1, 11],
    ['{\n  "live": {\n    "readySeconds": 60\n    "trialSeconds": 30\n  }\n}', 4, 5],
    ['{\r\n  "live": {},\r\n  bad\r\n}', 3, 3],
    [`{\n  "bots": {${'\n    "x": {},'.repeat(200)}\n    y: {}\n  }\n}`, 203, 5],
    ['{"a":1', 1, 7],
    ['{\n  "a": "text', 2, 13],
    ['{\n  "live": {\n', 2, 12],
    ['[1', 1, 3],
    ['', 1, 1],
    ['\n \n', 1, 1],
    ['\u0000', 1, 1],
    ['<html>', 1, 1],
  ])('%j: line %i, column %i', (text, line, column) => {
    const { code, message } = refuse({ 'config.json': text });
    expect(code).toBe('config_invalid');
    expect(message).toMatch(new RegExp(`^config\\.json, line ${line}, column ${column}: [A-Zt]`));
    expect(message.split('\n')[0]).not.toMatch(/position|JSON at/);
    expect(message.split('\n')[2]).toBe(`  ${' '.repeat(column - 1)}^`);
  });

  it('does not print a whole line that is very long', () => {
    const { message } = refuse({ 'config.json': `{"a": "${'x'.repeat(1_000_000)}", b}` });
    expect(message.length).toBeLessThan(500);
  });

  it.each([
    ['[]', 'a list'],
    ['[{"live": {}}]', 'a list'],
    ['null', 'null'],
    ['7', '7'],
    ['"text"', '"text"'],
    ['true', 'true'],
  ])('%s holds %s instead of an object', (text, what) => {
    const { code, message, hint } = refuse({ 'config.json': text });
    expect(code).toBe('config_invalid');
    expect(message).toBe(`config.json: the file must hold an object, and holds ${what}.`);
    expect(hint).toContain('{}');
  });

  it('is a folder', () => {
    const { code, message, hint } = failureOf(() => loadConfig(makeFolder({ 'config.json/x': '' }), {}));
    expect(code).toBe('config_unreadable');
    expect(message).toContain('config.json');
    expect(hint).toContain('config.json');
  });

  it('is taken with a byte order mark, and with CRLF', () => {
    expect(load({ 'config.json': '\uFEFF{"live": {"readySeconds": 5}}' }).live.readySeconds).toBe(5);
    expect(load({ 'config.json': '{\r\n"live": {\r\n"readySeconds": 5}}\r\n' }).live.readySeconds).toBe(5);
  });

  it('in UTF-16 is refused', () => {
    const { code } = refuse({ 'config.json': Buffer.from('\uFEFF{}', 'utf16le') });
    expect(code).toBe('config_invalid');
  });
});

describe('a key that is not known', () => {
  it.each([
    [{ livee: {} }, 'livee', 'live'],
    [{ Bots: {} }, 'Bots', 'bots'],
    [{ polcy: {} }, 'polcy', 'policy'],
    [{ live: { comand: ['x'] } }, 'live.comand', 'command'],
    [{ live: { ready: { hartbeat: true } } }, 'live.ready.hartbeat', 'heartbeat'],
    [{ staging: { autostrat: true } }, 'staging.autostrat', 'autostart'],
    [{ staging: { ready: { uptimeSecs: 1 } } }, 'staging.ready.uptimeSecs', 'uptimeSeconds'],
    [{ bots: { a: { ...bot, directroy: 'x' } } }, 'bots.a.directroy', 'directory'],
    [{ bots: { a: { ...bot, ready: { patern: 'x' } } } }, 'bots.a.ready.patern', 'pattern'],
    [{ globalSettings: { restartDelai: 1 } }, 'globalSettings.restartDelai', 'restart_delay'],
    [{ releases: { projecttype: 'normal' } }, 'releases.projecttype', 'projectType'],
    [{ agent: { modle: 'x' } }, 'agent.modle', 'model'],
    [{ agent: { cycles: [{ schedule: '* * * * *', promt: 'x' }] } }, 'agent.cycles.0.promt', 'prompt'],
    [{ discord: { chanels: [] } }, 'discord.chanels', 'channels'],
    [{ dashboard: { prot: 1 } }, 'dashboard.prot', 'port'],
  ])('%j: did you mean', (value, path, meant) => {
    const { code, message } = refuseJson(value);
    expect(code).toBe('config_invalid');
    expect(message).toContain(`config.json: ${path}: this key is not known. Did you mean "${meant}"?`);
    expect(message).toContain('Allowed here: ');
  });

  it('that is like no other gets the list of those that are', () => {
    const [line] = linesOf({ live: { zzzzzzzzzzzz: 1 } });
    expect(line).toBe(
      'config.json: live.zzzzzzzzzzzz: this key is not known. Allowed here: command, ready, readySeconds, trialSeconds.',
    );
  });

  it.each([
    ['{"__proto__": {"policy": {"run": "allow"}}}', '__proto__'],
    ['{"bots": {"__proto__": {"directory": "a", "script": "b.py"}}}', 'bots.__proto__'],
    ['{"bots": {"a": {"directory": "a", "script": "b.py", "__proto__": {}}}}', 'bots.a.__proto__'],
    ['{"policy": {"__proto__": "deny"}}', 'policy.__proto__'],
    ['{"staging": {"env": {"__proto__": "x"}}}', 'staging.env.__proto__'],
    ['{"live": {"__proto__": {"trialSeconds": 0.1}}}', 'live.__proto__'],
    ['{"agent": {"cycles": [{"__proto__": 1}]}}', 'agent.cycles.0.__proto__'],
  ])('__proto__ is never passed over in silence: %s', (text, path) => {
    expect(refuse({ 'config.json': text }).message).toBe(`config.json: ${path}: this name cannot be used.`);
    expect(({} as Record<string, unknown>).policy).toBeUndefined();
  });
});

describe('a value that is not allowed', () => {
  it.each([
    [{ live: 7 }, 'live: 7 is not allowed. Allowed: an object with command, ready'],
    [{ live: { command: 'node x' } }, 'live.command: "node x" is not allowed. Allowed: a list of text.'],
    [{ live: { command: [] } }, 'live.command: [] is not allowed. Allowed: a list of text.'],
    [{ live: { command: [''] } }, 'live.command.0: "" is not allowed. Allowed: '],
    [{ live: { command: ['x', 7] } }, 'live.command.1: 7 is not allowed. Allowed: text.'],
    [{ live: { ready: { heartbeat: false } } }, 'live.ready.heartbeat: false is not allowed. Allowed: true.'],
    [{ live: { ready: {} } }, 'live.ready: give exactly one of heartbeat, pattern, url, uptimeSeconds.'],
    [{ live: { ready: { heartbeat: true, pattern: 'x' } } }, 'live.ready: give exactly one of'],
    [{ live: { ready: { url: 'ftp://x' } } }, 'live.ready.url: "ftp://x" is not allowed. Allowed: '],
    [
      { live: { ready: { uptimeSeconds: 60 } } },
      'live.readySeconds: must be longer than ready.uptimeSeconds',
    ],
    [
      { live: { readySeconds: '60' } },
      'live.readySeconds: "60" is not allowed. Allowed: a number above 0 to 3600.',
    ],
    [
      { live: { readySeconds: 0 } },
      'live.readySeconds: 0 is not allowed. Allowed: a number above 0 to 3600.',
    ],
    [{ live: { trialSeconds: 4 } }, 'live.trialSeconds: with ready.heartbeat at least 5 seconds'],
    [{ live: { trialSeconds: null } }, 'live.trialSeconds: null is not allowed. Allowed: a number above 0'],
    [
      { staging: { restart: 'maybe' } },
      'staging.restart: "maybe" is not allowed. Allowed: "on-failure", "always", "no".',
    ],
    [{ staging: { autostart: 'yes' } }, 'staging.autostart: "yes" is not allowed. Allowed: true or false.'],
    [
      { staging: { memoryLimit: '5 apples' } },
      'staging.memoryLimit: "5 apples" is not allowed. Allowed: a size such as 512MB',
    ],
    [
      { staging: { env: { '1A': 'x' } } },
      'staging.env.1A: this name cannot be used. Allowed: a variable name',
    ],
    [{ staging: { env: { A: 1 } } }, 'staging.env.A: 1 is not allowed. Allowed: text.'],
    [{ bots: [] }, 'bots: [] is not allowed. Allowed: an object.'],
    [
      { bots: { a: 'main.py' } },
      'bots.a: "main.py" is not allowed. Allowed: an object with directory, script',
    ],
    [{ bots: { a: {} } }, 'bots.a.directory: this key is missing. Allowed: text.'],
    [
      { bots: { a: { ...bot, color: 'pink' } } },
      'bots.a.color: "pink" is not allowed. Allowed: "red", "green"',
    ],
    [
      { bots: { a: { ...bot, runner: 'k8s' } } },
      'bots.a.runner: "k8s" is not allowed. Allowed: "local", "docker", "swarm".',
    ],
    [{ bots: { a: { directory: 'x' } } }, 'bots.a: give either script or command.'],
    [{ bots: { a: { ...bot, command: ['x'] } } }, 'bots.a: give either script or command.'],
    [
      { globalSettings: { max_restart_attempts: 1.5 } },
      'globalSettings.max_restart_attempts: 1.5 is not allowed. Allowed: a whole number from 0 to 1000.',
    ],
    [
      { globalSettings: { restart_delay: -1 } },
      'globalSettings.restart_delay: -1 is not allowed. Allowed: a number from 0 to 3600.',
    ],
    [{ releases: { keep: 0 } }, 'releases.keep: 0 is not allowed. Allowed: a whole number from 1 to 1000.'],
    [
      { releases: { exclude: ['../x'] } },
      "releases.exclude.0: a path relative to the bot's directory, without '..'.",
    ],
    [{ agent: { answers: 'all' } }, 'agent.answers: "all" is not allowed. Allowed: "owners", "everyone".'],
    [
      { agent: { cycles: [{ schedule: 'x' }] } },
      'agent.cycles.0.prompt: this key is missing. Allowed: text.',
    ],
    [{ discord: { channels: [123] } }, 'discord.channels.0: 123 is not allowed. Allowed: text.'],
    [
      { discord: { channels: ['general'] } },
      'discord.channels.0: "general" is not allowed. Allowed: a Discord id',
    ],
    [{ policy: { run: 'maybe' } }, 'policy.run: "maybe" is not allowed. Allowed: "allow", "ask", "deny".'],
    [{ policy: { run: true } }, 'policy.run: true is not allowed. Allowed: "allow", "ask", "deny".'],
    [
      { dashboard: { port: 70_000 } },
      'dashboard.port: 70000 is not allowed. Allowed: a whole number from 0 to 65535.',
    ],
    [{ $schema: 7 }, '$schema: 7 is not allowed. Allowed: text.'],
  ])('%j', (value, expected) => {
    const { code, message, hint } = refuseJson(value);
    expect(code).toBe('config_invalid');
    expect(message).toContain(`config.json: ${expected}`);
    expect(message.split('\n')).toHaveLength(1);
    expect(hint).toContain('docs/configuration.md');
  });

  it('is shown in part when it is long', () => {
    const [line] = linesOf({ live: { readySeconds: 'x'.repeat(10_000) } });
    expect(line).toMatch(/^config\.json: live\.readySeconds: "x{10,60}… is not allowed\. Allowed: a number/);
  });

  it('and every other mistake are said at once, from both files', () => {
    const { message } = refuse({
      'config.json': JSON.stringify({ livee: {}, dashboard: { port: -1 }, bots: { a: { ...bot, x: 1 } } }),
      'bot_config.yaml': 'bots:\n  b:\n    script: main.py\nglobal_settings:\n  restart_delay: soon\n',
    });
    expect(message.split('\n').sort()).toEqual([
      expect.stringMatching(/^bot_config\.yaml: bots\.b\.directory: this key is missing/),
      expect.stringMatching(/^bot_config\.yaml: global_settings\.restart_delay: "soon" is not allowed/),
      expect.stringMatching(/^config\.json: bots\.a\.x: this key is not known/),
      expect.stringMatching(/^config\.json: dashboard\.port: -1 is not allowed/),
      expect.stringMatching(/^config\.json: livee: this key is not known/),
    ]);
  });

  it('a great many times fits one screen all the same', () => {
    const lines = linesOf(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, 1])));
    expect(lines.length).toBeLessThan(20);
    expect(lines.at(-1)).toBe('… and 492 more');
  });

  it('a hundred thousand lists deep is refused, not fatal', () => {
    const deep = `{"live": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(refuse({ 'config.json': deep }).message).toContain('live: this list is not allowed');
  });
});

describe('the defaults', () => {
  const defaults = {
    live: {
      command: ['node', '--import', 'tsx', 'src/index.ts'],
      ready: { heartbeat: true },
      readySeconds: 60,
      trialSeconds: 30,
    },
    staging: {
      command: ['node', '--import', 'tsx', 'src/index.ts'],
      env: {},
      restart: 'no',
      autostart: false,
      readySeconds: 60,
    },
    bots: {},
    globalSettings: { log_directory: 'logs', max_restart_attempts: 3, restart_delay: 5 },
    releases: {
      projectType: 'normal',
      gateTimeoutSeconds: 900,
      keep: 10,
      idleDeadlineSeconds: 600,
      exclude: [],
    },
    docker: {},
    agent: {
      answers: 'owners',
      maxSteps: 50,
      maxTokens: 1_000_000,
      maxTokensUnasked: 5_000_000,
      silenceSeconds: 120,
      prices: {},
      cycles: [],
    },
    discord: { adminRoles: [] },
    policy: {},
    dashboard: { port: 0 },
    environment: { role: 'live', discord: { ownerIds: [] }, anthropic: {}, openai: {}, secrets: [] },
  };

  it('are what {} means, and what no file at all means', () => {
    expect(load({ 'config.json': '{}' })).toEqual(defaults);
    expect(load({})).toEqual(defaults);
    expect(load({ 'config.json': '{"$schema": "./docs/config.schema.json"}' })).toEqual(defaults);
    expect(defaultConfig(makeFolder({ 'config.json': 'broken' }), {})).toEqual(defaults);
  });

  it('stay where only a part is given', () => {
    const { live, agent } = loadJson({ live: { trialSeconds: 5 }, agent: { model: 'm' } });
    expect(live).toEqual({ ...defaults.live, trialSeconds: 5 });
    expect(agent).toEqual({ ...defaults.agent, model: 'm' });
  });

  it('of a bot are those of the manual', () => {
    expect(loadJson({ bots: { a: bot } }).bots).toEqual({
      a: {
        ...bot,
        force_sync: false,
        preserve_files: [],
        env: {},
        restart: 'on-failure',
        autostart: true,
        readySeconds: 60,
        dependsOn: [],
        runner: 'local',
        container: containerDefaults,
        input: false,
      },
    });
  });

  it('are what the configuration of this project means', () => {
    expect(load({ 'config.json': readFileSync(join(codeRoot, 'config.json')) })).toEqual(defaults);
  });
});

describe('the name of a bot', () => {
  it.each([
    '../x',
    '..',
    '.',
    '.hidden',
    'a/b',
    'a\\b',
    '/etc',
    '',
    ' ',
    ' a',
    'a ',
    'a.',
    '-rf',
    'a\nb',
    'a\u0000b',
    'a'.repeat(100),
    'a'.repeat(65),
    '$(x)',
    'a;b',
    '`x`',
    '*',
    '<BotName>',
    'staging',
    'Staging',
    'live',
    'LIVE',
    '\u202Eabc',
  ])('%j is refused', (name) => {
    const { code, message } = refuseJson({ bots: { [name]: bot } });
    expect(code).toBe('config_invalid');
    expect(message).toContain(`config.json: bots.${name}: this name cannot be used. Allowed: `);
  });

  it.each(['a', 'Task-Master', 'DataBot', 'Ünïcode Bot 7', 'a.b_c-d', 'a'.repeat(64), 'constructor', '7'])(
    '%j is taken',
    (name) => {
      expect(Object.keys(loadJson({ bots: { [name]: bot } }).bots)).toEqual([name]);
    },
  );

  it('says of its own names why they are taken', () => {
    expect(refuseJson({ bots: { staging: bot } }).message).toContain('names of Understudy itself');
  });
});

describe('preserve_files', () => {
  it.each(['../x', 'a/../../x', 'a\\..\\x', '/etc/passwd', '~/x', 'C:\\x', 'c:x', '\\\\server', '', '..'])(
    'refuses %j',
    (path) => {
      const { message } = refuseJson({ bots: { a: { ...bot, preserve_files: ['.env', path] } } });
      expect(message).toContain('config.json: bots.a.preserve_files.1: ');
    },
  );

  it('takes what stays below the folder of the bot', () => {
    const paths = ['.env', 'config/local.yaml', 'data', 'a..b', '..hidden'];
    expect(loadJson({ bots: { a: { ...bot, preserve_files: paths } } }).bots.a?.preserve_files).toEqual(
      paths,
    );
  });
});

describe('bot_config.yaml', () => {
  const seed = readFileSync(join(codeRoot, 'test/fixtures/bot_config.seed.yaml'), 'utf8');

  it.each([
    ['bots:\n  a: [x\n', 3],
    ['bots:\n  a: "x\n', 3],
    ['bots:\n  a: x\n b: y\n', 3],
    ['bots:\n\ta:\n\t\tscript: m.py\n\t\tscript: n.py\n\t\tdirectory: a\n', 4],
    ['bots: {}\nbots: {}\n', 2],
    ['a: b: c\n', 1],
    ['bots: {}\n---\nbots: {}\n', 2],
    ['%YAML 9\nbots: {}\n', 1],
  ])('%j: a syntax error in line %i', (text, line) => {
    const { code, message } = refuse({ 'bot_config.yaml': text });
    expect(code).toBe('config_invalid');
    expect(message).toMatch(new RegExp(`^bot_config\\.yaml, line ${line}, column \\d+: .`));
  });

  it('says of a key that is given twice that it is', () => {
    expect(refuse({ 'bot_config.yaml': seed.replace('color: cyan', 'script: other.py') }).message).toMatch(
      /line 5, .*unique/,
    );
  });

  it.each([
    ['- a\n', 'a list'],
    ['just text\n', '"just text"'],
    ['7\n', '7'],
  ])('%j is no object', (text, what) => {
    expect(refuse({ 'bot_config.yaml': text }).message).toContain(`holds ${what}`);
  });

  it('with anchors that multiply is refused at once', () => {
    const levels = Array.from(
      { length: 30 },
      (_, index) => `a${index}: &a${index} [${Array(9).fill(index ? `*a${index - 1}` : 'x')}]`,
    );
    const started = performance.now();
    const { code, hint } = refuse({ 'bot_config.yaml': levels.join('\n') });
    expect(code).toBe('config_invalid');
    expect(hint).toContain('anchors');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('with an alias to nothing, or to itself, is refused', () => {
    expect(refuse({ 'bot_config.yaml': 'bots: *missing\n' }).code).toBe('config_invalid');
    expect(refuse({ 'bot_config.yaml': 'bots: &a\n  x: *a\n' }).code).toBe('config_invalid');
    expect(refuse({ 'bot_config.yaml': 'bots:\n  x: &a\n    script: *a\n    directory: x\n' }).code).toBe(
      'config_invalid',
    );
    expect(refuse({ 'bot_config.yaml': 'global_settings: &a\n  restart_delay: *a\n' }).message).toContain(
      'global_settings.restart_delay: this object is not allowed',
    );
  });

  it('with an anchor that is used soberly is taken', () => {
    const text = 'bots:\n  a: &a\n    script: m.py\n    directory: x\n  b: *a\n';
    const { bots } = load({ 'bot_config.yaml': text });
    expect(bots.b).toEqual(bots.a);
  });

  it('that is a folder is unreadable', () => {
    const { code } = failureOf(() => loadConfig(makeFolder({ 'bot_config.yaml/x': '' }), {}));
    expect(code).toBe('config_unreadable');
  });

  it.each(['__proto__', '"../x"', 'staging'])('refuses a bot named %s', (name) => {
    const { message } = refuse({
      'bot_config.yaml': `bots:\n  ${name}:\n    script: m.py\n    directory: x\n`,
    });
    expect(message).toContain('bot_config.yaml: bots.');
    expect(message).toContain('this name cannot be used');
  });

  it('holds bots and global settings only, and the rest gets a hint', () => {
    const { message } = refuse({ 'bot_config.yaml': 'bot:\n  a: 1\npolicy:\n  run: allow\n' });
    expect(message).toContain('bot_config.yaml: bot: this key is not known. Did you mean "bots"?');
    expect(message).toContain('bot_config.yaml: policy: this key is not known.');
    expect(refuse({ 'bot_config.yaml': 'global_settings:\n  restrat_delay: 1\n' }).message).toContain(
      'bot_config.yaml: global_settings.restrat_delay: this key is not known. Did you mean "restart_delay"?',
    );
  });

  it('is read exactly as its own manual shows it, tabs and all', () => {
    expect(seed).toContain('\t\tscript: main.py');
    expect(refuse({ 'bot_config.yaml': seed }).message).toContain('bots.<BotName>: this name cannot be used');
    const { bots, globalSettings } = load({ 'bot_config.yaml': seed.replace('<BotName>', 'Task-Master') });
    expect(bots).toEqual({
      'Task-Master': {
        script: 'main.py',
        directory: 'path/to/bot',
        color: 'cyan',
        description: 'Optional human-readable description',
        repo_url: 'https://github.com/owner/repo.git',
        auto_update: true,
        force_sync: false,
        preserve_files: ['.env', 'config/local.yaml'],
        env: {},
        restart: 'on-failure',
        autostart: true,
        readySeconds: 60,
        dependsOn: [],
        runner: 'local',
        container: containerDefaults,
        input: false,
      },
    });
    expect(globalSettings).toEqual({ log_directory: 'logs', max_restart_attempts: 3, restart_delay: 5 });
  });

  it.each(['', '\n', '# nothing yet\n', 'bots:\n', 'bots:\nglobal_settings:\n', '\uFEFFbots: {}\r\n'])(
    '%j means no bots',
    (text) => {
      expect(load({ 'bot_config.yaml': text }).bots).toEqual({});
    },
  );
});

describe('bots that depend on each other', () => {
  const needing = (...dependsOn: string[]) => ({ ...bot, dependsOn });

  it.each([
    [{ a: needing('b') }, 'bots.a.dependsOn: there is no bot "b".'],
    [{ a: needing('a') }, 'bots.a.dependsOn: the bots wait for each other: a -> a.'],
    [
      { a: needing('b'), b: needing('c'), c: needing('b') },
      'bots.b.dependsOn: the bots wait for each other: b -> c -> b.',
    ],
    [{ a: needing('constructor') }, 'bots.a.dependsOn: there is no bot "constructor".'],
  ])('%j is refused', (bots, message) => {
    expect(refuse({ 'bot_config.yaml': JSON.stringify({ bots }) }).message).toContain(
      `bot_config.yaml: ${message}`,
    );
    expect(refuseJson({ bots }).message).toContain(`config.json: ${message}`);
  });

  it('may be in either file, and a common need is no circle', () => {
    const json = { bots: { a: needing('b', 'c'), b: needing('c') } };
    const files = {
      'config.json': JSON.stringify(json),
      'bot_config.yaml': JSON.stringify({ bots: { c: needing('staging') } }),
    };
    expect(Object.keys(load(files).bots)).toEqual(['a', 'b', 'c']);
  });
});

describe('schedules', () => {
  it.each(['0 4 * * *', '*/5 * * * * *', '@daily'])('%s is one', (schedule) => {
    expect(loadJson({ bots: { a: { ...bot, schedule } } }).bots.a?.schedule).toBe(schedule);
  });

  it.each(['', 'tomorrow', '99 * * * *', '0 0 31 2 *'])('%j is none', (schedule) => {
    expect(refuseJson({ bots: { a: { ...bot, schedule } } }).message).toContain('bots.a.schedule');
  });
});

describe("a staging bot's page", () => {
  const port = (env: string, own: NodeJS.ProcessEnv = {}) =>
    load({ 'config.json': '{"dashboard": {"port": 8080}}', '.env': env }, own).dashboard.port;

  it("never asks for live's port", () => {
    expect(port('')).toBe(8080);
    expect(port('PORT=9000')).toBe(8080);
    expect(port('BOT_ROLE=staging')).toBe(0);
    expect(port('BOT_ROLE=staging\nPORT=9000')).toBe(9000);
    expect(port('', { BOT_ROLE: 'staging', PORT: '9001' })).toBe(9001);
    expect(port('BOT_ROLE=staging', { PORT: 'tcp://10.0.0.1:80' })).toBe(0);
  });
});

describe('the two files together', () => {
  const yamlBot = (name: string) => `bots:\n  ${name}:\n    directory: y\n    script: y.py\n`;

  it('may not both define a bot', () => {
    const { message } = refuse({
      'config.json': JSON.stringify({ bots: { a: bot, b: bot } }),
      'bot_config.yaml': yamlBot('a'),
    });
    expect(message).toBe('config.json and bot_config.yaml both define the bot "a": keep one of the two.');
  });

  it('may not both define a global setting, in whatever spelling', () => {
    const { message } = refuse({
      'config.json': JSON.stringify({ globalSettings: { restartDelay: 1, log_directory: 'x' } }),
      'bot_config.yaml': 'global_settings:\n  restart_delay: 1\n  max_restart_attempts: 1\n',
    });
    expect(message).toBe(
      'config.json and bot_config.yaml both define "restart_delay" of the global settings: keep one of the two.',
    );
  });

  it('add up where they differ', () => {
    const { bots, globalSettings } = load({
      'config.json': JSON.stringify({ bots: { a: bot }, globalSettings: { restart_delay: 1 } }),
      'bot_config.yaml': `${yamlBot('b')}global_settings:\n  max_restart_attempts: 9\n`,
    });
    expect(Object.keys(bots)).toEqual(['a', 'b']);
    expect(globalSettings).toEqual({ log_directory: 'logs', max_restart_attempts: 9, restart_delay: 1 });
  });
});

describe('snake_case and camelCase', () => {
  const spellings = [
    [
      'snake_case',
      {
        repo_url: 'u',
        repo_branch: 'b',
        auto_update: true,
        force_sync: true,
        memory_limit: '1GB',
        depends_on: ['staging'],
      },
    ],
    [
      'camelCase',
      {
        repoUrl: 'u',
        repoBranch: 'b',
        autoUpdate: true,
        forceSync: true,
        memoryLimit: '1GB',
        dependsOn: ['staging'],
      },
    ],
  ] as const;

  it.each(spellings)('%s is understood in both files', (_, keys) => {
    const json = loadJson({ bots: { a: { ...bot, ...keys } } });
    const yaml = load({ 'bot_config.yaml': JSON.stringify({ bots: { a: { ...bot, ...keys } } }) });
    expect(json.bots.a).toMatchObject({
      repo_url: 'u',
      repo_branch: 'b',
      auto_update: true,
      force_sync: true,
      memoryLimit: '1GB',
      dependsOn: ['staging'],
    });
    expect(yaml.bots).toEqual(json.bots);
  });

  it.each(['globalSettings', 'global_settings'])('%s is understood in both files', (key) => {
    for (const inner of [{ restart_delay: 9 }, { restartDelay: 9 }]) {
      expect(loadJson({ [key]: inner }).globalSettings.restart_delay).toBe(9);
      expect(load({ 'bot_config.yaml': JSON.stringify({ [key]: inner }) }).globalSettings.restart_delay).toBe(
        9,
      );
    }
  });

  it('together, of one key, are a mistake', () => {
    expect(linesOf({ bots: { a: { ...bot, repo_url: 'x', repoUrl: 'y' } } })).toEqual([
      'config.json: bots.a.repo_url: this key is given twice, in two spellings.',
    ]);
    expect(linesOf({ globalSettings: {}, global_settings: {} })).toHaveLength(1);
    expect(linesOf({ globalSettings: { restart_delay: 1, restartDelay: 1 } })).toHaveLength(1);
  });

  it('elsewhere are two different keys', () => {
    expect(linesOf({ live: { ready_seconds: 1 } })[0]).toContain('Did you mean "readySeconds"?');
  });
});

describe('.env', () => {
  const environmentOf = (text: string | Buffer, own: NodeJS.ProcessEnv = {}) =>
    load({ '.env': text }, own).environment;

  it('that is wrong is refused without a word of what it holds', () => {
    const secret = (name: string) => `s3cr3t-${name}`;
    const names = [
      'DISCORD_OWNER_ID',
      'WAKE_CHANNEL_ID',
      'BOT_ROLE',
      'DISCORD_API',
      'ANTHROPIC_BASE_URL',
      'OPENAI_BASE_URL',
    ];
    const text = names.map((name) => `${name}=${secret(name)}`).join('\n');
    const own = Object.fromEntries(names.map((name) => [name, secret(name)]));
    for (const failure of [refuse({ '.env': text }), refuse({ '.env': '' }, own)]) {
      expect(failure.code).toBe('environment_invalid');
      expect(failure.message.split('\n')).toHaveLength(names.length);
      for (const name of names) expect(failure.message).toContain(`.env: ${name}: the value is not allowed`);
      expect(`${failure.message}${failure.hint}`).not.toContain('s3cr3t');
    }
  });

  it.each([
    ['DISCORD_OWNER_ID=123456789012345678,nobody', 'DISCORD_OWNER_ID'],
    ['DISCORD_OWNER_ID=12345', 'DISCORD_OWNER_ID'],
    ["WAKE_CHANNEL_ID='#general'", 'WAKE_CHANNEL_ID'],
    ['WAKE_CHANNEL_ID=general', 'WAKE_CHANNEL_ID'],
    ['DISCORD_API=ftp://x', 'DISCORD_API'],
    ['OPENAI_BASE_URL=localhost:8080', 'OPENAI_BASE_URL'],
    ['BOT_ROLE=Staging', 'BOT_ROLE'],
    ['BOT_ROLE=production', 'BOT_ROLE'],
  ])('%j is refused', (text, name) => {
    const { code, message } = refuse({ '.env': text });
    expect(code).toBe('environment_invalid');
    expect(message).toContain(`${name}: the value is not allowed. Allowed: `);
  });

  it('that cannot be read is refused', () => {
    const { code } = failureOf(() => loadConfig(makeFolder({ '.env/x': '' }), {}));
    expect(code).toBe('environment_unreadable');
  });

  it('a broken one is not hidden by defaults: an unknown role is never taken for live', () => {
    const folder = makeFolder({ '.env': 'BOT_ROLE=stagging' });
    expect(failureOf(() => defaultConfig(folder, {})).code).toBe('environment_invalid');
  });

  it('is read with byte order mark, quotes, export, comments, blanks and CRLF', () => {
    const text = [
      '\uFEFF# the first line is a comment',
      'export DISCORD_TOKEN="abc def#1"',
      'DISCORD_OWNER_ID=123456789012345678, 223456789012345678,, # two owners',
      'WAKE_CHANNEL_ID = 323456789012345678',
      "ANTHROPIC_API_KEY='k=1 # no comment'",
      'OPENAI_API_KEY=plain',
      'OPENAI_BASE_URL=http://127.0.0.1:8080/v1?a=b',
      'SOMETHING_ELSE=ignored',
      'no equals sign',
    ];
    for (const end of ['\n', '\r\n']) {
      expect(environmentOf(text.join(end))).toEqual({
        role: 'live',
        discord: { token: 'abc def#1', ownerIds: ['123456789012345678', '223456789012345678'] },
        wakeChannelId: '323456789012345678',
        anthropic: { apiKey: 'k=1 # no comment' },
        openai: { apiKey: 'plain', baseUrl: 'http://127.0.0.1:8080/v1?a=b' },
        // A name that is not known may be a key of some other service.
        secrets: ['abc def#1', 'k=1 # no comment', 'plain', 'ignored'],
      });
    }
  });

  it('knows of staging and of other bots what is named like a secret', () => {
    const root = makeFolder({
      'config.json': JSON.stringify({
        bots: {
          b: {
            directory: 'b',
            command: ['true'],
            env: { BOT_PASSWORD: 'of-the-config', MODE: 'production' },
          },
        },
      }),
      '.env': 'OPENAI_API_KEY=of-live\n',
      'staging/.env':
        'BOT_ROLE=staging\nDISCORD_TOKEN=of-staging\nWEBHOOK_SECRET=staging\nSOMETHING=unknown\n',
      'b/.env': 'API_KEY=of-the-bot\nLOG_LEVEL=verbose\n',
    });
    expect(loadConfig(root, {}).environment.secrets).toEqual([
      ...['of-live', 'of-staging', 'of-the-bot', 'of-the-config'],
    ]);
  });

  it('holds nothing where a value is empty', () => {
    const nothing = { role: 'live', discord: { ownerIds: [] }, anthropic: {}, openai: {}, secrets: [] };
    const example = join(codeRoot, '.env.example');
    // Where this runs as the gate of a release there is none: like every .env it stays with its instance.
    if (existsSync(example)) expect(environmentOf(readFileSync(example))).toEqual(nothing);
    expect(environmentOf('DISCORD_TOKEN=\nDISCORD_OWNER_ID=""\nBOT_ROLE=\nWAKE_CHANNEL_ID=" "\n')).toEqual(
      nothing,
    );
    expect(environmentOf('DISCORD_OWNER_ID=,\n', { DISCORD_TOKEN: ' ' })).toEqual(nothing);
  });

  it('gives way to the environment of the process, unless that is empty', () => {
    expect(environmentOf('OPENAI_API_KEY=file', { OPENAI_API_KEY: 'own' }).openai.apiKey).toBe('own');
    expect(environmentOf('OPENAI_API_KEY=file', { OPENAI_API_KEY: '' }).openai.apiKey).toBe('file');
  });

  it.each([
    [undefined, undefined, 'live'],
    ['live', undefined, 'live'],
    [undefined, 'live', 'live'],
    ['staging', undefined, 'staging'],
    [undefined, 'staging', 'staging'],
    ['staging', 'live', 'staging'],
    ['live', 'staging', 'staging'],
    ['', ' staging ', 'staging'],
    ['"staging"', 'live', 'staging'],
    ['nonsense', 'staging', 'staging'],
    ['staging', 'nonsense', 'staging'],
  ])('BOT_ROLE=%s in the file and %s in the process is %s', (file, own, role) => {
    const text = file === undefined ? '' : `BOT_ROLE=${file}\n`;
    expect(environmentOf(text, own === undefined ? {} : { BOT_ROLE: own }).role).toBe(role);
  });

  it.each([
    ['Staging', 'live'],
    ['live', 'stagin'],
    ['nonsense', undefined],
  ])('BOT_ROLE=%s in the file and %s in the process is refused, not taken for live', (file, own) => {
    expect(refuse({ '.env': `BOT_ROLE=${file}` }, own === undefined ? {} : { BOT_ROLE: own }).code).toBe(
      'environment_invalid',
    );
  });
});

describe('findRoot', () => {
  it.each(['nowhere', 'nowhere/below', 'a-file', 'a-file/below', 'x'.repeat(300), 'nul\u0000byte'])(
    'refuses %j, which is no folder',
    (named) => {
      const { code, message, hint } = failureOf(() => findRoot(named, makeFolder({ 'a-file': '' })));
      expect(code).toBe('unknown_root');
      expect(message).toMatch(/^There is no folder /);
      expect(hint).toContain('--root');
    },
  );

  it('refuses a folder that is no instance, even inside of one, and says how to make it one', () => {
    const folder = makeFolder({ 'config.json': '{}', 'inner/x': '', 'odd/config.json/x': '' });
    for (const named of ['inner', join(folder, 'inner'), 'odd']) {
      const { code, message, hint } = failureOf(() => findRoot(named, folder));
      expect(code).toBe('unknown_root');
      expect(message).toContain('is not an instance');
      expect(hint).toContain('config.json');
    }
  });

  it('refuses a place with no instance at or above it', () => {
    const folder = makeFolder({ 'a/b/x': '' });
    const { code, message, hint } = failureOf(() => findRoot(undefined, join(folder, 'a/b')));
    expect(code).toBe('unknown_root');
    expect(message).toContain(join(folder, 'a/b'));
    expect(hint).toMatch(/--root.*UNDERSTUDY_ROOT/);
  });

  it('goes up to the nearest instance', () => {
    const folder = makeFolder({ 'config.json': '{}', 'a/bot_config.yaml': '', 'a/b/c/x': '', 'd/e/x': '' });
    expect(findRoot(undefined, join(folder, 'a/b/c'))).toBe(join(folder, 'a'));
    expect(findRoot(undefined, join(folder, 'd/e'))).toBe(folder);
    expect(findRoot(undefined, folder)).toBe(folder);
    rmSync(join(folder, 'a/bot_config.yaml'));
    mkdirSync(join(folder, 'a/config.json'));
    expect(findRoot(undefined, join(folder, 'a/b/c'))).toBe(folder);
  });

  it('takes the named one, relative to where one is', () => {
    const folder = makeFolder({ 'one/config.json': 'even a broken one', 'two/x': '' });
    expect(findRoot('one', folder)).toBe(join(folder, 'one'));
    expect(findRoot('../one/.', join(folder, 'two'))).toBe(join(folder, 'one'));
    writeFileSync(join(folder, 'two/bot_config.yaml'), '');
    expect(findRoot(join(folder, 'two'), '/')).toBe(join(folder, 'two'));
  });
});

describe('didYouMean', () => {
  it.each([
    ['xyzzy', ['list', 'history'], undefined],
    ['list', [], undefined],
    ['lst', ['list', 'history'], 'list'],
    ['LIST', ['list'], 'list'],
    ['projecttype', ['projectType'], 'projectType'],
    ['histry', ['list', 'history'], 'history'],
  ])('%s among %j: %s', (word, known, meant) => {
    expect(didYouMean(word, known)).toBe(meant);
  });
});
