// The engine against real, stubborn programs.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  findByVariable,
  groupMembers,
  isAlive,
  startOf,
} from '../../../../skills/process-manager/base/index.ts';
import { type ProcessRow, processVariable } from '../../../../skills/process-manager/processes/index.ts';
import { failureFrom as failureOf } from '../../../support/failure.ts';
import { makeInstance, until } from '../../../support/instance.ts';
import { endNow, makeEngine, spawnShell } from '../../../support/manager.ts';

const ended = async (engine: ReturnType<typeof makeEngine>['engine'], row: ProcessRow) => {
  const last = await engine.processes.waitForEnd(row, 15_000);
  expect(last.endedAt, `${row.command} should have ended`).not.toBeNull();
  return last;
};
const text = (path: string) => readFileSync(path, 'utf8');
const alive = (pid: number | null) => pid !== null && startOf(pid) !== undefined;

describe('spawning', () => {
  it('keeps output, exit code and moments of a command', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(engine, 'echo out; echo err >&2; pwd; exit 7', {
      name: 'talker',
      agent: 'planner',
    });
    expect(row).toMatchObject({ name: 'talker', agent: 'planner', type: 'background', stopReason: null });
    const last = await ended(engine, row);
    expect(last).toMatchObject({ status: 'exited', exitCode: 7, signal: null, pid: row.pid });
    expect(text(last.stdoutLog)).toBe(`out\n${root}\n`);
    expect(text(last.stderrLog)).toBe('err\n');
    expect(last.runFolder).toBe(join(root, 'logs/processes', row.id));
    expect(text(join(last.runFolder, 'exit')).trim()).toBe('7');
    expect(Date.parse(last.endedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(last.startedAt) - 50);
  });

  it('tells the PID of the command itself, which leads no group and is the child of the shim', async () => {
    const { engine } = makeEngine();
    const row = await engine.processes.spawn({
      ...{ argv: ['sleep', '60'], command: 'sleep 60', name: undefined, directory: '/', type: 'background' },
      ...{ environment: { PATH: process.env.PATH ?? '' }, agent: undefined, takesInput: false },
    });
    await until(
      'the shell has become the command',
      () => text(`/proc/${row.pid}/cmdline`) === 'sleep\u000060\u0000',
    );
    expect(groupMembers(row.shimPid ?? 0).sort()).toEqual([row.pid, row.shimPid].sort());
  });

  it('gives no input unless it is asked for: a command that reads ends', async () => {
    const { engine } = makeEngine();
    const last = await ended(engine, await spawnShell(engine, 'cat; read line; echo "read: $?"'));
    expect(text(last.stdoutLog)).toBe('read: 1\n');
  });

  it('reports a command that does not exist as 127, with the reason in its output', async () => {
    const { engine } = makeEngine();
    const last = await ended(engine, await spawnShell(engine, '', { argv: ['no-such-program-anywhere'] }));
    expect(last).toMatchObject({ status: 'exited', exitCode: 127 });
    expect(text(last.stderrLog)).toContain('no-such-program-anywhere');
  });

  it('reports a folder that has gone as 126', async () => {
    const { engine } = makeEngine();
    const last = await ended(engine, await spawnShell(engine, 'true', { directory: '/no/such/folder' }));
    expect(last.exitCode).toBe(126);
    expect(text(last.stderrLog)).toContain('/no/such/folder');
  });

  it('shows a death by signal as code and signal', async () => {
    const { engine } = makeEngine();
    const last = await ended(engine, await spawnShell(engine, 'kill -SEGV $$'));
    expect(last).toMatchObject({ status: 'exited', exitCode: 139, signal: 'SIGSEGV' });
  });

  it('tells the truth about a command that somebody else killed with -9', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    process.kill(row.pid ?? 0, 'SIGKILL');
    expect(await ended(engine, row)).toMatchObject({ status: 'exited', exitCode: 137, signal: 'SIGKILL' });
  });

  it('runs on when its output is closed, and keeps a line without its end', async () => {
    const { engine } = makeEngine();
    const last = await ended(
      engine,
      await spawnShell(engine, 'printf unfinished; exec 1>&- 2>&-; sleep 0.05; exit 3'),
    );
    expect(last.exitCode).toBe(3);
    expect(text(last.stdoutLog)).toBe('unfinished');
  });

  it('quotes nothing twice: words arrive as they were given', async () => {
    const { engine } = makeEngine();
    const words = ['a b', `it's "so"`, '$HOME', '*', '', 'line\nbreak', '-n', '`id`', '\\'];
    const row = await spawnShell(engine, '', {
      argv: [process.execPath, '-e', 'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...words],
    });
    expect(JSON.parse(text((await ended(engine, row)).stdoutLog))).toEqual(words);
  });

  it('passes exactly the environment that it was given, and its own mark', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, '', { argv: ['/usr/bin/env'], environment: { ONLY: 'this' } });
    const names = text((await ended(engine, row)).stdoutLog)
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.sort()).toEqual(['ONLY', 'PWD', 'OLDPWD', 'UNDERSTUDY_PROCESS'].sort());
  });

  it('leaves interrupts to the command: it can be interrupted, as in a terminal', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60', { argv: ['sleep', '60'] });
    process.kill(row.pid ?? 0, 'SIGINT');
    expect(await ended(engine, row)).toMatchObject({ exitCode: 130, signal: 'SIGINT' });
  });
});

