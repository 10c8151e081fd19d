import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../support/failure.ts';
import { codeRoot, makeInstance, until } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveOf,
  releasesOf,
  request,
  requireRecord,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

const makeRoot = () => makeInstance(withStaging());
const logOf = (root: string, name: string, log: string) =>
  readFileSync(join(root, 'backups', name, log), 'utf8');

afterEach(() => {
  delete process.env.DISCORD_TOKEN;
});

describe('a gate that is not passed', () => {
  it('refuses the candidate, and keeps what was printed', async () => {
    const root = makeRoot();
    const before = liveOf(root);
    const gates = ['echo the first passes', 'echo why it failed; exit 3', 'echo never run'];
    const failure = await rejectionOf(releasesOf(root, { gates }).promote(request()));
    expect(failure).toMatchObject({
      code: 'gate_failed',
      message: expect.stringContaining('exit code 3'),
      hint: expect.stringMatching(/backups\/v1\.1-.*\/gates\/2\.log/),
    });
    const [release] = releasesOf(root).list();
    expect(release).toMatchObject({ version: 'v1.1', state: 'failed' });
    expect(release?.record?.gates).toMatchObject([
      { command: 'echo the first passes', verdict: 'passed', exitCode: 0 },
      { verdict: 'failed', exitCode: 3, log: 'gates/2.log' },
    ]);
    expect(logOf(root, release?.name ?? '', 'gates/2.log')).toBe('why it failed\n');
    expect(existsSync(join(release?.folder ?? '', 'next'))).toBe(false);
    expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
    expect(liveOf(root)).toEqual(before);
    expect(leftoversOf(root)).toEqual([]);
    // It was never released, so its number is free; and its record is in nobody's way.
    const { name } = await releasesOf(root).promote(request());
    expect(name).toMatch(/^v1\.1-/);
  });

  it('is killed with all that it started when it takes too long', async () => {
    const root = makeRoot();
    const gates = ["trap '' TERM; setsid sleep 60 & sleep 60 & echo waiting; wait; sleep 60"];
    const failure = await rejectionOf(
      releasesOf(root, { gates, gateTimeoutSeconds: 0.3 }).promote(request()),
    );
    expect(failure).toMatchObject({ code: 'gate_timeout', message: expect.stringContaining('0.3 s') });
    const [release] = releasesOf(root).list();
    expect(release?.record?.gates).toMatchObject([{ verdict: 'timeout', exitCode: null }]);
    expect(findRunning(root)).toEqual([]);
  });

  it('is ended when nobody waits any more, and leaves no record', async () => {
    const root = makeRoot();
    const controller = new AbortController();
    const progress = ({ message }: { message: string }) => {
      if (message.endsWith('it runs')) controller.abort();
    };
    const gates = ['echo it runs; sleep 60'];
    const failure = await rejectionOf(
      releasesOf(root, { gates }).promote(request({ signal: controller.signal, progress })),
    );
    expect(failure.code).toBe('aborted');
    expect(releasesOf(root).list()).toEqual([]);
    expect(leftoversOf(root)).toEqual([]);
    expect(findRunning(root)).toEqual([]);
  });

  it('because it changes the candidate: what was tried is not what would go live', async () => {
    const root = makeRoot();
    for (const gate of ['echo changed > src/index.ts', 'rm src/fresh.ts', 'chmod 755 src/index.ts']) {
      const failure = await rejectionOf(releasesOf(root, { gates: [gate] }).promote(request()));
      expect(failure).toMatchObject({
        code: 'candidate_changed_by_gates',
        message: expect.stringContaining('src/'),
      });
    }
    expect(readFileSync(join(root, 'staging/src/index.ts'), 'utf8')).toBe('new');
    expect(leftoversOf(root)).toEqual([]);
  });

  it('keeps only a few records of failed candidates', async () => {
    const root = makeRoot();
    for (let count = 0; count < 8; count++)
      await rejectionOf(releasesOf(root, { gates: ['false'] }).promote(request()));
    expect(releasesOf(root).list().length).toBeLessThanOrEqual(6);
  }, 20_000);
});

