// Real repositories for tests of updates: a bare remote, somebody who pushes to it, and a bot's folder that is a clone.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { carriersOf } from '../../../../../skills/process-manager/base/index.ts';
import {
  type UpdateOptions,
  type UpdateResult,
  updateFromGit,
} from '../../../../../skills/process-manager/bots/update/update.ts';
import { makeInstance } from '../../../../support/instance.ts';

// Tests depend on nobody's own configuration of git.
process.env.GIT_CONFIG_GLOBAL = '/dev/null';
process.env.GIT_CONFIG_NOSYSTEM = '1';

/** What a folder is to contain: text, an executable, a link, or nothing any more. */
export type Files = Readonly<
  Record<string, string | Buffer | { readonly link: string } | { readonly script: string } | null>
>;

/** Runs git as a person would; what it prints. */
export function git(folder: string, ...words: readonly string[]): string {
  return execFileSync(
    'git',
    ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main', ...words],
    { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  ).trim();
}

/** Writes files, replacing whatever is there. */
export function write(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    rmSync(target, { recursive: true, force: true });
    if (content === null) continue;
    mkdirSync(dirname(target), { recursive: true });
    if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(target, content);
    else if ('link' in content) symlinkSync(content.link, target);
    else writeFileSync(target, content.script, { mode: 0o755 });
  }
}

/** A scene of one instance with one bot and the remote of its repository. */
export interface Scene {
  readonly root: string;
  /** The bot's folder, a clone of the remote. */
  readonly bot: string;
  /** The bare remote. */
  readonly remote: string;
  readonly author: string;
  readonly progress: string[];
  /** Commits files and pushes them; the new commit. */
  publish(files: Files, branch?: string): string;
  /** Updates the bot. */
  update(options?: Partial<UpdateOptions>): Promise<UpdateResult>;
  options(options?: Partial<UpdateOptions>): UpdateOptions;
  head(): string;
  /** The tracked files that differ. */
  changed(): string[];
  read(path: string): string;
  /** Where updates of the bot keep things. */
  readonly store: string;
}

/** Makes a scene; the remote's first commit has these files. */
export function makeScene(files: Files = { 'bot.py': 'v1\n' }, isCloned = true): Scene {
  const root = realpathSync(makeInstance());
  const [remote, author, bot] = ['remote.git', 'author', 'bots/echo'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  git(root, 'init', '--quiet', '--bare', '--template=', remote);
  git(root, 'init', '--quiet', '--template=', author);
  // Both write into one store of objects, which saves pushing them.
  rmSync(join(author, '.git/objects'), { recursive: true });
  symlinkSync(join(remote, 'objects'), join(author, '.git/objects'));
  const progress: string[] = [];
  const publish = (changes: Files, branch = 'main') => {
    write(author, changes);
    git(author, 'add', '--all', '--force');
    git(author, 'commit', '--quiet', '--allow-empty', '--message', 'a change');
    const commit = git(author, 'rev-parse', 'HEAD');
    git(remote, 'update-ref', `refs/heads/${branch}`, commit);
    return commit;
  };
  publish(files);
  if (isCloned) git(root, 'clone', '--quiet', '--template=', remote, bot);
  else mkdirSync(bot, { recursive: true });
  const options = (changes: Partial<UpdateOptions> = {}): UpdateOptions => ({
    ...{ name: 'echo', root, directory: bot, repoUrl: remote, branch: undefined, forceSync: false },
    preserveFiles: [],
    onProgress: (message) => progress.push(message),
    signal: new AbortController().signal,
    ...changes,
  });
  return {
    ...{ root, bot, remote, author, progress, publish, options },
    update: (changes) => updateFromGit(options(changes)),
    head: () => git(bot, 'rev-parse', 'HEAD'),
    changed: () => git(bot, 'status', '--porcelain', '--untracked-files=no').split('\n').filter(Boolean),
    read: (path) => readFileSync(join(bot, path), 'utf8'),
    store: join(root, 'backups/bots/echo'),
  };
}

/** Every file below a folder, without git's own: its kind, mode and content, so that two looks can be compared. */
export function snapshot(folder: string, path = ''): Record<string, string> {
  const found: Record<string, string> = {};
  if (!existsSync(join(folder, path))) return found;
  for (const name of readdirSync(join(folder, path)).sort()) {
    if (path === '' && name === '.git') continue;
    const child = path === '' ? name : `${path}/${name}`;
    const stat = lstatSync(join(folder, child));
    if (stat.isDirectory()) Object.assign(found, snapshot(folder, child));
    else found[child] = fingerprint(join(folder, child));
  }
  return found;
}

/** Kind, mode and content of a file or link. */
export function fingerprint(path: string): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  return `${(stat.mode & 0o777).toString(8)} ${hash.slice(0, 16)}`;
}

/** What an update has left that it should not: traces in backups, hidden files in the folder, locks, processes. */
export function leftovers(scene: Pick<Scene, 'root' | 'bot' | 'store'>): string[] {
  const inStore = existsSync(scene.store) ? readdirSync(scene.store) : [];
  const inBot = readdirSync(scene.bot, { recursive: true, encoding: 'utf8' });
  return [
    ...inStore.filter((name) => !name.startsWith('overwritten-')),
    ...inBot.filter((name) => /\.understudy|\.lock$|tmp_pack/.test(name)),
    ...processesOf(scene).map((pid) => `process ${pid}`),
  ];
}

/** Processes of any update of this scene. */
export function processesOf({ root }: Pick<Scene, 'root'>): number[] {
  return [...carriersOf('UNDERSTUDY_UPDATE')].flatMap(([mark, pids]) => (mark.startsWith(root) ? pids : []));
}

/** What earlier updates have set aside: the content of each file by its path. */
export function setAside(scene: Pick<Scene, 'store'>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const folder of existsSync(scene.store) ? readdirSync(scene.store).sort() : []) {
    if (!folder.startsWith('overwritten-')) continue;
    for (const path of Object.keys(snapshot(join(scene.store, folder)))) {
      found[path] = readFileSync(join(scene.store, folder, path), 'utf8');
    }
  }
  return found;
}

/**
 * A filter that ends git with -9 when it writes a file `*.trap`, as often as told, after it has let some files pass: git
 * dies in the middle of a checkout. It works in copies of the scene, too.
 */
export function setTrap({ root, bot }: Scene, times: number, passing = 0): void {
  write(root, {
    trap: `${'-'.repeat(passing)}${'x'.repeat(times)}`,
    'trap.sh': {
      script: `#!/bin/sh
        next=$(head -c 1 ../../trap)
        printf %s "$(tail -c +2 ../../trap)" > ../../trap
        [ "$next" = x ] && kill -9 $PPID
        cat
      `,
    },
  });
  git(bot, 'config', 'filter.trap.smudge', join(root, 'trap.sh'));
  git(bot, 'config', 'filter.trap.clean', 'cat');
}

/** A server that accepts connections and never says a word; its port. */
export async function makeSilentServer(): Promise<number> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}