describe('when the place for output fails', () => {
  it('a folder that is a file: nothing is started, no row is left', async () => {
    const { engine, root } = makeEngine(makeInstance({ 'logs/processes': 'a file' }));
    const failure = await failureOf(() => spawnShell(engine, `touch ${root}/started`));
    expect(failure.code).toBe('log_folder_unwritable');
    expect(engine.processes.registry.unfinished()).toEqual([]);
    expect(existsSync(join(root, 'started'))).toBe(false);
  });

  it('a full disk: nothing is started when it is full before, and the status is kept when it fills up later', async () => {
    const root = makeInstance();
    const disk = join(root, 'logs');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    if (mounted.status !== 0) {
      process.stderr.write('SKIPPED: the test of a full disk needs the right to mount a tmpfs\n');
      return;
    }
    onTestFinished(() => void spawnSync('umount', ['-l', disk]));
    const { engine } = makeEngine(root);
    const row = await spawnShell(engine, `cat /dev/zero > ${disk}/filler 2>/dev/null; echo lost; exit 5`);
    expect(await ended(engine, row)).toMatchObject({ status: 'exited', exitCode: 5 });
    expect((await failureOf(() => spawnShell(engine, 'true'))).code).toBe('disk_full');
    expect(engine.processes.registry.unfinished()).toEqual([]);
    rmSync(join(disk, 'filler'));
    expect(await ended(engine, await spawnShell(engine, 'exit 4'))).toMatchObject({ exitCode: 4 });
  });

  it('a folder that is mounted read-only: a clear error', async () => {
    const root = makeInstance();
    const disk = join(root, 'logs');
    mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', disk]).status !== 0) {
      process.stderr.write('SKIPPED: the test of a read-only folder needs the right to mount a tmpfs\n');
      return;
    }
    onTestFinished(() => void spawnSync('umount', ['-l', disk]));
    const { engine } = makeEngine(root);
    expect((await failureOf(() => spawnShell(engine, 'true'))).code).toBe('log_folder_unwritable');
  });
});

