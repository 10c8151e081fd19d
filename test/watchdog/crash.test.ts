// Crash consistency. Every change on disk that watchdog.js makes while it switches, tries, takes back or rolls back is
// counted once; then, for each of them, a watchdog is killed (-9) right before it, and another one is started. What it
// leaves must be exactly the old tree or exactly the new one, with one live bot, and a second promotion must work.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../support/instance.ts';
import {
  announce,
  isSettled,
  livePids,
  makeRoot,
  mountDisk,
  ownFiles,
  promote,
  releaseOf,
  shellBot,
  shellLive,
  startWatchdog,
  treeOf,
} from './support.ts';

const old = {
  ...ownFiles,
  'live.sh': shellBot('v1.0'),
  'src/a.js': 'old',
  'src/deep/b.js': 'old',
  'gone.txt': 'goes',
  'skills/x/index.js': 'x',
  'skills/x/data/d': 'stays',
  'skills/z/index.js': 'goes',
};

const change = {
  files: {
    'live.sh': shellBot('v1.1'),
    'src/deep/c.js': 'new',
    'new/file.js': 'new',
    'skills/x/index.js': 'x2',
    'skills/y/index.js': 'y',
    'skills/y/data/d': 'brought',
  },
  removed: ['gone.txt', 'src/a.js', 'skills/z'],
};

interface Scenario {
  readonly name: string;
  /** Each run has a file system of its own, of this size. */
  readonly disk?: string;
  /** Index of the first step that no scenario before has had in the same way. */
  readonly from?: (steps: readonly string[]) => number;
  /** Puts the root in order for the first watchdog; the trees that are allowed afterwards, by name. */
  prepare(root: string): Promise<Allowed>;
}

interface Allowed {
  readonly release: string;
  readonly trees: Readonly<Record<string, Record<string, string>>>;
  /** Where it must lead in the end, when nothing but a kill of the watchdog goes wrong. */
  readonly outcome: string;
}

const environment = {
  UNDERSTUDY_WATCHDOG_POLL_MS: '20',
  UNDERSTUDY_WATCHDOG_STOP_GRACE_MS: '3000',
  UNDERSTUDY_WATCHDOG_LONGEST_RESTART_MS: '20',
};

const scenarios: Scenario[] = [
  {
    name: 'a good release',
    prepare: async (root) => {
      const trees = { old: treeOf(root), new: {} };
      const release = promote(root, { version: 'v1.1', ...change });
      trees.new = expectedTree(root, release, trees.old);
      return { release, trees, outcome: 'good' };
    },
  },
  {
    name: 'a release that ends at once',
    // Its first start on trial.
    from: (steps) => steps.indexOf('spawn', steps.indexOf('spawn') + 1),
    prepare: async (root) => {
      const trees = { old: treeOf(root) };
      const files = { ...change.files, 'live.sh': 'exit 1\n' };
      return { release: promote(root, { version: 'v1.1', ...change, files }), trees, outcome: 'reverted' };
    },
  },
  {
    name: 'a release that fills the disk and ends',
    disk: '1200k',
    from: (steps) => steps.indexOf('spawn', steps.indexOf('spawn') + 1),
    prepare: async (root) => {
      const trees = { old: treeOf(root) };
      // It takes whatever somebody frees while it runs; and no more than that, should it be somewhere else.
      const fill = 'dd if=/dev/zero bs=4096 count=400 >> ../fill 2>/dev/null\n';
      const files = { ...change.files, 'live.sh': `${fill}${fill}${fill}exit 1\n` };
      // It never counts as ready, however long the disk takes to become full.
      const live = { ...shellLive, ready: { uptimeSeconds: 60 }, readySeconds: 100 };
      const release = promote(root, { version: 'v1.1', ...change, files, live });
      return { release, trees, outcome: 'reverted' };
    },
  },
  {
    name: 'a rollback by hand, of two releases',
    from: (steps) => steps.findIndex((step) => /rename .*deploy-in-progress/.test(step)),
    prepare: async (root) => {
      const watchdog = startWatchdog(root, environment);
      const before = treeOf(root);
      const first = promote(root, { version: 'v1.1', ...change });
      await until('the first is good', () => releaseOf(root, first).state === 'good' && isSettled(root));
      const second = promote(root, { version: 'v1.2', files: { 'live.sh': shellBot('v1.2') } });
      await until('the second is good', () => releaseOf(root, second).state === 'good' && isSettled(root));
      await watchdog.stop();
      announce(root, second, { action: 'rollback', rollback: [second, first] });
      // A skill's data stays with the instance, also where the skill goes.
      return {
        release: first,
        trees: { old: { ...before, 'skills/y/data/d': treeOf(root)['skills/y/data/d'] ?? '' } },
        outcome: 'reverted',
      };
    },
  },
  {
    name: 'a good release that crashes at every start',
    from: (steps) => steps.findIndex((step) => /write .*deploy-in-progress/.test(step)),
    prepare: async (root) => {
      const before = treeOf(root);
      const watchdog = startWatchdog(root, environment);
      const text = `[ -e data/poison ] && exit 1\n${shellBot('v1.1')}`;
      const files = { ...change.files, 'live.sh': text };
      const release = promote(root, { version: 'v1.1', ...change, files });
      await until('it is good', () => releaseOf(root, release).state === 'good' && isSettled(root));
      const kept = { 'skills/y/data/d': treeOf(root)['skills/y/data/d'] ?? '' };
      await watchdog.stop();
      writeFileSync(join(root, 'data/poison'), '');
      const poison = { 'data/poison': treeOf(root)['data/poison'] ?? '' };
      return { release, trees: { old: { ...before, ...kept, ...poison } }, outcome: 'reverted' };
    },
  },
];

