// Roots, releases and watchdogs for the tests of watchdog.js. A release is written by hand as docs/protocol.md says, so
// that these tests hold the file to its contract and not to whoever stages releases.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startOf } from '../../skills/process-manager/base/index.ts';
import { makeFolder } from '../support/folder.ts';
import { cleanEnvironment, codeRoot } from '../support/instance.ts';

export type Files = Readonly<Record<string, string>>;

/** Times that make a test quick; each test that is about one of them sets it. */
const quick: NodeJS.ProcessEnv = {
  UNDERSTUDY_WATCHDOG_POLL_MS: '20',
  UNDERSTUDY_WATCHDOG_FIRST_RESTART_MS: '20',
};

/** What never moves: the root's own files, as every instance has them. */
export const ownFiles: Files = {
  '.env': 'DISCORD_TOKEN=live\n',
  'SOUL.md': 'I am live.\n',
  'memory/notes.md': 'remembered\n',
  'data/table.csv': '1,2\n',
};

/** `live` of config.json, as plain JSON. */
export type LiveSettings = Readonly<Record<string, unknown>>;

/** A bot that prints its version and stays up; the shell starts in a millisecond. */
export function shellBot(version: string): string {
  return `echo "version ${version} runs"\nexec sleep 600\n`;
}

export const shellLive: LiveSettings = {
  command: ['sh', 'live.sh'],
  ready: { uptimeSeconds: 0.05 },
  readySeconds: 5,
  trialSeconds: 0.1,
};

/** A small file system of its own; undefined, and said loudly, where that is not allowed. */
export function mountDisk(size: string): string | undefined {
  const disk = makeFolder();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]).status !== 0) {
    process.stderr.write('SKIPPED: tests of full and read-only disks need the right to mount a tmpfs\n');
    return undefined;
  }
  onTestFinished(() => void spawnSync('umount', ['-l', disk]));
  return disk;
}

/** A root with the real watchdog.js; removed with the test. */
export function makeRoot(files: Files, live: LiveSettings = shellLive, parent = tmpdir()): string {
  const root = mkdtempSync(join(parent, 'understudy-watchdog-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 3 }));
  fill(root, { 'config.json': JSON.stringify({ live }), 'package.json': '{"type":"module"}', ...files });
  mkdirSync(join(root, 'logs'), { recursive: true });
  copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'watchdog.js'));
  return root;
}

function fill(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
    if (content.startsWith('#!')) chmodSync(join(folder, path), 0o755);
  }
}

export interface Candidate {
  readonly version: string;
  /** New or changed files. */
  readonly files?: Files;
  readonly removed?: readonly string[];
  /** The candidate's `live`; that of its config.json unless given. */
  readonly live?: LiveSettings | null;
  readonly watchdog?: string;
  /** Of release.json. */
  readonly part?: Readonly<Record<string, unknown>>;
}

const neverMoves =
  /^(\.env.*|SOUL\.md|IDENTITY\.md|memory|logs|data|temp|node_modules|package-lock\.json|backups|staging|\.git|watchdog\.js|\..*|live\.pids)$/;
let stamp = Date.now();

