// What docs/security.md promises of rights, environments and masking, held against the code.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMask } from '../../skills/process-manager/index.ts';
import { agentEnvironment } from '../../skills/process-manager/processes/index.ts';
import { loadSkills } from '../../skills/registry.ts';
import { codeRoot } from '../support/instance.ts';

const page = readFileSync(join(codeRoot, 'docs/security.md'), 'utf8').replace(/\s+/g, ' ');
const { skills } = await loadSkills(join(codeRoot, 'skills'));

it('names the tools that ask without a rule', () => {
  const asking = skills.flatMap(({ tools }) => tools.filter((tool) => tool.decide({}) === 'ask'));
  const [, named = ''] = /Without rules, (.*?) ask,/.exec(page) ?? [];
  expect([...named.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()).toEqual(
    asking.map(({ name }) => name).sort(),
  );
});

it('names the skills that a staging bot may not call', () => {
  const refused = skills.filter(({ allowedInStaging }) => !allowedInStaging).map(({ name }) => name);
  const [, named = ''] = /in the environment, (.*?) refuse everything/.exec(page) ?? [];
  expect([...named.matchAll(/`([\w-]+)`/g)].map(([, name]) => name).sort()).toEqual(refused.sort());
});

it('names the variables that a command sees', () => {
  const [, named = ''] = /a command \(`run`\) \| (.*?); HOME is the workspace/.exec(page) ?? [];
  const all = Object.fromEntries(
    [...named.split(', '), 'DISCORD_TOKEN', 'ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'BOT_ROLE'].map((name) => [
      name,
      `own ${name}`,
    ]),
  );
  const seen = agentEnvironment(all, '/workspace', {});
  const passedOn = Object.keys(seen).filter((name) => seen[name]?.startsWith('own '));
  expect(passedOn.sort()).toEqual(named.split(', ').sort());
  expect(seen.HOME).toBe('/workspace');
});

describe('masking', () => {
  const value = 'correct horse/battery';
  const mask = createMask([value, 'short']);
  it.each([
    ['a value of .env', value],
    ['that value in a URL', encodeURIComponent(value)],
    ['that value in JSON', JSON.stringify(value).slice(1, -1)],
    ['that value in base64', Buffer.from(value).toString('base64')],
    ['a token of GitHub', `ghp_${'aB3'.repeat(12)}`],
    ['an AWS key', 'AKIAIOSFODNN7EXAMPLE'],
    ['an sk- key', `sk-ant-${'aB3'.repeat(12)}`],
    ['a JWT', `eyJ${'aB3'.repeat(6)}.eyJ${'aB3'.repeat(6)}.${'aB3'.repeat(6)}`],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIBVQ\n-----END PRIVATE KEY-----'],
    ['a webhook', `discord.com/api/webhooks/12345678901234567/${'aB3'.repeat(12)}`],
  ])('hides %s', (_, secret) => {
    expect(mask(`before ${secret} after`)).toMatch(/^before \S*\[masked\] after$/);
  });

  it.each([
    ['a password in an address', 'postgres://bot:hunter22@db/bot', 'hunter22'],
    ['an Authorization header', 'Authorization: Bearer abcdefgh', 'abcdefgh'],
  ])('hides %s', (_, text, secret) => {
    expect(mask(text)).not.toContain(secret);
  });

  it('shows what the page says it cannot know', () => {
    expect(page).toContain('values shorter than six characters');
    expect(mask('short and anotherSecret1')).toBe('short and anotherSecret1');
  });
});
