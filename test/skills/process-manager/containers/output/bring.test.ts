// The output of what an engine carries: what is there now, and all that comes.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  bringOutput,
  followOutput,
  type LogQuestion,
} from '../../../../../skills/process-manager/containers/output/bring.ts';
import { stamp } from '../../../../support/engine-log.ts';
import { until } from '../../../../support/instance.ts';
import { makeEngine } from '../../../../support/manager.ts';
import { insertRun } from '../../../../support/relayed-log.ts';

/** A frame, as an engine sends one. */
function frame(second: number, text: string, stream = 1): Buffer {
  const payload = Buffer.from(stream === 3 ? text : `${stamp(BigInt(second) * 1_000_000_000n)} ${text}`);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function setUp() {
  const { engine, database, root } = makeEngine();
  const row = insertRun(engine.processes.registry, root, { name: 'bot' });
  const asked: LogQuestion[] = [];
  const sourceOf = (answer: Buffer | NodeJS.ReadableStream) => ({
    ...{ database, row, onGap: () => {} },
    ask: async (question: LogQuestion) => {
      asked.push(question);
      // What is there already is asked for by itself, before it is followed.
      return Buffer.isBuffer(answer) || question.follow ? answer : Buffer.alloc(0);
    },
  });
  const log = () => (existsSync(row.stdoutLog) ? readFileSync(row.stdoutLog, 'utf8') : '');
  return { asked, sourceOf, log };
}

describe('bringOutput', () => {
  it('asks for both streams with their moments, from where it is, and says whether there was something', async () => {
    const { asked, sourceOf, log } = setUp();
    const first = Buffer.concat(
      [0, 1, 2, 3, 4].map((second) => frame(second, `${second}\n`, (second % 2) + 1)),
    );
    expect(await bringOutput(sourceOf(first))).toBe(true);
    expect(await bringOutput(sourceOf(first.subarray(first.length * 0.4)))).toBe(false);
    expect(log()).toBe('0\n1\n2\n3\n4\n');
    const question = { stdout: true, stderr: true, timestamps: true, follow: false };
    expect(asked).toEqual([question, { ...question, since: '1767323047.000000000' }]);
  });

  it('brings nothing of an answer in which the engine says that it has failed', async () => {
    const { sourceOf, log } = setUp();
    const answer = Buffer.concat([frame(0, 'a\n'), frame(0, 'node n2 is not available', 3)]);
    await expect(bringOutput(sourceOf(answer))).rejects.toThrow('node n2 is not available');
    expect(log()).toBe('');
    expect(await bringOutput(sourceOf(frame(0, 'a\n')))).toBe(true);
    const streaming = { ...sourceOf(Buffer.alloc(0)), ask: async () => new PassThrough() };
    await expect(bringOutput(streaming)).rejects.toThrow(/one answer/);
  });
});

describe('followOutput', () => {
  it('brings what comes as it comes, however it is cut, until the log ends', async () => {
    const { asked, sourceOf, log } = setUp();
    const stream = new PassThrough();
    let outputs = 0;
    const following = followOutput(sourceOf(stream), new AbortController().signal, () => outputs++);
    const bytes = Buffer.concat([frame(0, 'one\n'), frame(1, 'two\n', 2)]);
    stream.write(bytes.subarray(0, 50));
    await until('the first is there', () => log() === 'one\n');
    stream.end(bytes.subarray(50));
    await following;
    expect(log()).toBe('one\ntwo\n');
    expect(outputs).toBe(2);
    expect(asked).toMatchObject([{ follow: false }, { follow: true }]);
  });

  it('ends without an error when nobody wants it any more, also before it has begun, and lets go of the stream', async () => {
    for (const isEarly of [true, false]) {
      const { sourceOf, log } = setUp();
      const stream = new PassThrough();
      const ended = new AbortController();
      if (isEarly) ended.abort();
      const following = followOutput(sourceOf(stream), ended.signal, () => ended.abort());
      if (!isEarly) stream.write(frame(0, 'one\n'));
      await following;
      expect(stream.destroyed).toBe(true);
      expect(log()).toBe(isEarly ? '' : 'one\n');
    }
  });

  it('fails where the connection or the engine does, and keeps what had come', async () => {
    for (const fail of [
      (stream: PassThrough) => stream.destroy(new Error('the connection was cut')),
      (stream: PassThrough) => stream.write(frame(0, 'the connection was cut', 3)),
    ]) {
      const { sourceOf, log } = setUp();
      const stream = new PassThrough();
      const following = followOutput(sourceOf(stream), new AbortController().signal, () => fail(stream));
      stream.write(frame(0, 'one\n'));
      await expect(following).rejects.toThrow('the connection was cut');
      if (!stream.closed) await once(stream, 'close');
      expect(log()).toBe('one\n');
    }
    await expect(
      followOutput(setUp().sourceOf(Buffer.alloc(0)), new AbortController().signal, () => {}),
    ).rejects.toThrow(/is a stream/);
  });
});
