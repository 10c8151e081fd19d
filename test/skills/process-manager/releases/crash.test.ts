// The promise of staging and reverting: killed with -9 before any step, and in the middle of any write, live is what it
// was byte for byte, nobody's own files are touched, and the next one works and leaves nothing behind. Every step of a
// run is tried, none is sampled.

import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFailure } from '../../../../skills/tool.ts';
import { cleanEnvironment } from '../../../support/instance.ts';
import {
  fill,
  leftoversOf,
  liveFiles,
  liveOf,
  releasesOf,
  request,
  snapshot,
  stagingFiles,
  switchBack,
  switchForward,
  withStaging,
} from '../../../support/releases.ts';

// In memory, since hundreds of runs would wait for a disk that is forced each time.
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const folder = mkdtempSync(join(parent, 'understudy-crash-'));
const program = join(folder, 'killed.mjs');
const gates = ['echo passed; mkdir -p coverage/deep; echo x > coverage/deep/y'];
const own = (path: string) => /^(\.env|SOUL\.md|IDENTITY\.md|memory|logs|skills\/[^/]+\/data)$/.test(path);

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/killed.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program on a root; its steps, or undefined when it was killed as it should be. */
function runProgram(root: string, action: string, at: number): Promise<string[] | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, root, action, String(at)], { env: cleanEnvironment() });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL' && at > 0) resolve(undefined);
      else if (code === 0 && at === 0) resolve(JSON.parse(output) as string[]);
      else reject(new Error(`step ${at} of ${action} ended with ${code ?? signal}: ${output}${errors}`));
    });
  });
}

