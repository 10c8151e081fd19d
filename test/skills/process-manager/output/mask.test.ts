import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMask } from '../../../../skills/process-manager/output/mask.ts';

const mask = createMask([]);
const letters = 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6';
// Put together here, so that scanners of repositories do not take a test for a leak.
const botToken = ['MTIzNDU2Nzg5MDEyMzQ1Njc4', 'GaBcDe', 'x'.repeat(10) + letters.slice(0, 28)].join('.');
const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P'].join(
  '.',
);
const keyBody = `MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n${'aB3+/'.repeat(12)}\n${'Zz9='.repeat(8)}`;
const begin = (kind: string) => `-----BEGIN ${kind}PRIVATE KEY-----`;
const end = (kind: string) => `-----END ${kind}PRIVATE KEY-----`;
const aws = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

/** Text, and what must be left of it. */
const hits: [name: string, text: string, expected: string][] = [
  ['bot token', `token ${botToken} end`, 'token [masked] end'],
  ['bot token in an assignment', `DISCORD_TOKEN=${botToken}`, 'DISCORD_TOKEN=[masked]'],
  ['bot token after an escaped newline', `{"log":"x\\n${botToken}"}`, '{"log":"x\\n[masked]"}'],
  ['bot token in quotes', `login("${botToken}")`, 'login("[masked]")'],
  ['bot token of a 17 digit id', `${botToken.slice(1).replace(/^./, 'NDc')}`, '[masked]'],
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix): [string, string, string] => [
    `GitHub token ${prefix}`,
    `x ${prefix}${letters} y`,
    'x [masked] y',
  ]),
  ['GitHub fine-grained token', `github_pat_11ABCDEFG0_${letters}${letters}`, '[masked]'],
  ['GitHub token as a user', `https://ghp_${letters}@github.com/a/b`, 'https://[masked]@github.com/a/b'],
  ['AWS access key id', 'id AKIAIOSFODNN7EXAMPLE.', 'id [masked].'],
  ['AWS temporary key id', 'ASIAIOSFODNN7EXAMPLE', '[masked]'],
  ['AWS secret in an assignment', `AWS_SECRET_ACCESS_KEY=${aws}`, 'AWS_SECRET_ACCESS_KEY=[masked]'],
  ['AWS secret in an ini file', `aws_secret_access_key = ${aws}\n`, 'aws_secret_access_key = [masked]\n'],
  ['AWS secret in JSON', `"SecretAccessKey": "${aws}"`, '"SecretAccessKey": "[masked]"'],
  ['OpenAI key', `key sk-${letters}`, 'key [masked]'],
  ['OpenAI project key', `sk-proj-${letters}_${letters}`, '[masked]'],
  ['Anthropic key', `ANTHROPIC_API_KEY=sk-ant-api03-${letters}-${letters}AA`, 'ANTHROPIC_API_KEY=[masked]'],
  ['sk key without digits', 'sk-abcdefghijklmnopqrstuvwxyzabcdef', '[masked]'],
  ['sk key after an escaped newline', `"\\nsk-${letters}"`, '"\\n[masked]"'],
  ['JWT', `cookie=${jwt}; path=/`, 'cookie=[masked]; path=/'],
  ['unsigned JWT', `${jwt.split('.').slice(0, 2).join('.')}.`, '[masked]'],
  ['PEM key', `a\n${begin('')}\n${keyBody}\n${end('')}\nb`, 'a\n[masked]\nb'],
  ['PEM RSA key', `${begin('RSA ')}\n${keyBody}\n${end('RSA ')}`, '[masked]'],
  ['PEM OpenSSH key', `${begin('OPENSSH ')}\r\n${keyBody}\r\n${end('OPENSSH ')}\r\n`, '[masked]\r\n'],
  [
    'encrypted PEM key',
    `${begin('RSA ')}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${keyBody}\n${end('RSA ')}`,
    '[masked]',
  ],
  [
    'PEM key with escaped newlines',
    `"${begin('')}\\n${keyBody.replaceAll('\n', '\\n')}\\n${end('')}\\n"`,
    '"[masked]\\n"',
  ],
  ['PEM key cut off', `${begin('')}\n${keyBody}`, '[masked]'],
  [
    'two PEM keys',
    `${begin('')}\n${keyBody}\n${end('')} and ${begin('')}\n${keyBody}\n${end('')}`,
    '[masked] and [masked]',
  ],
  [
    'webhook',
    `https://discord.com/api/webhooks/123456789012345678/${letters}-_x`,
    'https://discord.com/api/webhooks/123456789012345678/[masked]',
  ],
  [
    'versioned webhook',
    `https://canary.discordapp.com/api/v10/webhooks/123456789012345678/${letters}?wait=true`,
    'https://canary.discordapp.com/api/v10/webhooks/123456789012345678/[masked]?wait=true',
  ],
  ['URL password', 'postgres://bob:hunter22@db.local:5432/x', 'postgres://bob:[masked]@db.local:5432/x'],
  ['URL password without a user', 'redis://:hunter22@cache', 'redis://:[masked]@cache'],
  ['URL password with an @', 'https://bob:p@ss@host/x', 'https://bob:[masked]@host/x'],
  ['URL password with a slash', 'mysql://bob:p/a#b@host/x', 'mysql://bob:[masked]@host/x'],
  [
    'URL password in quotes',
    "git clone 'https://bob:x1@host/r.git'",
    "git clone 'https://bob:[masked]@host/r.git'",
  ],
  ['bearer header', 'Authorization: Bearer abc.def-123', 'Authorization: Bearer [masked]'],
  ['bearer header in JSON', '{"authorization":"Bearer abcdef123"}', '{"authorization":"Bearer [masked]"}'],
  ['bot header', "-H 'Authorization: Bot abcdef123'", "-H 'Authorization: Bot [masked]'"],
  ['basic header', 'authorization: basic Ym9iOmh1bnRlcg==', 'authorization: basic [masked]'],
];

