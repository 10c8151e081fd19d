// The connection to an engine, and what its refusals mean.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  asFailure,
  connect,
  isConflict,
  isMissing,
  reasonOf,
} from '../../../../skills/process-manager/containers/client.ts';
import { Failure } from '../../../../skills/tool.ts';
import { type EngineAnswer, startEngineServer } from '../../../support/engine-server.ts';
import { makeFolder } from '../../../support/folder.ts';

/** What comes of a question that is answered so. */
async function failWith(answer: EngineAnswer) {
  const { host } = await startEngineServer(() => answer);
  const client = await connect(host, {});
  const error = await client.docker
    .getContainer('x')
    .inspect()
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  return { error, failure: asFailure(error, client, 'It cannot be seen'), host };
}

describe('connect', () => {
  it('reaches an engine through its socket', async () => {
    const asked: string[] = [];
    const { host } = await startEngineServer(({ path }) => {
      asked.push(path);
      return { json: { Id: 'x' } };
    });
    const client = await connect(host, {});
    expect(await client.docker.getContainer('x').inspect()).toEqual({ Id: 'x' });
    expect(await client.patient.getContainer('x').inspect()).toEqual({ Id: 'x' });
    expect(client.address).toBe(host);
    expect(asked).toEqual(['/containers/x/json', '/containers/x/json']);
  });

  it.each([
    ['tcp://swarm.example:2377', { protocol: 'http', host: 'swarm.example', port: 2377 }],
    ['tcp://10.0.0.7', { protocol: 'http', host: '10.0.0.7', port: 2375 }],
    ['http://h', { protocol: 'http', host: 'h', port: 2375 }],
    ['https://h', { protocol: 'https', host: 'h', port: 2376 }],
    ['https://h:443', { protocol: 'https', host: 'h', port: 443 }],
    ['http://h:80/', { protocol: 'http', host: 'h', port: 80 }],
    ['tcp://[::1]:2377', { protocol: 'http', host: '::1', port: 2377 }],
    ['tcp://[fd00::1]', { protocol: 'http', host: 'fd00::1', port: 2375 }],
    ['ssh://me@h', { protocol: 'ssh', host: 'h', port: 22, username: 'me' }],
    ['ssh://h:2222', { protocol: 'ssh', host: 'h', port: 2222 }],
    ['ssh://a%40b@h', { username: 'a@b' }],
  ])('understands %s', async (host, expected) => {
    for (const docker of Object.values({ ...(await connect(host, {})), address: undefined })) {
      if (docker) expect(docker.modem).toMatchObject(expected);
    }
  });

  it('says where an engine is that nobody has named', async () => {
    expect((await connect(undefined, {})).address).toBe('unix:///var/run/docker.sock');
    expect((await connect(undefined, { DOCKER_HOST: 'tcp://h:1' })).address).toBe('tcp://h:1');
    expect((await connect('tcp://own:2', { DOCKER_HOST: 'tcp://h:1' })).address).toBe('tcp://own:2');
  });
});

describe('a refusal', () => {
  it('of nobody, where there is no engine', async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const [path, code] of [
      [join(folder, 'gone'), 'ENOENT'],
      [join(folder, 'file'), 'ECONNREFUSED'],
    ] as const) {
      const client = await connect(`unix://${path}`, {});
      const error = await client.docker.ping().catch((reason: unknown) => reason);
      const failure = asFailure(error, client, 'Bots cannot be run');
      expect(failure).toMatchObject({ code: 'engine_unreachable', cause: error });
      expect(failure.message).toBe(
        `Bots cannot be run: the Docker engine at unix://${path} does not answer (${code}).`,
      );
      expect(failure.hint).toMatch(/DOCKER_HOST/);
    }
    expect(existsSync(join(folder, 'gone'))).toBe(false);
  });

  it('by hanging up is no answer either', async () => {
    expect((await failWith('hang up')).failure).toMatchObject({ code: 'engine_unreachable' });
  });

  it.each([
    [404, 'No such container: x', 'No such container: x'],
    [
      409,
      'Conflict. The container name "/x" is already in use.',
      'Conflict. The container name "/x" is already in use.',
    ],
    [500, 'rpc error: code = InvalidArgument desc = name must be valid', 'name must be valid'],
    [400, 'invalid reference - a: b', 'invalid reference - a: b'],
    [418, 'odd', 'odd'],
  ])('with %i is in the words of the engine: %s', async (status, message, expected) => {
    const { error, failure } = await failWith({ status, json: { message } });
    expect(failure).toMatchObject({ code: 'engine_refused', message: `It cannot be seen: ${expected}` });
    expect(isMissing(error)).toBe(status === 404);
    expect(isConflict(error)).toBe(status === 409);
  });

  it('of a change that somebody else was faster with is a conflict', async () => {
    const message = 'rpc error: code = Unknown desc = update out of sequence';
    expect(isConflict((await failWith({ status: 500, json: { message } })).error)).toBe(true);
    expect(isConflict(new Error('something else'))).toBe(false);
  });

  it('of an engine without a swarm says how to get one', async () => {
    const message =
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
    const { failure, host } = await failWith({ status: 503, json: { message } });
    expect(failure).toMatchObject({ code: 'not_a_manager' });
    expect(failure.message).toBe(`It cannot be seen: the engine at ${host} is no manager of a swarm.`);
    expect(failure.hint).toContain('docker swarm init');
  });

  it('that was understood before stays what it is', async () => {
    const own = new Failure('own', 'sentence', 'step');
    expect(asFailure(own, await connect(undefined, {}), 'x')).toBe(own);
  });

  it('of whatever kind becomes words', async () => {
    for (const thrown of ['text', new Error('an error'), { message: 'an object' }]) {
      expect(asFailure(thrown, await connect(undefined, {}), 'x').message).toMatch(
        /^x: (text|an error|an object)$/,
      );
    }
  });
});

describe('reasonOf', () => {
  it.each([
    ['(HTTP code 500) server error - it broke \n', 'it broke'],
    ['(HTTP code 503) unexpected - a - b', 'a - b'],
    ['(HTTP code 404) no such image - No such image: x:1 ', 'No such image: x:1'],
    [
      '(HTTP code 500) server error - rpc error: code = NotFound desc = network x not found',
      'network x not found',
    ],
    ['plain', 'plain'],
  ])('%j', (message, expected) => expect(reasonOf(message)).toBe(expected));
});
