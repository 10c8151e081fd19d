import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFollower,
  lastLines,
  linesOf,
  readLogState,
  trimLog,
} from '../../../../skills/process-manager/output/index.ts';
import { readLog } from '../../../../skills/process-manager/output/log.ts';
import type { TrimMethod } from '../../../../skills/process-manager/output/log-state.ts';
import { canCollapse, checkedFollower, leftovers, pause, until, useFolder } from './support.ts';

const folder = useFolder();
const nobodyWrites = () => () => {};
const limit = 64 * 1024;
const collapses = canCollapse(join(tmpdir(), `understudy-probe-${process.pid}`));
const methods: readonly TrimMethod[] = collapses ? ['collapse', 'copy'] : ['copy'];

describe.each(methods)('trimming by %s', (method) => {
  it('keeps the newest half and every offset', () => {
    const log = folder.path('a.log');
    const lines = Array.from(
      { length: 5_000 },
      (_, number) => `line ${number} ${'.'.repeat(30 + (number % 7))}\n`,
    );
    const whole = lines.join('');
    writeFileSync(log, whole);
    const { ino } = statSync(log);
    const { outcome, removedBytes } = trimLog(log, { limit, method, pauseWriters: nobodyWrites });
    expect(outcome).toBe('trimmed');
    expect(statSync(log).ino).toBe(ino);
    expect(statSync(log).size).toBe(whole.length - removedBytes);
    expect(statSync(log).size).toBeGreaterThan(limit / 2 - 50);
    expect(statSync(log).size).toBeLessThan(limit / 2 + 4096 + 50);
    expect(readLogState(log)).toMatchObject({ start: removedBytes, end: whole.length });
    for (const { text, start, end } of lastLines(log, 10_000))
      expect(whole.slice(start, end)).toBe(`${text}\n`);
    expect(whole).toContain(`\n${lastLines(log, 10_000)[0]?.text}\n`);
    expect(leftovers(log)).toEqual([]);
  });

  it('tells a follower that was behind the cut how much it missed, and gives it whole lines only', () => {
    const log = folder.path('a.log');
    writeFileSync(log, Array.from({ length: 9_000 }, (_, number) => `number ${number}\n`).join(''));
    const whole = readFileSync(log, 'utf8');
    const follower = createFollower(log, 0);
    const first = follower.read({ maxBytes: 1_000 });
    expect(first.missedBytes).toBe(0);
    const from = follower.offset;
    trimLog(log, { limit, method, pauseWriters: nobodyWrites });
    const resumed = createFollower(log, from);
    for (const each of [follower, resumed]) {
      const { blocks, missedBytes, offset } = each.read();
      expect(blocks[0]?.start).toBe(from + missedBytes);
      expect(whole[from + missedBytes - 1]).toBe('\n');
      expect(Buffer.concat(blocks.map(({ bytes }) => bytes)).toString()).toBe(
        whole.slice(from + missedBytes),
      );
      expect(offset).toBe(whole.length);
    }
  });

  it('does not show the rest of a giant line, not even while it grows', () => {
    const log = folder.path('a.log');
    writeFileSync(log, `first\n${'x'.repeat(4 * limit)}`);
    trimLog(log, { limit, method, pauseWriters: nobodyWrites });
    const follower = createFollower(log, 6);
    expect(lastLines(log, 5)).toEqual([]);
    expect(follower.read()).toMatchObject({ blocks: [], offset: 6, missedBytes: 0 });
    appendFileSync(log, 'end of it\nnext\n');
    expect(lastLines(log, 5).map(({ text }) => text)).toEqual(['next']);
    const { blocks, missedBytes } = follower.read();
    expect(blocks.flatMap(linesOf).map(({ text }) => text)).toEqual(['next']);
    expect(missedBytes).toBe(4 * limit + 10);
  });

  it('removes nothing that the follower has not read', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'some line\n'.repeat(11_000));
    expect(trimLog(log, { limit, method, pauseWriters: nobodyWrites, keepFrom: 1_000 }).outcome).toBe('held');
    const { removedBytes } = trimLog(log, { limit, method, pauseWriters: nobodyWrites, keepFrom: 50_000 });
    expect(removedBytes).toBeGreaterThan(limit / 4);
    expect(removedBytes).toBeLessThanOrEqual(50_000);
  });

  it('shows a reader the same text at every step', () => {
    const log = folder.path('a.log');
    const whole = Array.from({ length: 9_000 }, (_, number) => `number ${number}\n`).join('');
    writeFileSync(log, whole);
    const steps = new Set<string>();
    const step = (name: string) => {
      steps.add(name);
      const { start = 0, startsWhole, end } = readLogState(log) ?? {};
      expect([name, readLog(log, (view) => view.read(view.start, view.end).toString())]).toEqual([
        name,
        whole.slice(start),
      ]);
      expect(end).toBe(whole.length);
      expect(startsWhole).toBe(start === 0 || whole[start - 1] === '\n');
    };
    expect(trimLog(log, { limit, method, pauseWriters: nobodyWrites, step }).outcome).toBe('trimmed');
    expect(steps.size).toBeGreaterThan(5);
  });

  it('makes a reader into whose work it falls begin again', () => {
    const log = folder.path('a.log');
    const whole = Array.from({ length: 9_000 }, (_, number) => `number ${number}\n`).join('');
    writeFileSync(log, whole);
    let attempts = 0;
    const text = readLog(log, (view) => {
      attempts += 1;
      const older = view.read(view.start, view.end - 1_000).toString();
      if (attempts === 1) trimLog(log, { limit, method, pauseWriters: nobodyWrites });
      return older + view.read(view.end - 1_000, view.end).toString();
    });
    expect(attempts).toBe(2);
    expect(text).toBe(whole.slice(readLogState(log)?.start));
  });

  it('loses and tears no line of two writers that write as fast as they can', async () => {
    const log = folder.path('a.log');
    const writers = ['one', 'two'].map((prefix) => folder.startWriter(log, prefix, 0));
    const follower = checkedFollower(
      log,
      writers.map(({ prefix }) => prefix),
    );
    const pauseWriters = () => pause(writers.map(({ pid }) => pid));
    let trims = 0;
    let removed = 0;
    const work = () => {
      follower.read();
      const result = trimLog(log, { method, pauseWriters, keepFrom: follower.position });
      trims += result.outcome === 'trimmed' ? 1 : 0;
      removed += result.removedBytes;
    };
    // A copy waits until the follower has caught up half of what there is, so there are fewer of them.
    await until(() => trims >= (method === 'copy' ? 5 : 30), work);
    for (const writer of writers) writer.end();
    await until(follower.hasSeenAll, work);
    expect(follower.linesRead).toBeGreaterThan(10_000);
    expect(readLogState(log)?.start).toBe(removed);
  });
});