const harmless = [
  '',
  'Hello, world. Nothing to hide here: 1 + 1 = 2!',
  'commit 3f786850e387550fdab836ed7e6dc881de23001b',
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==',
  '550e8400-e29b-41d4-a716-446655440000',
  'user 123456789012345678 in <#987654321098765432>, said <@!112233445566778899>',
  'https://discord.com/channels/123456789012345678/987654321098765432',
  'https://discord.com/api/v10/gateway/bot',
  'https://discord.com/api/webhooks/123456789012345678',
  'http://localhost:3000/users/@me',
  'http://localhost:3000',
  'http://[::1]:8080/@x',
  'https://example.com/a:b@c',
  'https://bob@example.com/x',
  'postgres://bob@db.local:5432/x',
  'mail bob@example.com or http://example.com:80?x=a@b',
  'npm install @discordjs/rest@2.0.0',
  'git@github.com:owner/repository.git',
  'at Object.<anonymous> (/home/bob/app/index.js:10:5)',
  'task-scheduler-with-a-very-long-name-v2',
  'class="sk-toggleable-content sk-estimator-html-doc-link"',
  'desk-abcdefghijklmnopqrstuvwxyz0123456789',
  'sk-short',
  'ghp_short',
  'the highs_and_lows of github_pat_',
  'eyJhbGciOiJIUzI1NiJ9',
  'AKIA is a prefix; AKIASHORT is no key',
  'AKIAIOSFODNN7EXAMPLETOOLONG',
  'aws_secret_access_key is not set',
  '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'Authorization: required',
  'Authorization: Bearer $TOKEN',
  'Authorization: Bearer <token>',
  'the bearer of this letter',
  'MyApplicationConfigurationFactory.create.withDefaultsForEveryEnvironment',
  'N/A 1.2.3-beta.4 v20.19.0',
  '2024-01-01T00:00:00.000Z INFO [main] started in 12 ms',
  'passwords are never written to logs',
];

describe('secrets by their shape', () => {
  it.each(hits)('masks: %s', (_name, text, expected) => {
    expect(mask(text)).toBe(expected);
    expect(mask(mask(text))).toBe(expected);
  });
});

describe('a part of a key', () => {
  it('is masked up to its end, although its first lines are not there', () => {
    const text = `before it\n${keyBody}\n${end('')}\nafter it`;
    expect(mask(text.replace('before it\n', ''))).toBe('[masked]\nafter it');
    expect(mask(text.replace('before it', 'before it:'))).toBe('before it:\n[masked]\nafter it');
  });

  it('is masked line by line where the whole of it is known, and hides no other key from being found', () => {
    const known = createMask([`${begin('')}\n${keyBody}\n${end('')}`]);
    for (const line of keyBody.split('\n')) expect(known(`x ${line} y`)).toBe('x [masked] y');
    expect(known(`${begin('')}\nAnother+Key/\n${end('')}`)).toBe('[masked]');
  });
});

describe('ordinary text', () => {
  it.each(harmless)('stays: %j', (text) => {
    expect(mask(text)).toBe(text);
  });
});