/** The tree after a switch, worked out from the contract and not by the program that is tested. */
function expectedTree(root: string, release: string, before: Record<string, string>): Record<string, string> {
  const entries = releaseOf(root, release).entries as { path: string; live: boolean; next: boolean }[];
  const next = treeOf(join(root, 'backups', release, 'next'));
  const isMoved = (path: string) =>
    entries.some((entry) => path === entry.path || path.startsWith(`${entry.path}/`));
  const kept = Object.entries(before).filter(([path]) => !isMoved(path));
  return Object.fromEntries([...kept, ...Object.entries(next).filter(([path]) => isMoved(path))].sort());
}

/** One run: killed before the given step, then started again. True when the kill came. */
async function killAt(scenario: Scenario, model: Model, step: number): Promise<boolean> {
  const { release, trees, outcome } = model.allowed;
  const home = scenario.disk ? mountDisk(scenario.disk) : undefined;
  const root = makeRoot({}, undefined, home);
  rmSync(root, { recursive: true });
  cpSync(model.root, root, { recursive: true, preserveTimestamps: true });
  const at = `${scenario.name}, killed before step ${step} (${model.steps[step - 1]})`;
  const isDone = () => releaseOf(root, release).state === outcome && isSettled(root);
  const first = startWatchdog(root, { ...environment, UNDERSTUDY_TEST_KILL_AT: String(step) });
  await until(`${at}: the kill`, () => first.child.signalCode !== null || isDone());
  // Its last steps come when it is told to stop.
  first.child.kill('SIGTERM');
  await first.ended;
  const second = startWatchdog(root, environment);
  try {
    await until('settled', isDone);
    const tree = treeOf(root);
    const match = Object.entries(trees).find(([, allowed]) => isDeepStrictEqual(allowed, tree));
    expect(match?.[0] ?? difference(tree, trees)).toBe(outcome === 'good' ? 'new' : 'old');
    expect(livePids(root)).toHaveLength(1);
    if (home) rmSync(join(home, 'fill'), { force: true });
    const files = { 'live.sh': shellBot('v1.9'), 'again.txt': 'again' };
    const next = promote(root, { version: 'v1.9', files });
    await until('the second is good', () => releaseOf(root, next).state === 'good' && isSettled(root));
    expect(readFileSync(join(root, 'again.txt'), 'utf8')).toBe('again');
    expect(await second.stop()).toBe(0);
    const litter = /^\.(deploy|restart|watchdog\.lock|.*\.new$)/;
    expect(readdirSync(root).filter((name) => litter.test(name))).toEqual([]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${at}: ${message}\n${first.output()}\n--- second ---\n${second.output()}`);
  }
  rmSync(root, { recursive: true, force: true });
  return first.child.signalCode === 'SIGKILL';
}

function difference(
  tree: Record<string, string>,
  trees: Readonly<Record<string, Record<string, string>>>,
): string {
  return Object.entries(trees)
    .map(([name, allowed]) => {
      const paths = [...new Set([...Object.keys(tree), ...Object.keys(allowed)])];
      return `not ${name}: ${paths.filter((path) => tree[path] !== allowed[path]).join(', ')}`;
    })
    .join('; ');
}

interface Model {
  /** A root that is in order for the first watchdog; each run works on a copy. */
  readonly root: string;
  readonly allowed: Allowed;
  readonly steps: readonly string[];
}

async function makeModel(scenario: Scenario): Promise<Model> {
  const root = makeRoot(old);
  const allowed = await scenario.prepare(root);
  const folder = mkdtempSync(join(tmpdir(), 'understudy-steps-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const copy = join((scenario.disk && mountDisk(scenario.disk)) || folder, 'root');
  cpSync(root, copy, { recursive: true });
  const list = join(folder, 'steps');
  const watchdog = startWatchdog(copy, { ...environment, UNDERSTUDY_TEST_STEPS: list });
  await until(
    'it is done',
    () => releaseOf(copy, allowed.release).state === allowed.outcome && isSettled(copy),
  );
  expect(await watchdog.stop()).toBe(0);
  const steps = readFileSync(list, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(copy, ''));
  return { root, allowed, steps };
}

for (const scenario of scenarios) {
  it(`${scenario.name}: killed before each of its steps`, { timeout: 120_000 }, async () => {
    if (scenario.disk && !mountDisk(scenario.disk)) return;
    const model = await makeModel(scenario);
    const { steps } = model;
    if (process.env.UNDERSTUDY_TEST_SHOW)
      console.log(steps.map((step, index) => `${index + 1} ${step}`).join('\n'));
    const first = scenario.from?.(steps) ?? 0;
    expect(first).toBeGreaterThanOrEqual(0);
    const waiting = steps.map((_, index) => index + 1).slice(first);
    const tried = waiting.length;
    let kills = 0;
    const work = async () => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
        if (await killAt(scenario, model, step)) kills += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    // Timing may save a step now and then, but most must have been tried.
    expect(kills).toBeGreaterThan(tried - 5);
    expect(steps.length).toBeGreaterThan(60);
  });
}
