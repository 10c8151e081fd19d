// Releases that misbehave, each in its own way: all are taken back by themselves, and .deploy-reverted says why.

import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lastLines } from '../../skills/process-manager/output/index.ts';
import { until } from '../support/instance.ts';
import {
  type Candidate,
  type Files,
  isSettled,
  type LiveSettings,
  liveLog,
  livePids,
  makeRoot,
  ownFiles,
  promote,
  type RunningWatchdog,
  releaseOf,
  revertedOf,
  shellBot,
  shellLive,
  startWatchdog,
  treeOf,
} from './support.ts';

/** A bot with a heartbeat; `extra` runs once it is ready. */
const beating = (version: string, extra = '', discord = 'off') => `
import { renameSync, writeFileSync } from 'node:fs';
import './dependency.js';
let state = 'starting';
const beat = () => {
  const text = JSON.stringify({ pid: process.pid, startedAt: new Date().toISOString(), version: '${version}', state, busy: 0, at: new Date().toISOString(), discord: '${discord}' });
  writeFileSync('.heartbeat.new', text);
  renameSync('.heartbeat.new', '.heartbeat');
};
beat();
console.log('version ${version} runs');
setInterval(beat, 40);
setTimeout(() => { state = 'ready'; beat(); setTimeout(() => { ${extra} }, 60); }, 30);
process.on('SIGTERM', () => process.exit(0));
`;

const heartbeatLive: LiveSettings = {
  command: ['node', 'live.js'],
  ready: { heartbeat: true },
  readySeconds: 1.5,
  trialSeconds: 0.5,
};

const files = { ...ownFiles, 'live.js': beating('v1.0'), 'dependency.js': '', 'skills/x/data/d': 'kept' };
const quickStall = { UNDERSTUDY_WATCHDOG_TRIAL_STALL_MS: '400', UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '300' };

/** Runs v1.0, promotes the candidate, and waits until it was taken back. */
async function takenBack(
  candidate: Omit<Candidate, 'version'>,
  { live = heartbeatLive, own = files }: { live?: LiveSettings; own?: Files } = {},
): Promise<{ root: string; reverted: Record<string, unknown>; watchdog: RunningWatchdog; name: string }> {
  const root = makeRoot(own, live);
  const before = treeOf(root);
  const watchdog = startWatchdog(root, quickStall);
  await until('v1.0 runs', () => liveLog(root).includes('version v1.0 runs'));
  const name = promote(root, { version: 'v1.1', ...candidate });
  await until('it is taken back', () => releaseOf(root, name).state === 'reverted' && isSettled(root));
  await until('v1.0 runs again', () => liveLog(root).trimEnd().endsWith('version v1.0 runs'));
  expect(treeOf(root)).toEqual(before);
  expect(watchdog.child.exitCode).toBeNull();
  const reverted = revertedOf(root) ?? {};
  expect(reverted).toMatchObject({
    release: name,
    version: 'v1.1',
    state: 'reverted',
    hash: releaseOf(root, name).hash,
  });
  return { root, reverted, watchdog, name };
}

const shell = { live: shellLive, own: { ...ownFiles, 'live.sh': shellBot('v1.0') } };

