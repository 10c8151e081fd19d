// Real processes that relay one log and are killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createEngineLog } from '../../../../support/engine-log.ts';
import { cleanEnvironment, codeRoot, until } from '../../../../support/instance.ts';
import { makeEngine } from '../../../../support/manager.ts';
import { createRelays, insertRun } from '../../../../support/relayed-log.ts';

const rounds = 5;

it('processes that relay bring everything once and in order, killed again and again, two at a time', async () => {
  const { engine, root, database } = makeEngine();
  const row = insertRun(engine.processes.registry, root, { name: 'bot' });
  const log = createEngineLog('each');
  for (let count = 0; count < 40_000; count++) {
    const stream = count % 3 === 0 ? 2 : 1;
    const kind = count % 11 === 0 ? 'part' : 'line';
    log.print({ kind, stream, afterNs: 3_000_000, lateNs: count % 5 === 0 ? 4_000_000 : 0 });
  }
  const source = join(root, 'engine-log.json');
  const texts = log.pieces.map(({ bytes, ...piece }) => ({ ...piece, text: bytes.toString() }));
  writeFileSync(source, JSON.stringify(texts));
  const sizeOf = () => statSync(row.stdoutLog, { throwIfNoEntry: false })?.size ?? 0;
  const start = (...more: string[]) => {
    const words = ['--import', 'tsx', 'test/fixtures/relay.ts', root, row.id, source, ...more];
    const child = spawn(process.execPath, words, {
      ...{ cwd: codeRoot, env: cleanEnvironment(), stdio: ['ignore', 'ignore', 'inherit'] },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, ended: once(child, 'exit') };
  };
  // Between its bytes and what is noted of them: the first of all, a later one, and one after a place was noted.
  for (const appends of ['1', '3', '400']) {
    const before = sizeOf();
    expect(await start(appends).ended).toEqual([null, 'SIGKILL']);
    expect(sizeOf()).toBeGreaterThan(before);
  }
  // And wherever it hits them.
  const seen: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const both = [start(), start()];
    const wanted = Math.floor((log.bytes.length * round) / (rounds + 1));
    await until('more was brought', () => sizeOf() > wanted, 60_000);
    for (const { child } of both) child.kill('SIGKILL');
    for (const { ended } of both) expect(await ended).toEqual([null, 'SIGKILL']);
    seen.push(sizeOf());
  }
  // They were killed in the midst of it.
  expect(seen.filter((size) => size < log.bytes.length).length).toBeGreaterThanOrEqual(2);
  createRelays(database, row, log).bring();
  expect(readFileSync(row.stdoutLog).equals(log.bytes)).toBe(true);
}, 120_000);
