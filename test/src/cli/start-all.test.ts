import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startOf } from '../../../skills/process-manager/base/index.ts';
import { isSupervised } from '../../../skills/process-manager/supervisor/index.ts';
import { botConfig, runsOn } from '../../support/bots.ts';
import { cleanEnvironment, codeRoot, makeInstance, understudy, until } from '../../support/instance.ts';
import { makeEngine } from '../../support/manager.ts';

/** A `start_all` in the foreground; whatever it started is ended with the test. */
function startAll(root: string, env: NodeJS.ProcessEnv = {}) {
  const words = [join(codeRoot, 'src/cli/understudy.js'), '--root', root, 'start_all'];
  const child = spawn(process.execPath, words, {
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  return {
    child: child as ChildProcess,
    output: () => output,
    ended: new Promise<number | null>((resolve) => child.on('close', resolve)),
    shows: (text: string | RegExp, deadlineMs?: number) =>
      until(
        `it shows ${text}`,
        () => {
          const found = typeof text === 'string' ? output.includes(text) : text.test(output);
          if (child.exitCode !== null && !found) throw new Error(`it ended: ${output}`);
          return found;
        },
        deadlineMs,
      ),
  };
}

async function ask(root: string, ...words: string[]) {
  const { stdout, stderr } = await understudy(['--root', root, '--json', ...words]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await until('the server listens', () => server.listening);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('runs the examples, in colour, restarts, obeys a second shell, stops them and brings them back', async () => {
  const root = makeInstance();
  cpSync(join(codeRoot, 'examples'), root, { recursive: true });
  const yaml = readFileSync(join(root, 'bot_config.yaml'), 'utf8');
  writeFileSync(join(root, 'bot_config.yaml'), yaml.replaceAll('8377', String(await freePort())));
  // Whatever the test leaves behind is ended with it.
  makeEngine(root);
  const first = startAll(root, { FORCE_COLOR: '1' });
  await first.shows('All bots are where they should be');
  await first.shows('\u001b[36m[Task-Master]\u001b[0m Task 1 done.');
  await first.shows('\u001b[32m[Greeter]\u001b[0m Listening on');
  const { bot: before } = await ask(root, 'status', 'Task-Master');
  process.kill(before.pid, 'SIGUSR1');
  await first.shows('[Task-Master]\u001b[0m RuntimeError: something went wrong');
  await first.shows(/Task-Master: it ended with code 1; it is started again in 2\.\d s \(attempt 1\)/);
  await first.shows('Task-Master: started again');
  expect((await ask(root, 'status', 'Task-Master')).bot).toMatchObject({
    state: 'running',
    restarts: 1,
    startCount: 2,
  });
  expect((await ask(root, 'pause', 'Task-Master')).bot.state).toBe('paused');
  expect((await ask(root, 'resume', 'Task-Master')).bot.state).toBe('running');
  expect((await ask(root, 'restart', 'Task-Master')).bot).toMatchObject({ state: 'running', startCount: 3 });
  expect((await ask(root, 'stop', 'Task-Master')).bot).toMatchObject({
    state: 'stopped',
    desired: 'stopped',
  });
  expect((await ask(root, 'start', 'Task-Master')).bot).toMatchObject({ state: 'running', startCount: 4 });
  expect((await ask(root, 'stop', 'Task-Master')).bot.state).toBe('stopped');
  const { bots } = await ask(root, 'list');
  expect(bots.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
    ['staging', 'stopped'],
    ['Task-Master', 'stopped'],
    ['Greeter', 'running'],
  ]);
  expect((await ask(root, 'logs', 'Task-Master')).lines).toContain('Told to stop: putting the task away.');
  first.child.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(first.output()).toContain('Greeter: stopping');
  expect(first.output()).toContain('Told to stop.');
  const { bot: stopped } = await ask(root, 'status', 'Greeter');
  expect(stopped).toMatchObject({ state: 'stopped', desired: 'running', pid: null });

  const second = startAll(root);
  await second.shows('All bots are where they should be');
  // What ran runs again, without colours in a pipe; what somebody stopped stays so.
  await second.shows('\n[Greeter] Listening on');
  expect((await ask(root, 'status', 'Greeter')).bot).toMatchObject({ state: 'running', startCount: 2 });
  expect((await ask(root, 'status', 'Task-Master')).bot).toMatchObject({ state: 'stopped', startCount: 4 });
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  expect(readFileSync(join(root, 'logs/bot_manager.log'), 'utf8')).toContain('attempt 1');
}, 60_000);

it('killed with -9 leaves the bots running, and the next one adopts them', async () => {
  const root = makeInstance({ 'config.json': botConfig({ a: { sh: runsOn }, b: { sh: runsOn } }) });
  makeEngine(root);
  const first = startAll(root);
  await first.shows('All bots are where they should be');
  const { pid } = (await ask(root, 'status', 'a')).bot;
  first.child.kill('SIGKILL');
  await first.ended;
  expect(startOf(pid)).toBeDefined();
  const second = startAll(root);
  await second.shows('All bots are where they should be');
  expect((await ask(root, 'status', 'a')).bot).toMatchObject({ pid, startCount: 1, state: 'running' });
  second.child.kill('SIGINT');
  await second.ended;
  expect(startOf(pid)).toBeUndefined();
});

it('beside another one only shows, and its end ends only itself', async () => {
  const root = makeInstance({ 'config.json': botConfig({ a: { sh: runsOn } }) });
  makeEngine(root);
  const first = startAll(root);
  await first.shows('All bots are where they should be');
  const { pid } = (await ask(root, 'status', 'a')).bot;
  const second = startAll(root);
  await second.shows('Another process supervises');
  await second.shows('All bots are where they should be');
  second.child.kill('SIGINT');
  expect(await second.ended).toBe(0);
  expect((await ask(root, 'status', 'a')).bot).toMatchObject({ pid, state: 'running' });
});

it('ends without leaving a bot behind that somebody restarts, or waits for, at that moment', async () => {
  const slow = `trap 'sleep 2; exit 0' TERM; echo x >> starts; ${runsOn}`;
  const bots = { slow: { sh: slow }, never: { sh: runsOn, ready: { pattern: 'never' }, autostart: false } };
  const root = makeInstance({ 'config.json': botConfig(bots) });
  const { engine } = makeEngine(root);
  const only = startAll(root);
  await only.shows('All bots are where they should be');
  const waiting = understudy(['--root', root, '--json', 'start', 'never']);
  await only.shows('[never] up');
  appendFileSync(join(root, 'bot_commands.txt'), 'restart slow\n');
  await until('it is being restarted', () => engine.processes.registry.lastRun('slow')?.stopReason != null);
  only.child.kill('SIGINT');
  expect(await only.ended).toBe(0);
  expect(JSON.parse((await waiting).stdout).error.code).toBe('manager_stopped');
  expect(engine.processes.settleAll()).toEqual([]);
  expect(engine.processes.registry.unfinished()).toEqual([]);
  expect(readFileSync(join(root, 'bot_commands.log'), 'utf8')).toContain(
    'restart slow -> error manager_stopped',
  );
  expect(only.output()).not.toMatch(/database|unexpected/);
  const next = startAll(root);
  await next.shows('[slow] up');
  expect((await ask(root, 'status', 'slow')).bot).toMatchObject({ startCount: 2 });
});

it('killed while it ends leaves bots that the next one starts, however long they take to end', async () => {
  const root = makeInstance({
    'config.json': botConfig({ a: { sh: `trap 'sleep 3; exit 1' TERM; ${runsOn}` } }),
  });
  const { engine } = makeEngine(root);
  const first = startAll(root);
  await first.shows('All bots are where they should be');
  first.child.kill('SIGINT');
  await first.shows('a: stopping');
  // Until then it has only said so, and a run that nobody has asked to end goes on.
  await until('it is asked to end', () => engine.processes.registry.lastRun('a')?.stopReason ?? undefined);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = startAll(root);
  await second.shows('All bots are where they should be');
  expect((await ask(root, 'status', 'a')).bot).toMatchObject({ state: 'running', startCount: 2 });
});

it('begins nothing when the policy denies it, shows what a bot says first, and ends at once', async () => {
  const config = JSON.parse(botConfig({ a: { sh: 'echo FATAL first line; sleep 60' } }));
  const root = makeInstance({ 'config.json': JSON.stringify({ ...config, policy: { start_all: 'deny' } }) });
  const { engine } = makeEngine(root);
  const denied = startAll(root);
  expect(await denied.ended).toBe(1);
  expect(denied.output()).toContain("The owner's policy denies 'start_all'");
  expect(engine.processes.registry.recent({ since: '', limit: 9 })).toEqual([]);
  writeFileSync(join(root, 'config.json'), JSON.stringify(config));
  const only = startAll(root);
  await only.shows('[a] FATAL first line');
  await only.shows('All bots are where they should be');
  only.child.kill('SIGINT');
  await only.shows('Stopped.');
  const stoppedAt = performance.now();
  await only.ended;
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
});

it('does not wait for stubborn bots when it is told twice', async () => {
  const root = makeInstance({ 'config.json': botConfig({ a: { sh: `trap '' TERM; ${runsOn}` } }) });
  makeEngine(root);
  const only = startAll(root);
  await only.shows('All bots are where they should be');
  const { pid } = (await ask(root, 'status', 'a')).bot;
  only.child.kill('SIGINT');
  await only.shows('a: stopping');
  const begunAt = performance.now();
  only.child.kill('SIGINT');
  expect(await only.ended).toBe(0);
  expect(performance.now() - begunAt).toBeLessThan(8_000);
  expect(startOf(pid)).toBeUndefined();
});

it('stops a paused bot as quickly as any other, and brings it back running', async () => {
  const sh = `trap 'echo bye; exit 0' TERM; ${runsOn}`;
  const root = makeInstance({ 'config.json': botConfig({ a: { sh }, b: { sh: 'exit 0' } }) });
  makeEngine(root);
  const first = startAll(root);
  await first.shows('All bots are where they should be');
  expect((await ask(root, 'pause', 'a')).bot.state).toBe('paused');
  const begunAt = performance.now();
  first.child.kill('SIGINT');
  expect(await first.ended).toBe(0);
  expect(performance.now() - begunAt).toBeLessThan(8_000);
  expect((await ask(root, 'logs', 'a')).lines.at(-1)).toBe('bye');
  const second = startAll(root);
  await second.shows('All bots are where they should be');
  expect((await ask(root, 'status', 'a')).bot).toMatchObject({ state: 'running', startCount: 2 });
  second.child.kill('SIGINT');
  await second.ended;
});

it('goes on without a bot that cannot be started, and says what to do', async () => {
  const bots = { good: { sh: runsOn }, bad: { sh: runsOn, directory: 'nowhere' } };
  const root = makeInstance({ 'config.json': botConfig(bots) });
  makeEngine(root);
  const only = startAll(root);
  await only.shows("bad: The folder of 'bad' is not there");
  await only.shows('1 of 2 bots are where they should be. Not so: bad (backoff)');
  only.child.kill('SIGINT');
  expect(await only.ended).toBe(0);
});

it('supervises processes too: hooks fire, notices are shown, and they run on at its end', async () => {
  const root = makeInstance();
  const { engine } = makeEngine(root);
  const only = startAll(root);
  await until('it supervises', () => only.output().includes('Supervising') && isSupervised(root));
  await understudy(['--root', root, 'run', 'sleep 1; exit 4', '--name', 'worker']);
  await understudy(['--root', root, 'run', 'sleep 60', '--name', 'sleeper']);
  const words = ['hook', 'worker', '--on-exit', 'failure', '--do', 'notify_channel'];
  expect((await understudy(['--root', root, ...words])).stderr).toBe('');
  await only.shows('exited with code 4');
  only.child.kill('SIGINT');
  expect(await only.ended).toBe(0);
  expect(isSupervised(root)).toBe(false);
  expect(engine.processes.settle(engine.processes.resolve('sleeper')).status).toBe('running');
  expect(existsSync(join(root, 'bot_commands.txt'))).toBe(false);
  expect(await ask(root, 'history', '--action', 'start_all')).toMatchObject({
    entries: [{ action: 'start_all', outcome: 'ok' }],
  });
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
