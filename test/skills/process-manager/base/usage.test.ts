import { spawn } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { usageOfGroups } from '../../../../skills/process-manager/base/index.ts';
import { until } from '../../../support/instance.ts';

/** A program that leads a process group of its own. */
function lead(script: string): number {
  const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' });
  const pid = child.pid ?? 0;
  onTestFinished(() => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  });
  return pid;
}

it('adds up what the members of a group use, and nobody else', async () => {
  const idle = lead('setInterval(() => {}, 1000)');
  const family = lead(
    `const { spawn } = require('node:child_process');
     spawn(process.execPath, ['-e', 'const kept = Buffer.alloc(80e6, 1); for (;;) kept[0]++'], { stdio: 'ignore' });
     setInterval(() => {}, 1000)`,
  );
  const usage = await until('the child has worked', () => {
    const found = usageOfGroups(new Set([idle, family]));
    const busy = found.get(family);
    return busy && busy.processes === 2 && busy.cpuMs >= 500 && busy.memoryBytes > 100e6 ? found : undefined;
  });
  expect(usage.size).toBe(2);
  expect(usage.get(idle)).toMatchObject({ processes: 1 });
  expect(usage.get(idle)?.memoryBytes).toBeLessThan(80e6);
});

it('knows nothing of a group that has ended, and asks nothing when nobody is asked about', () => {
  expect(usageOfGroups(new Set([2 ** 22 + 1])).size).toBe(0);
  expect(usageOfGroups(new Set()).size).toBe(0);
});
