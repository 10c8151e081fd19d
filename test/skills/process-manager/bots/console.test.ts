// What somebody sees who looks at all bots at once.

import { appendFileSync, mkdirSync, rmdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConsoleLine, showOutput } from '../../../../skills/process-manager/bots/console.ts';
import type { BotPlan } from '../../../../skills/process-manager/bots/plan.ts';
import { trimLog } from '../../../../skills/process-manager/output/index.ts';
import { makeFolder } from '../../../support/folder.ts';
import { until } from '../../../support/instance.ts';

/** Shows the bots `a` and `b`, whose logs are in a folder with these files. */
function show(files: Readonly<Record<string, string>> = {}) {
  const folder = makeFolder(files);
  const log = (name: string) => join(folder, `${name}.log`);
  const plans = new Map(
    ['a', 'b'].map((name) => [
      name,
      { name, log: log(name), color: name === 'a' ? 'cyan' : undefined } as BotPlan,
    ]),
  );
  const lines: ConsoleLine[] = [];
  const shown = showOutput(
    () => plans,
    (line) => void lines.push(line),
  );
  onTestFinished(() => shown.stop());
  const texts = () => lines.map(({ source, text }) => `${source}: ${text}`);
  return {
    ...{ lines, shown, texts, plans, log },
    write: (name: string, text: string) => appendFileSync(log(name), text),
    seen: (text: string) => until(`${text} is shown`, () => texts().includes(text)),
  };
}

describe('showOutput', () => {
  it('shows what is printed from now on, of each bot with its name and colour', async () => {
    const { write, seen, lines } = show({ 'a.log': 'before a\n', 'b.log': 'before b\n' });
    write('a', 'one\n');
    await seen('a: one');
    write('b', 'two\nthree\n');
    await seen('b: three');
    expect(lines).toEqual([
      { source: 'a', color: 'cyan', text: 'one' },
      { source: 'b', color: undefined, text: 'two' },
      { source: 'b', color: undefined, text: 'three' },
    ]);
  });

  it('shows lines whole, however they are written', async () => {
    const { write, seen, texts } = show({ 'a.log': '' });
    write('a', 'a line ');
    write('b', 'meanwhile\n');
    await seen('b: meanwhile');
    write('a', 'in two parts\r\nand ');
    await seen('a: a line in two parts');
    write('a', 'more\n');
    await seen('a: and more');
    expect(texts()).toHaveLength(3);
  });

  it('shows a log that is new from its start', async () => {
    const { write, seen, texts } = show();
    write('a', 'first\nsecond\n');
    await seen('a: second');
    expect(texts()).toEqual(['a: first', 'a: second']);
  });

  it('shows each line once when the log is trimmed meanwhile', async () => {
    const { write, seen, texts, log } = show({ 'a.log': `${'x'.repeat(99)}\n`.repeat(1_000) });
    write('a', 'one\n');
    await seen('a: one');
    const { outcome } = trimLog(log('a'), { limit: 50_000, pauseWriters: () => () => {} });
    expect(outcome).toBe('trimmed');
    write('a', 'two\n');
    await seen('a: two');
    expect(texts()).toEqual(['a: one', 'a: two']);
  });

  it('begins at the start of a log that somebody emptied or replaced', async () => {
    const { write, seen, texts, log } = show({ 'a.log': 'a long line from before\n' });
    write('a', 'one\n');
    await seen('a: one');
    truncateSync(log('a'));
    write('a', 'two\n');
    await seen('a: two');
    writeFileSync(log('a'), 'x\n');
    await seen('a: x');
    expect(texts()).toEqual(['a: one', 'a: two', 'a: x']);
  });

  it('shows all of a burst that is more than it reads at once', async () => {
    const { write, seen, texts } = show({ 'a.log': '' });
    write('a', Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join(''));
    await seen('a: line 59999');
    expect(texts()).toEqual(Array.from({ length: 60_000 }, (_, index) => `a: line ${index}`));
  });

  it('shows what is there when it is stopped, and nothing later', async () => {
    const { write, shown, texts } = show({ 'a.log': '' });
    write('a', 'last words\n');
    shown.stop();
    expect(texts()).toEqual(['a: last words']);
  });

  it('says once that a log cannot be read, shows the others, and goes on when it can be', async () => {
    const { write, seen, texts, log } = show();
    mkdirSync(log('a'));
    write('b', 'one\n');
    await seen('b: one');
    write('b', 'two\n');
    await seen('b: two');
    expect(texts().filter((text) => text.includes('cannot be read'))).toHaveLength(1);
    rmdirSync(log('a'));
    write('a', 'back\n');
    await seen('a: back');
  });
});
