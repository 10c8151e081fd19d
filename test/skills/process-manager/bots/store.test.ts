// The table of bots, in a real file, with real other processes that work on the same bots.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Database } from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startOf } from '../../../../skills/process-manager/base/index.ts';
import { nextStep, type Verdict } from '../../../../skills/process-manager/bots/states.ts';
import { type BotStore, createBotStore } from '../../../../skills/process-manager/bots/store.ts';
import manager from '../../../../skills/process-manager/index.ts';
import type { ProcessRow } from '../../../../skills/process-manager/processes/index.ts';
import { openDatabase } from '../../../../src/database.ts';
import { historyMigrations } from '../../../../src/history.ts';
import { cleanEnvironment, codeRoot, makeInstance } from '../../../support/instance.ts';

const now = Date.parse('2026-01-02T03:04:05.000Z');
const startedAt = '2026-01-02T03:04:00.000Z';
const again: Verdict = { kind: 'again', detail: 'it ended with code 1', attempts: 2, delayMs: 5_000 };
const failed: Verdict = { kind: 'failed', detail: 'it ended with code 1', attempts: 4 };

function open(root = makeInstance()): { store: BotStore; database: Database; root: string } {
  const database = openDatabase(root, [...historyMigrations, ...manager.migrations]);
  onTestFinished(() => void database.close());
  return { store: createBotStore(database), database, root };
}

/** Another process with its own store over the same file. */
async function startOther(root: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/fixtures/bot-claim.ts', root], {
    ...{ cwd: codeRoot, env: cleanEnvironment(), stdio: ['pipe', 'pipe', 'inherit'] },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  expect(await next()).toBe('open');
  return {
    ask: (request: string) => {
      child.stdin.write(`${request}\n`);
      return next();
    },
    kill: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('what is wanted', () => {
  it('reads a bot that was never seen as one that was always stopped, and writes nothing for it', () => {
    const { store } = open();
    expect(store.read('a')).toMatchObject({ name: 'a', desired: 'stopped', startCount: 0, runId: null });
    expect(store.readAll().size).toBe(0);
  });

  it('knows of which bots somebody has decided whether they are to run', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.wantStopped('b');
    store.noteRun('c', 'r1', startedAt, false);
    store.claim('d')?.release();
    expect([...store.decided()].sort()).toEqual(['a', 'b']);
  });

  it('begins to count anew when somebody asks for it', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, true);
    store.noteVerdict('a', 'r1', failed, now);
    expect(store.read('a')).toMatchObject({ outcome: 'failed', attempts: 4, restarts: 1 });
    store.want('a', 'me again', {});
    expect(store.read('a')).toMatchObject({
      ...{ outcome: null, detail: null, attempts: 0, restarts: 0, retryAt: null, startReason: 'me again' },
    });
  });

  it('lets a wish to stop win over a start, a restart and a delay that are under way', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.noteVerdict('a', 'r1', again, now);
    store.want('a', 'me', { endRun: 'r1' });
    store.wantStopped('a');
    expect(store.read('a')).toMatchObject({
      ...{ desired: 'stopped', startReason: null, endRun: null, retryAt: null, outcome: null, attempts: 0 },
    });
    store.hold('a');
    store.release('the manager was stopped');
    store.wantEnded('a', 'r1');
    expect(store.read('a')).toMatchObject({ desired: 'stopped', startReason: null, endRun: null });
  });

  it('holds what is wanted, lets it go on, and lets a newer wish win over both', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.hold('a');
    expect(store.read('a')).toMatchObject({ desired: 'running', isHeld: 1, startReason: null });
    store.release('it ran');
    expect(store.read('a')).toMatchObject({ isHeld: 0, startReason: 'it ran' });
    store.hold('a');
    store.want('a', 'somebody', {});
    expect(store.read('a')).toMatchObject({ isHeld: 0, startReason: 'somebody' });
    store.hold('a');
    store.wantStopped('a');
    store.release('it ran');
    expect(store.read('a')).toMatchObject({ desired: 'stopped', isHeld: 0, startReason: null });
  });

  it('does not wake what had ended for good', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.noteVerdict('a', 'r1', { kind: 'finished', detail: 'done' }, now);
    store.hold('a');
    store.release('it ran');
    expect(store.read('a')).toMatchObject({ outcome: 'finished', startReason: null });
  });

  it('ends only the run that is meant', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r2', startedAt, false);
    store.wantEnded('a', 'r1');
    expect(store.read('a').endRun).toBeNull();
    store.wantEnded('a', 'r2');
    expect(store.read('a').endRun).toBe('r2');
  });

  it('keeps a restart that is asked for while a start is struck off', () => {
    const { store } = open();
    store.want('a', 'started', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.want('a', 'restarted', { endRun: 'r1' });
    store.clearWish('a', 'r1');
    expect(store.read('a')).toMatchObject({ startReason: 'restarted', endRun: 'r1' });
  });
});

