import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive, startOf } from '../../../../skills/process-manager/base/index.ts';
import { makeFolder } from '../../../support/folder.ts';
import { until } from '../../../support/instance.ts';

describe('startOf', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, 2 ** 31 - 1])(
    'knows no process %s',
    (pid) => {
      expect(startOf(pid)).toBeUndefined();
      expect(isAlive({ pid, start: 'undefined' })).toBe(false);
    },
  );

  it('knows nothing of a process that has ended', async () => {
    const { child, pid } = sleeper();
    expect(startOf(pid)).toBeDefined();
    await end(child);
    expect(startOf(pid)).toBeUndefined();
  });

  it('says the same of a process each time, and something else of one that started before', () => {
    const { pid } = sleeper();
    const start = startOf(pid);
    expect(start).toMatch(/./);
    expect(startOf(pid)).toBe(start);
    expect(startOf(process.pid)).not.toBe(start);
  });

  it.runIf(process.platform === 'linux').each(['a) Z 1 (b', '(((', ') S 1 2'])(
    'reads past a program named %j',
    (name) => {
      const program = join(makeFolder(), name);
      copyFileSync('/bin/sleep', program);
      const { pid } = sleeper(program);
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
      expect(startOf(pid)).toBe(`${boot}:${ticks}`);
    },
  );
});

describe('isAlive', () => {
  it('is false for another owner of the same PID', () => {
    const { pid } = sleeper();
    expect(isAlive({ pid, start: 'another boot:1' })).toBe(false);
    expect(isAlive({ pid, start: '' })).toBe(false);
  });

  it('is false for a process that was killed', async () => {
    const { child, pid } = sleeper();
    const identity = { pid, start: startOf(pid) ?? '' };
    expect(isAlive(identity)).toBe(true);
    await end(child);
    expect(isAlive(identity)).toBe(false);
  });

  it.runIf(process.platform === 'linux')(
    'is true for one whose first thread has ended, as long as another lives',
    async () => {
      const code = [
        'import ctypes, sys, threading, time',
        'threading.Thread(target=time.sleep, args=(60,)).start()',
        'ctypes.CDLL(None).pthread_exit(None)',
      ].join('; ');
      const child = spawn('python3', ['-c', code], { stdio: 'ignore' });
      onTestFinished(() => void child.kill('SIGKILL'));
      const pid = child.pid ?? 0;
      const start = startOf(pid) ?? '';
      await until('its first thread has ended', () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
      expect(isAlive({ pid, start })).toBe(true);
      child.kill('SIGKILL');
      await until('all of it has ended', () => !isAlive({ pid, start }));
    },
  );

  it.runIf(process.platform === 'linux')('is false for a zombie, which can still be signalled', async () => {
    // The inner shell ends, and the program that its parent has become never asks for its status.
    const parent = spawn('/bin/sh', ['-c', '/bin/sh -c "read go; exit 0" <&3 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    onTestFinished(() => end(parent));
    const pid = Number(String((await once(parent.stdout ?? parent, 'data'))[0]));
    const start = startOf(pid) ?? '';
    expect(isAlive({ pid, start })).toBe(true);
    await until('the parent is sleep', () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
    parent.stdio[3]?.destroy();
    await until('a zombie', () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
    expect(process.kill(pid, 0)).toBe(true);
    expect(isAlive({ pid, start })).toBe(false);
  });
});

function sleeper(program = 'sleep'): { child: ChildProcess; pid: number } {
  const child = spawn(program, ['60'], { stdio: 'ignore' });
  onTestFinished(() => end(child));
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return { child, pid: child.pid };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
