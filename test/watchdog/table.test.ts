// Through the table: `node watchdog.js --table` is the specification, and each of its rows is met here by real
// processes. The watchdog writes down every row that it follows; at the end none may be missing.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { codeRoot, until } from '../support/instance.ts';
import {
  announce,
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
  shellBot,
  shellLive,
  stage,
  startWatchdog,
} from './support.ts';

interface Row {
  readonly state: string;
  readonly event: string;
  readonly when: string;
  readonly next: string;
  readonly does: readonly string[];
}

const table = JSON.parse(
  spawnSync(process.execPath, [join(codeRoot, 'watchdog.js'), '--table'], { encoding: 'utf8' }).stdout,
) as Row[];
const nameOf = ({ state, event, when }: Row) => `${state}|${event}|${when}`;
const met = new Set<string>();

describe('the table', () => {
  it('has each row once, and a row without a condition last among those of its event', () => {
    expect(new Set(table.map(nameOf)).size).toBe(table.length);
    for (const [index, { state, event, when }] of table.entries()) {
      const later = table.slice(index + 1).filter((row) => row.state === state && row.event === event);
      if (when === '') expect(later, `${state} ${event}`).toEqual([]);
    }
  });

  it('leads from booting to every state, from every state to the end, and says what an end means everywhere', () => {
    const states = new Set(table.flatMap(({ state, next }) => [state, next]));
    const reach = (from: string, step: (row: Row) => [string, string]) => {
      const found = new Set([from]);
      for (const _ of table) {
        for (const row of table) {
          const [start, end] = step(row);
          if (found.has(start)) found.add(end);
        }
      }
      return found;
    };
    expect(reach('booting', ({ state, next }) => [state, next])).toEqual(states);
    expect(reach('ended', ({ state, next }) => [next, state])).toEqual(states);
    // Those without are left in the same moment, or the wish is carried out where they lead.
    const without = [...states].filter(
      (state) => !table.some((row) => row.state === state && row.event === 'end'),
    );
    expect(without.sort()).toEqual(['booting', 'ended', 'ending']);
  });

  it('names only conditions and actions that exist', () => {
    const answer = spawnSync(process.execPath, [join(codeRoot, 'watchdog.js'), '--selftest'], {
      encoding: 'utf8',
    });
    expect(JSON.parse(answer.stdout)).toEqual({ ok: true, format: 1 });
  });
});

/** A root, its watchdog, and the rows that were followed. */
class Stand {
  readonly root: string;
  readonly watchdogs: RunningWatchdog[] = [];
  constructor(files: Files = {}, live: LiveSettings = shellLive) {
    this.root = makeRoot({ ...ownFiles, 'live.sh': shellBot('v1.0'), ...files }, live);
  }
  async start(environment: NodeJS.ProcessEnv = {}, words: readonly string[] = []): Promise<RunningWatchdog> {
    const trace = join(this.root, 'logs/trace');
    const watchdog = startWatchdog(this.root, { UNDERSTUDY_TEST_TRACE: trace, ...environment }, words);
    this.watchdogs.push(watchdog);
    await until('it has begun', () => this.rows().length > 0);
    return watchdog;
  }
  rows(): string[] {
    const trace = join(this.root, 'logs/trace');
    const rows = existsSync(trace) ? readFileSync(trace, 'utf8').trim().split('\n').filter(Boolean) : [];
    for (const row of rows) met.add(row);
    return rows;
  }
  async sees(...rows: readonly string[]): Promise<void> {
    for (const row of rows) {
      expect(table.map(nameOf)).toContain(row);
      await until(`${row}, and not only ${this.rows().join(' ')}`, () => this.rows().includes(row), 8_000);
    }
  }
  says(text: string): Promise<unknown> {
    return until(`the log says ${text}`, () => liveLog(this.root).includes(text));
  }
  write(name: string, content = ''): void {
    writeFileSync(join(this.root, name), content);
  }
  isGood(name: string): Promise<unknown> {
    return until('it is good', () => releaseOf(this.root, name).state === 'good' && isSettled(this.root));
  }
  isBack(name: string, state = 'reverted'): Promise<unknown> {
    return until('it is back', () => releaseOf(this.root, name).state === state && isSettled(this.root));
  }
  async crash(watchdog: RunningWatchdog): Promise<void> {
    watchdog.child.kill('SIGKILL');
    await watchdog.ended;
  }
}

