// What a swarm is told of a bot.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../../../../skills/process-manager/containers/image/image.ts';
import { type Instance, labels, slugOf } from '../../../../../skills/process-manager/containers/names.ts';
import type { SecretReference } from '../../../../../skills/process-manager/containers/secrets.ts';
import {
  endedSpec,
  forced,
  isEnded,
  type SpecOptions,
  serviceSpec,
} from '../../../../../skills/process-manager/containers/swarm/spec.ts';
import { containerPlan } from '../../../../support/container-plan.ts';

const instance: Instance = {
  ...{ id: 'abcdefghjk', salt: 'salt' },
  nameFor: (bot, ...rest) => ['us', 'abcdefghjk', slugOf(bot), ...rest].join('-'),
};
const image: Image = {
  ...{ name: 'understudy-x/bot:1', workFolder: '/app', argv: ['node', 'own.js'], hasShell: true },
  ...{ isOnlyHere: false, credentials: undefined },
};
const reference = (name: string): SecretReference => ({
  ...{ SecretID: `id-${name}`, SecretName: `us-${name}` },
  File: { Name: name, UID: '0', GID: '0', Mode: 0o444 },
});

function specOf(part: Partial<SpecOptions> = {}, plan: Partial<SpecOptions['plan']> = {}) {
  const spec = serviceSpec(instance, {
    ...{ bot: 'bot', plan: { ...containerPlan, ...plan }, image, argv: ['node', 'bot.js'] },
    ...{ parted: { plain: {}, secret: {}, dotEnv: undefined }, secrets: [], onlyNode: undefined },
    ...part,
  });
  return {
    spec,
    hash: spec.Labels?.[labels.spec] as string,
    template: spec.TaskTemplate as unknown as Record<string, Record<string, unknown>>,
  };
}

const secretly = (secret: Record<string, string>, plain: Record<string, string> = {}) => ({
  parted: { plain, secret, dotEnv: undefined },
  secrets: Object.keys(secret).map(reference),
});

describe('the hash of a spec', () => {
  it('is the same for equal options, however they were put together', () => {
    expect(specOf().hash).toMatch(/^[0-9a-f]{16}$/);
    expect(specOf().hash).toBe(specOf().hash);
    const one = specOf({ parted: { plain: { A: '1', B: '2' }, secret: {}, dotEnv: undefined } });
    const other = specOf({ parted: { plain: { B: '2', A: '1' }, secret: {}, dotEnv: undefined } });
    expect(other.spec).toEqual(one.spec);
    expect(other.hash).toBe(one.hash);
  });

  it('is the same for the options of a volume in another order', () => {
    const withOptions = (volumeOptions: Record<string, string>) =>
      specOf({}, { keep: ['data'], volumeOptions });
    expect(withOptions({ type: 'nfs', o: 'addr=x' }).hash).toBe(
      withOptions({ o: 'addr=x', type: 'nfs' }).hash,
    );
  });

  it('is the same for secrets in another order', () => {
    const one = specOf(secretly({ A_KEY: '1', B_KEY: '2' }));
    expect(specOf(secretly({ B_KEY: '2', A_KEY: '1' })).hash).toBe(one.hash);
  });

  it.each<[string, Partial<SpecOptions>, Partial<SpecOptions['plan']>]>([
    ['its image', { image: { ...image, name: 'understudy-x/bot:2' } }, {}],
    ['its command', { argv: ['node', 'b.js'] }, {}],
    ['that it has none', { argv: undefined }, {}],
    ['a variable', { parted: { plain: { A: '1' }, secret: {}, dotEnv: undefined } }, {}],
    ['a secret', secretly({ TOKEN: 'x' }), {}],
    ['its node', { onlyNode: 'n1' }, {}],
    ['a folder that is kept', {}, { keep: ['data'] }],
    ['a constraint', {}, { constraints: ['node.role==worker'] }],
    ['its memory', {}, { memoryBytes: 1 }],
    ['its processors', {}, { cpus: 0.5 }],
    ['what is reserved', {}, { reserve: { cpus: 1, memoryBytes: undefined } }],
    ['its network', {}, { network: 'net' }],
    ['when it is restarted', {}, { restart: 'always' }],
    ['how late', {}, { restartDelayMs: 1 }],
    ['how often', {}, { mostRestarts: 1 }],
    ['how long it is watched', {}, { trialMs: 1 }],
  ])('changes with %s', (_, part, plan) => expect(specOf(part, plan).hash).not.toBe(specOf().hash));

  it('is another for another value of a secret, which has another name', () => {
    const secrets = [{ ...reference('TOKEN'), SecretID: 'id-2', SecretName: 'us-TOKEN-2' }];
    expect(specOf({ ...secretly({ TOKEN: 'y' }), secrets }).hash).not.toBe(
      specOf(secretly({ TOKEN: 'x' })).hash,
    );
  });
});

