// runit: `runsvdir` over a folder of services, each with an `svlogd` that keeps its output.

import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../support/bench.ts';
import { findProgram, packageVersion } from '../support/machine.ts';
import type { Peer, Program } from './manager.ts';
import { quote } from './quote.ts';

const run = promisify(execFile);
const program = 'runsvdir';

/** runit from Debian's packages. */
export const runit: Peer = {
  name: 'runit',
  find: () =>
    findProgram(program)
      ? { version: packageVersion('runit') }
      : { missing: 'runsvdir is not on the PATH (Debian: apt-get install runit)' },
  start: async (bench) => {
    const folder = bench.makeFolder('runit');
    const services = join(folder, 'services');
    mkdirSync(services);
    const mark = bench.makeMark('runit');
    const options = { env: mark.environment };
    const daemon = spawn(program, [services], { ...options, stdio: 'ignore' });
    const copies = new Map<string, string[]>();
    return {
      define: async (wanted) => {
        const made = makeServices(folder, services, wanted);
        copies.set(wanted.name, made);
        // runsvdir looks into its folder every five seconds.
        for (const service of made)
          await until(`runit supervises ${service}`, () => existsSync(join(service, 'supervise/ok')));
      },
      up: async (name) => void (await run('sv', ['start', ...(copies.get(name) ?? [])], options)),
      down: async (name) => void (await run('sv', ['stop', ...(copies.get(name) ?? [])], options)),
      helpers: mark.helpers,
      daemon: () => daemon.pid ?? Number.NaN,
      end: async () => {
        mark.kill();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

function makeServices(folder: string, services: string, { name, argv, copies = 1 }: Program): string[] {
  return Array.from({ length: copies }, (_, copy) => {
    const made = join(folder, `${name}-${copy}`);
    const kept = join(folder, `${name}-${copy}-kept`);
    for (const path of [join(made, 'log'), kept]) mkdirSync(path, { recursive: true });
    writeFileSync(join(made, 'down'), '');
    writeScript(join(made, 'run'), `exec 2>&1\nexec ${argv.map(quote).join(' ')}`);
    writeScript(join(made, 'log/run'), `exec svlogd ${quote(kept)}`);
    const service = join(services, `${name}-${copy}`);
    renameSync(made, service);
    return service;
  });
}

function writeScript(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
