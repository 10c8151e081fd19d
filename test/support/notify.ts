// A receiver of what a service hears from a program under systemd: a real unix datagram socket, which Node has not, so
// Python holds it. Said loudly where one of the two programs is missing.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeFolder } from './folder.ts';
import { until } from './instance.ts';

const receiver = `
import json, os, socket, sys
opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
opened.bind(sys.argv[1])
print("listening", flush=True)
while True:
    # Without room for it, the descriptor that systemd-notify waits for is closed at once: that is the answer.
    print(json.dumps(opened.recv(65536).decode()), flush=True)
`;

/** What was heard so far. */
export interface Receiver {
  /** For NOTIFY_SOCKET. */
  readonly socket: string;
  /** Every word, in the order of arrival. */
  heard(): string[];
  /** Stops reading, as a service manager that hangs. */
  hang(): void;
}

/** Starts one; undefined where it cannot be had. */
export async function startReceiver(): Promise<Receiver | undefined> {
  for (const program of ['python3', 'systemd-notify']) {
    if (spawnSync(program, ['--version']).status === 0) continue;
    process.stderr.write(`SKIPPED: tests of Type=notify need ${program}\n`);
    return undefined;
  }
  const socket = join(makeFolder(), 'notify');
  const child = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until('it listens', () => output.startsWith('listening\n'));
  return {
    socket,
    heard: () =>
      output
        .split('\n')
        .slice(1, -1)
        .flatMap((line) => (JSON.parse(line) as string).split('\n')),
    hang: () => void child.kill('SIGSTOP'),
  };
}
