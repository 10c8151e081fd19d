// How a run is found to be ready: a line of its own, an answer of a real server, its age, its heartbeat.

import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BotPlan } from '../../../../skills/process-manager/bots/plan.ts';
import { createReadiness } from '../../../../skills/process-manager/bots/ready.ts';
import type { ProcessRow } from '../../../../skills/process-manager/processes/index.ts';
import { makeFolder } from '../../../support/folder.ts';
import { until } from '../../../support/instance.ts';

const startedMs = Date.parse('2026-01-02T03:04:05.000Z');
const real = { now: Date.now };

const runOf = (part: Partial<ProcessRow> = {}) =>
  ({ id: 'r1', pid: 7, logFrom: 0, startedAt: new Date(startedMs).toISOString(), ...part }) as ProcessRow;
const planOf = (ready: BotPlan['ready'], folder = '/', name = 'a') =>
  ({ name, ready, directory: folder, log: join(folder, 'a.log') }) as BotPlan;

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
}

describe('without a check', () => {
  it('is ready at once', () => expect(createReadiness(real).isReady(planOf(undefined), runOf())).toBe(true));
});

describe('by a pattern', () => {
  it('waits for the whole line', () => {
    const folder = makeFolder();
    const [plan, readiness] = [planOf({ pattern: 'ready to (serve|go)' }, folder), createReadiness(real)];
    const look = () => readiness.isReady(plan, runOf());
    expect(look()).toBe(false);
    appendFileSync(plan.log, 'loading\nready to ');
    expect(look()).toBe(false);
    appendFileSync(plan.log, 'go');
    expect(look()).toBe(false);
    appendFileSync(plan.log, '\nmore\n');
    expect(look()).toBe(true);
  });

  it('tells it again to whoever could not write it down the first time', () => {
    const folder = makeFolder({ 'a.log': 'ready\n' });
    const [plan, readiness] = [planOf({ pattern: 'ready' }, folder), createReadiness(real)];
    expect([1, 2, 3].map(() => readiness.isReady(plan, runOf()))).toEqual([true, true, true]);
  });

  it('does not take the line of an earlier run for this one’s', () => {
    const earlier = 'ready\ncrashed\n';
    const folder = makeFolder({ 'a.log': earlier });
    const [plan, readiness] = [planOf({ pattern: '^ready$' }, folder), createReadiness(real)];
    expect(readiness.isReady(plan, runOf())).toBe(true);
    const second = runOf({ id: 'r2', logFrom: earlier.length });
    expect(readiness.isReady(plan, second)).toBe(false);
    appendFileSync(plan.log, 'ready\n');
    expect(readiness.isReady(plan, second)).toBe(true);
  });

  it('finds it behind more than is read at once', () => {
    const folder = makeFolder({ 'a.log': `${`${'x'.repeat(99)}\n`.repeat(60_000)}ready\n` });
    const [plan, readiness] = [planOf({ pattern: '^ready$' }, folder), createReadiness(real)];
    expect([1, 2].map(() => readiness.isReady(plan, runOf()))).toEqual([false, true]);
  });

  it('keeps bots apart', () => {
    const [one, two] = [makeFolder({ 'a.log': 'ready\n' }), makeFolder({ 'a.log': 'no\n' })];
    const readiness = createReadiness(real);
    const check = { pattern: 'ready' };
    expect(readiness.isReady(planOf(check, two, 'b'), runOf({ id: 'r2' }))).toBe(false);
    expect(readiness.isReady(planOf(check, one, 'a'), runOf())).toBe(true);
    expect(readiness.isReady(planOf(check, two, 'b'), runOf({ id: 'r2' }))).toBe(false);
  });

  it('begins at the start of the run again once that was forgotten', () => {
    const folder = makeFolder({ 'a.log': 'ready\n' });
    const [plan, readiness] = [planOf({ pattern: 'ready' }, folder), createReadiness(real)];
    expect(readiness.isReady(plan, runOf())).toBe(true);
    readiness.forget('r1');
    writeFileSync(plan.log, '');
    expect(readiness.isReady(plan, runOf())).toBe(false);
  });
});

describe('by an address', () => {
  it('waits for a 2xx status: not 503, not a redirect', async () => {
    const statuses = [503, 302, 404, 204];
    const seen: number[] = [];
    const url = await serve((_, response) => {
      const status = statuses[seen.length] ?? 204;
      seen.push(status);
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    const [plan, readiness] = [planOf({ url }), createReadiness(real)];
    await until('it is ready', () => readiness.isReady(plan, runOf()));
    expect(seen).toEqual([503, 302, 404, 204]);
    expect(readiness.isReady(plan, runOf())).toBe(true);
    // Another run has to answer for itself.
    expect(readiness.isReady(plan, runOf({ id: 'r2' }))).toBe(false);
  });

  it('is not ready while nobody listens, and asks again', async () => {
    const readiness = createReadiness(real);
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const plan = planOf({ url: `http://127.0.0.1:${port}/` });
    expect(readiness.isReady(plan, runOf())).toBe(false);
    const server = createServer((_, response) => void response.end()).listen(port, '127.0.0.1');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await until('it is ready', () => readiness.isReady(plan, runOf()));
  });

  it('asks a server that never answers one question at a time, and blocks nobody', async () => {
    let [open, most, asked] = [0, 0, 0];
    const url = await serve((request) => {
      asked++;
      open++;
      most = Math.max(most, open);
      request.on('close', () => {
        open--;
      });
    });
    const [plan, readiness] = [planOf({ url }), createReadiness(real)];
    await until('it was asked twice', () => {
      expect(readiness.isReady(plan, runOf())).toBe(false);
      return asked === 2;
    });
    expect(most).toBe(1);
  });
});

describe('by its age', () => {
  it('has to have run for so long', () => {
    const clock = { at: startedMs, now: () => clock.at };
    const [plan, readiness] = [planOf({ uptimeSeconds: 3 }), createReadiness(clock)];
    const at = (ms: number) => {
      clock.at = startedMs + ms;
      return readiness.isReady(plan, runOf());
    };
    expect([at(-1_000), at(0), at(2_999), at(3_000), at(90_000)]).toEqual([false, false, false, true, true]);
  });
});

describe('by its heartbeat', () => {
  const at = '2027-01-01T00:00:00.000Z';
  const beat = (part: object = {}) => JSON.stringify({ pid: 7, state: 'ready', busy: 0, at, ...part });
  it.each<[string, string | undefined, boolean]>([
    ['none yet', undefined, false],
    ['ready', beat(), true],
    ['starting', beat({ state: 'starting' }), false],
    ['of another process', beat({ pid: 8 }), false],
    ['of an earlier run with the same PID', beat({ at: '2020-01-01T00:00:00.000Z' }), false],
    ['without a time', beat({ at: undefined }), false],
    ['of nobody', beat({ pid: null }), false],
    ['torn', beat().slice(0, -9), false],
    ['empty', '', false],
    ['something else', '[]', false],
  ])('%s', (_, content, expected) => {
    const folder = makeFolder(content === undefined ? {} : { '.heartbeat': content });
    const readiness = createReadiness(real);
    expect(readiness.isReady(planOf({ heartbeat: true }, folder), runOf())).toBe(expected);
    expect(readiness.isReady(planOf({ heartbeat: true }, folder), runOf({ pid: null }))).toBe(false);
  });
});