describe('a version is taken back that', () => {
  it('crashes at its start', async () => {
    const { reverted, root, name } = await takenBack({
      files: { 'live.js': 'throw new Error("broken code")' },
    });
    expect(reverted.reason).toMatch(/ended 2 times in its trial: exit code 1/);
    expect((reverted.lines as string[]).join('\n')).toContain('broken code');
    expect(readFileSync(join(root, 'backups', name, 'live.log'), 'utf8')).toContain('broken code');
    expect(releaseOf(root, name).detail).toBe(reverted.reason);
  });

  it('crashes later, when it was ready already', async () => {
    const { reverted } = await takenBack({ files: { 'live.js': beating('v1.1', 'process.exit(7)') } });
    expect(reverted.reason).toMatch(/ended 2 times in its trial: exit code 7 .*; exit code 7/);
  });

  it('never reports ready', async () => {
    const { reverted } = await takenBack({
      files: { 'live.js': beating('v1.1').replace("state = 'ready'", '') },
    });
    expect(reverted.reason).toMatch(/did not get ready within 1.5 s: its .heartbeat still says starting/);
  });

  it('writes no heartbeat at all', async () => {
    const { reverted } = await takenBack({ files: { 'live.js': 'setInterval(() => {}, 1000)' } });
    expect(reverted.reason).toMatch(/did not get ready within 1.5 s: it wrote no .heartbeat/);
  });

  it('reports ready for another process than itself', async () => {
    const text = beating('v1.1').replace('pid: process.pid', 'pid: 1');
    expect((await takenBack({ files: { 'live.js': text } })).reverted.reason).toMatch(
      /it wrote no .heartbeat/,
    );
  });

  it('reports ready and then stalls its event loop', async () => {
    const { reverted } = await takenBack({ files: { 'live.js': beating('v1.1', 'while (true) {}') } });
    expect(reverted.reason).toMatch(/heartbeat stopped: it was ready/);
  });

  it('exits with 0 at once', async () => {
    const { reverted } = await takenBack({ files: { 'live.js': '' } });
    expect(reverted.reason).toMatch(/ended 2 times in its trial: exit code 0/);
  });

  it('lacks what it imports', async () => {
    const { reverted } = await takenBack({ removed: ['dependency.js'] });
    expect(reverted.reason).toMatch(/exit code 1/);
    expect((reverted.lines as string[]).join('\n')).toContain('ERR_MODULE_NOT_FOUND');
  });

  it('comes without config.json', async () => {
    const { reverted } = await takenBack({ removed: ['config.json'], live: heartbeatLive });
    expect(reverted.reason).toBe('config.json is gone');
  });

  it('deletes config.json while it runs', async () => {
    const text = beating('v1.1', "import('node:fs').then((fs) => fs.rmSync('config.json'))");
    expect((await takenBack({ files: { 'live.js': text } })).reverted.reason).toBe(
      'config.json disappeared while it ran',
    );
  });

  it('breaks config.json', async () => {
    const { reverted } = await takenBack({ files: { 'config.json': '{"live": ' }, live: heartbeatLive });
    expect(reverted.reason).toMatch(/^config.json cannot be read: /);
  });

  it('loses Discord, which was ready before', async () => {
    const own = { ...files, 'live.js': beating('v1.0', '', 'ready') };
    const { reverted } = await takenBack({ files: { 'live.js': beating('v1.1', '', 'down') } }, { own });
    expect(reverted.reason).toMatch(/Discord was ready before, and is down now/);
  });

  it('never prints the line that means ready, with a pattern that would take for ever', async () => {
    const live = { ...shellLive, ready: { pattern: '^(a+)+$' }, readySeconds: 0.5 };
    const own = { ...shell.own, 'config.json': JSON.stringify({ live: shellLive }) };
    const candidate = {
      files: { 'live.sh': 'echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\nexec sleep 60\n' },
      live,
    };
    expect((await takenBack(candidate, { own })).reverted.reason).toMatch(/no line of its output matched/);
  });

  it('does not answer', async () => {
    const live = { ...shellLive, ready: { url: 'http://127.0.0.1:9/' }, readySeconds: 0.4 };
    const { reverted } = await takenBack({ files: { 'live.sh': shellBot('v1.1') }, live }, shell);
    expect(reverted.reason).toMatch(/127.0.0.1:9\/ did not answer with a 2xx status/);
  });

  it('leaves a child behind that keeps its port', async () => {
    const text =
      'node -e "process.on(\'SIGTERM\', () => {}); setInterval(() => {}, 1000)" &\nsleep 0.2\nexit 3\n';
    const { root } = await takenBack({ files: { 'live.sh': text } }, shell);
    expect(livePids(root)).toHaveLength(1);
  });

  it('leaves files of its own where others stood', async () => {
    const text = 'rm -rf src; mkdir -p src/mine; echo mine > src/mine/file; rm live.sh; exit 1\n';
    const own = { ...shell.own, 'src/a.js': 'old' };
    const { root } = await takenBack({ files: { 'live.sh': text, 'src/b.js': 'new' } }, { ...shell, own });
    expect(readFileSync(join(root, 'src/a.js'), 'utf8')).toBe('old');
  });

  it('writes its log as fast as it can: the disk is bounded, readers are right', {
    timeout: 60_000,
  }, async () => {
    const root = makeRoot(shell.own, { ...shellLive, ready: { pattern: 'never' }, readySeconds: 3 });
    startWatchdog(root, { UNDERSTUDY_WATCHDOG_POLL_MS: '80' });
    await until('v1.0 runs', () => liveLog(root).includes('version v1.0 runs'));
    const name = promote(root, {
      version: 'v1.1',
      files: {
        'live.sh':
          'exec yes "a line that is written as fast as this machine can, again and again and again"\n',
      },
    });
    let largest = 0;
    await until('it is taken back', () => {
      largest = Math.max(largest, readSize(join(root, 'logs/live.log')));
      return releaseOf(root, name).state === 'reverted' && isSettled(root);
    });
    // What can be written between two looks, with much room for a busy machine.
    expect(largest).toBeLessThan(3e9);
    expect(largest).toBeGreaterThan(512 * 1024);
    await until('the log is small again', () => readSize(join(root, 'logs/live.log')) <= 600 * 1024);
    const lines = lastLines(join(root, 'logs/live.log'), 1000).map(({ text }) => text);
    const whole =
      /^(a line that is written as fast as this machine can, again and again and again|version v1.0 runs)$/;
    // The last one before the kill may have been cut by it.
    expect(lines.slice(0, -2).filter((line) => !whole.test(line))).toEqual([]);
    expect(lines.at(-1)).toBe('version v1.0 runs');
  });
});

