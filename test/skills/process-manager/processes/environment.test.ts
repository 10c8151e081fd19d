import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentEnvironment } from '../../../../skills/process-manager/processes/environment.ts';

const own = {
  PATH: process.env.PATH,
  HOME: '/home/of-the-bot',
  USER: 'bob',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  TERM: 'xterm',
  SHELL: '/bin/sh',
  TMPDIR: '/tmp',
  TZ: 'UTC',
  SCOPE_PATH: '/scope',
  DISCORD_TOKEN: 'the-bots-own-secret',
  NODE_OPTIONS: '--inspect',
  LD_LIBRARY_PATH: '/evil',
  BASH_ENV: '/evil',
};

const passedOn = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TERM', 'SHELL', 'TMPDIR', 'TZ', 'SCOPE_PATH'];
const unbuffered = ['LD_PRELOAD', '_STDBUF_O'];

describe('agentEnvironment', () => {
  it('holds exactly these variables', () => {
    const environment = agentEnvironment(own, '/workspace', {});
    const expected = [
      ...passedOn,
      'PYTHONUNBUFFERED',
      ...(environment.LD_PRELOAD === undefined ? [] : unbuffered),
    ];
    expect(Object.keys(environment).sort()).toEqual(expected.sort());
  });

  it('makes the workspace the home, and Python unbuffered whatever we run with', () => {
    const environment = agentEnvironment({ ...own, PYTHONUNBUFFERED: '' }, '/workspace', {});
    expect(environment).toMatchObject({
      HOME: '/workspace',
      PYTHONUNBUFFERED: '1',
      USER: 'bob',
      SCOPE_PATH: '/scope',
    });
  });

  it('leaves out what we do not have ourselves', () => {
    const environment = agentEnvironment({ PATH: '/bin' }, '/workspace', {});
    const keys = Object.keys(environment).filter((name) => !unbuffered.includes(name));
    expect(keys.sort()).toEqual(['HOME', 'PATH', 'PYTHONUNBUFFERED']);
  });

  it('is overlaid by what the caller adds', () => {
    const environment = agentEnvironment(own, '/workspace', {
      UNDERSTUDY_PROCESS: 'p1',
      HOME: '/other',
      TERM: 'dumb',
    });
    expect(environment).toMatchObject({
      UNDERSTUDY_PROCESS: 'p1',
      HOME: '/other',
      TERM: 'dumb',
      USER: 'bob',
    });
  });

  it('does not hand out our own objects', () => {
    const extra = { A: '1' };
    agentEnvironment(own, '/workspace', extra).A = '2';
    expect(extra).toEqual({ A: '1' });
  });

  it('never passes our own LD_PRELOAD on', () => {
    const environment = agentEnvironment(
      { ...own, LD_PRELOAD: '/evil.so', _STDBUF_O: '0' },
      '/workspace',
      {},
    );
    expect(environment.LD_PRELOAD).not.toBe('/evil.so');
    expect(environment._STDBUF_O).not.toBe('0');
  });

  it('names a library only where it exists, and then asks for lines', () => {
    const environment = agentEnvironment(own, '/workspace', {});
    if (environment.LD_PRELOAD === undefined) expect(environment._STDBUF_O).toBeUndefined();
    else {
      expect(existsSync(environment.LD_PRELOAD)).toBe(true);
      expect(environment._STDBUF_O).toBe('L');
    }
  });

  it('is all that a real child sees of the parent', () => {
    const environment = agentEnvironment({ ...process.env, ...own }, process.cwd(), { EXTRA: 'x' });
    const printed = execFileSync('/bin/sh', ['-c', 'env'], { env: environment, encoding: 'utf8' });
    const seen = printed.split('\n').map((line) => line.split('=', 1)[0] ?? '');
    // A shell sets these itself.
    const shellsOwn = ['PWD', 'OLDPWD', 'SHLVL', '_', ''];
    const foreign = seen.filter((name) => !Object.hasOwn(environment, name) && !shellsOwn.includes(name));
    expect(foreign).toEqual([]);
    expect(printed).not.toContain('the-bots-own-secret');
    expect(printed).toContain('EXTRA=x');
    expect(printed).toContain(`HOME=${process.cwd()}`);
  });

  it('makes programs of the C library print line by line into a pipe', async () => {
    const environment = agentEnvironment(own, process.cwd(), {});
    if (environment.LD_PRELOAD === undefined) return;
    const folder = await mkdtemp(join(tmpdir(), 'environment-'));
    // The first waits for the last, which sees nothing of it for as long as the middle holds its output back.
    const first = '{ echo first; until [ -e seen ]; do sleep 0.01; done; }';
    const command = `${first} | tr a-z A-Z | { read -r line; touch seen; echo "got $line"; }`;
    const options = { env: environment, cwd: folder, encoding: 'utf8', timeout: 10_000 } as const;
    expect(execFileSync('/bin/sh', ['-c', command], options)).toBe('got FIRST\n');
    await rm(folder, { recursive: true });
  });
});
