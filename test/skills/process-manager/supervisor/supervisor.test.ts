// What nothing else does: output, exit codes and triggers across kill -9 of the supervisor, with real processes.

import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startOf } from '../../../../skills/process-manager/base/index.ts';
import type { Engine } from '../../../../skills/process-manager/engine.ts';
import { isSupervised } from '../../../../skills/process-manager/supervisor/index.ts';
import { until } from '../../../support/instance.ts';
import { makeEngine, owner, spawnShell } from '../../../support/manager.ts';
import { noticesOf, startSupervisorProcess } from '../../../support/supervisor.ts';

type Trigger = Parameters<Engine['hooks']['add']>[0]['trigger'];

function notifyOn(
  engine: Engine,
  processId: string,
  trigger: Trigger,
  options: { message?: string; delaySeconds?: number; maxFires?: number } = {},
) {
  return engine.hooks.add({
    processId,
    trigger,
    action: 'notify_channel',
    message: options.message ?? null,
    delaySeconds: options.delaySeconds ?? 0,
    maxFires: options.maxFires ?? 1,
    creator: owner,
  });
}

const hookRows = (engine: Engine) => engine.history.recent({ limit: 1_000, action: 'hook' });

describe('election', () => {
  it('has one supervisor at a time; the next one takes over when it dies', async () => {
    const { engine, root } = makeEngine();
    expect(engine.isSupervised()).toBe(false);
    const first = await startSupervisorProcess(root);
    const second = await startSupervisorProcess(root, false);
    const row = await spawnShell(engine, 'sleep 60');
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'any' });
    await first.kill();
    await until('the second is elected', () => isSupervised(root));
    process.kill(row.pid ?? 0, 'SIGTERM');
    await until('the second notices the end', () => noticesOf(root).length > 0);
    await second.kill('SIGTERM');
    expect(isSupervised(root)).toBe(false);
    expect(noticesOf(root)).toHaveLength(1);
    expect(second.errors()).toBe('');
  });
});

describe('ends', () => {
  it('are noticed at once, hooks filter them, and the marker of the ending is cleared away', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const good = await spawnShell(engine, 'sleep 0.3; exit 0', { name: 'good' });
    const bad = await spawnShell(engine, 'sleep 0.3; exit 5', { name: 'bad' });
    for (const [row, name] of [
      [good, 'good'],
      [bad, 'bad'],
    ] as const) {
      for (const filter of ['any', 'success', 'failure'] as const) {
        notifyOn(engine, row.id, { type: 'on_exit', filter }, { message: `${name}/${filter}` });
      }
    }
    await until('four notices', () => noticesOf(root).length === 4);
    const said = noticesOf(root).map((notice) => /(good|bad)\/\w+/.exec(notice)?.[0]);
    expect(said.sort()).toEqual(['bad/any', 'bad/failure', 'good/any', 'good/success']);
    expect(noticesOf(root).find((notice) => notice.includes('bad/any'))).toContain('exited with code 5');
    expect(engine.processes.registry.find(bad.id)).toMatchObject({ status: 'exited', exitCode: 5 });
    await until('no marker is left', () => readdirSync(engine.processes.endingsFolder).length === 0);
    expect(supervisor.errors()).toBe('');
  });

  it('that nobody saw: the true exit code, and each hook once, when the next supervisor comes', async () => {
    const { engine, root } = makeEngine();
    const first = await startSupervisorProcess(root);
    const row = await spawnShell(
      engine,
      `while [ ! -e ${root}/go ]; do sleep 0.02; done; echo 'the PATTERN'; exit 9`,
    );
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'failure' }, { message: 'the end' });
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'PATTERN' }, { message: 'the line' });
    await first.kill();
    writeFileSync(join(root, 'go'), '');
    await until('it has ended', () => existsSync(join(row.runFolder, 'exit')));
    expect(noticesOf(root)).toEqual([]);
    const second = await startSupervisorProcess(root);
    await until('both have fired', () => noticesOf(root).length === 2);
    expect(noticesOf(root)[0]).toContain('the line');
    expect(noticesOf(root)[1]).toContain('the end');
    expect(engine.processes.registry.find(row.id)).toMatchObject({ status: 'exited', exitCode: 9 });
    await second.kill();
    const third = await startSupervisorProcess(root);
    await third.kill('SIGTERM');
    expect(noticesOf(root)).toHaveLength(2);
    expect(hookRows(engine)).toHaveLength(2);
  });

  it('that a command settled first: the hooks fire all the same, once', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(engine, 'sleep 0.1; exit 1');
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'any' });
    expect((await engine.processes.waitForEnd(row, 10_000)).status).toBe('exited');
    const supervisor = await startSupervisorProcess(root);
    await until('it has fired', () => noticesOf(root).length === 1);
    await supervisor.kill('SIGTERM');
    expect(hookRows(engine)).toHaveLength(1);
  });
});

