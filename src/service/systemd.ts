// The systemd unit of an instance. A unit file has three grammars at once (quotes, % and $), so every value goes
// through the one function that knows its own; what no grammar can say is refused.

import { join } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { marker, type Service, type ServiceOptions } from './service.ts';

/** Longer than the watchdog needs to stop the bot: ten seconds of patience, then it forces it and what it left. */
const stopSeconds = 45;
/** `npm ci` on a slow machine comes before the watchdog watches. */
const startSeconds = 1_800;
const watchdogSeconds = 120;

/** The unit, and how systemd learns of it. */
export function systemdService(name: string, options: ServiceOptions): Service {
  const { scope, home, configHome } = options;
  const unit = `${name}.service`;
  const folder =
    scope === 'system' ? '/etc/systemd/system' : join(configHome ?? join(home, '.config'), 'systemd', 'user');
  const systemctl = scope === 'system' ? ['systemctl'] : ['systemctl', '--user'];
  return {
    name: unit,
    file: join(folder, unit),
    content: unitOf(options),
    encoding: 'utf8',
    enable: [{ words: [...systemctl, 'daemon-reload'] }, { words: [...systemctl, 'enable', '--now', unit] }],
    disable: [{ words: [...systemctl, 'disable', '--now', unit] }],
    forget: [{ words: [...systemctl, 'daemon-reload'] }],
    restart: [[...systemctl, 'restart', unit]],
    query: [
      ...[...systemctl, 'show', unit, '--property=LoadState,ActiveState,SubState'],
      '--property=UnitFileState,MainPID,StatusText,Result',
    ],
    notes: notesOf(options, unit),
  };
}

function unitOf({ scope, root, node, path, owner, canNotify }: ServiceOptions): string {
  const isSystem = scope === 'system';
  return `${[
    `# ${marker} for this folder; the next one writes it anew.`,
    `# Your own changes belong beside it: systemctl ${isSystem ? '' : '--user '}edit UNIT`,
    '[Unit]',
    `Description=Understudy watches over ${specifierFree(root)}`,
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    '# The watchdog itself knows when to wait longer between two starts.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    ...(canNotify
      ? [
          'Type=notify',
          '# systemd-notify, and the watchdog that a release brings, speak for it too.',
          'NotifyAccess=all',
        ]
      : ['Type=simple']),
    ...(owner === undefined ? [] : [`User=${owner}`]),
    `WorkingDirectory=${workingDirectory(root)}`,
    `Environment=${quoted(`PATH=${path}`)}`,
    // The colon: $ means nothing in the words.
    `ExecStart=${programWord(node)} ${quoted(join(root, 'watchdog.js'))}`,
    '# Stopping is the watchdog ending the bot. What the bot manages runs on, and is found again.',
    'KillMode=process',
    `TimeoutStopSec=${stopSeconds}`,
    `TimeoutStartSec=${startSeconds}`,
    ...(canNotify ? [`WatchdogSec=${watchdogSeconds}`] : []),
    'Restart=always',
    'RestartSec=5',
    '# 0: the bot wished to end. 78: the configuration is wrong, and starting again would not help.',
    'RestartPreventExitStatus=0 78',
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
  ].join('\n')}\n`;
}

/** A word of a command line or of Environment=: in quotes, where only these three characters mean something. */
function quoted(text: string): string {
  return `"${specifierFree(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The program; systemd takes no quotes and no backslash in its path, however they are written. */
function programWord(node: string): string {
  if (/["'\\]/.test(node)) {
    throw new Failure(
      'service_path',
      `systemd cannot start a program whose path has quotes or a backslash: ${node}`,
      'Install Node in a folder with a plain name, then try again with it.',
    );
  }
  return quoted(`:${node}`);
}

/** The rest of its line, without quotes: so neither a blank nor a backslash can be at its end. */
function workingDirectory(root: string): string {
  if (/\\$|^\s|\s$/u.test(root)) {
    throw new Failure(
      'service_path',
      `systemd cannot work in a folder whose name ends with a blank or a backslash: ${JSON.stringify(root)}`,
      'Give the folder another name, then try again.',
    );
  }
  return specifierFree(root);
}

function specifierFree(text: string): string {
  return text.replaceAll('%', '%%');
}

function notesOf({ scope, node, canNotify }: ServiceOptions, unit: string): string[] {
  const journal = scope === 'system' ? 'journalctl' : 'journalctl --user';
  return [
    `See what it prints: ${journal} -u ${unit} -f`,
    ...(scope === 'user'
      ? ['It runs while you are logged in. To have it run from boot on: loginctl enable-linger']
      : []),
    ...(canNotify ? [] : ['systemd-notify was not found, so systemd sees only whether the watchdog runs.']),
    ...(/\/(\.nvm|\.fnm|\.volta|\.asdf|\.nodenv|mise|n\/versions)\//.test(node)
      ? [`It starts ${node}: after another Node is chosen, install the service again.`]
      : []),
  ];
}
