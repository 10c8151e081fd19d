import { describe, expect, it, onTestFinished } from 'vitest';
import type { LoadedSkills } from '../../skills/registry.ts';
import type { Finding, Host } from '../../skills/tool.ts';
import { openInstance } from '../../src/instance.ts';
import { failureOf } from '../support/failure.ts';
import { makeInstance } from '../support/instance.ts';
import { makeActor, makeLogger, makeSkill, makeTool } from '../support/skill.ts';

describe('what the host finds wrong with itself', () => {
  it('is a broken configuration, in the words of the error', async () => {
    const root = makeInstance({ 'config.json': '{"livee": {}}' });
    const findings = await examine({ root });
    expect(findings.configuration).toMatchObject([
      {
        status: 'problem',
        message: expect.stringContaining('Did you mean "live"?'),
        hint: expect.any(String),
      },
    ]);
  });

  it('is a rule that names no tool', async () => {
    const root = makeInstance({
      'config.json':
        '{"policy": {"prommote": "deny", "rnu:npm *": "allow", "look": "allow", "peek:x": "deny"}}',
    });
    const { policy } = await examine({ root });
    expect(policy?.map(({ status, message }) => [status, /'(.*?)'/.exec(message)?.[1]])).toEqual([
      ['problem', 'prommote'],
      ['problem', 'rnu:npm *'],
    ]);
  });

  it.each([
    ['is a file', { memory: 'x' }, 'not a folder'],
    ['is no database', { 'memory/understudy.db': 'x'.repeat(5_000) }, 'not a database'],
  ])('is a database that %s', async (_, files, message) => {
    const { database } = await examine({ root: makeInstance(files) });
    expect(database).toMatchObject([
      { status: 'problem', message: expect.stringContaining(message), hint: expect.stringMatching(/./) },
    ]);
  });

  it('is a skill that did not load, beside those that did', async () => {
    const { skills } = await examine({ failures: [{ name: 'memory', reason: 'a bracket is missing' }] });
    expect(skills).toMatchObject([
      { status: 'ok', message: expect.stringContaining('trial') },
      { status: 'problem', message: 'skills/memory does not load: a bracket is missing' },
    ]);
  });

  it('is, as a warning only, what is not set', async () => {
    const findings = await examine({});
    expect(findings.discord).toMatchObject([{ status: 'warning', hint: expect.stringContaining('.env') }]);
    expect(findings['language model']).toMatchObject([
      { status: 'warning', hint: expect.stringContaining('.env') },
    ]);
    const local = await examine({ environment: { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' } });
    expect(local['language model']).toMatchObject([{ status: 'ok' }]);
    const owner = await examine({ environment: { DISCORD_TOKEN: 'x' } });
    expect(owner.discord).toMatchObject([
      { status: 'warning', message: expect.stringContaining('DISCORD_OWNER_ID') },
    ]);
  });

  it('is nothing when all is well, and no secret is shown', async () => {
    const environment = {
      DISCORD_TOKEN: 'secret-1',
      DISCORD_OWNER_ID: '123456789012345678',
      ANTHROPIC_API_KEY: 'secret-2',
      OPENAI_API_KEY: 'secret-3',
    };
    const findings = await examine({ environment });
    const all = Object.values(findings).flat();
    expect(all.map((finding) => finding?.status)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(JSON.stringify(all)).not.toContain('secret');
  });
});

describe('an instance whose configuration is broken', () => {
  it('is opened by those only who tolerate it', () => {
    const options = {
      root: makeInstance({ 'config.json': '{' }),
      loaded,
      environment: {},
      logger: makeLogger(),
    };
    expect(failureOf(() => openInstance(options)).code).toBe('config_invalid');
    const instance = openInstance({ ...options, tolerateBroken: true });
    expect(instance.config.live.readySeconds).toBe(60);
    instance.close();
  });

  it('is not opened by anyone when its role cannot be read', () => {
    const root = makeInstance({ '.env': 'BOT_ROLE=stging' });
    const options = { root, loaded, environment: {}, logger: makeLogger(), tolerateBroken: true };
    expect(failureOf(() => openInstance(options)).code).toBe('environment_invalid');
  });
});

const loaded: LoadedSkills = { skills: [makeSkill([makeTool('look', 'read')])], failures: [] };

/** Asks through a tool of a skill, as `doctor` does; the findings by name. */
async function examine(options: {
  root?: string;
  failures?: LoadedSkills['failures'];
  environment?: NodeJS.ProcessEnv;
}): Promise<Partial<Record<string, Finding[]>>> {
  let findings: Finding[] = [];
  const look = makeTool('look', 'read', {
    aliases: ['peek'],
    handler: async ({ engine }) => {
      findings = await (engine as Host<never>).diagnose();
      return { done: '' };
    },
  });
  const instance = openInstance({
    root: options.root ?? makeInstance(),
    loaded: { skills: [makeSkill([look])], failures: options.failures ?? [] },
    environment: options.environment ?? {},
    logger: makeLogger(),
    tolerateBroken: true,
  });
  onTestFinished(() => instance.close());
  await instance.dispatcher.call(makeActor('cli'), 'look', {});
  const byName: Partial<Record<string, Finding[]>> = {};
  for (const finding of findings) byName[finding.name] = [...(byName[finding.name] ?? []), finding];
  return byName;
}