describe('output', () => {
  it('is matched line by line, whoever kills the supervisor meanwhile: every line once, none lost', async () => {
    const { engine, root } = makeEngine();
    const total = 900;
    const row = await spawnShell(
      engine,
      `for i in $(seq ${total}); do echo "line $i"; [ $((i % 30)) = 0 ] && sleep 0.05; done; echo 'the last one'`,
    );
    const hook = engine.hooks.add({
      processId: row.id,
      trigger: { type: 'on_output_match', pattern: '^line \\d+$' },
      action: 'inject_context',
      message: null,
      delaySeconds: 0,
      maxFires: 0,
      creator: owner,
    });
    for (let round = 0; round < 6; round++) {
      const before = engine.hooks.ofProcess(row.id)[0]?.fireCount ?? 0;
      const supervisor = await startSupervisorProcess(root);
      await until('it has matched some', () => {
        const count = engine.hooks.ofProcess(row.id)[0]?.fireCount ?? 0;
        return count > before || count === total;
      });
      await supervisor.kill();
    }
    const last = await startSupervisorProcess(root);
    await until('all were matched', () => engine.hooks.ofProcess(row.id)[0]?.fireCount === total);
    await until('all were carried out', () => hookRows(engine).length === total);
    await last.kill('SIGTERM');
    const offsets = engine
      .database()
      .prepare<[number], { line: string }>('SELECT line FROM hook_fires WHERE hook_id = ? ORDER BY position')
      .all(hook.id)
      .map(({ line }) => line);
    expect(offsets).toEqual(Array.from({ length: total }, (_, index) => `line ${index + 1}`));
    expect(readFileSync(row.stdoutLog, 'utf8')).toContain('the last one');
  });

  it('never fires more often than it may, also when a thousand lines match at once', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, 'seq 1000 | sed "s/^/ERROR /"; sleep 60');
    for (const maxFires of [1, 3, 0]) {
      engine.hooks.add({
        processId: row.id,
        trigger: { type: 'on_output_match', pattern: 'ERROR' },
        action: 'inject_context',
        message: `at most ${maxFires}`,
        delaySeconds: 1,
        maxFires,
        creator: owner,
      });
    }
    await until('all have been counted', () =>
      engine.hooks.ofProcess(row.id).every(({ fireCount }, index) => fireCount === [1, 3, 1_000][index]),
    );
    // The delay is over later; the count does not move any more.
    await until('all were carried out', () => hookRows(engine).length === 1_000, 20_000);
    expect(engine.hooks.ofProcess(row.id).map(({ fireCount }) => fireCount)).toEqual([1, 3, 1_000]);
  });

  it('waits for its delay, which shows what follows; a delay of 0 is at once', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, `echo 'READY'; sleep 0.5; echo 'what follows'; sleep 60`);
    const take = (delaySeconds: number) =>
      engine.hooks.add({
        processId: row.id,
        trigger: { type: 'on_output_match', pattern: 'READY' },
        action: 'inject_context',
        message: `delay ${delaySeconds}`,
        delaySeconds,
        maxFires: 1,
        creator: owner,
      });
    take(0);
    take(1.5);
    await until('both were carried out', () => hookRows(engine).length === 2);
    const messages = engine.hooks.outbox.take(['inject_context'], 10).map(({ text }) => text);
    expect(messages[0]).toContain('delay 0');
    expect(messages[1]).toContain('delay 1.5');
    expect(messages[1]).toContain('what follows');
    const times = engine.history.recent({ limit: 10, action: 'hook' }).map(({ at }) => Date.parse(at));
    expect((times[0] ?? 0) - (times[1] ?? 0)).toBeGreaterThan(1_000);
  });

  it('that was printed before the hook was made counts: it does not matter who was faster', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, `echo 'READY'; sleep 60`);
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'SOMETHING ELSE' });
    await until('it was printed', () => readFileSync(row.stdoutLog, 'utf8').includes('READY'));
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'READY' }, { message: 'first' });
    await until('it has fired', () => noticesOf(root).length === 1);
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'READY' }, { message: 'second' });
    await until('it has fired, too', () => noticesOf(root).length === 2);
  });

  it('on standard error counts, and so does a last line without its end', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, `echo 'to stderr' >&2; sleep 0.3; printf 'no newline'`);
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: '^to stderr$' });
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: '^no newline$' });
    await until('both have fired', () => noticesOf(root).length === 2);
  });

  it('of any kind never stops the reading: ten megabytes without a newline, and bytes that are no text', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const row = await spawnShell(
      engine,
      `head -c 10000000 /dev/zero | tr '\\0' x; echo; head -c 5000 /dev/urandom; echo; printf '\\377\\376 BAD BYTES\\n'; echo DONE; sleep 60`,
    );
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: '^DONE$' });
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'BAD BYTES$' });
    await until('both have fired', () => noticesOf(root).length === 2);
    expect(supervisor.errors()).toBe('');
    expect(startOf(row.pid ?? 0)).toBeDefined();
  });
});

