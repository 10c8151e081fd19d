// `understudy service` as a person types it. A container has no systemd, so its command is stood in for by a script that
// notes what it is told; everything else is real: the file, the folder of the user, the running program.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../support/folder.ts';
import {
  cleanEnvironment,
  codeRoot,
  type Finished,
  makeInstance,
  runProgram,
  understudy,
} from '../../support/instance.ts';

const canUnshare = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']).status === 0;

/** A home for services, and a machine on which systemd seems to run. */
function makeMachine(part: { systemctl?: string } = {}) {
  const home = makeFolder({
    'bin/systemctl':
      part.systemctl ??
      '#!/bin/sh\necho "$*" >> "$HOME/told"\n[ "$2" = show ] && echo ActiveState=active\nexit 0\n',
  });
  chmodSync(join(home, 'bin/systemctl'), 0o755);
  const root = makeInstance({ 'watchdog.js': '' });
  const env = cleanEnvironment({
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'own config'),
    PATH: `${join(home, 'bin')}:${process.env.PATH}`,
  });
  const command = join(codeRoot, 'src/cli/understudy.js');
  const units = join(home, 'own config/systemd/user');
  return {
    home,
    root,
    units,
    unit: () => join(units, readdirSync(units)[0] ?? ''),
    told: () =>
      existsSync(join(home, 'told')) ? readFileSync(join(home, 'told'), 'utf8').trim().split('\n') : [],
    type(...words: string[]): Promise<Finished> {
      return runProgram(
        'unshare',
        [
          '-m',
          'sh',
          '-c',
          'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "$@"',
          'sh',
          process.execPath,
          command,
          '--root',
          this.root,
          'service',
          ...words,
        ],
        { cwd: '/', env },
      );
    },
  };
}

