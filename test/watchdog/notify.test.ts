// What a service manager hears of the watchdog (systemd's Type=notify), with the real systemd-notify and a real socket.

import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from '../support/folder.ts';
import { codeRoot, until } from '../support/instance.ts';
import { startReceiver } from '../support/notify.ts';
import {
  liveLog,
  livePids,
  makeRoot,
  promote,
  readJson,
  releaseOf,
  shellBot,
  startWatchdog,
} from './support.ts';

const tellsItsSurroundings = { 'live.sh': `env | grep -c "NOTIFY_SOCKET\\|WATCHDOG_" \n${shellBot('v1')}` };

it('hears that it watches, with the version, that it still looks around, and that it stops', async () => {
  const receiver = await startReceiver();
  if (!receiver) return;
  const root = makeRoot(tellsItsSurroundings);
  const watchdog = startWatchdog(root, { NOTIFY_SOCKET: receiver.socket, WATCHDOG_USEC: '600000' });
  await until('it is ready', () => receiver.heard().includes('READY=1'));
  await until('it says what it does', () =>
    receiver.heard().some((word) => /^STATUS=v1\.0: running, PID \d+$/.test(word)),
  );
  const pings = () => receiver.heard().filter((word) => word === 'WATCHDOG=1').length;
  await until('it goes on saying so', () => pings() >= 4);
  await until('live has looked', () => liveLog(root).includes('version v1 runs'));
  expect(liveLog(root)).toMatch(/^0$/m);
  expect(receiver.heard()).not.toContain('STOPPING=1');
  watchdog.child.kill('SIGSTOP');
  // What is on its way arrives; from a watchdog that hangs, nothing comes after it.
  const last = await steady(pings);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(pings()).toBe(last);
  watchdog.child.kill('SIGCONT');
  await until('it looks around again', () => pings() > last);
  expect(await watchdog.stop()).toBe(0);
  await until('it said that it stops', () => receiver.heard().includes('STOPPING=1'));
  expect(receiver.heard().filter((word) => word === 'READY=1')).toHaveLength(1);
});

it('hears of a release, and goes on hearing from the watchdog that the release brings', async () => {
  const receiver = await startReceiver();
  if (!receiver) return;
  const root = makeRoot({ 'live.sh': shellBot('v1.0') });
  const watchdog = startWatchdog(root, { NOTIFY_SOCKET: receiver.socket, WATCHDOG_USEC: '600000' });
  await until('it is ready', () => receiver.heard().includes('READY=1'));
  const newWatchdog = `${readFileSync(join(codeRoot, 'watchdog.js'), 'utf8')}\n// newer\n`;
  const name = promote(root, {
    version: 'v1.1',
    files: { 'live.sh': shellBot('v1.1') },
    watchdog: newWatchdog,
  });
  await until('it took over', () => releaseOf(root, name).watchdog === 'installed');
  await until('it is told of the version', () =>
    receiver.heard().some((word) => word.startsWith('STATUS=v1.1: running')),
  );
  const before = receiver.heard().length;
  await until(
    'the new one looks around',
    () =>
      receiver
        .heard()
        .slice(before)
        .filter((word) => word === 'WATCHDOG=1').length > 3,
  );
  expect(readJson(join(root, '.watchdog.lock'))?.pid).not.toBe(watchdog.child.pid);
  // A manager that hears nothing for too long sends SIGABRT to the process that it started: the one that hangs gets it.
  watchdog.child.kill('SIGABRT');
  await until(
    'the old one takes the job back',
    () => readJson(join(root, '.watchdog.lock'))?.pid === watchdog.child.pid,
  );
  const later = receiver.heard().length;
  await until('and is heard', () => receiver.heard().slice(later).includes('WATCHDOG=1'));
  expect(livePids(root)).toHaveLength(1);
  expect(await watchdog.stop()).toBe(0);
});

it('works on where nobody listens, nobody reads, or systemd-notify is missing', async () => {
  const nobody = makeRoot(tellsItsSurroundings);
  const unheard = startWatchdog(nobody, {
    NOTIFY_SOCKET: join(nobody, 'no-socket'),
    WATCHDOG_USEC: '100000',
  });
  const programs = makeFolder();
  for (const name of ['sh', 'sleep', 'env', 'grep']) symlinkSync(`/bin/${name}`, join(programs, name));
  const missing = makeRoot(tellsItsSurroundings);
  const alone = startWatchdog(missing, {
    NOTIFY_SOCKET: join(nobody, 'no-socket'),
    WATCHDOG_USEC: '100000',
    PATH: programs,
  });
  await until('both run', () => [nobody, missing].every((root) => liveLog(root).includes('v1 runs')));
  await until('it says why it is not heard', () => /was not told: .*systemd-notify/.test(alone.output()));
  expect(await unheard.stop()).toBe(0);
  expect(await alone.stop()).toBe(0);

  const receiver = await startReceiver();
  if (!receiver) return;
  receiver.hang();
  const root = makeRoot(tellsItsSurroundings);
  const hung = startWatchdog(root, { NOTIFY_SOCKET: receiver.socket, WATCHDOG_USEC: '100000' });
  await until('live runs', () => liveLog(root).includes('v1 runs'));
  const name = promote(root, { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } });
  await until('it switches all the same', () => releaseOf(root, name).state === 'good');
  expect(await hung.stop()).toBe(0);
});

/** The value once it has stayed the same for a while. */
async function steady(read: () => number): Promise<number> {
  for (let value = read(); ; value = read()) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (read() === value) return value;
  }
}
