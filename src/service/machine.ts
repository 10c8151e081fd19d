// What the service files depend on of this machine: who asks, for whom, and what is there.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import type { Manager, Scope, ServiceOptions } from './service.ts';

/** What a person chose; the rest is found out. */
export interface Choice {
  readonly root: string;
  readonly scope?: Scope | undefined;
  readonly manager?: Manager | undefined;
  readonly environment: NodeJS.ProcessEnv;
}

/** Everything that a service of this machine depends on. */
export function surroundingsOf({ root, scope, manager, environment }: Choice): ServiceOptions {
  const real = realpathSync(root);
  const userId = process.getuid?.() ?? 0;
  const chosen = scope ?? (userId === 0 && process.platform !== 'win32' ? 'system' : 'user');
  return {
    manager: manager ?? ownManager(),
    scope: chosen,
    root: real,
    node: process.execPath,
    path: pathOf(environment),
    home: environment.HOME ?? homedir(),
    configHome: process.platform === 'win32' ? environment.LOCALAPPDATA : environment.XDG_CONFIG_HOME,
    owner: chosen === 'system' ? ownerOf(real) : undefined,
    userId,
    canNotify: finds('systemd-notify', environment),
  };
}

/** Who starts programs at boot here. */
function ownManager(): Manager {
  if (process.platform === 'darwin') return 'launchd';
  return process.platform === 'win32' ? 'scheduler' : 'systemd';
}

/** Fails where the service manager cannot be spoken to, or not by this user. */
export function requireManager({ manager, scope, userId }: ServiceOptions): void {
  if (manager !== ownManager()) {
    throw new Failure(
      'service_other_machine',
      `${manager} is not what starts programs on this machine: that is ${ownManager()}.`,
      `See what it would be there: understudy service install --manager ${manager} --dry-run`,
    );
  }
  if (manager === 'systemd' && !existsSync('/run/systemd/system')) {
    throw new Failure(
      'systemd_not_running',
      `systemd does not run here (PID 1 is '${firstProcess()}'), as in most containers.`,
      'Nothing was changed. In a container, make `node watchdog.js` its command; --dry-run shows the unit for another machine.',
    );
  }
  if (scope === 'system' && userId !== 0 && manager !== 'scheduler') {
    throw new Failure(
      'service_needs_root',
      'A service of the whole machine can only be changed by root.',
      'Install one of your own with --user, or say it with sudo.',
    );
  }
}

/** Runs a program for at most a minute. */
export function runCommand(words: readonly string[]): { code: number; stdout: string; stderr: string } {
  const [program = '', ...rest] = words;
  const ran = spawnSync(program, rest, { encoding: 'utf8', timeout: 60_000, maxBuffer: 4 * 1024 * 1024 });
  const problem = ran.error ? ran.error.message : '';
  return { code: ran.status ?? 1, stdout: ran.stdout ?? '', stderr: `${ran.stderr ?? ''}${problem}`.trim() };
}

function firstProcess(): string {
  try {
    return readFileSync('/proc/1/comm', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** A bot must not get the rights of whoever installs it: it runs as the one whose folder it is. */
function ownerOf(root: string): string | undefined {
  const { uid } = statSync(root);
  if (uid === 0) return undefined;
  const { code, stdout } = runCommand(['id', '-nu', String(uid)]);
  const name = stdout.trim();
  return code === 0 && /^[\w][\w.-]*\$?$/.test(name) ? name : String(uid);
}

/** Service managers give a short PATH, in which neither this Node nor a Python of one's own is. */
function pathOf(environment: NodeJS.ProcessEnv): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no service file can express them
  const isPlain = (folder: string) => isAbsolute(folder) && !/[\u0000-\u001f\u007f]/.test(folder);
  const usual = ['/usr/local/bin', '/usr/bin', '/bin'];
  const given = (environment.PATH ?? '').split(delimiter).filter(isPlain);
  const all = [...given, dirname(process.execPath), ...(process.platform === 'win32' ? [] : usual)];
  return [...new Set(all)].join(delimiter);
}

function finds(program: string, environment: NodeJS.ProcessEnv): boolean {
  return (environment.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