describe('timeouts', () => {
  it('count from the start of the process, however often the supervisor is started', async () => {
    const { engine, root } = makeEngine();
    const row = await spawnShell(engine, 'sleep 60');
    const startedAt = Date.parse(row.startedAt);
    notifyOn(engine, row.id, { type: 'on_timeout', seconds: 3 });
    const first = await startSupervisorProcess(root);
    await first.kill();
    await startSupervisorProcess(root);
    await until('it has fired', () => noticesOf(root).length === 1);
    const firedAt = Date.parse(hookRows(engine)[0]?.at ?? '');
    expect(firedAt - startedAt).toBeGreaterThanOrEqual(3_000);
    expect(firedAt - startedAt).toBeLessThan(6_000);
  });

  it('fire only for what still runs', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, 'sleep 0.2');
    notifyOn(engine, row.id, { type: 'on_timeout', seconds: 1 });
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'any' }, { message: 'the end' });
    const long = await spawnShell(engine, 'sleep 60');
    notifyOn(engine, long.id, { type: 'on_timeout', seconds: 1.5 }, { message: 'the long one' });
    await until('the long one has fired', () =>
      noticesOf(root).some((notice) => notice.includes('the long one')),
    );
    expect(noticesOf(root)).toHaveLength(2);
  });

  it('stop a process, when that is the action', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(engine, 'sleep 60');
    engine.hooks.add({
      processId: row.id,
      trigger: { type: 'on_timeout', seconds: 0.5 },
      action: 'stop_process',
      message: null,
      delaySeconds: 0,
      maxFires: 1,
      creator: owner,
    });
    expect(await engine.processes.waitForEnd(row, 15_000)).toMatchObject({ status: 'killed', exitCode: 143 });
    expect(engine.processes.registry.find(row.id)?.stopReason).toContain('it still ran after 0.5 s');
    await until('the history tells', () => hookRows(engine).length === 1);
  });
});

