// The checks of `doctor` that need nothing but the machine and the instance root. What only the host can know
// (configuration, tokens, skills) comes from `engine.diagnose()`.

import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../tool.ts';
import { findWatchdog } from '../watchdog/index.ts';

const oldestNode = [20, 19] as const;
const testedNodes = [20, 22, 24];
const scarceBytes = 1024 ** 3;
const tooFewBytes = 100 * 1024 ** 2;
const dataFolders = ['memory', 'logs', 'backups', 'staging'];

/** Everything that can be seen from here, in the order in which it should be mended. */
export async function inspectMachine(root: string): Promise<Finding[]> {
  return [
    checkNode(process.versions.node),
    ...(await Promise.all(['.', ...dataFolders].map((folder) => checkFolder(root, folder)))),
    await checkDisk(root),
    checkWatchdog(root),
    await checkGit(),
  ];
}

/** Whether this Node can run Understudy, and whether anybody has tried. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    return {
      name: 'node',
      status: 'problem',
      message: `Node ${version} is too old.`,
      hint: `Install Node ${oldestNode.join('.')} or newer: https://nodejs.org`,
    };
  }
  if (!testedNodes.includes(major)) {
    return {
      name: 'node',
      status: 'warning',
      message: `Node ${version} is not one of the versions that this was tested with.`,
      hint: `Tested: ${testedNodes.join(', ')}.`,
    };
  }
  return { name: 'node', status: 'ok', message: `Node ${version}` };
}

async function checkFolder(root: string, folder: string): Promise<Finding> {
  const path = join(root, folder);
  const name = folder === '.' ? 'root folder' : `${folder}/`;
  const found = await stat(path).catch(() => undefined);
  if (!found) {
    return { name, status: 'ok', message: 'not there yet; it is made when it is needed' };
  }
  if (!found.isDirectory()) {
    return {
      name,
      status: 'problem',
      message: `${path} is not a folder.`,
      hint: `Move it away: mv ${path} ${path}.old`,
    };
  }
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return { name, status: 'ok', message: `${path} can be read and written` };
  } catch {
    return {
      name,
      status: 'problem',
      message: `${path} cannot be written by this user.`,
      hint: `Give it to the user that runs the bot: chown -R USER ${path}`,
    };
  }
}

async function checkDisk(root: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  const message = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  if (free >= scarceBytes) return { name: 'disk', status: 'ok', message };
  return {
    name: 'disk',
    status: free < tooFewBytes ? 'problem' : 'warning',
    message: `only ${message}`,
    hint: 'Promotions and logs need space: remove old releases in backups/, or other files.',
  };
}

function checkWatchdog(root: string): Finding {
  const watchdog = findWatchdog(root);
  if (watchdog) return { name: 'watchdog', status: 'ok', message: `runs with PID ${watchdog.pid}` };
  return {
    name: 'watchdog',
    status: 'warning',
    message: 'does not run, so nothing starts the bot again when it ends.',
    hint: 'Start it: node watchdog.js',
  };
}

async function checkGit(): Promise<Finding> {
  // Loaded here, since every start of the command line would pay for it.
  const { execa } = await import('execa');
  const { failed, stdout } = await execa('git', ['--version'], { reject: false, timeout: 5_000 });
  if (!failed) return { name: 'git', status: 'ok', message: String(stdout) };
  return {
    name: 'git',
    status: 'warning',
    message: 'git was not found, so bots cannot be updated from their repositories.',
    hint: 'Install it, for example: apt-get install git',
  };
}
