// The files of boot services, held against the parsers that will read them: systemd's own, and those of Python for
// property lists and XML. Folders may have any name that a person can think of.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planService, type ServiceOptions } from '../../../src/service/index.ts';
import { failureOf } from '../../support/failure.ts';
import { makeFolder } from '../../support/folder.ts';

const usual: ServiceOptions = {
  manager: 'systemd',
  scope: 'user',
  root: '/srv/bots/my bot',
  node: '/usr/bin/node',
  path: '/usr/local/bin:/usr/bin:/bin',
  home: '/home/ada',
  userId: 1000,
  canNotify: true,
};
const nobody = 65_534;
const testManager = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].find(
  (path) => spawnSync(path, ['--version']).status === 0,
);

describe('the systemd unit', () => {
  it('is what systemd-analyze finds nothing wrong with', (context) => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
      process.stderr.write('SKIPPED: systemd-analyze is not here to verify units\n');
      return context.skip();
    }
    for (const part of [{}, { scope: 'system', owner: 'daemon' }, { canNotify: false }] as const) {
      const { name, content } = planService({ ...usual, root: '/tmp', node: process.execPath, ...part });
      const file = join(makeFolder({ [name]: content }), name);
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
  });

  it('says what the watchdog needs', () => {
    const { content, file } = planService(usual);
    expect(file).toMatch(/^\/home\/ada\/\.config\/systemd\/user\/understudy-my-bot-[0-9a-f]{8}\.service$/);
    for (const line of [
      'Type=notify',
      'NotifyAccess=all',
      'KillMode=process',
      'Restart=always',
      'WatchdogSec=120',
    ])
      expect(content).toContain(`\n${line}\n`);
    expect(content).toMatch(/\nRestartPreventExitStatus=.*\b78\n/);
    expect(Number(/TimeoutStopSec=(\d+)/.exec(content)?.[1])).toBeGreaterThan(2 * 10);
    const system = planService({ ...usual, scope: 'system', owner: 'ada' });
    expect(system.file).toMatch(/^\/etc\/systemd\/system\//);
    expect(system.content).toContain('\nUser=ada\n');
    expect(usual.scope === 'user' && planService(usual).notes.join()).toContain('loginctl enable-linger');
  });

  it('means the folder, whatever its name is, as systemd itself reads it', (context) => {
    if (!testManager || process.getuid?.() !== 0) {
      process.stderr.write('SKIPPED: systemd is not here (or we are not root) to read units back\n');
      return context.skip();
    }
    const tricky = [
      ...[
        'a b',
        '%n%%',
        '$HOME $$x',
        `it's`,
        'say "hi"',
        'back\\slash',
        '\\x41\\n',
        'ünï-日本-🤖',
        '#x;y',
        "-'-",
      ],
      ...[
        '{a}',
        '~root',
        '*?[',
        'a  b',
        '%',
        '"',
        '\\"',
        "'''",
        'é'.normalize('NFD'),
        '=',
        'a=b',
        'x'.repeat(200),
      ],
    ];
    const names = fc.sample(fc.stringMatching(/^[ -.0-~¡-ɏ؀-ۿ一-丿]{1,30}$/), { numRuns: 150, seed: 8 });
    const roots = [...tricky, ...names]
      .map((name) => `/srv/${name}/${name}`)
      .filter((root) => !/(^|\/)\.{1,2}(\/|$)/.test(root));
    const plans = roots.flatMap((root) => {
      try {
        return [{ root, plan: planService({ ...usual, root, path: root }) }];
      } catch (error) {
        // Only these may be refused, and then in words.
        expect((error as { code: string }).code).toBe('service_path');
        expect(root).toMatch(/[\s\\]$/u);
        return [];
      }
    });
    expect(plans.length).toBeGreaterThan(140);
    const found = readBack(plans.map(({ plan }) => plan));
    for (const { root, plan } of plans) {
      expect(found.get(plan.name), plan.content).toEqual({
        directory: root,
        words: ['/usr/bin/node', `${root}/watchdog.js`],
        path: `PATH=${root}`,
      });
    }
  });

  it.each([
    ['a line end', { root: '/srv/a\nExecStart=/bin/evil' }],
    ['an escape', { root: '/srv/a\u001bb' }],
    ['a byte that is no letter', { root: '/srv/a\ufffdb' }],
    ['a blank at the end', { root: '/srv/a ' }],
    ['a backslash at the end', { root: '/srv/a\\' }],
    ['a quote in the path of Node', { node: `/opt/no"de/node` }],
  ])('is refused for %s, which no unit can express', (_, part) => {
    expect(failureOf(() => planService({ ...usual, ...part })).code).toBe('service_path');
  });
});

