// The tab key in the shells that people use: first what `--complete` answers, then the real shells at a real terminal.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../support/folder.ts';
import { codeRoot, makeInstance, understudy } from '../../support/instance.ts';
import { switchForward } from '../../support/releases.ts';
import { hasShell, openTerminal } from '../../support/terminal.ts';

const bots = {
  'Task Master': { directory: '.', command: ['true'] },
  'data-bot': { directory: '.', command: ['true'] },
};
const config = { 'config.json': JSON.stringify({ bots, releases: { gates: [] } }) };

async function offered(
  words: readonly string[],
  options: { cwd?: string; form?: string } = {},
): Promise<string[]> {
  const result = await understudy(['--complete', options.form ?? 'plain', ...words], options);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return result.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0] ?? '');
}

describe('what is offered', { timeout: 90_000 }, () => {
  it('is nothing at all, and no word, where something is wrong', async () => {
    const broken = makeInstance({ 'config.json': '{"nonsense": 1}', 'memory/understudy.db': 'no database' });
    for (const words of [
      ['start', ''],
      ['--root', '/no/such', 'start', ''],
      ['nonsense', ''],
      ['list', 'x', 'y', ''],
    ])
      expect(await offered(words, { cwd: broken })).toEqual([]);
    const torn = makeInstance({ ...config, 'memory/understudy.db': 'no database'.repeat(500) });
    expect(await offered(['logs', ''], { cwd: torn })).toEqual([]);
  });

  it('is verbs, options, values and names, by what is typed so far', async () => {
    const cwd = makeInstance(config);
    expect(await offered(['rollb'], { cwd })).toEqual(['rollback']);
    expect(await offered(['--r'], { cwd })).toEqual(['--root']);
    expect(await offered(['service', 'un'], { cwd })).toEqual(['uninstall']);
    expect(await offered(['run', '--type', ''], { cwd })).toEqual(['background', 'concurrent']);
    expect(await offered(['promote', '--dry'], { cwd })).toEqual(['--dry-run']);
    expect(await offered(['self-restart', '--re'], { cwd })).toEqual(['--reason']);
    expect(await offered(['start', 'd'], { cwd })).toEqual(['data-bot']);
    expect(await offered(['--root', cwd, 'start', '"Task M'], { form: 'quoted' })).toEqual(['Task Master']);
    expect(await offered(['start', 'Task\\ M'], { cwd, form: 'quoted' })).toEqual(['Task Master']);
    expect(existsSync(join(cwd, 'memory'))).toBe(false);
  });

  it('is what runs and what was promoted, without a line in the history', async () => {
    const cwd = makeInstance({
      ...config,
      'a.txt': 'old',
      'staging/a.txt': 'new',
      'staging/config.json': config['config.json'],
    });
    await understudy(['--root', cwd, 'run', 'echo hello', '--name', 'greeter', '--wait', '5']);
    const promoted = await understudy(['--root', cwd, 'promote', '--skip-restart']);
    expect(promoted.exitCode).toBe(0);
    switchForward(cwd, readdirSync(join(cwd, 'backups')).find((name) => name.startsWith('v')) ?? '');
    const names = await offered(['logs', ''], { cwd });
    expect(names).toEqual(expect.arrayContaining(['staging', 'Task Master', 'greeter', 'live']));
    expect(await offered(['rollback', 'v'], { cwd })).toEqual(['v1.1']);
    const { stdout } = await understudy(['--root', cwd, '--json', 'history']);
    const actions = (JSON.parse(stdout) as { entries: { action: string }[] }).entries.map(
      ({ action }) => action,
    );
    expect(actions.sort()).toEqual(['promote', 'run']);
  });
});

/** A folder of programs with `understudy` in it, and an instance to stand in. */
function makeDesk() {
  const programs = makeFolder({
    understudy: `#!/bin/sh\nexec '${process.execPath}' '${join(codeRoot, 'src/cli/understudy.js')}' "$@"\n`,
  });
  chmodSync(join(programs, 'understudy'), 0o755);
  const home = makeFolder();
  return {
    cwd: makeInstance({ ...config, 'a-file.txt': '' }),
    env: {
      PATH: `${programs}${delimiter}${process.env.PATH}`,
      HOME: home,
      XDG_CONFIG_HOME: home,
      XDG_DATA_HOME: home,
    },
  };
}

describe('bash', { timeout: 120_000 }, () => {
  it.runIf(hasShell('bash'))('completes at a terminal, with blanks in names', async () => {
    const { cwd, env } = makeDesk();
    const terminal = openTerminal(['bash', '--norc', '--noprofile', '-i'], { ...env, PS1: '> ' }, cwd);
    terminal.type('source <(understudy completion bash); echo load"ed"\n');
    await terminal.shows(/\nloaded\n/);
    for (const [typed, shown] of [
      ['understudy rollb\t', /understudy rollback /],
      ['understudy start Ta\t', /start Task\\ Master /],
      ['understudy start "Ta\t', /start "Task Master" /],
      ['understudy service sta\t', /service status /],
      ['understudy --root a-f\t', /--root a-file\.txt /],
    ] as const) {
      terminal.clear();
      terminal.type(typed);
      await terminal.shows(shown);
      terminal.type('\u0015');
    }
  });
});

describe('zsh', { timeout: 120_000 }, () => {
  it.runIf(hasShell('zsh'))('completes at a terminal, with blanks in names', async () => {
    const { cwd, env } = makeDesk();
    const terminal = openTerminal(['zsh', '-f', '-i'], { ...env, PS1: '> ' }, cwd);
    terminal.type('autoload -U compinit; compinit -u; source <(understudy completion zsh); echo load"ed"\n');
    await terminal.shows(/\nloaded\n/);
    for (const [typed, shown] of [
      ['understudy rollb\t', /understudy rollback /],
      ['understudy start Ta\t', /start Task\\ Master /],
      ['understudy service sta\t', /service status /],
      ['understudy --root a-f\t', /--root a-file\.txt /],
    ] as const) {
      terminal.clear();
      terminal.type(typed);
      await terminal.shows(shown);
      terminal.type('\u0015');
    }
  });
});

describe('fish', { timeout: 120_000 }, () => {
  it.runIf(hasShell('fish'))('completes what its own `complete` is asked for', () => {
    const { cwd, env } = makeDesk();
    const ask = (line: string) => {
      const program = `understudy completion fish | source; complete -C '${line}'`;
      const { stdout, stderr, status } = spawnSync('fish', ['--no-config', '-c', program], {
        cwd,
        env: { ...process.env, ...env },
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout
        .trim()
        .split('\n')
        .map((each) => each.split('\t')[0]);
    };
    expect(ask('understudy rollb')).toEqual(['rollback']);
    expect(ask('understudy start ')).toEqual(expect.arrayContaining(['staging', 'data-bot', 'Task Master']));
    expect(ask('understudy service sta')).toEqual(['status']);
    expect(ask('understudy --root a-f')).toEqual(['a-file.txt']);
  });
});