describe('a spec', () => {
  it('tells no secret, whatever it is', () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ unit: fc.constantFrom('A', 'B', '_'), minLength: 1, maxLength: 8 }),
          fc.string({ minLength: 1, maxLength: 40 }).map((value) => `hunter2:${value}`),
          { minKeys: 1, maxKeys: 4 },
        ),
        fc.boolean(),
        fc.constantFrom(undefined, ['node', 'bot.js']),
        (secret, hasShell, argv) => {
          const dotEnv = Buffer.from('DOT=hunter2:dot');
          const options = { ...secretly(secret), image: { ...image, hasShell }, argv };
          const { spec } = specOf({ ...options, parted: { plain: {}, secret, dotEnv } });
          for (const each of [spec, endedSpec(spec), forced(spec, spec)]) {
            expect(JSON.stringify(each)).not.toContain('hunter2');
            expect(JSON.stringify(each)).not.toContain(dotEnv.toString('base64'));
          }
        },
      ),
    ));

  it('reads secrets into variables before the program, where there is a shell, and names their files everywhere', () => {
    const { ContainerSpec } = specOf(secretly({ TOKEN: 'x' }, { PORT: '80' })).template;
    expect(ContainerSpec?.Command).toEqual([
      '/bin/sh',
      '-c',
      expect.any(String),
      'understudy',
      'node',
      'bot.js',
    ]);
    expect(ContainerSpec?.Env).toEqual(['PORT=80', 'TOKEN_FILE=/run/secrets/TOKEN', 'US_NAMES=TOKEN']);
    const bare = specOf({ ...secretly({ TOKEN: 'x' }), image: { ...image, hasShell: false } }).template;
    expect(bare.ContainerSpec).toMatchObject({
      Command: ['node', 'bot.js'],
      Env: ['TOKEN_FILE=/run/secrets/TOKEN'],
    });
  });

  it('leaves to the image what it runs, unless something has to stand in front of it', () => {
    expect(specOf({ argv: undefined }).template.ContainerSpec).not.toHaveProperty('Command');
    const wrapped = specOf({ argv: undefined, ...secretly({ TOKEN: 'x' }) }).template.ContainerSpec;
    expect(wrapped?.Command).toEqual([...Array(4).fill(expect.any(String)), 'node', 'own.js']);
    const bare = { ...image, hasShell: false };
    const unwrapped = specOf({ argv: undefined, image: bare, ...secretly({ TOKEN: 'x' }) }).template;
    expect(unwrapped.ContainerSpec).not.toHaveProperty('Command');
  });

  it.each([
    ['on-failure', { Condition: 'on-failure', Delay: 5e9, MaxAttempts: 5, Window: 60e9 }],
    ['always', { Condition: 'any', Delay: 5e9, MaxAttempts: 5, Window: 60e9 }],
    ['no', { Condition: 'none', Delay: 5e9 }],
  ] as const)('says how it is restarted: %s', (restart, expected) =>
    expect(specOf({}, { restart }).template.RestartPolicy).toEqual(expected),
  );

  it('has whole nanoseconds only, which is all that an engine understands', () => {
    const { spec } = specOf({}, { restartDelayMs: 0.3, trialMs: 1_500.7, cpus: 0.1 + 0.2 });
    const numbers = JSON.stringify(spec).match(/:(-?[\d.e+]+)/g) ?? [];
    for (const number of numbers) expect(number).toMatch(/^:\d+$/);
    expect(specOf({}, { cpus: 0.1 + 0.2 }).template.Resources?.Limits).toEqual({ NanoCPUs: 300_000_000 });
  });

  it('bounds and reserves what is asked for, and nothing else', () => {
    expect(specOf().template.Resources).toEqual({ Limits: {}, Reservations: {} });
    const plan = {
      cpus: 1.5,
      memoryBytes: 256 * 1024 ** 2,
      reserve: { cpus: 0.25, memoryBytes: 64 * 1024 ** 2 },
    };
    expect(specOf({}, plan).template.Resources).toEqual({
      Limits: { NanoCPUs: 1.5e9, MemoryBytes: 268_435_456 },
      Reservations: { NanoCPUs: 0.25e9, MemoryBytes: 67_108_864 },
    });
  });

  it('goes where it is told to, and where its image is', () => {
    expect(specOf().template.Placement).toEqual({ Constraints: [] });
    const found = specOf({ onlyNode: 'n1' }, { constraints: ['node.labels.disk==ssd'] }).template;
    expect(found.Placement).toEqual({ Constraints: ['node.labels.disk==ssd', 'node.id==n1'] });
  });

  it('is never two at once, goes back when a change fails, and bears whose it is', () => {
    const { spec } = specOf({}, { trialMs: 7_000 });
    expect(spec.Mode).toEqual({ Replicated: { Replicas: 1 } });
    expect(spec.UpdateConfig).toMatchObject({
      ...{ Order: 'stop-first', Parallelism: 1, FailureAction: 'rollback', Monitor: 7e9 },
    });
    expect(spec.RollbackConfig).toMatchObject({ Order: 'stop-first', FailureAction: 'pause' });
    expect(spec.Labels).toMatchObject({ [labels.instance]: instance.id, [labels.bot]: 'bot' });
    expect(spec.Name).toBe('us-abcdefghjk-bot');
  });
});

