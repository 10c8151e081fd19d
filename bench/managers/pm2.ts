// pm2, called through its own API. It is fetched from npm on the first run and kept below node_modules/.cache/bench;
// it is no dependency of this project. It has no limit for logs without a module of its own, so they just grow.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { codeRoot, type Mark } from '../support/bench.ts';
import type { Manager, Peer, Program } from './manager.ts';

const cache = join(codeRoot, 'node_modules/.cache/bench/pm2');
const wantedVersion = '7.0.4';

/** The part of pm2's API that is used. */
interface Pm2 {
  connect(done: (error?: Error | null) => void): void;
  start(options: object, done: (error?: Error | null) => void): void;
  delete(name: string, done: (error?: Error | null) => void): void;
  dump(done: (error?: Error | null) => void): void;
  disconnect(): void;
}

/** pm2 with what only the family of adoption asks. */
export interface Pm2Manager extends Manager {
  readonly home: string;
  readonly mark: Mark;
  /** Writes down what runs, for `pm2 resurrect`. */
  save(): Promise<void>;
}

/** pm2 from npm. */
export const pm2 = {
  name: 'pm2',
  find: () => {
    if (!existsSync(manifest())) install();
    if (!existsSync(manifest())) return { missing: 'it is not in the cache, and npm could not fetch it' };
    return { version: (JSON.parse(readFileSync(manifest(), 'utf8')) as { version: string }).version };
  },
  start: async (bench): Promise<Pm2Manager> => {
    const home = bench.makeFolder('pm2');
    const mark = bench.makeMark('pm2');
    const before = { ...process.env };
    // Its daemon takes the environment of whoever starts it, and its paths when it is loaded.
    Object.assign(process.env, mark.environment, pm2Environment(home));
    const { custom: Api } = load();
    const api = new Api({ pm2_home: home });
    const call = (use: (done: (error?: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => use((error) => (error ? reject(error) : resolve())));
    await call((done) => api.connect(done));
    const programs = new Map<string, Program>();
    const logOf = (name: string) => join(home, `${name}.log`);
    return {
      home,
      mark,
      define: async (program) => void programs.set(program.name, program),
      up: (name) => {
        const { argv = [], copies = 1 } = programs.get(name) ?? {};
        const [script, ...args] = argv;
        return call((done) =>
          api.start(
            {
              name,
              script,
              args,
              instances: copies,
              interpreter: 'none',
              exec_mode: 'fork',
              autorestart: false,
              merge_logs: true,
              output: logOf(name),
              error: logOf(name),
            },
            done,
          ),
        );
      },
      down: async (name) => {
        await call((done) => api.delete(name, done));
        rmSync(logOf(name), { force: true });
      },
      save: () => call((done) => api.dump(done)),
      helpers: mark.helpers,
      daemon: () => Number(readFileSync(join(home, 'pm2.pid'), 'utf8')),
      end: async () => {
        api.disconnect();
        mark.kill();
        for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
        Object.assign(process.env, before);
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
} satisfies Peer;

/** What keeps pm2 in its folder and off the network. */
export function pm2Environment(home: string): Record<string, string> {
  return {
    PM2_HOME: home,
    PM2_DISABLE_VERSION_CHECK: 'true',
    PM2_SILENT: 'true',
    PM2_PROGRAMMATIC: 'true',
    PM2_DISCRETE_MODE: 'true',
  };
}

/** Its command line. */
export const pm2Command = join(cache, 'node_modules/pm2/bin/pm2');

function manifest(): string {
  return join(cache, 'node_modules/pm2/package.json');
}

/** A fresh copy: it keeps the paths of the first home that it has seen. */
function load(): { custom: new (options: object) => Pm2 } {
  const require = createRequire(manifest());
  for (const path of Object.keys(require.cache)) if (path.startsWith(cache)) delete require.cache[path];
  return require(join(cache, 'node_modules/pm2')) as ReturnType<typeof load>;
}

function install(): void {
  mkdirSync(cache, { recursive: true });
  const words = ['install', `pm2@${wantedVersion}`, '--prefix', cache, '--ignore-scripts', '--no-audit'];
  spawnSync('npm', [...words, '--no-fund', '--no-save'], { stdio: 'ignore', timeout: 180_000 });
}