describe('trimming', () => {
  it('puts everything back where the file system cannot collapse, and copies instead', () => {
    const log = folder.path('a.log');
    const text = Array.from({ length: 20_000 }, (_, number) => `line ${number}\n`).join('');
    writeFileSync(log, text);
    const path = process.env.PATH;
    process.env.PATH = '/nowhere';
    try {
      const steps: string[] = [];
      const step = (name: string) => steps.push(name);
      expect(trimLog(log, { limit, method: 'collapse', pauseWriters: nobodyWrites, step }).outcome).toBe(
        'unsupported',
      );
      expect(readFileSync(log, 'utf8')).toBe(text);
      expect(readLogState(log)).toEqual({ start: 0, end: text.length, startsWhole: true });
      expect(trimLog(log, { limit, pauseWriters: nobodyWrites })).toMatchObject({
        outcome: 'trimmed',
        method: 'copy',
      });
    } finally {
      process.env.PATH = path;
    }
  });

  it('is done by one of several trimmers at a time', async () => {
    const log = folder.path('a.log');
    const writer = folder.startWriter(log, 'line', 1);
    const running = folder.path('running');
    writeFileSync(running, '');
    const options = { log, limit, writers: [writer.pid], until: running };
    const trimmers = await Promise.all([1, 2, 3].map(() => folder.startTrimmer()));
    trimmers.forEach((trimmer, index) => {
      trimmer.go({ ...options, method: methods[index % methods.length] });
    });
    // They know nothing of this follower, so it may miss bytes, but never in silence and never part of a line.
    const follower = createFollower(log, 0);
    let next = 0;
    let bytes = 0;
    let hasEnded = false;
    const read = () => {
      const shown = lastLines(log, 20).flatMap(({ text }) => /^line (\d+) [a-z]*\.$/.exec(text)?.[1] ?? []);
      if (!hasEnded) expect(shown.map(Number)).toEqual(shown.map((_, index) => Number(shown[0]) + index));
      const { blocks, missedBytes } = follower.read();
      bytes += missedBytes;
      for (const line of blocks.flatMap(linesOf)) {
        bytes += line.end - line.start;
        hasEnded ||= /^line end \d+$/.test(line.text);
        if (hasEnded) continue;
        const number = Number(/^line (\d+) [a-z]*\.$/.exec(line.text)?.[1]);
        if (!(missedBytes > 0 ? number >= next : number === next))
          throw new Error(`after ${next}: ${line.text}`);
        next = number + 1;
      }
    };
    await until(() => (readLogState(log)?.start ?? 0) > 10 * limit, read);
    spawnSync('rm', [running]);
    for (const { exited } of trimmers) expect(await exited).toBe(0);
    writer.end();
    await until(() => hasEnded, read);
    expect(follower.offset).toBe(bytes);
    expect(leftovers(log)).toEqual([]);
  });

  it('ignores the history of a log that was deleted and begun again', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'old line\n'.repeat(20_000));
    trimLog(log, { limit, pauseWriters: nobodyWrites });
    spawnSync('rm', [log]);
    writeFileSync(log, 'new line\n');
    expect(readLogState(log)).toEqual({ start: 0, end: 9, startsWhole: true });
    writeFileSync(`${log}.trimmed`, '{"removed":');
    expect(lastLines(log, 3).map(({ text }) => text)).toEqual(['new line']);
  });

  it('costs nothing and changes nothing below the limit, and of a log that is not there', () => {
    const log = folder.path('a.log');
    expect(trimLog(log, { pauseWriters: nobodyWrites })).toEqual({ removedBytes: 0, outcome: 'fits' });
    writeFileSync(log, 'line\n');
    expect(trimLog(log, { pauseWriters: nobodyWrites })).toEqual({ removedBytes: 0, outcome: 'fits' });
    expect(leftovers(log)).toEqual([]);
  });

  it('never changes what an offset means', () => {
    const log = folder.path('a.log');
    const write = fc.record({
      lines: fc.array(fc.nat(3_000), { minLength: 1, maxLength: 12 }),
      method: fc.constantFrom(...methods, undefined),
    });
    fc.assert(
      fc.property(fc.array(write, { minLength: 3, maxLength: 12 }), fc.nat(4_000), (writes, lookBack) => {
        spawnSync('rm', ['-f', log, `${log}.trimmed`]);
        let whole = '';
        for (const { lines, method } of writes) {
          const text = lines
            .map((length, index) => `${whole.length + index}:${'é'.repeat(length / 2)}\n`)
            .join('');
          appendFileSync(log, text, 'latin1');
          whole += text;
          if (method !== undefined) trimLog(log, { limit: 12 * 1024, method, pauseWriters: nobodyWrites });
          const state = readLogState(log);
          expect(state?.end).toBe(whole.length);
          const start = state?.start ?? 0;
          expect(state?.startsWhole).toBe(start === 0 || whole[start - 1] === '\n');
          const from = Math.max(start, whole.length - lookBack);
          expect(readLog(log, (view) => view.read(from, view.end).toString('latin1'))).toBe(
            whole.slice(from),
          );
        }
      }),
      { numRuns: 30 },
    );
  });
});