describe('ending', () => {
  it('says that SIGTERM was enough', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    const last = await engine.processes.kill(row, { reason: 'test' });
    expect(last).toMatchObject({
      status: 'killed',
      exitCode: 143,
      signal: 'SIGTERM',
      stopReason: 'test',
      forced: 0,
    });
  });

  it('keeps the exit code of a program that ends itself when asked', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(
      engine,
      `trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done`,
    );
    await until('it is ready', () => text(row.stdoutLog).includes('ready'));
    const last = await engine.processes.kill(row, { reason: 'test' });
    expect(last).toMatchObject({ status: 'killed', exitCode: 9 });
    expect(text(row.stdoutLog)).toContain('bye');
  });

  it('forces one that ignores SIGTERM, after its grace, and says so', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, `trap '' TERM; echo ready; while :; do sleep 0.05; done`);
    await until('it is ready', () => text(row.stdoutLog).includes('ready'));
    const startedAt = performance.now();
    const last = await engine.processes.kill(row, { reason: 'test', graceMs: 300 });
    expect(performance.now() - startedAt).toBeGreaterThan(290);
    expect(last).toMatchObject({ status: 'killed', signal: 'SIGKILL', forced: 1 });
    expect(alive(row.pid)).toBe(false);
  });

  it('ends grandchildren, those that ignore SIGTERM too', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(
      engine,
      `(trap '' TERM; sleep 60) & echo $! > ${root}/one; (sleep 60 & echo $! > ${root}/two; wait) & wait`,
    );
    const pids = await until('both have started', () => {
      const found = ['one', 'two'].map((name) =>
        existsSync(join(root, name)) ? Number(text(join(root, name))) : 0,
      );
      return found.every((pid) => pid > 0) && found;
    });
    await engine.processes.kill(row, { reason: 'test', graceMs: 300 });
    expect(pids.filter(alive)).toEqual([]);
  });

  it('ends a daemon that forked twice and left the group', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(engine, `setsid sh -c 'sleep 60 & echo $! > ${root}/daemon' & sleep 60`);
    const daemon = await until(
      'it has started',
      () => existsSync(join(root, 'daemon')) && Number(text(join(root, 'daemon'))),
    );
    expect(alive(daemon)).toBe(true);
    await engine.processes.kill(row, { reason: 'test' });
    expect(alive(daemon)).toBe(false);
  });

  it('ends members of the family that threw their mark away, in the group and beyond a dead shim', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(
      engine,
      `env -i /bin/sh -c "trap '' TERM; echo ready; while :; do sleep 0.05; done" & sleep 60`,
    );
    await until('it is ready', () => text(row.stdoutLog).includes('ready'));
    await engine.processes.kill(row, { reason: 'test', graceMs: 300 });
    expect(groupMembers(row.shimPid ?? 0)).toEqual([]);
    const bare = await spawnShell(engine, 'exec env -i sleep 60');
    await until('it has become sleep', () => text(`/proc/${bare.pid}/environ`) === '');
    process.kill(bare.shimPid ?? 0, 'SIGKILL');
    await until('the shim is gone', () => !alive(bare.shimPid));
    await engine.processes.kill(bare, { reason: 'test', graceMs: 300 });
    expect(alive(bare.pid)).toBe(false);
  });

  it('ends what a command that has ended left running', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60 & echo started');
    const last = await ended(engine, row);
    await until('the child is found', () => engine.processes.leftovers(last).length === 1);
    const after = await engine.processes.kill(last, { reason: 'test' });
    expect(after).toMatchObject({ status: 'exited', exitCode: 0 });
    expect(engine.processes.leftovers(after)).toEqual([]);
  });

  it('stops a fork bomb of its own kind', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(
      engine,
      'for i in $(seq 60); do (sh -c "sleep 60 & sleep 60 & wait") & done; wait',
    );
    await until('it has spread', () => groupMembers(row.shimPid ?? 0).length > 60);
    await engine.processes.kill(row, { reason: 'test' });
    expect(groupMembers(row.shimPid ?? 0)).toEqual([]);
  });

  it('lets a paused process take its SIGTERM at once', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    await engine.processes.pause(row);
    const startedAt = performance.now();
    const last = await engine.processes.kill(row, { reason: 'test' });
    expect(last).toMatchObject({ status: 'killed', exitCode: 143 });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('does nothing to a process that has ended by itself', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'exit 2');
    await ended(engine, row);
    expect(await engine.processes.kill(row, { reason: 'late' })).toMatchObject({
      status: 'exited',
      exitCode: 2,
      stopReason: null,
    });
  });

  it('never touches whoever has the PID now', async () => {
    const { engine, database } = makeEngine();
    const bystander = await spawnShell(engine, 'sleep 60');
    const row = await spawnShell(engine, 'sleep 60');
    endNow(row);
    await until('it is gone', () => !alive(row.pid));
    rmSync(join(row.runFolder, 'exit'), { force: true });
    // As if the kernel had given both numbers of the ended process to the bystander. The moment of the start is moved
    // back, since these two may have started within one tick of the kernel's clock.
    database
      .prepare(
        `UPDATE processes SET pid = ?, shim_pid = ?, pid_start = pid_start || '0', shim_start = shim_start || '0'
         WHERE id = ?`,
      )
      .run(bystander.pid, bystander.shimPid, row.id);
    const reused = engine.processes.registry.find(row.id);
    if (!reused) throw new Error('the row is gone');
    expect(await engine.processes.kill(reused, { reason: 'test', graceMs: 100 })).toMatchObject({
      status: 'lost',
    });
    expect(alive(bystander.pid)).toBe(true);
  });

  it('lets a second process have the PID of one before it', async () => {
    const { engine, database } = makeEngine();
    const first = await spawnShell(engine, 'true');
    await ended(engine, first);
    const second = await spawnShell(engine, 'sleep 60');
    database.prepare('UPDATE processes SET pid = ? WHERE id = ?').run(second.pid, first.id);
    expect(engine.processes.resolve(String(second.pid)).id).toBe(second.id);
  });
});

