// What a bot keeps secret, on its way into a swarm.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../../skills/process-manager/containers/client.ts';
import type { Instance } from '../../../../skills/process-manager/containers/names.ts';
import {
  fileVariables,
  forgetSecrets,
  type Parted,
  partSecrets,
  provideSecrets,
  secretNames,
  withSecretVariables,
} from '../../../../skills/process-manager/containers/secrets.ts';
import { startEngineServer } from '../../../support/engine-server.ts';
import { rejectionOf } from '../../../support/failure.ts';
import { makeFolder } from '../../../support/folder.ts';

describe('partSecrets', () => {
  it.each([
    ...['DISCORD_TOKEN', 'token', 'BOT_TOKEN_2', 'CLIENT_SECRET', 'DB_PASSWORD', 'PGPASS', 'MYSQL_PWD'],
    ...[
      'AWS_CREDENTIALS',
      'PRIVATE_PEM',
      'OPENAI_API_KEY',
      'APIKEY',
      'SIGNING_KEY',
      'KEY',
      'SENTRY_DSN',
      'LOG_WEBHOOK_URL',
    ],
  ])('%s is a secret', (name) => {
    expect(partSecrets({ [name]: 'v' }, makeFolder())).toMatchObject({ plain: {}, secret: { [name]: 'v' } });
  });

  it.each(['NODE_ENV', 'PORT', 'KEYBOARD', 'MONKEY', 'PATH', 'KEY_COUNT'])('%s is none', (name) => {
    expect(partSecrets({ [name]: 'v' }, makeFolder())).toMatchObject({ plain: { [name]: 'v' }, secret: {} });
  });

  it('keeps nothing secret that is empty, and brings the .env as it is', () => {
    const folder = makeFolder({ '.env': Buffer.from([0x41, 0x3d, 0xff, 0x0a]) });
    const { plain, secret, dotEnv } = partSecrets({ TOKEN: '' }, folder);
    expect([plain, secret]).toEqual([{ TOKEN: '' }, {}]);
    expect(dotEnv).toEqual(Buffer.from([0x41, 0x3d, 0xff, 0x0a]));
    expect(partSecrets({}, makeFolder()).dotEnv).toBeUndefined();
  });

  const variable = fc.string({ minLength: 1 }).filter((name) => name !== '__proto__');
  it('puts every variable on exactly one side', () =>
    fc.assert(
      fc.property(fc.dictionary(variable, fc.string()), (environment) => {
        const { plain, secret } = partSecrets(environment, '/nonexistent');
        expect({ ...plain, ...secret }).toEqual(environment);
        expect(Object.keys(plain).filter((name) => Object.hasOwn(secret, name))).toEqual([]);
      }),
    ));
});

/** Runs the wrapper as an engine would, over a folder of secrets of ours; what its program sees of its surroundings. */
function runWrapped(secrets: Record<string, string>, names = Object.keys(secrets)) {
  const folder = makeFolder();
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), value);
  const program = 'process.stdout.write(JSON.stringify({ env: process.env, argv: process.argv.slice(1) }))';
  const argv = [process.execPath, '-e', program, '--', 'a word', '$HOME', '"quoted"', ''];
  const [shell = '', ...words] = withSecretVariables(names, argv).map((word, index) =>
    index === 2 ? word.replaceAll('/run/secrets', folder) : word,
  );
  const environment = { PATH: process.env.PATH ?? '', ...secretNames(names) };
  return JSON.parse(execFileSync(shell, words, { env: environment, encoding: 'utf8' })) as {
    env: Record<string, string>;
    argv: string[];
  };
}

