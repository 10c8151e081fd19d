// s6: `s6-svscan` over a folder of services, each with an `s6-log` that keeps its output below 512 KB.

import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../support/bench.ts';
import { findProgram, packageVersion } from '../support/machine.ts';
import type { Peer, Program } from './manager.ts';
import { quote } from './quote.ts';

const run = promisify(execFile);
const program = 's6-svscan';

/** s6 from Debian's packages. */
export const s6: Peer = {
  name: 's6',
  find: () =>
    findProgram(program)
      ? { version: packageVersion('s6') }
      : { missing: 's6-svscan is not on the PATH (Debian: apt-get install s6)' },
  start: async (bench) => {
    const folder = bench.makeFolder('s6');
    const mark = bench.makeMark('s6');
    const options = { env: mark.environment };
    const daemon = spawn(program, ['-c', '3000', folder], { ...options, stdio: 'ignore' });
    const copies = new Map<string, string[]>();
    await until('s6-svscan listens', () => existsSync(join(folder, '.s6-svscan/control')));
    return {
      define: async (wanted) => {
        const services = makeServices(folder, wanted);
        copies.set(wanted.name, services);
        await run('s6-svscanctl', ['-a', folder], options);
        for (const service of services.flatMap((path) => [path, join(path, 'log')])) {
          await until(`s6 supervises ${service}`, () => existsSync(join(service, 'supervise/status')));
        }
      },
      up: async (name) => {
        for (const service of copies.get(name) ?? []) await run('s6-svc', ['-wu', '-o', service], options);
      },
      down: async (name) => {
        for (const service of copies.get(name) ?? []) await run('s6-svc', ['-wd', '-d', service], options);
      },
      helpers: mark.helpers,
      daemon: () => daemon.pid ?? Number.NaN,
      end: async () => {
        mark.kill();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

function makeServices(folder: string, { name, argv, copies = 1 }: Program): string[] {
  return Array.from({ length: copies }, (_, copy) => {
    const service = join(folder, `${name}-${copy}`);
    mkdirSync(join(service, 'log'), { recursive: true });
    writeFileSync(join(service, 'down'), '');
    writeScript(join(service, 'run'), `exec 2>&1\nexec ${argv.map(quote).join(' ')}`);
    writeScript(join(service, 'log/run'), `exec s6-log n1 s524288 ${quote(join(service, 'kept'))}`);
    return service;
  });
}

function writeScript(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