describe('what became of its runs', () => {
  it('counts a start once, however often and by whomever it is noted', () => {
    const { store, database } = open();
    const other = createBotStore(database);
    store.want('a', 'me', {});
    expect(store.noteRun('a', 'r1', startedAt, true)).toBe(true);
    expect([store.noteRun('a', 'r1', startedAt, true), other.noteRun('a', 'r1', startedAt, false)]).toEqual([
      ...[false, false],
    ]);
    expect(store.read('a')).toMatchObject({ startCount: 1, restarts: 1, startReason: null });
    expect(store.read('a').lastStartAt).toBe(startedAt);
  });

  it('counts a start at no other write', () => {
    const { store } = open();
    store.noteRun('a', 'r1', startedAt, false);
    store.want('a', 'me', {});
    store.clearWish('a', 'r1');
    store.noteReady('a', 'r1');
    store.noteLate('a', 'r1');
    store.noteStable('a', 'r1');
    store.wantEnded('a', 'r1');
    store.noteVerdict('a', 'r1', again, now);
    store.hold('a');
    store.release('later');
    store.wantStopped('a');
    const claim = store.claim('a');
    claim?.say('starting', 'starting');
    claim?.release();
    expect(store.read('a')).toMatchObject({ startCount: 1, lastStartAt: startedAt });
    store.noteRun('a', 'r2', startedAt, false);
    expect(store.read('a').startCount).toBe(2);
  });

  it('judges a run once', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    expect(store.noteVerdict('a', 'r1', again, now)).toBe(true);
    expect(store.noteVerdict('a', 'r1', failed, now)).toBe(false);
    expect(store.read('a')).toMatchObject({ judgedRun: 'r1', attempts: 2, outcome: null });
    expect(store.read('a').retryAt).toBe('2026-01-02T03:04:10.000Z');
  });

  it('lets nothing late change what holds of the new run', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.noteRun('a', 'r2', startedAt, false);
    const before = store.read('a');
    expect(store.noteVerdict('a', 'r1', failed, now)).toBe(false);
    expect(store.noteLate('a', 'r1')).toBe(false);
    store.noteReady('a', 'r1');
    store.clearWish('a', 'r1');
    expect(store.read('a')).toEqual(before);
  });

  it('changes nothing by a verdict after a stop was asked for, or a new start', () => {
    const { store } = open();
    store.want('a', 'me', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.wantStopped('a');
    const stopped = store.read('a');
    expect(store.noteVerdict('a', 'r1', failed, now)).toBe(false);
    expect(store.noteVerdict('a', undefined, failed, now)).toBe(false);
    expect(store.read('a')).toEqual(stopped);
    store.want('a', 'me', {});
    expect(store.noteVerdict('a', 'r1', failed, now)).toBe(false);
    expect(store.read('a').startReason).toBe('me');
  });

  it('says once that a run is late, and not of one that was ready', () => {
    const { store } = open();
    store.noteRun('a', 'r1', startedAt, false);
    expect([store.noteLate('a', 'r1'), store.noteLate('a', 'r1')]).toEqual([true, false]);
    store.noteRun('a', 'r2', startedAt, false);
    store.noteReady('a', 'r2');
    expect(store.noteLate('a', 'r2')).toBe(false);
  });

  it('goes on trying when a restart fails to start: the run that was ended for it is settled', () => {
    const { store } = open();
    store.want('a', 'started', {});
    store.noteRun('a', 'r1', startedAt, false);
    store.want('a', 'restarted', { endRun: 'r1' });
    const ended = { id: 'r1', status: 'killed', stopReason: 'restarted' } as ProcessRow;
    const step = (at: number) =>
      nextStep(store.read('a'), ended, { dependsOn: [], runner: 'local' }, at, () => false).kind;
    expect(step(now)).toBe('start');
    store.noteVerdict('a', undefined, again, now);
    expect(step(now)).toBe('rest');
    expect(step(now + 5_000)).toBe('start');
  });
});