describe('the wrapper around a program', () => {
  it.each([
    ['quotes', `it's "quoted" \`id\``],
    ['what a shell would replace', '$HOME $(id) * ~ \\n \\'],
    ['spaces', '  two  words  '],
    ['tabs and newlines within', 'one\ntwo\n\n\tthree'],
    ['a newline at the end', 'pem\n'],
    ['several newlines at the end', 'pem\n\n\n'],
    ['only newlines', '\n\n'],
    ['another language', 'пароль 密码 🔑'],
    ['a dash at its beginning', '-n -e'],
    ['an equals sign', 'a=b==;export X=1;'],
  ])('keeps %s', (_, value) => {
    const { env } = runWrapped({ TOKEN: value, OTHER_KEY: 'x' });
    expect(env.TOKEN).toBe(value);
    expect(env.OTHER_KEY).toBe('x');
  });

  it(
    'keeps any value',
    () =>
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
          // No variable can hold a zero byte, and half a character is none.
          const value = Buffer.from(text.replaceAll('\0', '')).toString();
          fc.pre(value !== '');
          expect(runWrapped({ TOKEN: value }).env.TOKEN).toBe(value);
        }),
        { numRuns: 25 },
      ),
    60_000,
  );

  it('keeps the words of the program, becomes it, and leaves nothing of itself behind', () => {
    const { env, argv } = runWrapped({ TOKEN: 'x' });
    expect(argv).toEqual(['a word', '$HOME', '"quoted"', '']);
    expect(Object.keys(env).filter((name) => !/^(PATH|PWD|SHLVL|_|OLDPWD)$/.test(name))).toEqual(['TOKEN']);
  });

  it('takes a variable with any name that a variable may have', () => {
    const { env } = runWrapped({ _KEY: 'own', name: 'mine', value: 'v', TOKEN_1: 'x', pwd_: 'y' });
    expect(env).toMatchObject({ _KEY: 'own', name: 'mine', value: 'v', TOKEN_1: 'x', pwd_: 'y' });
  });

  it('runs nothing without a secret that is not there', () => {
    expect(() => runWrapped({ TOKEN: 'x' }, ['TOKEN', 'GONE_KEY'])).toThrow(/GONE_KEY/);
  });

  it('is not there where nothing is secret', () => {
    expect(withSecretVariables([], ['node', 'bot.js'])).toEqual(['node', 'bot.js']);
    expect(secretNames([])).toEqual({});
    expect(fileVariables({ TOKEN: 'x' })).toEqual({ TOKEN_FILE: '/run/secrets/TOKEN' });
  });
});

const instance = (salt: string): Instance => ({ id: 'abcdefghjk', salt, nameFor: (bot) => `us-${bot}` });
const parted = (secret: Record<string, string>, dotEnv?: Buffer): Parted => ({ plain: {}, secret, dotEnv });

/** A swarm that keeps secrets as a real one does: names are taken once. */
async function startSwarm() {
  const kept = new Map<
    string,
    { ID: string; Spec: { Name: string; Labels: Record<string, string>; Data: string } }
  >();
  const inUse = new Set<string>();
  let made = 0;
  const server = await startEngineServer(({ method, path, query, body }) => {
    if (method === 'GET' && path === '/secrets') {
      const { name, label } = JSON.parse(query.get('filters') ?? '{}') as {
        name?: string[];
        label?: string[];
      };
      const found = [...kept.values()].filter(({ Spec }) => {
        // By beginning, as Docker does.
        if (name && !name.some((each) => Spec.Name.startsWith(each))) return false;
        return (
          !label ||
          label.every((each) => `understudy.instance=${Spec.Labels['understudy.instance']}` === each)
        );
      });
      return { json: found };
    }
    if (method === 'POST' && path === '/secrets/create') {
      const spec = JSON.parse(body);
      if ([...kept.values()].some(({ Spec }) => Spec.Name === spec.Name))
        return { status: 409, json: { message: 'taken' } };
      const ID = `s${++made}`;
      kept.set(ID, { ID, Spec: spec });
      return { status: 201, json: { ID, id: ID } };
    }
    const id = path.replace('/secrets/', '');
    if (method === 'DELETE' && inUse.has(id)) return { status: 400, json: { message: 'secret is in use' } };
    if (method === 'DELETE') kept.delete(id);
    return { status: 204 };
  });
  return { client: await connect(server.host, {}), kept, inUse, made: () => made };
}

