// What a bot is: its command, its files, its environment, and what is said when something that it needs is not there.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BotPlan, planBots, stagingName } from '../../../../skills/process-manager/bots/plan.ts';
import type { Settings } from '../../../../skills/process-manager/index.ts';
import { loadConfig } from '../../../../src/config.ts';
import { failureOf } from '../../../support/failure.ts';
import { makeInstance } from '../../../support/instance.ts';

type BotSettings = Partial<Settings['bots'][string]>;

/** The plans of an instance with these settings and files. */
function plansOf(config: object, files: Readonly<Record<string, string>> = {}) {
  const root = makeInstance({ ...files, 'config.json': JSON.stringify(config) });
  return { root, plans: planBots(root, loadConfig(root, {})) };
}

/** The plan of one bot in `bot/`, unless its settings say otherwise. */
function planOf(settings: BotSettings, files: Readonly<Record<string, string>> = {}) {
  const { root, plans } = plansOf({ bots: { a: { directory: 'bot', ...settings } } }, files);
  return { root, plan: get(plans, 'a') };
}

function planStaging(staging: object = {}, files: Readonly<Record<string, string>> = {}) {
  const { root, plans } = plansOf({ staging }, files);
  return { root, plan: get(plans, stagingName) };
}

function get(plans: Map<string, BotPlan>, name: string): BotPlan {
  const plan = plans.get(name);
  if (!plan) throw new Error(`no plan of ${name}`);
  return plan;
}

