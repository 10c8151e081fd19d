// The whole bot with its page, as a process of its own.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cleanEnvironment, codeRoot, makeInstance, runProgram, until } from '../../support/instance.ts';

function startBot(root: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/index.ts'], {
    cwd: codeRoot,
    env: cleanEnvironment({ UNDERSTUDY_ROOT: root }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, address: () => /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}/.exec(output)?.[0] };
}

it('prints the address at its start, takes it back at its end, and is found again after a kill', async () => {
  const root = makeInstance();
  const first = startBot(root);
  const address = await until('the address is printed', first.address, 30_000);
  const entered = await fetch(address, { redirect: 'manual' });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  first.child.kill('SIGKILL');
  await first.ended;
  const second = startBot(root);
  const next = await until('it is printed again', second.address, 30_000);
  expect(new URL(next).origin).toBe(new URL(address).origin);
  const look = () => fetch(new URL('/api/catalogue', next), { headers: { cookie } });
  expect((await look().catch(look)).status).toBe(200);
  // A page that is open does not keep the bot from its end.
  const stream = await fetch(new URL('/api/events', next), { headers: { cookie } });
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  await stream.text().catch(() => {});
  expect(existsSync(join(root, 'memory/dashboard.address'))).toBe(false);
});

it('is checked with the rest of a release, and costs the command line nothing', {
  timeout: 60_000,
}, async () => {
  const root = makeInstance();
  const program = ['--import', 'tsx', 'src/index.ts', '--check'];
  const env = cleanEnvironment({ UNDERSTUDY_ROOT: root });
  const check = await runProgram(process.execPath, program, { cwd: codeRoot, env });
  expect([check.exitCode, check.stderr]).toEqual([0, '']);
  expect(existsSync(join(root, 'memory/dashboard.address'))).toBe(false);
  const trace = await runProgram(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', 'await import("./src/dashboard/index.ts")'],
    { cwd: codeRoot, env: { ...env, NODE_DEBUG: 'esm' } },
  );
  expect(trace.exitCode).toBe(0);
  expect(trace.stderr).toContain('src/dashboard/index.ts');
  expect(trace.stderr).not.toMatch(/node_modules\/(hono|@hono|uplot)\//);
});
