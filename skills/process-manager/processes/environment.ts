// Decides what an agent's command sees of our environment: a short list and nothing else, so that the bot's tokens
// never reach a command. Output is made unbuffered by variables alone, because wrapping a command changes its meaning.

import { existsSync } from 'node:fs';

/** The environment of an agent's command; what `extra` sets wins over everything. */
export function agentEnvironment(
  own: NodeJS.ProcessEnv,
  workspace: string,
  extra: Record<string, string>,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of passedOn) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  environment.HOME = workspace;
  environment.PYTHONUNBUFFERED = '1';
  const library = lineBufferingLibraries.find((path) => existsSync(path));
  if (library !== undefined) {
    // What `stdbuf -oL` would set: programs of the C library print line by line into a file.
    environment.LD_PRELOAD = library;
    environment._STDBUF_O = 'L';
  }
  return { ...environment, ...extra };
}

const passedOn = ['PATH', 'USER', 'LANG', 'LC_ALL', 'TERM', 'SHELL', 'TMPDIR', 'TZ', 'SCOPE_PATH'];

/** Where coreutils installs the library behind `stdbuf`; macOS loads libraries by another variable, so Linux only. */
const lineBufferingLibraries = [
  '/usr/libexec/coreutils/libstdbuf.so',
  '/usr/lib/coreutils/libstdbuf.so',
  '/usr/lib/x86_64-linux-gnu/coreutils/libstdbuf.so',
  '/usr/lib/aarch64-linux-gnu/coreutils/libstdbuf.so',
  '/usr/local/libexec/coreutils/libstdbuf.so',
  '/home/linuxbrew/.linuxbrew/opt/coreutils/libexec/coreutils/libstdbuf.so',
];