const readSize = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

describe('a version is good that', () => {
  async function becomesGood(
    candidate: Omit<Candidate, 'version'>,
    own: Files = files,
    live = heartbeatLive,
  ): Promise<string> {
    const root = makeRoot(own, live);
    startWatchdog(root, quickStall);
    await until('v1.0 runs', () => liveLog(root).includes('version v1.0 runs'));
    const name = promote(root, { version: 'v1.1', ...candidate });
    await until('it is good', () => releaseOf(root, name).state === 'good' && isSettled(root));
    await until('it runs', () => liveLog(root).includes('version v1.1 runs'));
    return root;
  }

  it('beats, and Discord is down as it was before', async () => {
    await becomesGood(
      { files: { 'live.js': beating('v1.1', '', 'down') } },
      { ...files, 'live.js': beating('v1.0', '', 'down') },
    );
  });

  it('crashes once and then stays up', async () => {
    const once =
      "import { existsSync } from 'node:fs';\nif (!existsSync('data/tried')) { writeFileSync('data/tried', ''); process.exit(1); }";
    await becomesGood({ files: { 'live.js': `${once}\n${beating('v1.1')}` } });
  });

  it('is written in Python and known by its output', async () => {
    const python = 'import sys, time\nprint("version v1.1 runs", flush=True)\ntime.sleep(600)\n';
    const live = {
      ...shellLive,
      command: ['python3', 'live.py'],
      ready: { pattern: '^version v[0-9.]+ runs$' },
    };
    await becomesGood({ files: { 'live.py': python }, live }, shell.own, shellLive);
  });

  it('answers at an address', async () => {
    const port = await freePort();
    const text = `import { createServer } from 'node:http';
      console.log('version v1.1 runs');
      setTimeout(() => createServer((_, response) => response.end('ok')).listen(${port}, '127.0.0.1'), 200);`;
    const live = { ...shellLive, command: ['node', 'live.js'], ready: { url: `http://127.0.0.1:${port}/` } };
    await becomesGood({ files: { 'live.js': text }, live }, shell.own, shellLive);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
