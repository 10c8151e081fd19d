// The promise of the product with its real parts: `understudy` stages, the real watchdog.js switches and takes back, and
// the live bot is somebody else's little program.

import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { codeRoot, makeInstance, understudy, until } from '../support/instance.ts';
import { endEverything, isSettled, livePids, revertedOf, startWatchdog } from '../watchdog/support.ts';

const live = {
  command: ['sh', 'src/live.sh'],
  ready: { uptimeSeconds: 0.1 },
  readySeconds: 5,
  trialSeconds: 0.3,
};
const bot = (version: string) => `echo "version ${version} runs"\nexec sleep 600\n`;
const config = JSON.stringify({
  live,
  releases: { gates: ['test -s src/live.sh && echo gate saw $(head -1 src/live.sh)'] },
});

function makeRoot(): string {
  const files = { 'config.json': config, 'package.json': '{"type":"module"}' };
  const code = {
    'src/live.sh': bot('one'),
    'skills/greet/index.js': 'one',
    'skills/greet/data/seen': 'live data',
  };
  const staging = {
    'src/live.sh': bot('two'),
    'src/new.txt': 'new in two',
    'skills/greet/index.js': 'two',
    'skills/greet/data/seen': 'staging data',
    'SOUL.md': 'I am Test Bud',
    '.env': 'TOKEN=staging',
  };
  const under = Object.fromEntries(
    Object.entries({ ...files, ...staging }).map(([path, text]) => [`staging/${path}`, text]),
  );
  return makeInstance({ ...files, ...code, 'SOUL.md': 'I am live', '.env': 'TOKEN=live', ...under });
}

const ask = async (root: string, ...words: string[]) => {
  const { stdout, stderr, exitCode } = await understudy(['--root', root, '--json', ...words]);
  return { exitCode, stderr, output: JSON.parse(stdout) };
};
const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');

it('promote, rollback, a bad version that is taken back, and revert', async () => {
  const root = makeRoot();
  copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'watchdog.js'));
  copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'staging/watchdog.js'));
  const watchdog = startWatchdog(root);
  await until(
    'the first version runs',
    () => existsSync(join(root, 'logs/live.log')) && read(root, 'logs/live.log').includes('version one runs'),
  );

  const preview = await ask(root, 'promote', '--dry-run');
  expect(preview.output).toMatchObject({
    release: null,
    changes: {
      added: [{ path: 'src/new.txt' }],
      changed: [{ path: 'skills/greet/index.js' }, { path: 'src/live.sh' }],
      removed: [],
    },
  });
  expect(read(root, 'src/live.sh')).toBe(bot('one'));

  const promoted = await ask(root, 'promote', '--reason', 'the second one');
  expect(promoted).toMatchObject({ exitCode: 0, output: { release: { version: 'v1.1', state: 'good' } } });
  expect(promoted.stderr).toMatch(/gate saw[\s\S]*waiting for the watchdog/);
  expect(read(root, 'logs/live.log')).toContain('version two runs');
  expect([read(root, 'SOUL.md'), read(root, '.env'), read(root, 'skills/greet/data/seen')]).toEqual([
    'I am live',
    'TOKEN=live',
    'live data',
  ]);
  expect(read(root, 'skills/greet/index.js')).toBe('two');
  expect(livePids(root)).toHaveLength(1);

  // A version that crashes at its start is taken back by itself.
  writeFileSync(join(root, 'staging/src/live.sh'), 'echo "Error: cannot find module x" >&2; exit 1\n');
  rmSync(join(root, 'staging/src/new.txt'));
  const bad = await ask(root, 'promote');
  expect(bad).toMatchObject({ exitCode: 1, output: { release: { version: 'v1.2', state: 'reverted' } } });
  expect(revertedOf(root)).toMatchObject({ version: 'v1.2', state: 'reverted' });
  expect(JSON.stringify(revertedOf(root))).toContain('cannot find module x');
  expect(read(root, 'src/new.txt')).toBe('new in two');
  await until('version two runs again', () => livePids(root).length === 1 && isSettled(root));
  expect((await ask(root, 'promote')).output.error.code).toMatch(/reverted|taken_back|bad/);

  const back = await ask(root, 'rollback');
  expect(back.exitCode).toBe(0);
  await until('version one is back', () => read(root, 'src/live.sh') === bot('one') && isSettled(root));
  expect(existsSync(join(root, 'src/new.txt'))).toBe(false);

  const reverted = await ask(root, 'revert');
  expect(reverted).toMatchObject({ exitCode: 0, output: { release: null } });
  expect(read(root, 'staging/src/live.sh')).toBe(bot('one'));
  expect([
    read(root, 'staging/SOUL.md'),
    read(root, 'staging/.env'),
    read(root, 'staging/skills/greet/data/seen'),
  ]).toEqual(['I am Test Bud', 'TOKEN=staging', 'staging data']);
  const { output } = await ask(root, 'releases');
  expect(
    output.releases.map(({ version, state }: { version: string; state: string }) => [version, state]),
  ).toEqual([
    ['v1.2', 'reverted'],
    ['v1.1', 'reverted'],
  ]);
  await watchdog.stop();
  endEverything(root, watchdog.child);
}, 120_000);

it('without a watchdog says so, and --apply makes the same switch', async () => {
  const root = makeRoot();
  copyFileSync(join(codeRoot, 'watchdog.js'), join(root, 'watchdog.js'));
  const staged = await ask(root, 'promote', '--skip-restart');
  expect(staged).toMatchObject({ exitCode: 0, output: { release: { version: 'v1.1', state: 'staged' } } });
  expect(existsSync(join(root, '.deploy-ready'))).toBe(false);
  const applied = startWatchdog(root, {}, ['--apply']);
  expect(await applied.ended).toBe(0);
  expect(read(root, 'src/live.sh')).toBe(bot('two'));
  expect((await ask(root, 'releases')).output.releases[0]).toMatchObject({ version: 'v1.1', state: 'good' });
  expect(livePids(root)).toHaveLength(1);
}, 60_000);