describe('provideSecrets', () => {
  it('makes each secret once, for whoever asks and however often', async () => {
    const swarm = await startSwarm();
    const provide = () =>
      provideSecrets(
        swarm.client,
        instance('s'),
        'bot',
        parted({ TOKEN: 'hunter2' }, Buffer.from('A=1')),
        '/app',
      );
    const [first, second] = [await provide(), await provide()];
    expect(second).toEqual(first);
    expect(swarm.made()).toBe(2);
    expect(first.map(({ File }) => File.Name)).toEqual(['TOKEN', '/app/.env']);
    const [token] = [...swarm.kept.values()];
    expect(Buffer.from(token?.Spec.Data ?? '', 'base64').toString()).toBe('hunter2');
    const both = await Promise.all([
      provideSecrets(swarm.client, instance('s'), 'bot', parted({ NEW_KEY: 'v' }), '/app'),
      provideSecrets(swarm.client, instance('s'), 'bot', parted({ NEW_KEY: 'v' }), '/app'),
    ]);
    expect(both[0]).toEqual(both[1]);
  });

  it('calls it by a name that differs for different values, bots and instances, and is never too long', async () => {
    const swarm = await startSwarm();
    const nameOf = async (salt: string, bot: string, name: string, value: string) =>
      (await provideSecrets(swarm.client, instance(salt), bot, parted({ [name]: value }), '/app'))[0]
        ?.SecretName ?? '';
    const long = `TOKEN_${'X'.repeat(80)}`;
    const names = [
      await nameOf('s', 'bot', 'TOKEN', 'a'),
      await nameOf('s', 'bot', 'TOKEN', 'b'),
      await nameOf('s', 'other', 'TOKEN', 'a'),
      await nameOf('t', 'bot', 'TOKEN', 'a'),
      await nameOf('s', 'bot', 'TOKEN2', 'a'),
      await nameOf('s', 'bot', `${long}1`, 'a'),
      await nameOf('s', 'bot', `${long}2`, 'a'),
      await nameOf('s', 'bot', 'TOKEN-ä.b', 'a'),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) {
      expect(name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
      expect(name.length).toBeLessThanOrEqual(64);
    }
    expect(await nameOf('s', 'bot', 'TOKEN', 'a')).toBe(names[0]);
  });

  it('leaves out an empty .env, and refuses what is too long to be kept secret', async () => {
    const swarm = await startSwarm();
    expect(
      await provideSecrets(swarm.client, instance('s'), 'bot', parted({}, Buffer.alloc(0)), '/'),
    ).toEqual([]);
    const provide = (given: Parted) => provideSecrets(swarm.client, instance('s'), 'bot', given, '/app');
    const long = 'x'.repeat(500 * 1024 + 1);
    const ofVariable = await rejectionOf(provide(parted({ TOKEN: long })));
    expect(ofVariable).toMatchObject({ code: 'secret_too_long' });
    expect(ofVariable.message).toMatch(/^The variable TOKEN of 'bot'/);
    expect((await rejectionOf(provide(parted({}, Buffer.from(long))))).message).toMatch(
      /^The \.env of 'bot'/,
    );
  });
});

it('forgetSecrets removes what nothing refers to, of this bot alone, and leaves what is still in use', async () => {
  const swarm = await startSwarm();
  const provide = (bot: string, value: string) =>
    provideSecrets(swarm.client, instance('s'), bot, parted({ TOKEN: value }), '/app');
  const [old, used, now, other] = [
    await provide('bot', '1'),
    await provide('bot', '2'),
    await provide('bot', '3'),
    await provide('other', '1'),
  ];
  swarm.inUse.add(used[0]?.SecretID ?? '');
  await forgetSecrets(swarm.client, instance('s'), 'bot', now);
  const ids = [...swarm.kept.keys()];
  expect(ids).toEqual([used, now, other].flatMap((each) => each.map(({ SecretID }) => SecretID)));
  expect(ids).not.toContain(old[0]?.SecretID);
});