describe('gates', () => {
  it('run in the copy, without live’s secrets, as a staging bot whose instance is the copy', async () => {
    const root = makeRoot();
    process.env.DISCORD_TOKEN = 'the-token-of-live';
    const { name } = await releasesOf(root, { gates: ['pwd; env; cat src/index.ts; ls -a'] }).promote(
      request(),
    );
    const log = logOf(root, name ?? '', 'gates/1.log');
    const work = /^(.*\/backups\/\.staging-[0-9a-f]+)\/next$/m.exec(log)?.[1];
    expect(work).toBeDefined();
    expect(log).toContain('BOT_ROLE=staging\n');
    expect(log).toContain(`UNDERSTUDY_ROOT=${work}/next\n`);
    expect(log).toContain('\nnew');
    expect(log).not.toContain('the-token-of-live');
    expect(log).not.toMatch(/^\.env$/m);
    expect(log).toMatch(new RegExp(`^PATH=${work}/next/node_modules/.bin:${root}/node_modules/.bin:`, 'm'));
  });

  it('leave nothing of what they write in the release', async () => {
    const root = makeRoot();
    const gates = [
      'mkdir -p coverage/deep memory node_modules/.cache; echo x > coverage/deep/a; touch memory/understudy.db src/built.js',
    ];
    const { name } = await releasesOf(root, { gates }).promote(request());
    const next = join(root, 'backups', name ?? '', 'next');
    for (const path of ['coverage', 'memory', 'node_modules', 'src/built.js'])
      expect([path, existsSync(join(next, path))]).toEqual([path, false]);
    expect(existsSync(join(next, 'src/fresh.ts'))).toBe(true);
  });

  it('find live’s packages from the copy', async () => {
    const root = makeRoot();
    fill(root, {
      'node_modules/helper/package.json': '{"name": "helper", "type": "module", "exports": "./index.js"}',
      'node_modules/helper/index.js': 'export const word = "found";',
      'staging/check.mjs': 'import { word } from "helper"; console.log(word);',
    });
    mkdirSync(join(root, 'node_modules/.bin'));
    writeFileSync(join(root, 'node_modules/.bin/helper'), '#!/bin/sh\necho by path\n', { mode: 0o755 });
    const { name } = await releasesOf(root, { gates: ['node check.mjs && helper'] }).promote(request());
    expect(logOf(root, name ?? '', 'gates/1.log')).toBe('found\nby path\n');
  });

  it('belong to the hash of their candidate: a pass is never reused for another', async () => {
    const root = makeRoot();
    const gates = [`echo ran >> ${join(root, 'logs/runs')}; grep -q good src/index.ts`];
    writeFileSync(join(root, 'staging/src/index.ts'), 'good');
    await releasesOf(root, { gates }).promote(request({ skipRestart: true }));
    // The very same candidate need not be tried again.
    await releasesOf(root, { gates }).promote(request({ skipRestart: true }));
    const runs = () => readFileSync(join(root, 'logs/runs'), 'utf8').split('\n').length - 1;
    expect(runs()).toBe(1);
    writeFileSync(join(root, 'staging/src/index.ts'), 'evil');
    expect((await rejectionOf(releasesOf(root, { gates }).promote(request()))).code).toBe('gate_failed');
    expect(runs()).toBe(2);
  });

  it('show their last line while they run', async () => {
    const root = makeRoot();
    const told: string[] = [];
    const flag = join(root, 'go-on');
    const promotion = releasesOf(root, {
      gates: [`echo 1 of 2 done; until [ -e ${flag} ]; do sleep 0.05; done`],
    }).promote(request({ progress: ({ message }) => told.push(message) }));
    await until('it is shown', () => told.some((message) => message.endsWith('1 of 2 done')));
    writeFileSync(flag, '');
    await promotion;
  });

  it('may print without end: the newest half is kept', async () => {
    const root = makeRoot();
    const gates = ['yes 0123456789 | head -c 12000000; echo the end'];
    const { name } = await releasesOf(root, { gates }).promote(request());
    const log = logOf(root, name ?? '', 'gates/1.log');
    expect(log.length).toBeLessThan(5.1 * 1024 * 1024);
    expect(log.endsWith('the end\n')).toBe(true);
    expect(log.startsWith('[the beginning was cut off')).toBe(true);
  });
});

describe('without configured gates', () => {
  const stagingWith = (scripts: object, config = '{}') => {
    const root = makeRoot();
    fill(root, { 'staging/package.json': JSON.stringify({ scripts }), 'staging/config.json': config });
    return root;
  };
  const gatesOf = async (root: string) => {
    const { name } = await releasesOf(root, { gates: undefined }).promote(request());
    return requireRecord(join(root, 'backups', name ?? '')).gates.map(({ command }) => command);
  };

  it('the script gate:all is taken before gate', async () => {
    const root = stagingWith({ 'gate:all': 'echo all', gate: 'exit 1' });
    expect(await gatesOf(root)).toEqual(['npm run gate:all']);
  });

  it('the script gate is taken when there is no other', async () => {
    expect(await gatesOf(stagingWith({ gate: 'echo one', test: 'exit 1' }))).toEqual(['npm run gate']);
  });

  it('a bot of another kind, without scripts, has none', async () => {
    const config = JSON.stringify({ live: { command: ['python3', 'bot.py'], ready: { uptimeSeconds: 1 } } });
    expect(await gatesOf(stagingWith({}, config))).toEqual([]);
  });

  it('the bot checks itself, in the copy and with a database of its own', async () => {
    const root = makeRoot();
    rmSync(join(root, 'staging'), { recursive: true });
    for (const name of ['src', 'skills', 'tsconfig.json'])
      cpSync(join(codeRoot, name), join(root, 'staging', name), { recursive: true });
    fill(root, { 'staging/config.json': '{}', 'staging/package.json': '{"type": "module"}' });
    symlinkSync(join(codeRoot, 'node_modules'), join(root, 'node_modules'));
    const before = liveOf(root);
    expect(await gatesOf(root)).toEqual(['node --import tsx src/index.ts --check']);
    expect(liveOf(root)).toEqual(before);
    const [release] = releasesOf(root).list();
    expect(logOf(root, release?.name ?? '', 'gates/1.log')).toMatch(/^ok: /);
    expect(existsSync(join(release?.folder ?? '', 'next/memory'))).toBe(false);
    switchForward(root, release?.name ?? '');
    fill(root, { 'staging/skills/process-manager/index.ts': 'this does not parse (' });
    const failure = await rejectionOf(releasesOf(root, { gates: undefined }).promote(request()));
    expect(failure.code).toBe('gate_failed');
  });
});

/** PIDs of what the stagings of this root started. */
function findRunning(root: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(
          `UNDERSTUDY_ROOT=${join(root, 'backups')}`,
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}
