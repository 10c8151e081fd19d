// Whether tests can have real Docker engines here, and how a suite that needs one says loudly that it is skipped.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';

const programs = [
  'dockerd',
  'containerd',
  'containerd-shim-runc-v2',
  'runc',
  'ip',
  'nsenter',
  'unshare',
  'mount',
  'busybox',
];
const remedy = 'apt-get install -y --no-install-recommends docker.io iproute2 busybox-static';

/** Why no engine can be had on this machine, and how to get one; undefined where it can. */
function engineProblem(): string | undefined {
  if (process.platform !== 'linux') return `engines of Docker run on Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'only root may start an engine; run these tests as root';
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) return `there is no ${missing.join(', ')}; install it: ${remedy}`;
  try {
    accessSync('/sys/fs/cgroup', constants.W_OK);
  } catch {
    return '/sys/fs/cgroup may not be written to: this container is too narrow for an engine';
  }
  return kernelProblem();
}

/** A suite that needs engines. Where there can be none its tests are skipped, and it says so. */
export function describeWithEngine(name: string, body: () => void): void {
  const problem = engineProblem();
  if (problem !== undefined) {
    process.stderr.write(`\n*** THE TESTS OF "${name}" ON A DOCKER ENGINE ARE SKIPPED: ${problem} ***\n\n`);
  }
  // Machines, networks and a registry of their own on a busy host: what is refused once is tried once more.
  describe.skipIf(problem !== undefined)(name, { retry: 1 }, body);
}

/** Where a program is; the folders of the system's administrator count too, which not every PATH names. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Tries what a machine and its network need, in namespaces that are gone when it has been tried. */
function kernelProblem(): string | undefined {
  const script = [
    'mount -t tmpfs tmpfs /run',
    'ip link add bridge0 type bridge',
    'ip link add port0 type veth peer name port1',
  ].join(' && ');
  const namespaces = ['--fork', '--pid', '--kill-child', '--mount', '--uts', '--ipc', '--net'];
  const tried = spawnSync('unshare', [...namespaces, 'sh', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  if (tried.status === 0) return undefined;
  return `the kernel gives no mounts, bridges or namespaces to this user: ${tried.stderr.trim() || tried.error}`;
}
