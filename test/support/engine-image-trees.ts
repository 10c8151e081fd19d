// The files of the base images, copied from this machine: a program is taken with every library that it is linked with,
// and with the loader, at the very paths where it looks for them.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findProgram } from './engine-problem.ts';
import { codeRoot } from './instance.ts';

/** A shell with the tools of busybox, as links to it, and the folders that a system has. */
export function shellTree(root: string): void {
  for (const folder of ['bin', 'sbin', 'etc', 'root', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'tmp', 'var']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  copyFileSync(required('busybox'), join(root, 'bin/busybox'));
  for (const place of outputOf(required('busybox'), ['--list-full']).split('\n').filter(Boolean)) {
    link(root, '/bin/busybox', `/${place}`);
  }
  write(root, 'etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  write(root, 'etc/group', 'root:x:0:\nnogroup:x:65534:\n');
}

/** Node and npm, a user `node`, and the entry point of the real image. */
export function nodeTree(root: string): void {
  const node = realpathSync(process.execPath);
  copy(root, node, '/usr/local/bin/node');
  copyLibraries(root, [node]);
  const npm = npmFolder();
  if (npm !== undefined) {
    copyFolder(root, npm, '/usr/local/lib/node_modules/npm');
    link(root, '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm');
    link(root, '../lib/node_modules/npm/bin/npx-cli.js', '/usr/local/bin/npx');
  }
  write(root, 'etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  write(root, 'etc/group', 'root:x:0:\nnode:x:1000:\n');
  mkdirSync(join(root, 'home/node'), { recursive: true });
  const entryPoint = join(root, 'usr/local/bin/docker-entrypoint.sh');
  copyFileSync(join(codeRoot, 'test/fixtures/engine/docker-entrypoint.sh'), entryPoint);
  chmodSync(entryPoint, 0o755);
}

/** Python with its own library, and pip where this machine has it. */
export function pythonTree(root: string): void {
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : required('python3');
  const ask = [
    'import os, sys, sysconfig, importlib.util as u',
    'pip = u.find_spec("pip")',
    'print(os.path.realpath(sys.executable)); print(sysconfig.get_path("stdlib"))',
    'print(os.path.dirname(pip.origin) if pip else "")',
  ].join('\n');
  const [program = '', library = '', pip = ''] = outputOf(python, ['-c', ask]).split('\n');
  copy(root, program, program);
  // Left out as the real image leaves it out: the mark that forbids pip to install anything.
  const without = new Set([
    'test',
    'idlelib',
    'tkinter',
    'lib2to3',
    'ensurepip',
    'site-packages',
    'EXTERNALLY-MANAGED',
  ]);
  copyFolder(root, library, library, (path) => !(dirname(path) === library && without.has(basename(path))));
  const modules = join(library, 'lib-dynload');
  copyLibraries(root, [program, ...readdirSync(modules).map((name) => join(modules, name))]);
  for (const name of ['python3', 'python']) link(root, program, `/usr/local/bin/${name}`);
  if (pip === '') return;
  copyFolder(root, pip, pip);
  write(root, 'usr/local/bin/pip', '#!/bin/sh\nexec python3 -m pip "$@"\n', 0o755);
}

/** The folder of npm; undefined where it is not a folder with everything that npm needs. */
function npmFolder(): string | undefined {
  const command = findProgram('npm');
  if (command === undefined) return undefined;
  const folder = dirname(dirname(realpathSync(command)));
  return existsSync(join(folder, 'bin/npm-cli.js')) && existsSync(join(folder, 'node_modules'))
    ? folder
    : undefined;
}

function copyLibraries(root: string, programs: readonly string[]): void {
  const listed = programs.map((program) => outputOf('ldd', [program])).join('\n');
  const paths = [...listed.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path ?? '');
  for (const path of new Set(paths)) copy(root, realpathSync(path), path);
}

function copy(root: string, from: string, to: string): void {
  mkdirSync(join(root, dirname(to)), { recursive: true });
  copyFileSync(from, join(root, to));
}

function copyFolder(
  root: string,
  from: string,
  to: string,
  isWanted: (path: string) => boolean = () => true,
): void {
  mkdirSync(join(root, dirname(to)), { recursive: true });
  cpSync(from, join(root, to), { recursive: true, verbatimSymlinks: true, filter: isWanted });
}

/** A link in the image; what stands there already stays, such as the program itself. */
function link(root: string, target: string, place: string): void {
  const path = join(root, place);
  if (lstatSync(path, { throwIfNoEntry: false })) return;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function write(root: string, path: string, text: string, mode = 0o644): void {
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

function required(program: string): string {
  const found = findProgram(program);
  if (found === undefined) throw new Error(`a base image needs ${program}, which is not installed here`);
  return found;
}

function outputOf(program: string, words: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(program, words, { encoding: 'utf8' });
  // `ldd` says so, with a failure, of what is linked with nothing; then there is nothing to copy.
  if (status !== 0 && !/not a dynamic executable/.test(stderr))
    throw new Error(`${program} failed: ${stderr}`);
  return stdout;
}