describe('the supervisor', () => {
  it('acts beside commands on one registry: nothing starts twice, no row is lost', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const other = makeEngine(root).engine;
    const rows = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        spawnShell(
          index % 2 ? engine : other,
          `echo $$ >> ${root}/started; sleep 1.${index % 9}; exit ${index}`,
        ),
      ),
    );
    for (const row of rows) notifyOn(engine, row.id, { type: 'on_exit', filter: 'any' });
    await until('all have fired', () => noticesOf(root).length === rows.length, 30_000);
    const codes = rows.map(({ id }) => other.processes.registry.find(id)?.exitCode);
    expect(codes).toEqual(rows.map((_, index) => index));
    expect(readFileSync(join(root, 'started'), 'utf8').trim().split('\n')).toHaveLength(rows.length);
    expect(supervisor.errors()).toBe('');
  });

  it('survives a database that is held for eight seconds, and then does all that was due', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const row = await spawnShell(
      engine,
      `while [ ! -e ${root}/go ]; do sleep 0.02; done; echo MATCH; exit 3`,
    );
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: 'MATCH' }, { message: 'the line' });
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'failure' }, { message: 'the end' });
    const other = new Sqlite(join(root, 'memory/understudy.db'));
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    writeFileSync(join(root, 'go'), '');
    await until(
      'it has found the database busy',
      () => supervisor.errors().includes('SqliteError') || supervisor.errors().includes('locked'),
      25_000,
    );
    other.exec('ROLLBACK');
    await until('both have fired', () => noticesOf(root).length === 2, 25_000);
    expect(supervisor.child.exitCode).toBeNull();
    expect(engine.processes.registry.find(row.id)).toMatchObject({ status: 'exited', exitCode: 3 });
  }, 60_000);

  it('survives that its folder of endings is removed, and goes on noticing', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    rmSync(engine.processes.endingsFolder, { recursive: true });
    const row = await spawnShell(engine, 'exit 0');
    notifyOn(engine, row.id, { type: 'on_exit', filter: 'any' });
    await until('it has fired', () => noticesOf(root).length === 1);
  });

  it('does not wait for a process that will not stop before it tells of another one', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const stubborn = await spawnShell(engine, `trap '' TERM; echo ready; while :; do sleep 0.05; done`);
    const quick = await spawnShell(engine, `while [ ! -e ${root}/go ]; do sleep 0.02; done`);
    notifyOn(engine, quick.id, { type: 'on_exit', filter: 'any' });
    engine.hooks.add({
      processId: stubborn.id,
      trigger: { type: 'on_output_match', pattern: 'ready' },
      action: 'stop_process',
      message: null,
      delaySeconds: 0,
      maxFires: 1,
      creator: owner,
    });
    await until(
      'the stubborn one is being stopped',
      () => engine.processes.registry.find(stubborn.id)?.stopReason,
    );
    writeFileSync(join(root, 'go'), '');
    await until('the quick one was told of', () => noticesOf(root).length === 1, 3_000);
    expect(engine.processes.registry.find(stubborn.id)?.status).toBe('running');
  });

  it('follows a fast writer at the speed of the matcher', async () => {
    const { engine, root } = makeEngine();
    await startSupervisorProcess(root);
    const row = await spawnShell(
      engine,
      `yes '${'z'.repeat(99)}' | head -c 100000000; echo MATCHME; yes '${'z'.repeat(99)}' | head -c 100000000; sleep 60`,
    );
    notifyOn(engine, row.id, { type: 'on_output_match', pattern: '^MATCHME$' });
    await until('the needle was found', () => noticesOf(root).length === 1, 25_000);
  });

  it('survives what lies in its folder of endings', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    appendFileSync(join(engine.processes.endingsFolder, 'nobody-knows-it'), 'x');
    await until('it is cleared away', () => readdirSync(engine.processes.endingsFolder).length === 0);
    expect(supervisor.errors()).toBe('');
  });
});

describe('a flood', () => {
  it('of 200,000 numbered lines is trimmed meanwhile, and every line is matched once', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const total = 200_000;
    const padding = 'x'.repeat(80);
    const row = await spawnShell(engine, `seq -f 'line %.0f ${padding}' ${total}; echo 'the end'`);
    const hook = (pattern: string) =>
      engine.hooks.add({
        processId: row.id,
        trigger: { type: 'on_output_match', pattern },
        action: 'inject_context',
        message: null,
        delaySeconds: 60,
        maxFires: 0,
        creator: owner,
      });
    for (const pattern of [`^line \\d+ ${padding}$`, '^the end$']) hook(pattern);
    const counts = () => engine.hooks.ofProcess(row.id).map(({ fireCount }) => fireCount);
    await until('all lines were matched', () => counts()[1] === 1, 25_000);
    expect(counts()).toEqual([total, 1]);
    expect(supervisor.errors()).toBe('');
  });

  it('keeps a log near its limit, and the newest lines whole', async () => {
    const { engine, root } = makeEngine();
    const supervisor = await startSupervisorProcess(root);
    const row = await spawnShell(
      engine,
      `for i in $(seq 40); do seq -f "round $i line %.0f ${'y'.repeat(80)}" 2000; sleep 0.1; done; sleep 60`,
    );
    await until(
      'it has printed all',
      () => readFileSync(row.stdoutLog, 'utf8').includes('round 40 line 2000'),
      25_000,
    );
    await until('it is trimmed', () => statSync(row.stdoutLog).size <= 512 * 1024);
    const lines = readFileSync(row.stdoutLog, 'utf8').trimEnd().split('\n').slice(1);
    expect(lines.at(-1)).toBe(`round 40 line 2000 ${'y'.repeat(80)}`);
    expect(lines.length).toBeGreaterThan(2_000);
    expect(lines.filter((line) => !/^round \d+ line \d+ y{80}$/.test(line))).toEqual([]);
    expect(supervisor.errors()).toBe('');
  });
});
