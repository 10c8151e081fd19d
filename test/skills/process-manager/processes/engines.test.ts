// Engines that do not answer, and those that do.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEngines } from '../../../../skills/process-manager/processes/engines.ts';
import type { EngineName, EngineRunner } from '../../../../skills/process-manager/processes/index.ts';

const never = new Promise<never>(() => {});
const nothing = async () => {};
const runner = (part: Partial<EngineRunner> = {}): EngineRunner => ({
  ...{
    spawn: () => never,
    prepare: nothing,
    kill: () => never,
    pause: () => true,
    resume: () => true,
    send: async () => 0,
  },
  ...{ inspect: nothing, usage: async () => new Map(), retire: nothing, problem: async () => undefined },
  attend: () => ({ stop: nothing }),
  ...part,
});

function setUp(make: (name: EngineName) => Promise<EngineRunner> = async () => runner()) {
  const said: string[] = [];
  const log = (level: string) => (_: object, text: string) => void said.push(`${level}: ${text}`);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const troubles = new Map<string, string>();
  const notes = {
    trouble: (engine: string) => troubles.get(engine),
    noteTrouble: (engine: string, trouble: string | undefined) => {
      if (trouble === undefined) troubles.delete(engine);
      else troubles.set(engine, trouble);
    },
  };
  return { engines: createEngines(make, notes, logger as never), said };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('get', () => {
  it('makes each engine once', async () => {
    let made = 0;
    const { engines } = setUp(async () => {
      made++;
      return runner();
    });
    const [first, second] = await Promise.all([engines.get('docker'), engines.get('docker')]);
    expect(second).toBe(first);
    expect(await engines.get('docker')).toBe(first);
    expect(await engines.get('swarm')).not.toBe(first);
    expect(made).toBe(2);
  });

  it('makes one again that could not be made, and then keeps it, however many were waiting', async () => {
    let made = 0;
    const { engines } = setUp(async () => {
      if (++made === 1) throw new Error('a setting is missing');
      return runner();
    });
    const first = engines.get('docker');
    // Who hears of it first asks again before the others have heard.
    const again = first.catch(() => engines.get('docker'));
    const others = [engines.get('docker'), engines.get('docker')];
    await Promise.allSettled([first, ...others]);
    expect(await engines.get('docker')).toBe(await again);
    expect(made).toBe(2);
  });
});

describe('tryTo', () => {
  it('gives what the engine says, and has no trouble then', async () => {
    const { engines, said } = setUp();
    expect(await engines.tryTo('docker', async () => 7)).toBe(7);
    expect(engines.troubleOf('docker')).toBeUndefined();
    expect(said).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits five seconds for one that does not answer, and blocks nobody else meanwhile', async () => {
    const { engines } = setUp();
    let isDone = false;
    const asked = engines
      .tryTo('swarm', () => never)
      .finally(() => {
        isDone = true;
      });
    expect(await engines.tryTo('docker', async () => 'here')).toBe('here');
    await vi.advanceTimersByTimeAsync(4_999);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await asked).toBeUndefined();
    expect(engines.troubleOf('swarm')).toBe('no answer within 5 s');
    expect(engines.troubleOf('docker')).toBeUndefined();
  });

  it('waits no longer for one that is not even made', async () => {
    const { engines } = setUp((name) => (name === 'swarm' ? never : Promise.resolve(runner())));
    const asked = engines.tryTo('swarm', async () => 1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await asked).toBeUndefined();
    expect(await engines.tryTo('docker', async () => 1)).toBe(1);
  });

  it('says what is the matter once, and once that it is over', async () => {
    const { engines, said } = setUp();
    const fail = (text: string) => engines.tryTo('docker', async () => Promise.reject(new Error(text)));
    expect(await fail('refused')).toBeUndefined();
    await fail('refused');
    expect(engines.troubleOf('docker')).toBe('refused');
    await fail('gone');
    await engines.tryTo('docker', nothing);
    await engines.tryTo('docker', nothing);
    expect(engines.troubleOf('docker')).toBeUndefined();
    expect(said).toEqual([
      'warn: docker cannot be asked: refused',
      'warn: docker cannot be asked: gone',
      'info: docker answers again',
    ]);
  });

  it('has trouble with one that cannot be made, until it can', async () => {
    let isMissing = true;
    const { engines } = setUp(async () => {
      if (isMissing) throw new Error('no host');
      return runner();
    });
    await engines.tryTo('docker', nothing);
    expect(engines.troubleOf('docker')).toBe('no host');
    isMissing = false;
    expect(await engines.tryTo('docker', async () => 'works')).toBe('works');
    expect(engines.troubleOf('docker')).toBeUndefined();
  });

  it('ends nothing when what came too late fails then', async () => {
    const { engines } = setUp();
    let fail = (_: Error) => {};
    const asked = engines.tryTo('docker', () => new Promise((_, reject) => (fail = reject)));
    await vi.advanceTimersByTimeAsync(5_000);
    await asked;
    fail(new Error('late'));
    await vi.advanceTimersByTimeAsync(0);
    expect(engines.troubleOf('docker')).toBe('no answer within 5 s');
  });
});

describe('attend', () => {
  it('attends what is in use, each once, and what comes into use later', async () => {
    const attended: string[] = [];
    const stopped: string[] = [];
    const { engines } = setUp(async (name) =>
      runner({
        attend: () => {
          attended.push(name);
          return { stop: async () => void stopped.push(name) };
        },
      }),
    );
    const used = new Set<EngineName>(['docker']);
    const attending = engines.attend(
      () => used,
      () => {},
    );
    await vi.advanceTimersByTimeAsync(3_000);
    expect(attended).toEqual(['docker']);
    used.add('swarm');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(attended).toEqual(['docker', 'swarm']);
    await attending.stop();
    expect(stopped).toEqual(['docker', 'swarm']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('passes on changes and trouble', async () => {
    let tell: { change(): void; trouble(text: string | undefined): void } | undefined;
    const { engines } = setUp(async () =>
      runner({
        attend: (change, trouble) => {
          tell = { change, trouble };
          return { stop: nothing };
        },
      }),
    );
    let changes = 0;
    const attending = engines.attend(
      () => ['swarm'],
      () => changes++,
    );
    await vi.advanceTimersByTimeAsync(0);
    tell?.change();
    tell?.trouble('a node is away');
    expect([changes, engines.troubleOf('swarm')]).toEqual([1, 'a node is away']);
    tell?.trouble(undefined);
    expect(engines.troubleOf('swarm')).toBeUndefined();
    await attending.stop();
  });

  it('tries again with one that cannot be made, and stops all the same', async () => {
    let tries = 0;
    const { engines } = setUp(async (name) => {
      if (name === 'docker' && ++tries < 3) throw new Error('no host');
      return runner();
    });
    const attending = engines.attend(
      () => ['docker', 'swarm'],
      () => {},
    );
    await vi.advanceTimersByTimeAsync(0);
    expect([tries, engines.troubleOf('docker')]).toEqual([1, 'no host']);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(tries).toBe(3);
    await attending.stop();
  });
});