describe('pausing', () => {
  it('stops the family and lets it go on', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'i=0; while :; do echo $((i++)); sleep 0.01; done');
    await until('it counts', () => text(row.stdoutLog).split('\n').length > 3);
    expect((await engine.processes.pause(row)).status).toBe('paused');
    await until('all are stopped', () =>
      groupMembers(row.shimPid ?? 0).every((pid) => text(`/proc/${pid}/stat`).includes(') T ')),
    );
    const size = statSync(row.stdoutLog).size;
    expect((await failureOf(() => engine.processes.pause(row))).code).toBe('already_paused');
    expect(statSync(row.stdoutLog).size).toBe(size);
    expect((await engine.processes.resume(row)).status).toBe('running');
    await until('it goes on', () => statSync(row.stdoutLog).size > size);
    expect((await failureOf(() => engine.processes.resume(row))).code).toBe('not_paused');
  });
});

describe('what became of a process', () => {
  it('a zombie is not alive', async () => {
    const { engine, root } = makeEngine();
    // A parent that never waits for its child.
    await spawnShell(engine, '', {
      argv: [
        'python3',
        '-c',
        `import os,time\npid=os.fork()\nif pid==0: os._exit(0)\nopen('${root}/zombie','w').write(str(pid))\ntime.sleep(60)`,
      ],
    });
    const zombie = await until(
      'it is there',
      () => existsSync(join(root, 'zombie')) && Number(text(join(root, 'zombie'))),
    );
    await until('it is a zombie', () => text(`/proc/${zombie}/stat`).includes(') Z '));
    expect(process.kill(zombie, 0)).toBe(true);
    expect(startOf(zombie)).toBeUndefined();
  });

  it('a shim killed with -9 leaves a process that runs on, and is lost when it ends', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    process.kill(row.shimPid ?? 0, 'SIGKILL');
    await until('the shim is gone', () => !alive(row.shimPid));
    expect(engine.processes.settle(row).status).toBe('running');
    process.kill(row.pid ?? 0, 'SIGKILL');
    expect(await ended(engine, row)).toMatchObject({ status: 'lost', exitCode: null });
  });

  it('a process whose shim was killed with -9 can still be ended', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60 & sleep 60; true');
    process.kill(row.shimPid ?? 0, 'SIGKILL');
    await until('the shim is gone', () => !alive(row.shimPid));
    await engine.processes.kill(row, { reason: 'test' });
    expect(alive(row.pid)).toBe(false);
    expect(groupMembers(row.shimPid ?? 0)).toEqual([]);
  });

  it('a power cut, after which another boot has the same PIDs', async () => {
    const { engine, database } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    database
      .prepare(
        `UPDATE processes SET pid_start = 'another boot:1', shim_start = 'another boot:1' WHERE id = ?`,
      )
      .run(row.id);
    expect(engine.processes.settleAll()).toMatchObject([{ id: row.id, status: 'lost' }]);
    endNow(row);
  });

  it('a spawner that died before it knew the PID: the process is found by what the shim wrote', async () => {
    const { engine, database } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    database
      .prepare(
        'UPDATE processes SET pid = NULL, pid_start = NULL, shim_pid = NULL, shim_start = NULL WHERE id = ?',
      )
      .run(row.id);
    expect(engine.processes.settleAll()).toEqual([]);
    expect(engine.processes.registry.find(row.id)).toMatchObject({
      pid: row.pid,
      pidStart: row.pidStart,
      shimPid: row.shimPid,
      shimStart: row.shimStart,
    });
  });

  it('a spawner that died before it started anything: the row is lost once there is no hope', async () => {
    const { engine, database } = makeEngine();
    const row = await spawnShell(engine, 'true');
    await ended(engine, row);
    // The shim writes the status down before it ends itself.
    await until('nobody is left of it', () => findByVariable(processVariable, row.id).length === 0);
    const forget = (startedAt: string) =>
      database
        .prepare(
          `UPDATE processes SET status = 'running', pid = NULL, shim_pid = NULL, ended_at = NULL, started_at = ?
           WHERE id = ?`,
        )
        .run(startedAt, row.id);
    for (const name of readdirSync(row.runFolder)) rmSync(join(row.runFolder, name));
    forget(new Date().toISOString());
    expect(engine.processes.settleAll()).toEqual([]);
    forget(new Date(Date.now() - 60_000).toISOString());
    expect(engine.processes.settleAll()).toMatchObject([{ id: row.id, status: 'lost' }]);
  });

  it('a killer that died after SIGKILL: the row says what it took', async () => {
    const { engine, database } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    database.prepare(`UPDATE processes SET stop_reason = 'test', forced = 1 WHERE id = ?`).run(row.id);
    process.kill(-(row.shimPid ?? 0), 'SIGKILL');
    await until('all is gone', () => !alive(row.shimPid) && !alive(row.pid));
    expect(engine.processes.settleAll()).toMatchObject([{ status: 'killed', signal: 'SIGKILL' }]);
  });

  it('something else in the place of the status is no status', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    mkdirSync(join(row.runFolder, 'exit'));
    expect(engine.processes.settle(row).status).toBe('running');
  });

  it('a torn status is not believed', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    writeFileSync(join(row.runFolder, 'exit'), '    ');
    expect(engine.processes.settle(row).status).toBe('running');
  });

  it('a late look changes nothing about an ending', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'exit 3');
    const first = await ended(engine, row);
    writeFileSync(join(row.runFolder, 'exit'), '0   ');
    expect(engine.processes.settle(row)).toEqual(first);
  });
});

