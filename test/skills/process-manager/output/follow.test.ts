import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createFollower,
  LONGEST_LINE_BYTES,
  linesOf,
  type NewLines,
} from '../../../../skills/process-manager/output/index.ts';
import { useFolder } from './support.ts';

const folder = useFolder();
const textsOf = ({ blocks }: NewLines) => blocks.flatMap(linesOf).map(({ text }) => text);

describe('a follower', () => {
  it('gives every whole line once, and the unfinished one when the program has ended', () => {
    const log = folder.path('a.log');
    const follower = createFollower(log, 0);
    expect(follower.read()).toEqual({ blocks: [], offset: 0, missedBytes: 0, restarted: false, more: false });
    writeFileSync(log, 'one\ntw');
    expect(textsOf(follower.read())).toEqual(['one']);
    expect(follower).toMatchObject({ offset: 4, position: 6 });
    appendFileSync(log, 'o\nthree');
    expect(textsOf(follower.read())).toEqual(['two']);
    expect(textsOf(follower.read())).toEqual([]);
    const last = follower.flush();
    expect(textsOf(last)).toEqual(['three']);
    expect(last.offset).toBe(13);
    expect(textsOf(follower.flush())).toEqual([]);
  });

  it('goes on at the very next line when it is begun again from its offset', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'one\ntwo\nhalf');
    const { offset } = createFollower(log, 0).read();
    appendFileSync(log, ' line\nnext\n');
    expect(textsOf(createFollower(log, offset).read())).toEqual(['half line', 'next']);
  });

  it('reads no more at once than it is told, and says that there is more', () => {
    const log = folder.path('a.log');
    writeFileSync(log, `${'x'.repeat(3 * LONGEST_LINE_BYTES)}\nnext\n`);
    const follower = createFollower(log, 0);
    const first = follower.read({ maxBytes: 2 * LONGEST_LINE_BYTES });
    expect(first).toMatchObject({ blocks: [], offset: 0, more: true });
    const second = follower.read({ maxBytes: 2 * LONGEST_LINE_BYTES });
    expect(textsOf(second).map((text) => text.slice(-24))).toEqual([
      'x … [cut: 32768 bytes]'.padStart(24, 'x'),
      'next',
    ]);
    expect(second.more).toBe(false);
  });

  it('begins again when somebody empties the log', () => {
    const log = folder.path('a.log');
    writeFileSync(log, 'some lines\nand more\n');
    const follower = createFollower(log, 0);
    follower.read();
    truncateSync(log);
    appendFileSync(log, 'new\n');
    const seen = follower.read();
    expect(textsOf(seen)).toEqual(['new']);
    expect(seen).toMatchObject({ restarted: true, offset: 4 });
    expect(textsOf(follower.read())).toEqual([]);
  });
});
