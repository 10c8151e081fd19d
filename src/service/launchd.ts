// The property list of an instance, for macOS.

import { join } from 'node:path';
import { marker, type Service, type ServiceOptions } from './service.ts';
import { escapeXml } from './xml.ts';

/** The property list, and how launchd learns of it. */
export function launchdService(name: string, options: ServiceOptions): Service {
  const { scope, home, userId } = options;
  const label = `org.${name}`;
  const isSystem = scope === 'system';
  const folder = isSystem ? '/Library/LaunchDaemons' : join(home, 'Library', 'LaunchAgents');
  const file = join(folder, `${label}.plist`);
  const domain = isSystem ? 'system' : `gui/${userId}`;
  return {
    name: label,
    file,
    content: propertyList(label, options),
    encoding: 'utf8',
    enable: [
      { words: ['launchctl', 'bootout', `${domain}/${label}`], mayFail: true },
      { words: ['launchctl', 'enable', `${domain}/${label}`] },
      { words: ['launchctl', 'bootstrap', domain, file] },
    ],
    disable: [{ words: ['launchctl', 'bootout', `${domain}/${label}`], mayFail: true }],
    forget: [],
    query: ['launchctl', 'print', `${domain}/${label}`],
    notes: [
      'launchd starts it again unless it ends with 0: a configuration that is wrong is tried again every ten seconds.',
      ...(isSystem ? [] : ['It runs while you are logged in.']),
    ],
  };
}

function propertyList(label: string, { root, node, path, owner }: ServiceOptions): string {
  const text = (value: string) => `<string>${escapeXml(value)}</string>`;
  const entry = (key: string, value: string) => `  <key>${key}</key>${value}`;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${marker}; the next one writes it anew. -->`,
    '<plist version="1.0">',
    '<dict>',
    entry('Label', text(label)),
    entry('ProgramArguments', `<array>${text(node)}${text(join(root, 'watchdog.js'))}</array>`),
    entry('WorkingDirectory', text(root)),
    entry('EnvironmentVariables', `<dict><key>PATH</key>${text(path)}</dict>`),
    ...(owner === undefined ? [] : [entry('UserName', text(owner))]),
    entry('RunAtLoad', '<true/>'),
    // Exit code 0 is a wish to stop.
    entry('KeepAlive', '<dict><key>SuccessfulExit</key><false/></dict>'),
    entry('ThrottleInterval', '<integer>10</integer>'),
    entry('ExitTimeOut', '<integer>45</integer>'),
    // What the bot manages runs on when the watchdog ends.
    entry('AbandonProcessGroup', '<true/>'),
    '</dict>',
    '</plist>',
  ].join('\n')}\n`;
}
