// Machines for engines: processes with PIDs, mounts, a hostname and a network of their own, in which an engine believes
// itself alone. Nothing of a machine is seen on the host but processes, a folder and control groups. When its first
// process ends, the kernel ends all others and takes mounts and interfaces away; and that one ends with the test.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect as connectTo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, startOf } from '../../skills/process-manager/base/index.ts';
import { controlGroupOf, removeLeftover, thaw } from './engine-leftovers.ts';
import { eventually } from './engine-wait.ts';
import { cleanEnvironment, codeRoot } from './instance.ts';

/** A process of a machine, as the host sees it. */
export interface MachineProcess extends ProcessIdentity {
  readonly name: string;
}

/** A running machine. */
export interface Machine {
  /** Its first process, as the host sees it. */
  readonly pid: number;
  /** Starts a program in it. Its output goes to `log`, the path of a file, or can be read when there is none. */
  start(words: readonly string[], log?: string): ChildProcess;
  /** Runs a program in it to its end; what it wrote. It throws when that fails. */
  run(...words: readonly string[]): Promise<string>;
  /** The same, but in its network alone, so that PIDs are those of the host. */
  runInNetwork(...words: readonly string[]): Promise<string>;
  /** Everything that is alive in it. */
  processes(): MachineProcess[];
  /** Signals its processes of this name, such as `dockerd`; how many they were. */
  signal(name: string, signal: NodeJS.Signals): number;
  /** Lets the machine reach a port of the host's loopback as a port of its own; until it dies. */
  expose(hostPort: number, port: number): Promise<void>;
  /** Ends everything in it at once, as a cut of the power would; resolves when nothing is alive. */
  kill(): Promise<void>;
}

/** Boots one in a folder that is its disk: what is kept there is there again after the next boot. */
export async function bootMachine(folder: string, hostname: string): Promise<Machine> {
  mkdirSync(folder, { recursive: true });
  const log = openSync(join(folder, 'machine.log'), 'a');
  const script = join(codeRoot, 'test/fixtures/engine/machine.sh');
  const namespaces = ['--fork', '--pid', '--kill-child', '--mount', '--uts', '--ipc', '--net'];
  const shell = spawn('unshare', [...namespaces, 'sh', script, folder, hostname], {
    // Of its own session, so that Ctrl+C in a terminal ends the test alone, which then ends this.
    detached: true,
    stdio: ['pipe', 'pipe', log],
    env: machineEnvironment(),
  });
  closeSync(log);
  const ended = once(shell, 'exit');
  const pid = await firstProcess(shell, join(folder, 'machine.log'));
  return machineOf({ pid, start: startOf(pid) ?? '' }, folder, shell, ended);
}

async function firstProcess(shell: ChildProcess, log: string): Promise<number> {
  let output = '';
  shell.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  return await eventually(`the machine is up (${log})`, () => {
    if (shell.exitCode !== null) throw new Error(`a machine did not boot: ${readFileSync(log, 'utf8')}`);
    const found = /^up (\d+)\n/m.exec(output)?.[1];
    return found === undefined ? undefined : Number(found);
  });
}

function machineOf(
  first: ProcessIdentity,
  folder: string,
  shell: ChildProcess,
  ended: Promise<unknown>,
): Machine {
  const relays: Server[] = [];
  const space = readlinkSync(`/proc/${first.pid}/ns/pid`);
  const processes = () => (isAlive(first) ? processesIn(space, controlGroupOf(folder)) : []);
  const start = (words: readonly string[], log?: string) => startIn(first.pid, words, log);
  return {
    pid: first.pid,
    start,
    run: async (...words) => await outputOf(start(words), words),
    runInNetwork: async (...words) => await outputOf(startIn(first.pid, words, undefined, ['-n']), words),
    processes,
    signal: (name, signal) => {
      const named = processes().filter((found) => found.name === name);
      return named.filter((found) => signalIdentity(found, signal)).length;
    },
    expose: async (hostPort, port) => {
      const socket = join(folder, `${port}.relay`);
      relays.push(await relay(socket, hostPort));
      await listening(
        start([process.execPath, join(codeRoot, 'test/fixtures/engine/forward.js'), `${port}`, socket]),
      );
    },
    kill: async () => {
      for (const server of relays.splice(0)) server.close();
      signalIdentity(first, 'SIGKILL');
      await eventually('every process of a machine has ended', async () => {
        // A process that is frozen does not even take SIGKILL, in the first version of control groups.
        thaw(folder);
        return shell.exitCode !== null || shell.signalCode !== null;
      });
      await ended;
    },
  };
}

function signalIdentity(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  try {
    return isAlive(identity) && process.kill(identity.pid, signal);
  } catch {
    // It ended in between, which is as good.
    return false;
  }
}

function startIn(
  pid: number,
  words: readonly string[],
  log?: string,
  namespaces: readonly string[] = ['-m', '-u', '-i', '-n', '-p'],
): ChildProcess {
  const output = log === undefined ? 'pipe' : openSync(log, 'a');
  const child = spawn('nsenter', ['-t', `${pid}`, ...namespaces, '--', ...words], {
    detached: true,
    stdio: ['ignore', output, output],
    env: machineEnvironment(),
  });
  if (typeof output === 'number') closeSync(output);
  return child;
}

async function outputOf(child: ChildProcess, words: readonly string[]): Promise<string> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode} in a machine: ${output}`);
  return output;
}

async function listening(child: ChildProcess): Promise<void> {
  const refused = once(child, 'close').then(() => {
    throw new Error('the port could not be listened on in the machine');
  });
  await Promise.race([once(child.stdout ?? child, 'data'), refused]);
  refused.catch(() => {});
}

async function relay(socket: string, hostPort: number): Promise<Server> {
  const server = createServer((inside) => {
    const outside = connectTo(hostPort, '127.0.0.1');
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  removeLeftover(socket);
  server.listen(socket);
  await once(server, 'listening');
  return server;
}

/** Those of the machine's own PIDs, and those of containers, which have PIDs of their own inside but a known group. */
function processesIn(space: string, group: string): MachineProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isInside =
        readlinkSync(`/proc/${name}/ns/pid`) === space ||
        readFileSync(`/proc/${name}/cgroup`, 'utf8').includes(`:${group}/`);
      if (!isInside) return [];
      const start = startOf(Number(name));
      const command = readFileSync(`/proc/${name}/comm`, 'utf8').trim();
      return start === undefined ? [] : [{ pid: Number(name), start, name: command }];
    } catch {
      // It ended while it was looked at.
      return [];
    }
  });
}

/**
 * True when a process was taken in by its parent. Before that its first thread may be a zombie while others still end,
 * and as long as they do, its sockets take connections and its locks are held.
 */
export function isTakenIn({ pid, start }: ProcessIdentity): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return !start.endsWith(`:${ticks}`);
  } catch {
    return true;
  }
}

/** Programs of the system's administrator are found even where the PATH of the test leaves them out. */
function machineEnvironment(): NodeJS.ProcessEnv {
  return cleanEnvironment({ PATH: `${process.env.PATH}:/usr/sbin:/sbin` });
}