/** Tries every step of an action on a copy of a template, a few at a time. */
async function tryEveryStep(
  template: string,
  action: string,
  check: (root: string, step: string) => Promise<void>,
): Promise<number> {
  let count = 0;
  const copy = () => {
    const root = join(folder, `root-${action}-${count++}`);
    cpSync(template, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return root;
  };
  const steps = (await runProgram(copy(), action, 0)) ?? [];
  const pending = steps.map((name, index) => ({ name, at: index + 1 }));
  const work = async () => {
    for (let job = pending.shift(); job !== undefined; job = pending.shift()) {
      const root = copy();
      await runProgram(root, action, job.at);
      await check(root, `${job.at}: ${job.name}`);
      rmSync(root, { recursive: true, force: true });
    }
  };
  // When one fails, the others come to their end first: the folder is removed after them.
  const workers = await Promise.allSettled(Array.from({ length: Math.min(4, cpus().length + 1) }, work));
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
  return steps.length;
}

function makeTemplate(
  name: string,
  prepare: (root: string) => Promise<void> | void = () => {},
): Promise<string> {
  const root = join(folder, name);
  fill(root, withStaging());
  return Promise.resolve(prepare(root)).then(() => root);
}

/** What live has to be after the switch to the candidate. */
const promoted = {
  'src/index.ts': '644 new',
  'skills/greet/index.ts': '644 new greeting',
  'skills/greet/data/names.json': '644 ["live"]',
  'skills/brand-new/data/start.json': '644 that brings its data',
  'skills/retired/data/kept.json': '644 its data stays',
  'memory/notes': '644 live memory',
  '.env': '644 DISCORD_TOKEN=live',
  'assets/logo.svg': '644 <svg/>',
};

describe('a promotion that is killed', () => {
  it('leaves live as it was at every step, and the next one works', { timeout: 120_000 }, async () => {
    const template = await makeTemplate('promote');
    const before = liveOf(template);
    const stagingBefore = snapshot(join(template, 'staging'));
    const count = await tryEveryStep(template, 'promote', async (root, step) => {
      expect([step, liveOf(root)]).toEqual([step, before]);
      expect([step, snapshot(join(root, 'staging'))]).toEqual([step, stagingBefore]);
      const wasAskedFor = existsSync(join(root, '.deploy-ready'));
      const releases = releasesOf(root, { gates });
      try {
        await releases.promote(request());
        expect([step, wasAskedFor]).toEqual([step, false]);
      } catch (error) {
        // Killed when all was done: then it waits for its switch.
        expect([step, isFailure(error) && error.code, wasAskedFor]).toEqual([step, 'release_waiting', true]);
      }
      expect([step, leftoversOf(root)]).toEqual([step, []]);
      const [release, ...others] = releases.list();
      expect([step, release?.version, release?.state, others]).toEqual([step, 'v1.1', 'staged', []]);
      expect(existsSync(join(release?.folder ?? '', 'next/coverage'))).toBe(false);
      expect(existsSync(join(release?.folder ?? '', 'holder.json'))).toBe(false);
      switchForward(root, release?.name ?? '');
      expect([step, liveOf(root)]).toEqual([step, expect.objectContaining(promoted)]);
      expect(existsSync(join(root, 'src/deep'))).toBe(false);
      switchBack(root, release?.name ?? '');
      expect([step, liveOf(root)]).toEqual([step, before]);
    });
    expect(count).toBeGreaterThan(60);
  });
});

/** A promotion brings a revert to its end that was cut off; it would otherwise take half a tree. */
async function expectNothingToPromote(root: string, step: string): Promise<void> {
  const other = `${root}-promoted`;
  cpSync(root, other, { recursive: true, preserveTimestamps: true });
  const code = await releasesOf(other)
    .promote(request())
    .then(
      () => 'promoted',
      (error) => isFailure(error) && error.code,
    );
  expect([step, code]).toEqual([step, 'nothing_to_promote']);
  expect([step, leftoversOf(other)]).toEqual([step, []]);
  rmSync(other, { recursive: true, force: true });
}

describe('a revert that is killed', () => {
  it('leads to the old staging or to the new one at every step, whoever comes next', {
    timeout: 120_000,
  }, async () => {
    const template = await makeTemplate('revert');
    const live = liveOf(template);
    const before = snapshot(join(template, 'staging'));
    const ownBefore = snapshot(join(template, 'staging'), (path) => !own(path) && path.split('/').length < 2);
    let [stillOld, swapped] = [0, 0];
    const count = await tryEveryStep(template, 'revert', async (root, step) => {
      expect([step, liveOf(root)]).toEqual([step, live]);
      const staging = join(root, 'staging');
      if (!existsSync(join(staging, '.revert/journal.json'))) {
        const now = snapshot(staging, (path) => path === '.revert');
        const isOld = JSON.stringify(now) === JSON.stringify(before);
        if (!isOld) expect([step, now['src/index.ts']]).toEqual([step, '644 old']);
        isOld ? stillOld++ : swapped++;
      }
      if (existsSync(join(staging, '.revert/journal.json'))) await expectNothingToPromote(root, step);
      await releasesOf(root).revert({ ...request(), stopStaging: async () => {} });
      expect([step, leftoversOf(root)]).toEqual([step, []]);
      const after = snapshot(staging);
      expect([step, after]).toEqual([
        step,
        expect.objectContaining({
          'src/index.ts': '644 old',
          'src/deep/er/gone.ts': '644 only in live',
          'skills/greet/index.ts': '644 old greeting',
          'skills/retired/index.ts': `644 ${liveFiles['skills/retired/index.ts']}`,
          ...Object.fromEntries(
            Object.entries(stagingFiles)
              .filter(([path]) => /\/data\/|^memory|^logs|\.md$|^\.env/.test(path))
              .map(([path, content]) => [path, `644 ${content}`]),
          ),
        }),
      ]);
      expect(Object.keys(after).filter((path) => /fresh|assets|brand-new\/index/.test(path))).toEqual([]);
      // Nothing is left to revert.
      const again = await releasesOf(root).revert({
        ...request({ dryRun: true }),
        stopStaging: async () => {},
      });
      expect([step, again]).toEqual([step, { added: [], changed: [], removed: [] }]);
    });
    expect(Object.keys(ownBefore).length).toBeGreaterThan(0);
    expect(count).toBeGreaterThan(30);
    expect(stillOld).toBeGreaterThan(10);
    expect(swapped).toBeGreaterThan(1);
  });
});

describe('a rollback that is killed', () => {
  it('changes nothing but the wish for it', { timeout: 60_000 }, async () => {
    const template = await makeTemplate('rollback', async (root) => {
      const { name } = await releasesOf(root).promote(request());
      switchForward(root, name ?? '');
    });
    rmSync(join(template, '.upgrade-context'), { force: true });
    const before = liveOf(template);
    const names = readdirSync(join(template, 'backups'));
    const count = await tryEveryStep(template, 'rollback', async (root, step) => {
      expect([step, liveOf(root)]).toEqual([step, before]);
      if (!existsSync(join(root, '.deploy-ready'))) await releasesOf(root).rollback(request());
      rmSync(join(root, '.deploy-ready'));
      fill(root, { 'staging/src/index.ts': 'newer' });
      await releasesOf(root).promote(request());
      expect([step, leftoversOf(root)]).toEqual([step, []]);
      expect([step, readdirSync(join(root, 'backups')).length]).toEqual([step, names.length + 1]);
    });
    expect(count).toBeGreaterThan(8);
  });
});
