import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isSupervised } from '../../../skills/process-manager/supervisor/index.ts';
import { cleanEnvironment, codeRoot, makeInstance, understudy, until } from '../../support/instance.ts';

it('supervises until it is told to end: hooks fire, notices are shown, and the process runs on', async () => {
  const root = makeInstance();
  const child = spawn(
    process.execPath,
    [join(codeRoot, 'src/cli/understudy.js'), '--root', root, 'start_all'],
    {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  const ended = new Promise((resolve) => child.on('close', resolve));
  await until('it supervises', () => output.includes('Supervising') && isSupervised(root));
  await understudy(['--root', root, 'run', 'sleep 1; exit 4', '--name', 'worker']);
  const told = await understudy([
    '--root',
    root,
    'hook',
    'worker',
    '--on-exit',
    'failure',
    '--do',
    'notify_channel',
  ]);
  expect(told.stderr).toBe('');
  await until('the notice is shown', () => output.includes('exited with code 4'));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(isSupervised(root)).toBe(false);
  const { stdout } = await understudy(['--root', root, '--json', 'history', '--action', 'start_all']);
  expect(JSON.parse(stdout)).toMatchObject({ entries: [{ action: 'start_all', outcome: 'ok' }] });
});

it('is refused to a staging bot, and recorded', async () => {
  const root = makeInstance({ '.env': 'BOT_ROLE=staging\n' });
  const refused = await understudy(['--root', root, '--json', 'start_all']);
  expect(refused.exitCode).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'staging_role' } });
  expect(isSupervised(root)).toBe(false);
});

it('has its help, and is found when mistyped', async () => {
  const help = await understudy(['start-all', '--help']);
  expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('$ understudy start_all') });
  expect((await understudy(['start_al'])).stderr).toContain("Did you mean 'start_all'?");
});