describe('the name', () => {
  it('tells two instances apart that have the same last name, and stays the same', () => {
    const [one, other] = ['/a/bot', '/b/bot'].map((root) => planService({ ...usual, root }).name);
    expect(one).not.toBe(other);
    expect(planService({ ...usual, root: '/a/bot' }).name).toBe(one);
  });

  it('is one that systemd-escape need not change', () => {
    for (const root of ['/', '/日本', '/a b/c%d', '/-x-', `/${'long '.repeat(60)}x`]) {
      const { name } = planService({ ...usual, root });
      expect(name).toMatch(/^understudy(-[A-Za-z0-9_-]+)?-[0-9a-f]{8}\.service$/);
      expect(name.length).toBeLessThan(80);
    }
  });
});

const difficult = `/Users/ada/<my> & "bot's" 日本 %x $y`;

describe('the property list of launchd', () => {
  it('is what Python reads back, with the same words', (context) => {
    const { content, file } = planService({
      ...usual,
      manager: 'launchd',
      root: difficult,
      path: '/a & b:/bin',
    });
    expect(file).toMatch(/^\/home\/ada\/Library\/LaunchAgents\/org\.understudy-.*\.plist$/);
    const read = python(
      'import plistlib, json, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))',
      Buffer.from(content),
    );
    if (read === undefined) return context.skip();
    expect(JSON.parse(read)).toMatchObject({
      ProgramArguments: ['/usr/bin/node', `${difficult}/watchdog.js`],
      WorkingDirectory: difficult,
      EnvironmentVariables: { PATH: '/a & b:/bin' },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      AbandonProcessGroup: true,
    });
  });
});

describe('the task of Windows', () => {
  it('is XML in the encoding that it names, with words that Windows takes apart rightly', (context) => {
    const root = `C:\\Users\\Ada & Co\\my <bot>`;
    const { content, encoding, enable, file } = planService({
      ...usual,
      manager: 'scheduler',
      root,
      home: 'C:\\Users\\Ada',
    });
    expect(encoding).toBe('utf16le');
    expect(enable[0]?.words).toEqual(expect.arrayContaining(['schtasks', '/Create', '/XML', file]));
    const read = python(
      `import sys, json, xml.etree.ElementTree as tree
found = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps({each.tag.split("}")[1]: each.text for each in found.iter()}))`,
      Buffer.from(`\ufeff${content}`, 'utf16le'),
    );
    if (read === undefined) return context.skip();
    expect(JSON.parse(read)).toMatchObject({
      Command: '/usr/bin/node',
      Arguments: `"${root}\\watchdog.js"`,
      WorkingDirectory: root,
    });
  });
});

function python(program: string, input: Buffer): string | undefined {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], { input, encoding: 'utf8' });
  if (status === null) {
    process.stderr.write('SKIPPED: python3 is not here to read service files back\n');
    return undefined;
  }
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** What systemd makes of units: it is started for a test of its configuration, as a user, and tells all it has read. */
function readBack(units: readonly { name: string; content: string }[]) {
  const folder = makeFolder();
  const wants = join(folder, 'units', 'all.target.wants');
  mkdirSync(wants, { recursive: true });
  for (const each of ['home', 'run']) {
    mkdirSync(join(folder, each));
    chownSync(join(folder, each), nobody, nobody);
    chmodSync(join(folder, each), 0o700);
  }
  for (const { name, content } of units) writeFileSync(join(folder, 'units', name), content);
  const all = units.map(({ name }) => name).join(' ');
  writeFileSync(join(folder, 'units', 'all.target'), `[Unit]\nWants=${all}\n`);
  chmodSync(folder, 0o755);
  const { status, stdout, stderr } = spawnSync(testManager ?? '', ['--test', '--user', '--unit=all.target'], {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: {
      HOME: join(folder, 'home'),
      XDG_RUNTIME_DIR: join(folder, 'run'),
      SYSTEMD_UNIT_PATH: `${join(folder, 'units')}:`,
    },
  });
  if (status !== 0) throw new Error(stderr);
  const parts = stdout.split(/^\s*-> Unit /m).slice(1);
  return new Map(
    parts.map((part) => [
      part.slice(0, part.indexOf(':\n')),
      {
        directory: /^\s*WorkingDirectory: (.*)$/m.exec(part)?.[1],
        words: shellWords(/^\s*Command Line: (.*)$/m.exec(part)?.[1] ?? ''),
        path: /^\s*Environment: (PATH=.*)$/m.exec(part)?.[1],
      },
    ]),
  );
}

/** systemd prints command lines as a shell would read them. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/\$'((?:\\.|[^'])*)'|"((?:\\.|[^"])*)"|(\S+)/g)].map(([, ansi, double, plain]) =>
    (double ?? ansi ?? plain ?? '').replaceAll(/\\(.)/g, '$1'),
  );
}
