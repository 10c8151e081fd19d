// Updates from git as part of a bot's life: before a start, instead of nothing, and never in its way.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { botConfig, makeAsker } from '../../../support/bots.ts';
import { understudy, until } from '../../../support/instance.ts';
import { makeEngine } from '../../../support/manager.ts';
import { startSupervisorProcess } from '../../../support/supervisor.ts';
import { git, leftovers, makeScene, makeSilentServer, type Scene, write } from './update/support.ts';

/** A bot that prints its version and runs on, as a clone of a remote. */
function makeUpdatable(settings: object = {}) {
  const scene = makeScene({ 'run.sh': 'echo v1; sleep 60\n', 'config/local.yaml': 'theirs\n' });
  configure(scene, settings);
  const { engine } = makeEngine(scene.root);
  const publish = (version: string) => scene.publish({ 'run.sh': `echo ${version}; sleep 60\n` });
  return { scene, engine, bots: engine.bots, publish };
}

function configure({ root, remote }: Scene, settings: object): void {
  const bot = { directory: 'bots/echo', command: ['bash', 'run.sh'], repo_url: remote, ...settings };
  writeFileSync(join(root, 'config.json'), botConfig({ echo: bot }));
}

it('a start and a restart run the newest version, and what is to be preserved stays', async () => {
  const { scene, bots, publish } = makeUpdatable({ preserve_files: ['.env', 'config/local.yaml'] });
  write(scene.bot, { '.env': 'TOKEN=1\n', 'config/local.yaml': 'mine\n' });
  publish('v2');
  const asker = makeAsker();
  await bots.start('echo', asker);
  expect(bots.tail('echo', 5)).toEqual(['v2']);
  expect(asker.told.join('\n')).toMatch(/fetching main[\s\S]*updated: updated to the newest commit of main/);
  publish('v3');
  await bots.restart('echo', makeAsker());
  expect(bots.tail('echo', 5)).toEqual(['v2', 'v3']);
  expect([scene.read('.env'), scene.read('config/local.yaml')]).toEqual(['TOKEN=1\n', 'mine\n']);
  expect(leftovers(scene)).toEqual([]);
});

it('update fetches and restarts what runs, or leaves it running', async () => {
  const { bots, publish } = makeUpdatable({ auto_update: false });
  publish('v2');
  const { pid } = await bots.start('echo', makeAsker());
  expect(bots.tail('echo', 5)).toEqual(['v1']);
  const kept = await bots.update('echo', makeAsker(), { restart: false });
  expect(kept.outcome).toBe('updated');
  expect(await bots.status('echo')).toMatchObject({ pid, state: 'running' });
  publish('v3');
  await bots.update('echo', makeAsker(), { restart: true });
  expect(bots.tail('echo', 5)).toEqual(['v1', 'v3']);
  expect((await bots.update('echo', makeAsker(), { restart: true })).outcome).toBe('current');
  expect(await bots.status('echo')).toMatchObject({ startCount: 2 });
});

it('a failed update does not keep the bot from starting, and the history says why', async () => {
  const { scene, engine, bots } = makeUpdatable({ repo_url: '/nowhere/at/all.git' });
  scene.publish({});
  const asker = makeAsker();
  expect(await bots.start('echo', asker)).toMatchObject({ state: 'running' });
  expect(bots.tail('echo', 5)).toEqual(['v1']);
  expect(asker.told.join('\n')).toContain('not updated');
  const told = await understudy(['--root', scene.root, 'update', 'echo']);
  expect(told.stdout).toContain('skipped');
  configure(scene, { repo_url: `ext::sh -c touch% ${scene.root}/hacked` });
  const refused = await understudy(['--root', scene.root, 'update', 'echo']);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('repo_url') });
  expect(existsSync(join(scene.root, 'hacked'))).toBe(false);
  expect(engine.processes.registry.unfinished()).toHaveLength(1);
});

it('a stop wins over an update that hangs', async () => {
  const port = await makeSilentServer();
  const { scene, bots } = makeUpdatable({ repo_url: `git://127.0.0.1:${port}/x` });
  git(scene.bot, 'remote', 'set-url', 'origin', `git://127.0.0.1:${port}/x`);
  const asker = makeAsker();
  const starting = bots.start('echo', asker).catch((error) => error);
  await until('git asks the server', () => asker.told.includes('asking for the default branch'));
  expect(await bots.status('echo')).toMatchObject({ state: 'updating', desired: 'running' });
  await bots.stop('echo', makeAsker());
  expect((await starting).code).toBe('stopped_meanwhile');
  expect(await bots.status('echo')).toMatchObject({ state: 'stopped', startCount: 0 });
  expect(leftovers(scene)).toEqual([]);
});

it('a supervisor killed in an update leaves nothing that the next start does not put in order', async () => {
  const port = await makeSilentServer();
  const { scene, bots } = makeUpdatable({ preserve_files: ['.env'] });
  write(scene.bot, { '.env': 'TOKEN=1\n' });
  git(scene.bot, 'remote', 'set-url', 'origin', `git://127.0.0.1:${port}/x`);
  configure(scene, { repo_url: `git://127.0.0.1:${port}/x`, preserve_files: ['.env'] });
  const first = await startSupervisorProcess(scene.root);
  await until('it hangs in the update', () => leftovers(scene).some((left) => left.startsWith('process')));
  await first.kill();
  git(scene.bot, 'remote', 'set-url', 'origin', scene.remote);
  configure(scene, { preserve_files: ['.env'] });
  scene.publish({ 'run.sh': 'echo v2; sleep 60\n' });
  await startSupervisorProcess(scene.root);
  await until(
    'the new version runs',
    () => existsSync(join(scene.root, 'logs/echo.log')) && bots.tail('echo', 1)[0] === 'v2',
  );
  expect(readFileSync(join(scene.bot, '.env'), 'utf8')).toBe('TOKEN=1\n');
  expect(leftovers(scene)).toEqual([]);
});
