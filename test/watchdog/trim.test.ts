// Live's log is trimmed while live writes on: no line is lost or torn, whichever way it is done and whenever the
// watchdog is killed meanwhile.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { lastLines } from '../../skills/process-manager/output/index.ts';
import { until } from '../support/instance.ts';
import { livePids, makeRoot, ownFiles, shellLive, startWatchdog } from './support.ts';

const firstNumber = 20_000;
/** Numbered lines, some at each millisecond; it goes on counting where the log of before ends. */
const counting = `
let number = ${firstNumber};
setInterval(() => { for (let i = 0; i < 5; i++) console.log('line ' + number++ + ' of a bot that counts and counts'); }, 2);
`;
const all = places();
const log = (root: string) => join(root, 'logs/live.log');

function countingRoot(parent: string): string {
  const before = Array.from(
    { length: firstNumber },
    (_, number) => `line ${number} of a bot that counts and counts\n`,
  );
  return makeRoot(
    { ...ownFiles, 'live.js': counting, 'logs/live.log': before.join('') },
    { ...shellLive, command: ['node', 'live.js'] },
    parent,
  );
}

function numbers(root: string): number[] {
  return lastLines(log(root), 100_000).map(({ text }) => {
    const found = /^line (\d+) of a bot that counts and counts$/.exec(text);
    if (!found) throw new Error(`a torn line: ${JSON.stringify(text)}`);
    return Number(found[1]);
  });
}

/** Consecutive to the last, and growing. */
async function isWhole(root: string, at = ''): Promise<void> {
  const seen = await until(`${at}: lines come`, () => {
    const all = numbers(root);
    return (all.at(-1) ?? 0) > firstNumber + 50 && all;
  });
  expect(seen.findIndex((number, index) => index > 0 && number !== (seen[index - 1] ?? 0) + 1)).toBe(-1);
  const last = seen.at(-1) ?? 0;
  await until('it counts on', () => (numbers(root).at(-1) ?? 0) > last);
}

afterAll(() => {
  for (const { parent } of all) if (parent !== tmpdir()) spawnSync('umount', ['-l', parent]);
});

function places(): { name: string; parent: string }[] {
  const disk = mkdtempSync(join(tmpdir(), 'understudy-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]).status !== 0) {
    process.stderr.write('SKIPPED: trimming by copying needs the right to mount a tmpfs\n');
    rmSync(disk, { recursive: true });
    return [{ name: 'as this disk does it', parent: tmpdir() }];
  }
  return [
    { name: 'as this disk does it', parent: tmpdir() },
    { name: 'by copying', parent: disk },
  ];
}

for (const { name, parent } of all) {
  describe(`trimming ${name}`, () => {
    it('loses and tears no line', async () => {
      const root = countingRoot(parent);
      startWatchdog(root);
      await until('it is trimmed', () => statSync(log(root)).size < 400 * 1024);
      await isWhole(root);
    });

    it('survives a kill before each of its steps, and live runs on', { timeout: 60_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'understudy-steps-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const list = join(folder, 'steps');
      const model = countingRoot(parent);
      const watchdog = startWatchdog(model, { UNDERSTUDY_TEST_STEPS: list });
      await until('it is trimmed', () => statSync(log(model)).size < 400 * 1024);
      await watchdog.stop();
      const steps = readFileSync(list, 'utf8').split('\n');
      const first = steps.findIndex((step) => step.includes('.trimmed')) + 1;
      const last = steps.findLastIndex((step) => step.includes('.trimmed') || step.includes('.tail')) + 1;
      expect(last - first).toBeGreaterThanOrEqual(7);
      for (let step = first; step <= last + 1; step++) {
        const root = countingRoot(parent);
        const killed = startWatchdog(root, { UNDERSTUDY_TEST_KILL_AT: String(step) });
        await until(
          `step ${step}: killed`,
          () => killed.child.signalCode !== null || statSync(log(root)).size < 400 * 1024,
        );
        killed.child.kill('SIGKILL');
        await killed.ended;
        // Readers understand it as it is, before anybody mends it.
        numbers(root);
        const [pid] = livePids(root);
        const second = startWatchdog(root);
        await until(`step ${step}: adopted`, () => second.output().includes(`already runs with PID ${pid}`));
        await until(`step ${step}: trimmed`, () => statSync(log(root)).size < 400 * 1024);
        await isWhole(root, `step ${step}, ${steps[step - 1]}`);
        await second.stop();
        rmSync(root, { recursive: true, force: true });
      }
    });
  });
}