describe('where no systemd runs', () => {
  it('says so and writes nothing, and a dry run still shows all of it', async (context) => {
    if (existsSync('/run/systemd/system')) return context.skip();
    const home = makeFolder();
    const root = makeInstance({ 'watchdog.js': '' });
    const env = { HOME: home, XDG_CONFIG_HOME: undefined };
    const refused = await understudy(['--root', root, 'service', 'install', '--user'], { env });
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^systemd does not run here \(PID 1 is '.+'\).*\n-> .*container/);
    const shown = await understudy(['--root', root, 'service', 'install', '--user', '--dry-run'], { env });
    expect(shown.exitCode).toBe(0);
    for (const text of [
      'Nothing was changed.',
      `write ${home}/.config/systemd/user/understudy-`,
      'Type=notify',
      'run systemctl --user enable --now',
      'loginctl enable-linger',
    ])
      expect(shown.stdout).toContain(text);
    const status = await understudy(['--root', root, '--json', 'service', 'status', '--user'], { env });
    expect(JSON.parse(status.stdout)).toMatchObject({ installed: false, current: null, state: null });
    const other = await understudy(['--root', root, 'service', 'install', '--manager', 'launchd'], { env });
    expect(other.stderr).toContain('launchd is not what starts programs on this machine');
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('what cannot be installed', () => {
  it.each([
    ['a folder without watchdog.js', {}, ['install', '--dry-run'], 1, 'has no watchdog.js'],
    ['a word that is no action', { 'watchdog.js': '' }, ['reinstall'], 2, 'action'],
    ['no action', { 'watchdog.js': '' }, [], 2, "missing required argument 'action'"],
  ])('%s', async (_, files, words, exitCode, message) => {
    const result = await understudy(['--root', makeInstance(files), 'service', ...words]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(message);
  });
});

describe.runIf(canUnshare)('where systemd runs', { timeout: 90_000 }, () => {
  it('writes, enables, says exactly that, and does it again without harm', async () => {
    const machine = makeMachine();
    const first = await machine.type('install', '--user');
    expect(first.exitCode).toBe(0);
    const unit = machine.unit();
    const name = unit.slice(machine.units.length + 1);
    expect(first.stderr).toContain(`write ${unit}:`);
    for (const line of readFileSync(unit, 'utf8').trim().split('\n')) expect(first.stderr).toContain(line);
    expect(first.stdout).toContain(`Installed: ${name}`);
    expect(machine.told()).toEqual(['--user daemon-reload', `--user enable --now ${name}`]);
    const again = await machine.type('install', '--user');
    expect(again.stdout).toContain(`Installed already: ${name}`);
    expect(readdirSync(machine.units)).toEqual([name]);
    const status = await machine.type('status', '--user', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      installed: true,
      current: true,
      state: 'ActiveState=active',
    });
    const shown = await machine.type('uninstall', '--user', '--dry-run');
    expect(shown.stdout).toContain(`remove ${unit}`);
    expect(existsSync(unit)).toBe(true);
    const removed = await machine.type('uninstall', '--user');
    expect(removed.stdout).toContain(`Removed: ${name}`);
    expect(readdirSync(machine.units)).toEqual([]);
    expect(machine.told().slice(-2)).toEqual([`--user disable --now ${name}`, '--user daemon-reload']);
    const nothing = await machine.type('uninstall', '--user');
    expect(nothing).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing to do') });
  });

  it('replaces what it wrote, and leaves alone what it did not', async () => {
    const machine = makeMachine();
    await machine.type('install', '--user');
    const unit = machine.unit();
    writeFileSync(unit, readFileSync(unit, 'utf8').replace('RestartSec=5', 'RestartSec=7'));
    const status = await machine.type('status', '--user', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ installed: true, current: false });
    const renewed = await machine.type('install', '--user');
    expect(renewed.stdout).toMatch(
      /goes on by the old file until it is started anew: systemctl --user restart understudy-.*\.service/,
    );
    expect(readFileSync(unit, 'utf8')).toContain('RestartSec=5');
    for (const spoil of [
      () => writeFileSync(unit, '[Service]\nExecStart=/bin/mine\n'),
      () => replaceByLink(unit),
    ]) {
      spoil();
      for (const action of ['install', 'uninstall']) {
        const told = machine.told().length;
        const refused = await machine.type(action, '--user');
        expect(refused).toMatchObject({
          exitCode: 1,
          stderr: expect.stringContaining('Understudy did not write it'),
        });
        expect(machine.told()).toHaveLength(told);
      }
    }
    expect((await machine.type('install', '--user', '--force')).exitCode).toBe(0);
    expect(readFileSync(unit, 'utf8')).toContain('Type=notify');
  });

  it('advises to stop the watchdog that somebody started by hand, and never that of the service', async () => {
    const machine = makeMachine();
    writeFileSync(join(machine.root, '.watchdog.lock'), '{}');
    expect((await machine.type('install', '--user')).stdout).toContain(
      'A watchdog seems to run here already',
    );
    for (const words of [
      ['install', '--user', '--dry-run'],
      ['install', '--user'],
    ])
      expect((await machine.type(...words)).stdout).not.toContain('A watchdog seems to run');
  });

  it('names the service of a folder that was moved, and how it is taken away', async () => {
    const machine = makeMachine();
    await machine.type('install', '--user');
    const old = machine.unit();
    const name = old.slice(machine.units.length + 1);
    expect((await machine.type('status', '--user')).stdout).not.toContain('not there any more');
    const moved = join(machine.home, 'moved & 100% "new"');
    renameSync(machine.root, moved);
    const typed = { ...machine, root: moved };
    const status = await typed.type('status', '--user');
    expect(status.stdout).toMatch(/: not installed/);
    const [, steps = ''] = /which is not there any more\. If it was moved: (.*)/.exec(status.stdout) ?? [];
    expect(steps).toBe(`systemctl --user disable --now ${name}; rm '${old}'; systemctl --user daemon-reload`);
    spawnSync('rm', [old]);
    expect((await typed.type('install', '--user')).stdout).not.toContain('not there any more');
    renameSync(moved, machine.root);
    const back = await machine.type('install', '--user');
    expect(back.stdout).toContain(`starts ${moved}, which is not there any more`);
  });

  it('passes on why systemd refused, and goes on from there the next time', async () => {
    const machine = makeMachine({
      systemctl: '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n',
    });
    const failed = await machine.type('install', '--user');
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(
      /'systemctl --user daemon-reload' failed: Failed to connect to bus.*\n-> .*enable-linger/,
    );
    writeFileSync(join(machine.home, 'bin/systemctl'), '#!/bin/sh\nexit 0\n');
    expect((await machine.type('install', '--user')).stdout).toContain('Installed already');
  });

  it('says what is wrong with a folder that cannot be written', async () => {
    const machine = makeMachine();
    mkdirSync(join(machine.home, 'own config'));
    writeFileSync(join(machine.home, 'own config/systemd'), 'a file');
    const failed = await machine.type('install', '--user');
    expect(failed).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/could not be .*\n-> Look at it with: ls -ld/),
    });
    expect(machine.told()).toEqual([]);
  });
});

it('shows, not hides, that the machine with systemd could not be played', () => {
  if (!canUnshare) process.stderr.write('SKIPPED: installing a service needs the right to unshare mounts\n');
});

function replaceByLink(file: string): void {
  spawnSync('rm', [file]);
  symlinkSync('/dev/null', file);
}
