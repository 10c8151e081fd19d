// Staging a release: 10,000 files, 200 MB, 10 of them changed. Ours looks at live and candidate, finds what changed,
// makes a complete second copy, hashes it and forces it to the disk. Beside it the ways in which people copy trees:
// `rsync -a --delete` and `cp -a` for a second copy like ours, and rsync into a tree that is almost equal already, which
// is less work, and leaves nothing to go back to.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createReleases,
  type PromoteRequest,
  type Releases,
} from '../../skills/process-manager/releases/index.ts';
import type { Family } from '../report.ts';
import { findProgram } from '../support/machine.ts';
import { alternate, duration, median, ratiosOf, spread, times } from '../support/numbers.ts';

const rounds = 5;
const folders = 200;
const filesInEach = 50;
const fileBytes = 20_000;
const changedFiles = 10;

/** Staging against rsync and cp. */
export const releases: Family = {
  name: 'releases',
  measure: async ({ bench }) => {
    if (findProgram('rsync') === undefined) {
      bench.say(
        'SKIPPED: releases are measured against rsync, which is not installed (apt-get install rsync)',
      );
      return [];
    }
    const root = bench.makeFolder('releases');
    const [staging, copy, mirror] = [
      join(root, 'staging'),
      join(root, 'temp/copy'),
      join(root, 'temp/mirror'),
    ];
    makeTree(staging);
    writeFileSync(join(root, 'config.json'), '{}');
    mkdirSync(join(root, 'temp'));
    run('cp', ['-a', join(staging, 'src'), join(root, 'src')]);
    run('cp', ['-a', staging, mirror]);
    const all = releasesOf(root);
    const stage = () => all.promote(request);
    // The first one has to read every file once; it counts for itself.
    changeSome(staging);
    const firstMs = await timeOf(stage);
    const fresh = (act: () => void) => async () => {
      changeSome(staging);
      // What was written and removed before is nobody's burden, and nobody's gift: pages that were freed just now are
      // had several times faster on a virtual machine than others, so everybody gets the same number of them.
      run('sync', []);
      run('dd', ['if=/dev/zero', `of=${copy}`, 'bs=1M', 'count=300']);
      rmSync(copy);
      const tookMs = await timeOf(act);
      rmSync(copy, { recursive: true, force: true });
      for (const { folder } of all.list()) rmSync(folder, { recursive: true, force: true });
      return tookMs;
    };
    const rsync = (to: string) => run('rsync', ['-a', '--delete', `${staging}/`, `${to}/`]);
    const values = await alternate(rounds, [
      { name: 'ours', measure: fresh(stage) },
      { name: 'rsync', measure: fresh(() => rsync(copy)) },
      {
        name: 'forced',
        measure: fresh(() => {
          rsync(copy);
          run('sync', ['-f', copy]);
        }),
      },
      { name: 'cp', measure: fresh(() => run('cp', ['-a', staging, copy])) },
      { name: 'update', measure: fresh(() => rsync(mirror)) },
    ]);
    const at = (name: string) => median(values.get(name));
    const ratios = ratiosOf(values.get('ours'), values.get('rsync'));
    return [
      {
        what: `stage a release of ${(folders * filesInEach).toLocaleString('en')} files, ${(folders * filesInEach * fileBytes) / 1e6} MB, ${changedFiles} of them changed`,
        ours: `${duration(at('ours'))}, compared, hashed and forced to the disk; the first one, which reads all of live, ${duration(firstMs)}`,
        peers: [
          `\`rsync -a --delete\`, a second copy, ${duration(at('rsync'))}; forced to the disk ${duration(at('forced'))}`,
          `\`cp -a\` ${duration(at('cp'))}`,
          `rsync into an almost equal tree ${duration(at('update'))}: nothing to go back to`,
        ],
        result: `${times(median(ratios))} of rsync. ${spread(ratios)}`,
        aim: '≤ rsync',
        holds: median(ratios) <= 1,
        why: 'It compares both trees, hashes the candidate and forces it to the disk, which rsync does not.',
      },
    ];
  },
};

const request: PromoteRequest = {
  dryRun: false,
  skipRestart: true,
  force: true,
  requestedBy: 'bench',
  progress: () => {},
};

function releasesOf(root: string): Releases {
  return createReleases({
    root,
    settings: { projectType: 'normal', gates: [], gateTimeoutSeconds: 60, exclude: [] },
    clock: { now: Date.now },
    environment: process.env,
    readLive: () => ({ command: ['true'] }),
  });
}

function makeTree(root: string): void {
  for (let folder = 0; folder < folders; folder++) {
    mkdirSync(join(root, `src/${folder}`), { recursive: true });
    for (let file = 0; file < filesInEach; file++)
      writeFileSync(join(root, `src/${folder}/${file}`), randomBytes(fileBytes));
  }
}

function changeSome(staging: string): void {
  for (let file = 0; file < changedFiles; file++)
    writeFileSync(join(staging, `src/${file * 7}/${file}`), randomBytes(fileBytes));
}

async function timeOf(act: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

function run(program: string, words: readonly string[]): void {
  const { status } = spawnSync(program, words, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${status}`);
}
