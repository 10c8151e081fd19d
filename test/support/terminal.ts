// A real shell at a real terminal (Python's pty), in which a test types as a person does, tab key included.

import { spawn, spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { onTestFinished } from 'vitest';
import { cleanEnvironment, until } from './instance.ts';

const bridge = `
import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    ready, _, _ = select.select([0, terminal], [], [])
    for source, target in ((0, terminal), (terminal, 1)):
        if source not in ready:
            continue
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if not data:
            sys.exit()
        os.write(target, data)
`;

/** Somebody at a shell. */
export interface Terminal {
  type(text: string): void;
  /** Waits until what the terminal shows since the last `clear` matches. */
  shows(pattern: RegExp): Promise<string>;
  clear(): void;
}

/** True where the shell and Python are here; said loudly where not. */
export function hasShell(shell: string): boolean {
  for (const program of [shell, 'python3']) {
    if (spawnSync(program, ['--version']).status === 0) continue;
    process.stderr.write(`SKIPPED: the completion of ${shell} cannot be tried without ${program}\n`);
    return false;
  }
  return true;
}

/** Starts one; ended with the test. */
export function openTerminal(command: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Terminal {
  const child = spawn('python3', ['-c', bridge, ...command], {
    cwd,
    env: cleanEnvironment({ TERM: 'xterm', COLUMNS: '200', LINES: '50', LANG: 'C.UTF-8', ...env }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const plain = () => stripVTControlCharacters(shown).replaceAll('\r', '');
  return {
    type: (text) => void child.stdin.write(text),
    clear: () => {
      shown = '';
    },
    shows: async (pattern) => {
      await until(`the terminal shows ${pattern}`, () => pattern.test(plain()), 25_000).catch((error) => {
        throw new Error(`${error.message}; it shows: ${JSON.stringify(plain().slice(-1_500))}`);
      });
      return plain();
    },
  };
}
