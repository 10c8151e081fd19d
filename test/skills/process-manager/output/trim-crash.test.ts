import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lastLines, readLogState, trimLog } from '../../../../skills/process-manager/output/index.ts';
import { readLog } from '../../../../skills/process-manager/output/log.ts';
import type { TrimMethod } from '../../../../skills/process-manager/output/log-state.ts';
import { canCollapse, checkedFollower, leftovers, pause, stateOf, until, useFolder } from './support.ts';

const folder = useFolder();
const nobodyWrites = () => () => {};
const limit = 64 * 1024;
const collapses = canCollapse(join(tmpdir(), `understudy-crash-probe-${process.pid}`));
const methods: readonly TrimMethod[] = collapses ? ['collapse', 'copy'] : ['copy'];

/** The steps that a trim of this kind takes, so that a test can be killed at each. */
function stepsOf(method: TrimMethod): string[] {
  const log = folder.path('steps.log');
  writeFileSync(log, 'a line\n'.repeat(30_000));
  const steps: string[] = [];
  trimLog(log, { limit, method, pauseWriters: nobodyWrites, step: (name) => steps.push(name) });
  return steps;
}

describe.each(methods)('a trimmer that is killed while trimming by %s', (method) => {
  it('loses and tears nothing at whatever step, under a writer', { timeout: 120_000 }, async () => {
    const log = folder.path('a.log');
    const writer = folder.startWriter(log, 'line', 1);
    const follower = checkedFollower(log, [writer.prefix]);
    const pauseWriters = () => pause([writer.pid]);
    const steps = [...new Set(stepsOf(method))];
    expect(steps.length).toBeGreaterThan(5);
    for (const killAt of steps) {
      const trimmer = await folder.startTrimmer();
      // Far more is read than will be written until the trimmer comes to look.
      const isReady = () => {
        const { start = 0, end = 0 } = readLogState(log) ?? {};
        return follower.position - start > 16 * limit && end - follower.position < limit;
      };
      await until(isReady, follower.read);
      trimmer.go({ log, method, limit, keepFrom: follower.position, writers: [writer.pid], killAt });
      expect([killAt, await trimmer.exited]).toEqual([killAt, 'SIGKILL']);
      // Readers understand what the dead one left, before anybody repairs it.
      follower.read();
      const shown = lastLines(log, 50).map(({ text }) => Number(text.split(' ')[1]));
      expect(shown).toEqual(shown.map((_, index) => (shown[0] ?? 0) + index));
      expect(shown).toHaveLength(50);
      // The next call finds it and puts it in order, whatever its size.
      trimLog(log, { limit: Number.MAX_SAFE_INTEGER, pauseWriters });
      if (existsSync(`${log}.trimmed`))
        expect(readFileSync(`${log}.trimmed`, 'utf8')).not.toContain('pending');
      await until(() => stateOf(writer.pid) !== 'T');
      follower.read();
    }
    writer.end();
    await until(follower.hasSeenAll, follower.read);
    trimLog(log, { limit: 1, method, pauseWriters });
    expect(leftovers(log)).toEqual([]);
  });
});

describe('a trimmer that is killed', () => {
  it('may be killed again while it repairs, and keeps what was written although the writers should stand', async () => {
    const log = folder.path('a.log');
    const text = Array.from({ length: 20_000 }, (_, number) => `line ${number}\n`).join('');
    writeFileSync(log, text);
    const options = { log, limit, method: 'copy', writers: [] };
    let later = '';
    for (const killAt of [
      'copy: half moved',
      'copy: marked',
      'copy: about to truncate',
      'copy: half moved',
      'copy: truncated',
    ]) {
      const trimmer = await folder.startTrimmer();
      trimmer.go({ ...options, killAt });
      expect([killAt, await trimmer.exited]).toEqual([killAt, 'SIGKILL']);
      appendFileSync(log, `after ${killAt}\n`);
      later += `after ${killAt}\n`;
      expect(readLog(log, (view) => view.read(view.start, view.end).toString())).toBe(
        (text + later).slice(readLogState(log)?.start),
      );
    }
    const { removedBytes } = trimLog(log, { limit, pauseWriters: nobodyWrites });
    expect(readFileSync(log, 'utf8')).toBe((text + later).slice(removedBytes));
  });

  it.runIf(collapses)('leaves no fallocate behind that could still act', async () => {
    const log = folder.path('a.log');
    const text = Array.from({ length: 20_000 }, (_, number) => `line ${number}\n`).join('');
    writeFileSync(log, text);
    // A fallocate that waits before it does its work, as on a busy disk.
    const started = folder.path('started');
    writeFileSync(
      folder.path('fallocate'),
      `#!/bin/sh\necho $$ > ${started}.new\nmv ${started}.new ${started}\nexec sleep 60 "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const path = process.env.PATH;
    process.env.PATH = `${dirname(started)}:${path}`;
    const trimmer = await folder.startTrimmer();
    trimmer.go({ log, limit, method: 'collapse', writers: [] });
    process.env.PATH = path;
    await until(() => existsSync(started));
    trimmer.child.kill('SIGKILL');
    await trimmer.exited;
    const orphan = Number(readFileSync(started, 'utf8'));
    expect(trimLog(log, { limit: text.length, pauseWriters: nobodyWrites }).removedBytes).toBe(0);
    expect(['Z', undefined]).toContain(stateOf(orphan));
    expect(readFileSync(log, 'utf8')).toBe(text);
    expect(leftovers(log).filter((name) => name.startsWith('a.log'))).toEqual([]);
  });
});
