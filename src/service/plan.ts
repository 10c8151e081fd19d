// What a boot service of an instance consists of: one file, the commands that make it known, and those that take it
// away again. Pure: nothing here looks at the machine, and nothing is changed.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { launchdService } from './launchd.ts';
import { schedulerService } from './scheduler.ts';
import type { Service, ServiceOptions } from './service.ts';
import { systemdService } from './systemd.ts';

/** Thinks a service through; a Failure where the root cannot be expressed in the manager's file. */
export function planService(options: ServiceOptions): Service {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const unspeakable = [options.root, options.node].find((path) => /[\u0000-\u001f\u007f\ufffd]/.test(path));
  if (unspeakable !== undefined) {
    throw new Failure(
      'service_path',
      `No service file can express this path: ${JSON.stringify(unspeakable)}`,
      'Move it to a path without line ends and other control characters, then try again.',
    );
  }
  const name = serviceName(options.root);
  if (options.manager === 'systemd') return systemdService(name, options);
  return options.manager === 'launchd' ? launchdService(name, options) : schedulerService(name, options);
}

/** One name for each root, in letters that every manager takes: readable, and told apart by the path. */
function serviceName(root: string): string {
  const readable = basename(root)
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40);
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 8);
  return ['understudy', readable, hash].filter((part) => part !== '').join('-');
}