describe('forced and ended', () => {
  const before = specOf().spec;

  it('forced counts on from what is there, and changes nothing else', () => {
    const countOf = (spec: object) =>
      (spec as { TaskTemplate: { ForceUpdate?: number } }).TaskTemplate.ForceUpdate;
    const once = forced(before, undefined);
    expect(countOf(once)).toBe(1);
    expect(countOf(forced(before, once))).toBe(2);
    const { TaskTemplate, ...rest } = once;
    expect(rest).toEqual({ ...before, TaskTemplate: undefined });
    expect({ ...TaskTemplate, ForceUpdate: undefined }).toEqual(before.TaskTemplate);
  });

  it('ended is told from what runs, keeps everything but its place, and is never what a bot is to be', () => {
    expect([isEnded(before), isEnded(undefined)]).toEqual([false, false]);
    const ended = endedSpec(specOf({}, { constraints: ['node.role==worker'] }).spec);
    expect(isEnded(ended)).toBe(true);
    expect(isEnded(endedSpec(ended))).toBe(true);
    expect(ended.Labels?.[labels.spec]).not.toBe(before.Labels?.[labels.spec]);
    expect(ended.Labels?.[labels.bot]).toBe('bot');
    expect(ended.Mode).toEqual(before.Mode);
    expect((ended.TaskTemplate as unknown as { Placement: object }).Placement).toEqual({
      Constraints: ['node.id==understudy-stopped'],
    });
    expect(isEnded(forced(before, ended))).toBe(false);
  });
});