/** Stages a release of what live is, with these changes; the name of its folder. */
export function stage(root: string, { version, files = {}, removed = [], ...rest }: Candidate): string {
  stamp += 1000;
  const at = new Date(stamp);
  const name = `${version}-${at.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const folder = join(root, 'backups', name);
  const next = join(folder, 'next');
  mkdirSync(next, { recursive: true });
  for (const entry of readdirSync(root)) {
    if (neverMoves.test(entry)) continue;
    cpSync(join(root, entry), join(next, entry), {
      recursive: true,
      filter: (path) => !/^skills\/[^/]+\/data(\/|$)/.test(path.slice(root.length + 1)),
    });
  }
  for (const path of removed) rmSync(join(next, path), { recursive: true });
  fill(next, files);
  if (rest.watchdog !== undefined) writeFileSync(join(next, 'watchdog.js'), rest.watchdog);
  const entries = entriesOf(root, next);
  const hash = createHash('sha256')
    .update(JSON.stringify(treeOf(next)))
    .digest('hex');
  const config = join(next, 'config.json');
  const live = rest.live ?? (existsSync(config) ? readConfig(config) : null);
  const journal = {
    ...{ format: 1, version, createdAt: at.toISOString(), stagedBy: 'test', reason: null, state: 'staged' },
    ...{ stateAt: at.toISOString(), detail: null, commit: null, hash, entries, dependencies: 'same' },
    ...{ watchdog: rest.watchdog === undefined ? null : 'pending', gates: [], changes: {}, channel: null },
    ...(live ? { live } : {}),
    ...rest.part,
  };
  writeFileSync(join(folder, 'release.json'), JSON.stringify(journal));
  return name;
}

function readConfig(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { live?: unknown }).live;
  } catch {
    return null;
  }
}

/** The units of renaming, as the contract has them. */
function entriesOf(root: string, next: string): { path: string; live: boolean; next: boolean }[] {
  const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const top = [...names(root), ...names(next)].filter((name) => !neverMoves.test(name) && name !== 'skills');
  const skills = [...names(join(root, 'skills')), ...names(join(next, 'skills'))].flatMap((skill) => {
    if (!existsSync(join(root, 'skills', skill, 'data'))) return [`skills/${skill}`];
    const children = [...names(join(root, 'skills', skill)), ...names(join(next, 'skills', skill))];
    return children.filter((child) => child !== 'data').map((child) => `skills/${skill}/${child}`);
  });
  return [...new Set([...top, ...skills])].map((path) => {
    return { path, live: existsSync(join(root, path)), next: existsSync(join(next, path)) };
  });
}

/** Writes .deploy-ready as the skill does. */
export function announce(root: string, release: string, part: Readonly<Record<string, unknown>> = {}): void {
  const version = release.split('-')[0];
  const marker = { release, version, staged_at: '', staged_by: 'test', action: 'promote', ...part };
  writeFileSync(join(root, '.deploy-ready.new'), JSON.stringify(marker));
  renameSync(join(root, '.deploy-ready.new'), join(root, '.deploy-ready'));
}

/** Stages and announces. */
export function promote(root: string, candidate: Candidate): string {
  const name = stage(root, candidate);
  announce(root, name);
  return name;
}

export interface RunningWatchdog {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** Starts the watchdog of a root; it and whatever it started end with the test. */
export function startWatchdog(
  root: string,
  environment: NodeJS.ProcessEnv = {},
  words: readonly string[] = [],
): RunningWatchdog {
  const child = spawn(process.execPath, ['watchdog.js', ...words], {
    cwd: root,
    env: cleanEnvironment({ ...quick, ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-200_000);
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  onTestFinished(() => endEverything(root, child));
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { child, ended, output: () => output, stop };
}

/** Kills what belongs to a root: its watchdogs, known by the lock, and its live bots, known by their environment. */
export function endEverything(root: string, child: ChildProcess): void {
  child.kill('SIGKILL');
  const holder = readJson(join(root, '.watchdog.lock'));
  if (typeof holder?.pid === 'number' && startOf(holder.pid) === holder.start)
    process.kill(holder.pid, 'SIGKILL');
  for (const pid of livePids(root)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

/** The live bots that run for this root, each once: the leaders of their groups. */
export function livePids(root: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name)) return [];
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      if (Number(fields[2]) !== Number(name) || fields[0] === 'Z') return [];
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8');
      return environment.includes(`UNDERSTUDY_LIVE=${root}:`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A JSON file, or undefined while it is not there. */
export function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

export function releaseOf(root: string, name: string): Record<string, unknown> {
  return readJson(join(root, 'backups', name, 'release.json')) ?? {};
}

export const revertedOf = (root: string) => readJson(join(root, '.deploy-reverted'));
export const liveLog = (root: string) =>
  existsSync(join(root, 'logs/live.log')) ? readFileSync(join(root, 'logs/live.log'), 'utf8') : '';
export const watchdogLog = (root: string) =>
  existsSync(join(root, 'logs/watchdog.log')) ? readFileSync(join(root, 'logs/watchdog.log'), 'utf8') : '';

/** True when nothing is under way and live runs. */
export function isSettled(root: string): boolean {
  return (
    !existsSync(join(root, '.deploy-ready')) &&
    !existsSync(join(root, '.deploy-in-progress')) &&
    livePids(root).length === 1
  );
}

/** What a folder holds, but for what changes by itself: every path with its mode and its content. */
export function treeOf(
  folder: string,
  skip: RegExp = /^(\.(?!env)|logs|backups|live\.pids)/,
): Record<string, string> {
  const tree: Record<string, string> = {};
  const visit = (path: string) => {
    const place = join(folder, path);
    if (path !== '' && skip.test(path)) return;
    if (statSync(place).isDirectory()) {
      for (const name of readdirSync(place).sort()) visit(path === '' ? name : `${path}/${name}`);
    } else {
      const content = createHash('sha256').update(readFileSync(place)).digest('hex').slice(0, 16);
      tree[path] = `${(statSync(place).mode & 0o777).toString(8)} ${content}`;
    }
  };
  visit('');
  return tree;
}