describe('claims', () => {
  it('are held by one at a time, and shown while they are', () => {
    const { store } = open();
    const claim = store.claim('a');
    expect(claim).toBeDefined();
    expect(store.claim('a')).toBeUndefined();
    expect(store.claim('b')).toBeDefined();
    claim?.say('starting', 'starting');
    expect(store.read('a')).toMatchObject({ activity: 'starting', activityText: 'starting' });
    claim?.release();
    expect(store.read('a')).toMatchObject({ activity: null, activityText: null });
    expect(store.claim('a')).toBeDefined();
  });

  it('say nothing any more once they were released', () => {
    const { store } = open();
    const first = store.claim('a');
    first?.release();
    const second = store.claim('a');
    second?.say('stopping', 'stopping');
    first?.say('updating', 'too late');
    first?.release();
    expect(store.read('a').activity).toBe('stopping');
    expect(store.claim('a')).toBeUndefined();
  });

  it('of a living other process are respected, those of a dead one taken over', async () => {
    const { store, root } = open();
    const other = await startOther(root);
    expect(await other.ask('claim a')).toBe('yes');
    await other.ask('say a');
    expect(store.claim('a')).toBeUndefined();
    expect(store.read('a')).toMatchObject({ activity: 'updating', activityText: 'updating from git' });
    expect(store.readAll().get('a')?.activity).toBe('updating');
    await other.kill();
    expect(store.read('a')).toMatchObject({ activity: null, activityText: null });
    expect(store.readAll().get('a')?.activity).toBeNull();
    expect(store.claim('a')).toBeDefined();
  });

  it('of a process whose PID came back are nobody’s, nor is one that was not written away', () => {
    const { store, database } = open();
    const claim = database.prepare(
      `INSERT INTO bots (name, claim_token, claim_pid, claim_start, activity) VALUES (?, 't', ?, ?, 'updating')`,
    );
    const cases = [
      ['a', process.ppid, 'boot:1'],
      ['b', process.pid, 'boot:1'],
      ['c', process.pid, startOf(process.pid)],
    ] as const;
    for (const [name, pid, start] of cases) {
      claim.run(name, pid, start);
      expect(store.read(name).activity).toBeNull();
      expect(store.claim(name)).toBeDefined();
    }
  });

  it('go to whoever was quicker, also by the instant between looking and taking', () => {
    const { database } = open();
    const quicker = (sql: string) => {
      if (sql.includes('SET claim_token = @token'))
        database
          .prepare(`UPDATE bots SET claim_token = 'theirs', claim_pid = ?, claim_start = ? WHERE name = 'a'`)
          .run(process.ppid, startOf(process.ppid));
      return database.prepare(sql);
    };
    const store = createBotStore(Object.assign(Object.create(database) as Database, { prepare: quicker }));
    expect(store.claim('a')).toBeUndefined();
    const row = database.prepare(`SELECT claim_token AS token FROM bots WHERE name = 'a'`).get();
    expect(row).toEqual({ token: 'theirs' });
  });

  it('never go to two processes that ask at once', async () => {
    const { database, root } = open();
    database.exec('CREATE TABLE held (now INTEGER, most INTEGER); INSERT INTO held VALUES (0, 0)');
    const others = await Promise.all([startOther(root), startOther(root)]);
    const answers = await Promise.all(others.map(({ ask }) => ask('race a 200')));
    expect(database.prepare('SELECT most, now FROM held').get()).toEqual({ most: 1, now: 0 });
    expect(answers).toEqual(['won 200', 'won 200']);
  });
});