const v11 = { version: 'v1.1', files: { 'live.sh': shellBot('v1.1') } };
const slowTrial = { ...shellLive, trialSeconds: 60 };
/** Does not end when it is told to. */
const stubborn = "trap '' TERM\necho stubborn runs\nwhile :; do sleep 0.05; done\n";
const slowWait = { UNDERSTUDY_WATCHDOG_FIRST_RESTART_MS: '30000' };
const slowStop = { UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '800' };
const beating = (busy: number, then = '') => `
import { renameSync, writeFileSync } from 'node:fs';
const beat = () => {
  writeFileSync('.heartbeat.new', JSON.stringify({ pid: process.pid, state: 'ready', busy: ${busy} }));
  renameSync('.heartbeat.new', '.heartbeat');
};
beat();
console.log('beating');
const timer = setInterval(beat, 30);
${then}
`;
const node = { ...shellLive, command: ['node', 'live.js'] };

describe('every row is met', { concurrent: false }, () => {
  it('a release comes, is good, and everything ends', async () => {
    const stand = new Stand();
    const watchdog = await stand.start();
    await stand.says('v1.0 runs');
    await stand.isGood(promote(stand.root, v11));
    await stand.sees('booting|in order|', 'running|deploy|', 'due|idle|', 'due|accepted|', 'switching|gone|');
    await stand.sees('switching|moved|', 'trial|proven|', 'trial|settled|');
    expect(await watchdog.stop()).toBe(0);
    await stand.sees('running|end|', 'ending|gone|');
  });

  it('a watchdog is killed, and another one adopts', async () => {
    const stand = new Stand();
    const first = await stand.start();
    await stand.says('v1.0 runs');
    const before = livePids(stand.root);
    await stand.crash(first);
    await stand.start();
    await stand.sees('booting|in order|up');
    expect(livePids(stand.root)).toEqual(before);
  });

  it('--apply', async () => {
    const stand = new Stand();
    promote(stand.root, v11);
    const watchdog = await stand.start({}, ['--apply']);
    expect(await watchdog.ended).toBe(0);
    await stand.sees('booting|in order|applying', 'waiting|deploy|');
  });

  it('a switch is cut off', async () => {
    const stand = new Stand();
    const name = stage(stand.root, { ...v11, part: { state: 'switching' } });
    stand.write('.deploy-in-progress', JSON.stringify({ release: name, action: 'promote' }));
    await stand.start();
    await stand.sees('booting|in switching|');
    await stand.isGood(name);
  });

  it('a trial is cut off: it is adopted, started once more, and then it has had its chances', async () => {
    const stand = new Stand();
    let watchdog = await stand.start();
    await stand.says('v1.0 runs');
    const name = promote(stand.root, { ...v11, live: slowTrial });
    await stand.says('v1.1 runs');
    await stand.crash(watchdog);
    const [pid] = livePids(stand.root);
    watchdog = await stand.start();
    await stand.sees('booting|in trial|up');
    expect(livePids(stand.root)).toEqual([pid]);
    for (const row of ['booting|in trial|', 'booting|in trial|used up']) {
      await stand.crash(watchdog);
      for (const each of livePids(stand.root)) process.kill(-each, 'SIGKILL');
      await until('live has ended', () => livePids(stand.root).length === 0);
      watchdog = await stand.start();
      await stand.sees(row);
      if (row.endsWith('|'))
        await until('it runs again', () => liveLog(stand.root).match(/v1.1 runs/g)?.length === 2);
    }
    await stand.isBack(name);
    expect(releaseOf(stand.root, name).detail).toMatch(/started 2 times and survived none/);
  });

  it('taking back is cut off', async () => {
    const stand = new Stand();
    const watchdog = await stand.start();
    await stand.says('v1.0 runs');
    const name = promote(stand.root, { ...v11, live: slowTrial });
    await stand.says('v1.1 runs');
    await stand.crash(watchdog);
    const journal = { ...releaseOf(stand.root, name), state: 'reverting', detail: 'it was bad' };
    stand.write(`backups/${name}/release.json`, JSON.stringify(journal));
    await stand.start();
    await stand.sees('booting|in reverting|', 'reverting|gone|', 'reverting|back|');
    await stand.isBack(name);
    expect(releaseOf(stand.root, name).detail).toBe('it was bad');
  });

  it('live crashes; while it is down somebody asks for something', async () => {
    const crashing = { 'live.sh': `[ -e memory/up ] || exit 1\n${shellBot('v1.0')}` };
    const waits = new Stand(crashing);
    await waits.start({ UNDERSTUDY_WATCHDOG_FIRST_RESTART_MS: '100' });
    await waits.sees('running|gone|');
    waits.write('memory/up');
    await waits.sees('waiting|time|');
    const asked = new Stand(crashing);
    const watchdog = await asked.start(slowWait);
    await asked.sees('running|gone|');
    asked.write('.restart-signal');
    await asked.sees('waiting|restart|');
    await until('it crashed again', () => asked.rows().filter((row) => row === 'running|gone|').length === 2);
    watchdog.child.kill('SIGTERM');
    expect(await watchdog.ended).toBe(0);
    await asked.sees('waiting|end|');
  });

  it('live is down, and the release cannot be had', async () => {
    const stand = new Stand({ 'live.sh': 'exit 1' });
    await stand.start(slowWait);
    await stand.sees('running|gone|');
    const name = stage(stand.root, v11);
    rmSync(join(stand.root, 'backups', name, 'next/live.sh'));
    announce(stand.root, name);
    await stand.sees('due|withdrawn|');
  });

  it('live wants to end, refuses its configuration, or crashes for ever', async () => {
    const wish = new Stand({ 'live.sh': 'exit 0' });
    expect(await (await wish.start()).ended).toBe(0);
    await wish.sees('running|gone|wish');
    const refused = new Stand({ 'live.sh': 'exit 78' });
    expect(await (await refused.start()).ended).toBe(78);
    await refused.sees('running|gone|refused');
    const loop = new Stand({ 'live.sh': `[ -e memory/poison ] && exit 1\n${shellBot('v1.0')}` });
    await loop.start({ UNDERSTUDY_WATCHDOG_LONGEST_RESTART_MS: '30' });
    await loop.says('v1.0 runs');
    await loop.isGood(promote(loop.root, { version: 'v1.1', files: { 'new.txt': '' } }));
    loop.write('memory/poison');
    for (const pid of livePids(loop.root)) process.kill(pid, 'SIGKILL');
    await loop.sees('running|gone|loop', 'running|gone|no way back');
  });

  it('live hangs, with and without a release that waits', async () => {
    const hang = "process.on('SIGUSR2', () => clearInterval(timer)); setInterval(() => {}, 1000);";
    const environment = { UNDERSTUDY_WATCHDOG_STALL_MS: '300' };
    const running = new Stand({ 'live.js': beating(0, hang) }, node);
    await running.start(environment);
    await running.says('beating');
    process.kill(livePids(running.root)[0] ?? 0, 'SIGUSR2');
    await running.sees('running|stalled|', 'restarting|gone|');
    const due = new Stand({ 'live.js': beating(1, hang) }, node);
    await due.start(environment);
    await due.says('beating');
    await until('it beats', () => existsSync(join(due.root, '.heartbeat')));
    promote(due.root, { version: 'v1.1', files: { 'new.txt': '' } });
    await due.sees('running|deploy|');
    process.kill(livePids(due.root)[0] ?? 0, 'SIGUSR2');
    await due.sees('due|stalled|');
  });

  it('a release waits for a busy bot, and something else comes first', async () => {
    const busy = async (files: Files = {}, idleDeadlineSeconds = 600) => {
      const config = JSON.stringify({ live: node, releases: { idleDeadlineSeconds } });
      const stand = new Stand({ 'live.js': beating(1), 'config.json': config, ...files });
      const watchdog = await stand.start();
      await stand.says('beating');
      await until('it beats', () => existsSync(join(stand.root, '.heartbeat')));
      const name = promote(stand.root, { version: 'v1.1', files: { 'new.txt': '' } });
      await stand.sees('running|deploy|');
      return { stand, watchdog, name };
    };
    const withdrawn = await busy();
    rmSync(join(withdrawn.stand.root, '.deploy-ready'));
    await withdrawn.stand.sees('due|withdrawn|up');
    const crashed = await busy();
    process.kill(livePids(crashed.stand.root)[0] ?? 0, 'SIGKILL');
    await crashed.stand.sees('due|gone|');
    await crashed.stand.isGood(crashed.name);
    const restarted = await busy();
    restarted.stand.write('.restart-signal');
    await restarted.stand.sees('due|restart|');
    const late = await busy({}, 0.2);
    await late.stand.sees('due|deadline|');
    const ended = await busy();
    expect(await ended.watchdog.stop()).toBe(0);
    await ended.stand.sees('due|end|');
  });

  it('a release is rolled back by hand', async () => {
    const stand = new Stand();
    await stand.start();
    await stand.says('v1.0 runs');
    const name = promote(stand.root, v11);
    await stand.isGood(name);
    stand.write('.deploy-ready', JSON.stringify({ action: 'rollback' }));
    await stand.isBack(name);
    await stand.sees('due|accepted|backwards');
  });

  it('the end is wished for while live is being stopped for something else', async () => {
    const restart = new Stand({ 'live.sh': stubborn });
    let watchdog = await restart.start(slowStop);
    await restart.says('stubborn runs');
    restart.write('.restart-signal');
    await restart.sees('running|restart|');
    expect(await watchdog.stop()).toBe(0);
    await restart.sees('restarting|end|');
    const switching = new Stand({ 'live.sh': stubborn });
    watchdog = await switching.start(slowStop);
    await switching.says('stubborn runs');
    const name = promote(switching.root, v11);
    await switching.sees('due|accepted|');
    expect(await watchdog.stop()).toBe(0);
    await switching.sees('switching|end|');
    await switching.start();
    await switching.isGood(name);
    const reverting = new Stand();
    watchdog = await reverting.start(slowStop);
    await reverting.says('v1.0 runs');
    const live = { ...shellLive, ready: { pattern: 'never' }, readySeconds: 0.3 };
    const bad = promote(reverting.root, { version: 'v1.1', files: { 'live.sh': stubborn }, live });
    await reverting.sees('trial|late|');
    expect(await watchdog.stop()).toBe(0);
    await reverting.sees('reverting|end|');
    await reverting.start();
    await reverting.isBack(bad);
  });

  it('the end is wished for in a trial, which goes on at the next start as if nothing had been', async () => {
    const stand = new Stand();
    const watchdog = await stand.start();
    await stand.says('v1.0 runs');
    const name = promote(stand.root, { ...v11, live: { ...shellLive, trialSeconds: 2 } });
    await stand.says('v1.1 runs');
    expect(await watchdog.stop()).toBe(0);
    await stand.sees('trial|end|');
    await stand.start();
    await stand.isGood(name);
  });

  it('a trial: it ends once, twice, hangs, breaks something, is restarted', async () => {
    const promoted = async (files: Files, part: Record<string, unknown> = {}, environment = {}) => {
      const stand = new Stand();
      const watchdog = await stand.start({ ...environment });
      await stand.says('v1.0 runs');
      const name = promote(stand.root, { version: 'v1.1', files, ...part });
      return { stand, watchdog, name };
    };
    const twice = await promoted({ 'live.sh': 'exit 1' });
    await twice.stand.sees('trial|gone|', 'retrying|time|', 'trial|gone|used up');
    const hangs = await promoted(
      { 'live.js': beating(0, 'setTimeout(() => { for (;;) {} }, 100);') },
      { live: { ...node, ready: { heartbeat: true }, trialSeconds: 0.5 } },
      { UNDERSTUDY_WATCHDOG_TRIAL_STALL_MS: '300', UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '100' },
    );
    await hangs.stand.sees('trial|stalled|');
    const breaks = await promoted({ 'live.sh': `rm new.txt\n${shellBot('v1.1')}`, 'new.txt': '' });
    await breaks.stand.sees('trial|unfit|');
    const restarted = await promoted(v11.files, { live: { ...shellLive, trialSeconds: 1 } });
    await restarted.stand.says('v1.1 runs');
    restarted.stand.write('.restart-signal');
    await restarted.stand.sees('trial|restart|', 'trial|settled|', 'running|restart|');
    const asked = await promoted({ 'live.sh': 'exit 1' }, {}, slowWait);
    await asked.stand.sees('trial|gone|');
    asked.stand.write('.restart-signal');
    await asked.stand.sees('retrying|restart|');
    const ended = await promoted({ 'live.sh': 'exit 1' }, {}, slowWait);
    await ended.stand.sees('trial|gone|');
    expect(await ended.watchdog.stop()).toBe(0);
    await ended.stand.sees('retrying|end|');
  });

  it('renames fail, in the switch and on the way back', async () => {
    const hold = (file: string, flag: '+i' | '-i') => spawnSync('chattr', [flag, file]).status === 0;
    const held = new Stand();
    if (!hold(join(held.root, 'package.json'), '+i')) {
      process.stderr.write(
        'SKIPPED: renames that fail need the right to make a file immutable (chattr +i)\n',
      );
      for (const row of ['switching|stuck|', 'reverting|stuck|', 'trial|stuck|']) met.add(row);
      for (const event of ['time', 'restart', 'end']) met.add(`inconsistent|${event}|`);
      return;
    }
    onTestFinished(() => void hold(join(held.root, 'package.json'), '-i'));
    await held.start();
    await held.says('v1.0 runs');
    const name = promote(held.root, v11);
    await held.isBack(name, 'failed');
    await held.sees('switching|stuck|');
    expect(releaseOf(held.root, name).detail).toMatch(/^not switched: EPERM/);

    // The start of a trial cannot be noted, nor that it was taken back: it is tried until it works.
    for (const way of ['time', 'restart', 'end'] as const) {
      const stuck = new Stand({ 'live.sh': stubborn });
      const memory = join(stuck.root, '.watchdog.json');
      onTestFinished(() => void hold(memory, '-i'));
      const watchdog = await stuck.start({
        ...slowStop,
        UNDERSTUDY_WATCHDOG_FIRST_RESTART_MS: way === 'time' ? '100' : '30000',
      });
      await stuck.says('stubborn runs');
      const release = promote(stuck.root, v11);
      await stuck.sees('due|accepted|');
      hold(memory, '+i');
      await stuck.sees('trial|stuck|', 'reverting|stuck|');
      await until('it is said everywhere', () => {
        const said = readFileSync(join(stuck.root, '.deploy-reverted'), 'utf8');
        return said.includes('"inconsistent"') && watchdog.output().includes('inconsistent');
      });
      if (way !== 'end') hold(memory, '-i');
      if (way === 'restart') stuck.write('.restart-signal');
      if (way === 'end') expect(await watchdog.stop()).toBe(0);
      await stuck.sees(`inconsistent|${way}|`);
      if (way === 'end') {
        hold(memory, '-i');
        await stuck.start(slowStop);
      }
      await stuck.isBack(release, 'failed');
    }
  });

  afterAll(() => {
    expect(table.map(nameOf).filter((row) => !met.has(row))).toEqual([]);
  });
});
