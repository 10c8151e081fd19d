// How long nobody answers while versions are switched: from the moment that the old process has ended to the moment that
// the new one begins, forwards (promote) and backwards (rollback). The real watchdog.js switches a tree of 1,000 files; the
// bot is a shell script that notes both moments.

import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReleases, type Releases } from '../../skills/process-manager/releases/index.ts';
import type { Family } from '../report.ts';
import { codeRoot } from '../support/bench.ts';
import { median } from '../support/numbers.ts';

const rounds = 7;
const files = 1_000;
const aimMs = 100;
const patienceMs = 30_000;

const live = {
  command: ['sh', 'src/live.sh'],
  ready: { uptimeSeconds: 0.05 },
  readySeconds: 10,
  trialSeconds: 0.1,
};
/** Dies at once when it is told to, and notes the moment; `date` costs it a millisecond. */
const bot = (version: number) =>
  `trap 'date +%s%N >> logs/ended; exit 0' TERM\necho ${version} > logs/version\ndate +%s%N >> logs/begun\nwhile :; do sleep 60 & wait; done\n`;

/** The time without a live bot. */
export const switching: Family = {
  name: 'switching',
  measure: async ({ bench }) => {
    const root = bench.makeFolder('switching');
    for (const place of ['.', 'staging']) {
      mkdirSync(join(root, place, 'src'), { recursive: true });
      writeFileSync(join(root, place, 'config.json'), JSON.stringify({ live }));
      for (let index = 0; index < files; index++)
        writeFileSync(join(root, place, 'src', `file-${index}.txt`), 'x'.repeat(2_000));
    }
    mkdirSync(join(root, 'logs'));
    writeFileSync(join(root, 'src/live.sh'), bot(0));
    copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'watchdog.js'));
    const watchdog = spawn(process.execPath, ['watchdog.js'], { cwd: root, stdio: 'ignore' });
    try {
      const releases = createReleases({
        root,
        settings,
        clock: { now: Date.now },
        environment: process.env,
        readLive: () => live,
      });
      await until(() => timesIn(root, 'begun').length === 1);
      const forward: number[] = [];
      const back: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        writeFileSync(join(root, 'staging/src/live.sh'), bot(round));
        await releases.promote({ ...request, dryRun: false, skipRestart: false, force: true });
        forward.push(await downTime(root));
        await until(() => isSettled(root, releases, 'good'));
        await releases.rollback(request);
        back.push(await downTime(root));
        await until(() => isSettled(root, releases, 'reverted'));
      }
      return [row('promote', forward), row('rollback', back)];
    } finally {
      await end(watchdog);
    }
  },
};

const settings = { projectType: 'normal' as const, gates: [], gateTimeoutSeconds: 60, exclude: [] };
const request = { requestedBy: 'bench', progress: () => {} };

function row(what: string, values: readonly number[]) {
  const found = median(values);
  return {
    what: `${what}: from the end of the old process to the beginning of the new one, ${files.toLocaleString('en')} files`,
    ours: `${found.toFixed(0)} ms`,
    peers: [],
    result: `${found.toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} in ${rounds} rounds)`,
    aim: `≤ ${aimMs} ms`,
    holds: found <= aimMs,
  };
}

/** The bot notes nanoseconds since 1970, one line for each time. */
function timesIn(root: string, name: 'begun' | 'ended'): number[] {
  try {
    const lines = readFileSync(join(root, 'logs', name), 'utf8')
      .split('\n')
      .filter(Boolean);
    return lines.map((line) => Number(line) / 1e6);
  } catch {
    return [];
  }
}

/** Waits for the next beginning, and says how long before it the last end was. */
async function downTime(root: string): Promise<number> {
  const begun = timesIn(root, 'begun').length;
  await until(() => timesIn(root, 'begun').length > begun);
  return (timesIn(root, 'begun').at(-1) ?? Number.NaN) - (timesIn(root, 'ended').at(-1) ?? Number.NaN);
}

function isSettled(root: string, releases: Releases, state: string): boolean {
  const isUnderWay = ['.deploy-ready', '.deploy-in-progress'].some((name) => existsSync(join(root, name)));
  return !isUnderWay && releases.list()[0]?.state === state;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('the watchdog did not get there in time');
    await sleep(5);
  }
}

async function end(watchdog: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => watchdog.once('exit', resolve));
  watchdog.kill('SIGTERM');
  await ended;
}
