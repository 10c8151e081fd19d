// What engines leave on the host: a folder in the system's temporary one, and control groups of the same name. The name
// says which process made them, so whoever comes later can remove what a killed test left, and nothing of a living one.

import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { startOf } from '../../skills/process-manager/base/index.ts';

// Short, since the path of a socket has at most 107 characters.
const ownedName = /^ude-(\d+)-(\d+)-\w+$/;
const controlGroups = '/sys/fs/cgroup';

/** A new folder for engines of this process, after what dead processes left was removed. */
export function makeEngineFolder(): string {
  removeLeftovers();
  return mkdtempSync(join(tmpdir(), `ude-${process.pid}-${ticksOf(process.pid)}-`));
}

/** The control group, from the root of each hierarchy, for the machine of this folder. */
export function controlGroupOf(folder: string): string {
  return `/${relative(tmpdir(), folder)}`;
}

/** The folders of that control group that there are. */
export function controlGroupFolders(folder: string): string[] {
  const hierarchies = ['.', ...namesIn(controlGroups)].map((name) => join(controlGroups, name));
  return hierarchies.map((root) => join(root, controlGroupOf(folder))).filter((path) => existsSync(path));
}

/** Lets processes go on that are frozen there: until then not even SIGKILL reaches them. */
export function thaw(folder: string): void {
  for (const path of controlGroupFolders(folder).flatMap(withInner)) {
    writeIfThere(join(path, 'freezer.state'), 'THAWED');
    writeIfThere(join(path, 'cgroup.freeze'), '0');
  }
}

/** Removes a folder of engines and its control groups. Machines in it have to be dead; what is busy is tried again. */
export function removeEngineFolder(folder: string): void {
  for (const path of controlGroupFolders(folder).flatMap(withInner).reverse()) removeGroup(path);
  removeLeftover(folder);
}

/** Removes a file or a folder with everything in it, trying for a while where it is busy. */
export function removeLeftover(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Removes what dead processes left; their names. */
export function removeLeftovers(): string[] {
  const hierarchies = ['.', ...namesIn(controlGroups)].map((name) => join(controlGroups, name));
  const names = new Set([tmpdir(), ...hierarchies].flatMap(namesIn).filter(isLeftover));
  for (const name of names) {
    const folder = join(tmpdir(), name);
    thaw(folder);
    try {
      removeEngineFolder(folder);
    } catch (cause) {
      // Its processes may be about to die, or another test removes it too; the next one looks again.
      process.stderr.write(`${folder} of a dead test could not be removed yet: ${cause}\n`);
    }
  }
  return [...names];
}

function isLeftover(name: string): boolean {
  const [, pid, ticks] = ownedName.exec(name) ?? [];
  return pid !== undefined && ticksOf(Number(pid)) !== ticks;
}

function ticksOf(pid: number): string | undefined {
  return startOf(pid)?.split(':')[1];
}

function withInner(path: string): string[] {
  return [path, ...namesIn(path).flatMap((name) => withInner(join(path, name)))];
}

/** The folders in a folder; none where it is gone meanwhile. */
function namesIn(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function removeGroup(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Gone already, or a process is about to leave it: empty groups cost nothing, and the next test tries again.
  }
}

function writeIfThere(path: string, text: string): void {
  try {
    if (existsSync(path)) writeFileSync(path, text);
  } catch {
    // The group has ended in between.
  }
}
