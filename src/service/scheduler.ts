// The task of an instance, for the Task Scheduler of Windows.

import { win32 } from 'node:path';
import { marker, type Service, type ServiceOptions } from './service.ts';
import { escapeXml } from './xml.ts';

/** The task, and how the scheduler learns of it. */
export function schedulerService(name: string, options: ServiceOptions): Service {
  const { home, configHome } = options;
  const folder = win32.join(configHome ?? win32.join(home, 'AppData', 'Local'), 'Understudy');
  const file = win32.join(folder, `${name}.xml`);
  return {
    name,
    file,
    content: taskOf(options),
    encoding: 'utf16le',
    enable: [
      { words: ['schtasks', '/Create', '/TN', name, '/XML', file, '/F'] },
      { words: ['schtasks', '/Run', '/TN', name] },
    ],
    disable: [
      { words: ['schtasks', '/End', '/TN', name], mayFail: true },
      { words: ['schtasks', '/Delete', '/TN', name, '/F'], mayFail: true },
    ],
    forget: [],
    restart: [
      ['schtasks', '/End', '/TN', name],
      ['schtasks', '/Run', '/TN', name],
    ],
    query: ['schtasks', '/Query', '/TN', name, '/V', '/FO', 'LIST'],
    notes: ['The task is started again when it fails, at most 999 times, a minute apart.'],
  };
}

function taskOf({ scope, root, node }: ServiceOptions): string {
  const isSystem = scope === 'system';
  return [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    `  <RegistrationInfo><Description>${marker}: watches over ${escapeXml(root)}</Description></RegistrationInfo>`,
    `  <Triggers>${isSystem ? '<BootTrigger/>' : '<LogonTrigger/>'}</Triggers>`,
    '  <Principals><Principal id="Author">',
    isSystem
      ? '    <UserId>S-1-5-18</UserId>'
      : '    <LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel>',
    '  </Principal></Principals>',
    '  <Settings>',
    '    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>',
    '    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>',
    '    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>',
    '    <StartWhenAvailable>true</StartWhenAvailable>',
    '    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>',
    '    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>',
    '  </Settings>',
    '  <Actions Context="Author"><Exec>',
    `    <Command>${escapeXml(node)}</Command>`,
    `    <Arguments>${escapeXml(argument(win32.join(root, 'watchdog.js')))}</Arguments>`,
    `    <WorkingDirectory>${escapeXml(root)}</WorkingDirectory>`,
    '  </Exec></Actions>',
    '</Task>',
    '',
  ].join('\r\n');
}

/** One argument, as programs of Windows take their command line apart. */
function argument(text: string): string {
  return `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}
