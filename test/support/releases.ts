// Instances with something to promote, what a tree looks like, and the switch as watchdog.js makes it: renames along
// the journal of a release, forth and back.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  createReleases,
  type PromoteRequest,
  type ReleaseSettings,
  type Releases,
} from '../../skills/process-manager/releases/index.ts';
import { readLiveSettings } from '../../skills/process-manager/settings.ts';
import {
  type ReleaseRecord,
  type ReleaseState,
  readRecord,
  writeRecord,
} from '../../skills/process-manager/watchdog/index.ts';

/** Files of an instance that has everything a promotion has to leave alone. */
export const liveFiles: Readonly<Record<string, string>> = {
  'config.json': '{}',
  'src/index.ts': 'old',
  'src/deep/er/gone.ts': 'only in live',
  'skills/greet/index.ts': 'old greeting',
  'skills/greet/data/names.json': '["live"]',
  'skills/retired/index.ts': 'a skill that staging has deleted',
  'skills/retired/data/kept.json': 'its data stays',
  '.env': 'DISCORD_TOKEN=live',
  'SOUL.md': 'live soul',
  'IDENTITY.md': 'live identity',
  'memory/notes': 'live memory',
  'logs/live.log': 'live log',
  'data/a': 'live data',
  'temp/a': 'live temp',
  'package-lock.json': '{"lockfileVersion": 3, "packages": {}}',
  'watchdog.js': 'watchdog',
};

/** Files of a candidate that adds, changes and removes something. */
export const stagingFiles: Readonly<Record<string, string>> = {
  'config.json': '{}',
  'src/index.ts': 'new',
  'src/fresh.ts': 'added',
  'skills/greet/index.ts': 'new greeting',
  'skills/greet/data/names.json': '["staging"]',
  'skills/brand-new/index.ts': 'a new skill',
  'skills/brand-new/data/start.json': 'that brings its data',
  'assets/logo.svg': '<svg/>',
  '.env': 'DISCORD_TOKEN=staging',
  'SOUL.md': 'staging soul',
  'IDENTITY.md': 'staging identity',
  'memory/notes': 'staging memory',
  'logs/staging.log': 'staging log',
  'watchdog.js': 'watchdog',
};

/** Writes files below a folder. */
export function fill(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** The files of an instance with live and staging, for `makeInstance` and `makeFolder`. */
export function withStaging(
  live: Readonly<Record<string, string>> = liveFiles,
  staging: Readonly<Record<string, string>> = stagingFiles,
): Record<string, string> {
  const below = Object.entries(staging).map(([path, content]) => [`staging/${path}`, content]);
  return { ...live, ...Object.fromEntries(below) };
}

/** The releases of a root, without gates unless some are given. */
export function releasesOf(root: string, settings: Partial<ReleaseSettings> = {}): Releases {
  return createReleases({
    root,
    settings: { projectType: 'normal', gates: [], gateTimeoutSeconds: 60, exclude: [], ...settings },
    clock: { now: Date.now },
    environment: process.env,
    readLive: readLiveSettings,
  });
}

/** A request with nothing special in it. */
export function request(part: Partial<PromoteRequest> = {}): PromoteRequest {
  return {
    dryRun: false,
    skipRestart: false,
    force: false,
    requestedBy: 'test:owner',
    progress: () => {},
    ...part,
  };
}

/** Every path below a folder with its mode and content, but for what `skip` names. */
export function snapshot(
  root: string,
  skip: (path: string) => boolean = () => false,
  path = '',
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, path)).sort()) {
    const below = path === '' ? name : `${path}/${name}`;
    if (skip(below)) continue;
    const full = join(root, below);
    const stats = lstatSync(full);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory()) Object.assign(found, { [below]: `folder ${mode}` }, snapshot(root, skip, below));
    else if (stats.isSymbolicLink()) found[below] = `link ${readlinkSync(full)}`;
    else found[below] = stats.isFile() ? `${mode} ${readFileSync(full, 'latin1')}` : 'special';
  }
  return found;
}

/** Live alone: what staging a release must not touch. */
export function liveOf(root: string): Record<string, string> {
  return snapshot(root, (path) => /^(staging|backups|\.deploy-ready|\.upgrade-context)(\.|\/|$)/.test(path));
}

/** What a promotion and a revert must not leave anywhere. */
export function leftoversOf(root: string): string[] {
  const all = [
    ...readdirSync(root),
    ...readdirSync(join(root, 'backups')),
    ...readdirSync(join(root, 'staging')),
  ];
  return all.filter((name) => /\.new$|^\.staging-|^\.lock\.|^\.revert/.test(name));
}

/** Makes the switch of a staged release, forward, and leaves it in a state. */
export function switchForward(root: string, name: string, state: ReleaseState = 'good'): void {
  const folder = join(root, 'backups', name);
  const record = requireRecord(folder);
  for (const { path, live, next } of record.entries) {
    const [here, old, fresh] = [join(root, path), join(folder, 'previous', path), join(folder, 'next', path)];
    if (live && !existsSync(old)) move(here, old);
    if (next && existsSync(fresh)) move(fresh, here);
    removeEmpty(dirname(here), root);
  }
  writeRecord(folder, { ...record, state, stateAt: new Date().toISOString() });
  rmSync(join(root, '.deploy-ready'), { force: true });
}

/** Takes a switched release back. */
export function switchBack(root: string, name: string, detail = 'it crashed at its start'): void {
  const folder = join(root, 'backups', name);
  const record = requireRecord(folder);
  for (const { path, live, next } of [...record.entries].reverse()) {
    const [here, old, fresh] = [join(root, path), join(folder, 'previous', path), join(folder, 'next', path)];
    if (next && !existsSync(fresh)) move(here, fresh);
    if (live && existsSync(old)) move(old, here);
    removeEmpty(dirname(here), root);
  }
  writeRecord(folder, { ...record, state: 'reverted', detail, stateAt: new Date().toISOString() });
  rmSync(join(root, '.deploy-ready'), { force: true });
}

/** The journal of a release. */
export function requireRecord(folder: string): ReleaseRecord {
  const record = readRecord(folder);
  if (record === undefined) throw new Error(`${folder} has no release.json`);
  return record;
}

function move(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}

function removeEmpty(folder: string, root: string): void {
  if (folder === root || !existsSync(folder) || readdirSync(folder).length > 0) return;
  rmdirSync(folder);
  removeEmpty(dirname(folder), root);
}
