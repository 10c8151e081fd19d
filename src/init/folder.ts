// Which folders may become an instance: a bot's own, and no other. Whatever is refused is refused before anything changes.

import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { loadConfig } from '../config.ts';

/** Folders of the system, and those that hold the homes and the data of everybody. */
const shared =
  /^\/(bin|boot|dev|etc|home|lib\w*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|usr\/local|var|var\/(cache|lib|local|log|mail|opt|run|spool|tmp|www)|Users|Applications|Library|System|Volumes)$/;

/** What `init` puts into staging/. */
const stagingNames = ['SOUL.md', 'IDENTITY.md', '.env.example', 'memory'];

/** How a watchdog.js of any version begins. */
const watchdogHead = '// Boots, watches and switches the live bot';
const stubHead = '// Starts watchdog.mjs';

/** The folder itself, without links; a Failure where it can never be an instance. */
export function requireFolder(named: string, codeRoot: string, home = homedir()): string {
  const folder = resolve(named);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory()) {
    throw new Failure(
      'init_no_folder',
      found ? `${folder} is not a folder.` : `There is no folder ${folder}.`,
      'Name the folder that holds your bot: understudy init DIR',
    );
  }
  const real = realpathSync(folder);
  const isAbove = `${realOf(home)}/`.startsWith(`${real}/`);
  if (isAbove || shared.test(real) || dirname(real) === real) {
    throw new Failure(
      'init_refused',
      `${real} is no bot's own folder, and everything in it would belong to the bot.`,
      'Put the bot into a folder of its own, and name that: understudy init DIR',
    );
  }
  if (real === realOf(codeRoot)) {
    throw new Failure(
      'init_own',
      `${real} is Understudy itself, and an instance already.`,
      'Start it: npm start',
    );
  }
  if (basename(real) === 'staging' && existsSync(join(dirname(real), 'config.json'))) {
    throw new Failure(
      'init_staging',
      `${real} is the staging folder of ${dirname(real)}, and belongs to that instance.`,
      'Look at that one: understudy doctor',
    );
  }
  requireAccess(real);
  return real;
}

/** Fails where a name that Understudy needs is somebody else's. */
export function requireRoom(folder: string): void {
  if (existsSync(join(folder, 'config.json'))) requireOurConfig(folder);
  for (const name of ['watchdog.js', 'watchdog.mjs']) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const head = statSync(path).isFile() ? readFileSync(path, 'utf8').slice(0, 200) : '';
    if (!head.startsWith(watchdogHead) && !head.startsWith(stubHead)) throw taken(path);
  }
  const staging = join(folder, 'staging');
  if (!existsSync(staging) || existsSync(join(folder, 'config.json'))) return;
  // A revert makes staging/ what live is, so nothing of somebody else's may be there.
  if (!statSync(staging).isDirectory() || readdirSync(staging).some((name) => !stagingNames.includes(name)))
    throw taken(staging);
}

function requireOurConfig(folder: string): void {
  try {
    loadConfig(folder, {});
  } catch (error) {
    const [first = ''] = String((error as Error).message).split('\n');
    throw new Failure(
      'init_config_taken',
      `${join(folder, 'config.json')} is there, and is none that Understudy understands: ${first}`,
      "If it is the bot's own, give it another name, there and in the bot's code; if it is yours, mend it. Then try again.",
      { cause: error },
    );
  }
}

function requireAccess(folder: string): void {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Failure(
      'init_no_access',
      `${folder} cannot be read and written by this user: ${(error as Error).message}`,
      `Run this as the user that the bot runs as, or give it the folder: chown -R USER ${folder}`,
      { cause: error },
    );
  }
}

function taken(path: string): Failure {
  return new Failure(
    'init_taken',
    `${path} is there already and is not Understudy's, which needs that name.`,
    `Move it away first, for example: mv ${path} ${path}.mine`,
  );
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