describe('a database that is held by somebody else', () => {
  it('never leaves a process without its row', async () => {
    const { engine, root } = makeEngine();
    const other = new Sqlite(join(root, 'memory/understudy.db'));
    onTestFinished(() => void other.close());
    const starting = spawnShell(engine, 'sleep 60');
    // The row is there, and the process starts: from now on nothing can be written for longer than anybody waits.
    other.exec('BEGIN IMMEDIATE');
    await starting.catch(() => {});
    other.exec('ROLLBACK');
    const rows = engine.processes.registry.unfinished();
    expect(rows).toHaveLength(1);
    const [row] = rows;
    if (!row) throw new Error('there is no row');
    await until(
      'it is identified',
      () => engine.processes.settle(row) && engine.processes.registry.find(row.id)?.pid,
    );
    expect(alive(engine.processes.registry.find(row.id)?.pid ?? 0)).toBe(true);
  });
});

describe('input', () => {
  it('is sent from anywhere and at any time', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(engine, 'while read line; do echo "got: $line"; done', { takesInput: true });
    expect(await engine.processes.send(row, 'one\n')).toBe(4);
    const other = makeEngine(root).engine;
    await other.processes.send(other.processes.resolve(row.id), 'zwei ü\n');
    await until('both have arrived', () => text(row.stdoutLog) === 'got: one\ngot: zwei ü\n');
  });

  it('is refused by a process without one, by one that has ended, and by one that does not read', async () => {
    const { engine } = makeEngine();
    const without = await spawnShell(engine, 'sleep 60');
    expect((await failureOf(() => engine.processes.send(without, 'x'))).code).toBe('no_input');
    const over = await spawnShell(engine, 'exit 0', { takesInput: true });
    await ended(engine, over);
    expect((await failureOf(() => engine.processes.send(over, 'x'))).code).toBe('not_running');
    const deaf = await spawnShell(engine, 'sleep 60', { takesInput: true });
    const failure = await failureOf(() => engine.processes.send(deaf, 'x'.repeat(200_000)));
    expect(failure.code).toBe('input_not_read');
    expect(failure.message).toContain('65536 of 200000');
  });
});

