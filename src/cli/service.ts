// `understudy service`: shows exactly what it does, and asks nothing.

import { z } from 'zod';
import type { View } from '../../skills/tool.ts';
import {
  installService,
  type ServiceAnswer,
  type ServiceStatus,
  serviceStatus,
  stepsInWords,
  uninstallService,
} from '../service/index.ts';
import { type Answer, ownVerb } from './own-verb.ts';

/** The verb. */
export const serviceVerb = ownVerb({
  name: 'service',
  title: 'Start at boot',
  description:
    'Has the operating system start the watchdog of this instance at boot and again whenever it ends: systemd on Linux, launchd on macOS, the Task Scheduler on Windows. It shows the file and the commands, and asks nothing; with --dry-run it only shows them. Saying it again changes nothing, and a file that somebody else wrote is left alone. Each instance has a service of its own.',
  examples: [
    { command: 'service install --dry-run', explains: 'see the file and the commands' },
    { command: 'service install --user', explains: 'for you; no root needed' },
    { command: 'service status', explains: 'whether it is installed, and how it is' },
    { command: 'service uninstall', explains: 'no longer at boot; the bot stops' },
  ],
  positionals: ['action'],
  input: z.strictObject({
    action: z.enum(['install', 'uninstall', 'status']).describe('What to do'),
    user: z.boolean().default(false).describe('A service of your own (the default unless you are root)'),
    system: z.boolean().default(false).describe('A service of the whole machine (the default for root)'),
    dryRun: z.boolean().default(false).describe('Show what would be done, and do nothing'),
    force: z.boolean().default(false).describe('Replace or remove a file that somebody else wrote, too'),
    manager: z
      .enum(['systemd', 'launchd', 'scheduler'])
      .optional()
      .describe('Whose file; that of this machine by default, another one with --dry-run only'),
  }),
  async run({ findRoot, tell }, { action, user, system, dryRun, force, manager }): Promise<Answer> {
    const scope = user === system ? undefined : user ? 'user' : 'system';
    const choice = { root: findRoot(), scope, manager, environment: process.env } as const;
    if (action === 'status') {
      const output = serviceStatus(choice);
      return { output, view: statusView(output) };
    }
    const request = { ...choice, dryRun, force, tell };
    const output = action === 'install' ? installService(request) : uninstallService(request);
    return { output, view: dryRun ? dryRunView(output) : doneView(output, action) };
  },
});

function dryRunView(answer: ServiceAnswer): View {
  const heading = 'Nothing was changed. This would be done:';
  return { heading, text: stepsInWords(answer), notes: answer.notes };
}

function doneView({ name, file, changed, notes }: ServiceAnswer, action: 'install' | 'uninstall'): View {
  if (action === 'uninstall') return { heading: changed ? `Removed: ${name}` : 'Nothing changed.', notes };
  return {
    heading: changed ? `Installed: ${name} (${file})` : `Installed already: ${name} (${file})`,
    notes,
  };
}

function statusView({ name, file, installed, current, state, notes }: ServiceStatus): View {
  const how = installed
    ? `installed${current ? '' : ', but not as an installation would write it now'}`
    : 'not installed';
  return {
    heading: `${name}: ${how}`,
    text: [file, ...(state === null ? [] : [state])].join('\n'),
    notes,
  };
}