/** Variables of the process that starts bots. */
function inEnvironment(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

describe('the command', () => {
  it.each<[string, readonly string[]]>([
    ['main.py', ['python3', 'main.py']],
    ['src/MAIN.PY', ['python3', 'src/MAIN.PY']],
    ['main.js', ['node', 'main.js']],
    ['main.mjs', ['node', 'main.mjs']],
    ['main.cjs', ['node', 'main.cjs']],
    ['main.ts', ['node', '--import', import.meta.resolve('tsx'), 'main.ts']],
    ['main.mts', ['node', '--import', import.meta.resolve('tsx'), 'main.mts']],
  ])('of %s', (script, argv) => expect(planOf({ script }).plan.argv).toEqual(argv));

  it('of anything else is the file itself, in its folder', () => {
    for (const script of ['run.sh', './bin/run', 'run']) {
      const { root, plan } = planOf({ script });
      expect(plan.argv).toEqual([join(root, 'bot', script)]);
    }
  });

  it('finds a script that is named with its whole path', () => {
    const root = makeInstance({ 'bot/run.sh': '' });
    const bots = { a: { directory: 'bot', script: join(root, 'bot/run.sh') } };
    writeFileSync(join(root, 'config.json'), JSON.stringify({ bots }));
    const plan = get(planBots(root, loadConfig(root, {})), 'a');
    expect(plan.argv).toEqual([join(root, 'bot/run.sh')]);
    plan.prepare();
  });

  it.each<[string, readonly string[], string]>([
    ['.venv beside the bot', ['bot/.venv/bin/python', '.venv/bin/python'], 'bot/.venv/bin/python'],
    ['venv beside the bot', ['bot/venv/bin/python', '.venv/bin/python'], 'bot/venv/bin/python'],
    ['.venv in the root', ['.venv/bin/python', 'venv/bin/python'], '.venv/bin/python'],
    ['a broken one beside the bot', ['bot/.venv/lib', '.venv/bin/python'], '.venv/bin/python'],
  ])('runs Python of %s', (_, files, expected) => {
    const { root, plan } = planOf({ script: 'main.py' }, Object.fromEntries(files.map((path) => [path, ''])));
    expect(plan.argv).toEqual([join(root, expected), 'main.py']);
  });

  it('is taken as it is when it is given', () => {
    const command = ['bash', '-c', 'echo "a b"'];
    expect(planOf({ command }, { '.venv/bin/python': '' }).plan.argv).toEqual(command);
  });
});

describe('the files', () => {
  it('have a log for each bot in log_directory, and staging its own', () => {
    const bots = { 'My Bot': { directory: 'bot', script: 'a.py' } };
    const { root, plans } = plansOf({ bots });
    expect([...plans.values()].map(({ log }) => log)).toEqual([
      join(root, 'staging/logs/staging.log'),
      join(root, 'logs/My Bot.log'),
    ]);
    const other = plansOf({ bots, globalSettings: { log_directory: '../elsewhere' } });
    expect(get(other.plans, 'My Bot').log).toBe(join(other.root, '../elsewhere/My Bot.log'));
  });

  it('live in a folder that starts at the root, or anywhere', () => {
    const { root, plan } = planOf({ script: 'a.py' });
    expect(plan.directory).toBe(join(root, 'bot'));
    expect(planOf({ script: 'a.py', directory: '/opt/bot' }).plan.directory).toBe('/opt/bot');
  });

  it('stand in the order of the settings, staging first', () => {
    const bots = Object.fromEntries(['z', 'a'].map((name) => [name, { directory: '.', script: 'a.py' }]));
    expect([...plansOf({ bots }).plans.keys()]).toEqual(['staging', 'z', 'a']);
  });
});

describe('sizes, moments and updates', () => {
  it.each([
    ['512MB', 512 * 1024 ** 2],
    ['1.5GB', 1.5 * 1024 ** 3],
    ['100 kb', 100 * 1024],
    [undefined, undefined],
  ])('%s', (memoryLimit, bytes) =>
    expect(planOf({ script: 'a.py', memoryLimit }).plan.memoryLimitBytes).toBe(bytes),
  );

  it('counts in milliseconds', () =>
    expect(planOf({ script: 'a.py', readySeconds: 1.5 }).plan.readyMs).toBe(1_500));

  it('updates before starts exactly when there is a repository and nothing says otherwise', () => {
    const repo_url = 'https://example.org/bot.git';
    expect(planOf({ script: 'a.py' }).plan.update).toBeUndefined();
    expect(planOf({ script: 'a.py', auto_update: true }).plan.update).toBeUndefined();
    expect(planOf({ script: 'a.py', repo_url }).plan.update).toMatchObject({
      automatic: true,
      forceSync: false,
    });
    expect(planOf({ script: 'a.py', repo_url, auto_update: false }).plan.update?.automatic).toBe(false);
  });
});

const secrets = {
  ...{ DISCORD_TOKEN: 's1', ANTHROPIC_API_KEY: 's2', AWS_SECRET_ACCESS_KEY: 's3', PORT: '80' },
  ...{ BOT_ROLE: 'live', UNDERSTUDY_ROOT: '/live', NODE_OPTIONS: '--inspect', WAKE_CHANNEL_ID: '9' },
  ...{ LD_PRELOAD: '/evil.so', BASH_ENV: '/evil', GITHUB_TOKEN: 's4', my_path: 'x', PATHS: 'x' },
};

describe('the environment', () => {
  it('holds what programs need to run, and nothing of ours', () => {
    inEnvironment({ ...secrets, LANG: 'C.UTF-8', LC_TIME: 'C', TZ: 'UTC', HTTPS_PROXY: 'http://proxy' });
    const environment = planOf({ script: 'a.py' }).plan.environment();
    expect(environment).toMatchObject({
      LANG: 'C.UTF-8',
      LC_TIME: 'C',
      TZ: 'UTC',
      HTTPS_PROXY: 'http://proxy',
    });
    expect(environment).toMatchObject({ HOME: homedir(), PYTHONUNBUFFERED: '1' });
    for (const name of Object.keys(secrets)) expect(environment).not.toHaveProperty(name);
  });

  it('finds the Node that runs us behind what the PATH says, also where there is none', () => {
    const own = dirname(process.execPath);
    const { plan } = planOf({ script: 'a.js' });
    inEnvironment({ PATH: '/usr/local/bin:/usr/bin' });
    expect(plan.environment().PATH).toBe(['/usr/local/bin', '/usr/bin', own].join(delimiter));
    inEnvironment({ PATH: undefined });
    expect(plan.environment().PATH).toBe(own);
  });

  it('is overlaid by what the bot is given', () => {
    const { plan } = planOf({
      script: 'a.py',
      env: { DISCORD_TOKEN: 'its own', LANG: 'de', PYTHONUNBUFFERED: '' },
    });
    expect(plan.environment()).toMatchObject({ DISCORD_TOKEN: 'its own', LANG: 'de', PYTHONUNBUFFERED: '' });
  });

  it('of staging is its own .env and its own settings, and never live’s', () => {
    inEnvironment(secrets);
    const { root, plan } = planStaging(
      { env: { MODE: 'rehearsal', COLOR: 'settings' } },
      {
        '.env': 'DISCORD_TOKEN=live-secret\nONLY_LIVE=1\n',
        'staging/.env':
          '\uFEFFDISCORD_TOKEN=staging-secret\r\nCOLOR=file\nQUOTED="a b" # why\nBOT_ROLE=live\n',
      },
    );
    const environment = plan.environment();
    expect(environment).toMatchObject({
      ...{ DISCORD_TOKEN: 'staging-secret', COLOR: 'settings', MODE: 'rehearsal', QUOTED: 'a b' },
      BOT_ROLE: 'staging',
    });
    const { DISCORD_TOKEN: _, BOT_ROLE: __, ...others } = secrets;
    for (const name of ['ONLY_LIVE', ...Object.keys(others)]) expect(environment).not.toHaveProperty(name);
    expect(JSON.stringify(environment)).not.toContain('live-secret');
    expect(plan.directory).toBe(join(root, 'staging'));
  });

  it('makes it the staging bot whatever its settings say', () => {
    const { plan } = planStaging({ env: { BOT_ROLE: 'live' } }, { 'staging/.env': '' });
    expect(plan.environment().BOT_ROLE).toBe('staging');
  });
});

describe('what a bot needs', () => {
  const hintOf = (plan: BotPlan) => failureOf(() => plan.prepare());

  it('is its folder: it is to be made, or fetched', () => {
    const { root, plan } = planOf({ script: 'a.py' });
    expect(hintOf(plan)).toMatchObject({
      code: 'bot_folder_missing',
      message: `The folder of 'a' is not there: ${join(root, 'bot')}`,
    });
    expect(hintOf(plan).hint).toContain(`mkdir -p ${join(root, 'bot')}`);
    expect(hintOf(planOf({ script: 'a.py' }, { bot: 'a file' }).plan).message).toContain('is not a folder');
  });

  it.each([
    ['https://me:secret@example.org/bot.git', 'https://example.org/bot.git'],
    ['https://me:se@cret@example.org/bot.git', 'https://example.org/bot.git'],
    ['git@example.org:bot.git', 'git@example.org:bot.git'],
    ['https://example.org/a@b.git', 'https://example.org/a@b.git'],
  ])('is told how to be fetched without secrets: %s', (repo_url, shown) => {
    const { root, plan } = planOf({ script: 'a.py', repo_url });
    expect(hintOf(plan).hint).toBe(`Fetch it: git clone ${shown} ${join(root, 'bot')}`);
  });

  it('is its script, a file inside the folder', () => {
    const missing = planOf({ script: 'src/a.py' }, { 'bot/b.py': '' });
    expect(hintOf(missing.plan)).toMatchObject({
      code: 'bot_script_missing',
      message: `The script of 'a' is not there: ${join(missing.root, 'bot/src/a.py')}`,
    });
    expect(hintOf(planOf({ script: 'src' }, { 'bot/src/a.py': '' }).plan).code).toBe('bot_script_missing');
    for (const script of ['../a.py', '..', '/etc/passwd', 'src/../../a.py']) {
      const { plan } = planOf({ script }, { 'bot/b.py': '', 'a.py': '' });
      expect(hintOf(plan)).toMatchObject({
        code: 'bot_script_outside',
        message: expect.stringContaining(script),
      });
    }
  });

  it('may have a name that only looks like a way out', () => {
    const { plan } = planOf({ script: '..a.py' }, { 'bot/..a.py': '' });
    expect(() => plan.prepare()).not.toThrow();
  });

  it('is for a command the folder alone', () => {
    const { plan } = planOf({ command: ['no-such-program', 'a.py'] }, { 'bot/b.py': '' });
    expect(() => plan.prepare()).not.toThrow();
  });

  it('of staging is a folder, an .env of its own, and code, each with its next step', () => {
    const nothing = planStaging();
    expect(hintOf(nothing.plan)).toMatchObject({ code: 'staging_incomplete' });
    expect(hintOf(nothing.plan).hint).toContain(`mkdir -p ${join(nothing.root, 'staging')}`);

    const folder = planStaging({}, { 'staging/src/index.ts': '', '.env': 'DISCORD_TOKEN=live\n' });
    expect(hintOf(folder.plan).message).toContain(join(folder.root, 'staging/.env'));
    expect(hintOf(folder.plan).hint).toContain(`touch ${join(folder.root, 'staging/.env')}`);

    const example = planStaging({}, { 'staging/.env.example': '' });
    const [from, to] = ['.env.example', '.env'].map((name) => join(example.root, 'staging', name));
    expect(hintOf(example.plan).hint).toContain(`cp ${from} ${to}`);

    const codeless = planStaging({}, { 'staging/.env': '' });
    expect(hintOf(codeless.plan).message).toContain(join(codeless.root, 'staging/src/index.ts'));
    expect(hintOf(codeless.plan).hint).toContain('understudy revert');

    const complete = planStaging({}, { 'staging/.env': '', 'staging/src/index.ts': '' });
    expect(() => complete.plan.prepare()).not.toThrow();
    expect(existsSync(join(complete.root, 'staging/memory'))).toBe(true);
  });

  it('of staging names the code that its command names, wherever that is', () => {
    const files = { 'staging/.env': '' };
    const absolute = planStaging({ command: ['node', '/no/such/entry.js'] }, files);
    expect(hintOf(absolute.plan).message).toContain(': /no/such/entry.js is');
    const python = planStaging({ command: ['python3', '-u', 'bot.py'] }, files);
    expect(hintOf(python.plan).message).toContain(join(python.root, 'staging/bot.py'));
    expect(() => planStaging({ command: ['./run'] }, files).plan.prepare()).not.toThrow();
  });

  it('of staging is an .env that can be read', () => {
    const { root, plan } = planStaging({}, { 'staging/src/index.ts': '' });
    mkdirSync(join(root, 'staging/.env'));
    expect(hintOf(plan).code).toBe('staging_incomplete');
  });
});
