// What the measurements depend on: the machine, its file system, and the versions.

import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';

/** The first line that a command prints, or undefined where there is no such command. */
export function firstLine(command: string, words: readonly string[]): string | undefined {
  const { stdout, status } = spawnSync(command, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined;
}

/** Where a program is, or undefined where it is not installed. */
export function findProgram(program: string): string | undefined {
  return firstLine('sh', ['-c', `command -v ${program}`]);
}

/** The version of a Debian package, or `unknown version`. */
export function packageVersion(name: string): string {
  const words = firstLine('dpkg-query', ['-W', name])?.split(/\s+/);
  return words?.[1] ?? 'unknown version';
}

/** The machine in one sentence. */
export function describeMachine(): string {
  const cpu = cpus();
  const fileSystem = firstLine('findmnt', ['-no', 'FSTYPE', '-T', tmpdir()]) ?? 'an unknown file system';
  return [
    `${cpu.length} × ${cpu[0]?.model ?? 'unknown processor'}`,
    `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    `${process.platform} ${release()} ${process.arch}`,
    `${tmpdir()} on ${fileSystem}`,
    `load ${loadavg()[0]?.toFixed(1)} at the start`,
  ].join(', ');
}