describe('given values', () => {
  it('are masked wherever they stand, as often as they stand', () => {
    expect(createMask(['hunter22'])('xhunter22y hunter22\nhunter2')).toBe('x[masked]y [masked]\nhunter2');
  });

  it('are masked longest first', () => {
    expect(createMask(['secret', 'secret-longer'])('a secret-longer b')).toBe('a [masked] b');
  });

  it('shorter than 6 characters are ignored', () => {
    expect(createMask(['true', '', '12345'])('true 12345')).toBe('true 12345');
  });

  it('may hold characters that patterns give a meaning', () => {
    const secret = 'a.b*c(d)[e]{f}\\g|h^i$j?k+l/m-n';
    expect(createMask([secret])(`<${secret}>`)).toBe('<[masked]>');
  });

  it.each([
    ['encodeURIComponent', encodeURIComponent],
    ['a form', (secret: string) => new URLSearchParams({ x: secret }).toString().slice(2)],
    [
      'small hexadecimal digits',
      (secret: string) => encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
    ],
    ['JSON', (secret: string) => JSON.stringify(secret).slice(1, -1)],
    ['JSON in ASCII', () => 'p\\u00e4ss w\\"rd/+\\n&x'],
    ['base64', (secret: string) => Buffer.from(secret).toString('base64')],
    ['base64url', (secret: string) => Buffer.from(secret).toString('base64url')],
  ])('are masked as %s writes them', (_name, write) => {
    const secret = 'päss w"rd/+\n&x';
    expect(createMask([secret])(`[${write(secret)}]`)).toBe('[[masked]]');
  });

  it.each(['', 'b', 'bo', 'bob', 'bobb'])('are masked within longer base64, after %j', (user) => {
    const text = Buffer.from(`${user}:correct horse battery:x`).toString('base64');
    const masked = createMask(['correct horse battery'])(text);
    expect(masked).toContain('[masked]');
    expect(Buffer.from(masked.replace('[masked]', ''), 'base64').toString()).not.toMatch(/orrec|hors|batter/);
  });

  const secrets = fc.string({ unit: 'binary', minLength: 6, maxLength: 40 });
  const free = (secret: string) => !'[masked]'.includes(secret) && !secret.includes('[masked]');

  it('never survive, whatever stands around them', () => {
    fc.assert(
      fc.property(secrets.filter(free), fc.string(), fc.string(), (secret, before, after) => {
        expect(createMask([secret])(before + secret + after)).not.toContain(secret);
      }),
      { numRuns: 1000 },
    );
  });

  it('never survive among other secrets', () => {
    const several = fc.array(
      fc.string({ minLength: 6, maxLength: 12, unit: fc.constantFrom('a', 'b', '/', '"') }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(several, (values) => {
        const masked = createMask(values)(values.join(''));
        for (const value of values) expect(masked).not.toContain(value);
      }),
    );
  });

  it('never make it throw', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(fc.property(fc.array(text), text, (values, input) => void createMask(values)(input)));
  });
});

describe('size', () => {
  it.each([
    ...[
      'a',
      'M',
      'M1',
      '-',
      '.',
      ':',
      '/',
      '@',
      ' ',
      '\n',
      '://',
      '://a:',
      '://a:b',
      '://a:b@',
      '://@',
      'a://',
    ],
    ...[
      'sk-',
      'sk-1',
      'sk-ant-',
      ' sk-',
      'eyJ',
      'eyJ.',
      'eyJaaaaaaaa.',
      ' eyJ',
      '\\neyJ',
      'eyJaaaaaaaa.eyJaaaa.',
      'ghp_',
      'gh',
      'github_pat_',
    ],
    ...[
      'AKIA',
      'aws_secret',
      'aws_secret_access_key=',
      'aws_secret=    ',
      'authorization: ',
      'authorization: bearer ',
      'Authorization:Bearer a',
    ],
    ...[
      '-----BEGIN PRIVATE KEY-----',
      '-----BEGIN ',
      `-----BEGIN PRIVATE KEY-----${'a'.repeat(15_000)}`,
      '-----END PRIVATE KEY-----',
    ],
    ...[
      'discord.com/api/webhooks/',
      'discord.com/api/webhooks/123456/',
      'mfa.',
      'M1aaaaaaaaaaaaaaaaaaaaaaa.aaaaaa.',
      'hunter',
      'hunter2',
    ],
  ])('a megabyte of %j takes under a second', (unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
    const hostile = createMask(['hunter22', 'aaaaaaaaaaaaaaaaaaaaaaab', ':::::::::::x']);
    const start = process.cpuUsage();
    hostile(text);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});