describe('naming a process', () => {
  it('by id, by name, by PID; not by what nobody has', async () => {
    const { engine } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60', { name: 'worker' });
    for (const word of [row.id, 'worker', String(row.pid)])
      expect(engine.processes.resolve(word).id).toBe(row.id);
    for (const word of ['workr', '', '0', '1', row.id.slice(1), '%', "' OR 1=1 --"]) {
      expect((await failureOf(() => engine.processes.resolve(word))).code).toBe('unknown_process');
    }
  });

  it('prefers the one that runs, and asks when several do', async () => {
    const { engine } = makeEngine();
    await ended(engine, await spawnShell(engine, 'true', { name: 'worker' }));
    const second = await spawnShell(engine, 'sleep 60', { name: 'worker' });
    expect(engine.processes.resolve('worker').id).toBe(second.id);
    const third = await spawnShell(engine, 'sleep 60', { name: 'worker' });
    const failure = await failureOf(() => engine.processes.resolve('worker'));
    expect(failure.code).toBe('ambiguous_process');
    for (const { id } of [second, third]) expect(failure.message).toContain(id);
  });
});

describe('forgetting', () => {
  it('removes what ended long ago, rows and folders, and keeps what runs', async () => {
    const { engine, database } = makeEngine();
    const [old, recent] = [await spawnShell(engine, 'true'), await spawnShell(engine, 'true')];
    const running = await spawnShell(engine, 'sleep 60');
    await ended(engine, old);
    await ended(engine, recent);
    const longAgo = new Date(Date.now() - 8 * 86_400_000).toISOString();
    database
      .prepare('UPDATE processes SET ended_at = ?, started_at = ? WHERE id = ?')
      .run(longAgo, longAgo, old.id);
    database.prepare('UPDATE processes SET started_at = ? WHERE id = ?').run(longAgo, running.id);
    engine.processes.forgetOld();
    expect(engine.processes.registry.find(old.id)).toBeUndefined();
    expect(existsSync(old.runFolder)).toBe(false);
    expect(existsSync(recent.runFolder)).toBe(true);
    expect(engine.processes.registry.find(running.id)?.status).toBe('running');
  });
});

it('the mark of a process is on all of its family, and on nobody else', async () => {
  const { engine } = makeEngine();
  const row = await spawnShell(engine, 'sleep 60 & sleep 60; true');
  await until('both run', () => groupMembers(row.shimPid ?? 0).length === 4);
  for (const pid of groupMembers(row.shimPid ?? 0)) expect(text(`/proc/${pid}/environ`)).toContain(row.id);
  expect(isAlive({ pid: row.pid ?? 0, start: row.pidStart ?? '' })).toBe(true);
  expect(text('/proc/self/environ')).not.toContain(row.id);
  symlinkSync('/tmp', join(row.runFolder, 'link'));
  expect(execFileSync('ls', [row.runFolder], { encoding: 'utf8' })).toContain('pid');
});
