// Looks at the candidate in staging/: what would change if it became live, what it consists of, and how it wants to be
// started and tried.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../tool.ts';
import type { Changes } from '../watchdog/index.ts';
import { contentsOf } from './changes.ts';
import { commitOf } from './evidence.ts';
import { chooseGates } from './gates.ts';
import { type Hashes, hashTree } from './hash.ts';
import { createPace } from './pace.ts';
import { type Prepared, prepare } from './prepare.ts';
import type { Candidate } from './stage.ts';
import type { LiveSettings, Surroundings } from './surroundings.ts';
import { isBelow, watchdogFile } from './what-moves.ts';

/** What would move, and what it would change; a Failure when there is nothing that could. */
export async function look(
  { root, staging, settings }: Surroundings,
  hashes: Hashes,
  signal: AbortSignal | undefined,
): Promise<{ prepared: Prepared; changes: Changes }> {
  const pace = createPace(signal);
  const prepared = await prepare({
    source: staging,
    destination: root,
    exclude: settings.exclude,
    hashes,
    pace,
  });
  if (![...prepared.source.items.values()].some(({ kind }) => kind !== 'folder')) {
    throw new Failure(
      'candidate_empty',
      `There is nothing in ${staging} that could be promoted.`,
      'Fill it from live with understudy revert, and change what is there.',
    );
  }
  // A candidate without its own watchdog does not take live's away.
  const removed = prepared.changes.removed.filter(({ path }) => path !== watchdogFile);
  return { prepared, changes: { ...prepared.changes, removed } };
}

/** Everything that staging needs to know of it. */
export async function examine(
  { staging, settings, readLive }: Surroundings,
  prepared: Prepared,
  changes: Changes,
  hashes: Hashes,
  signal: AbortSignal | undefined,
): Promise<Candidate> {
  const { entries, source } = prepared;
  const tops = new Set([...entries.map(({ path }) => path), watchdogFile]);
  const items = new Map([...source.items].filter(([path]) => isBelow(path, tops)));
  const contents = await contentsOf({ root: staging, items }, hashes, createPace(signal));
  const bringsWatchdog = [...changes.added, ...changes.changed].some(({ path }) => path === watchdogFile);
  const hashed = new Map(contents);
  if (!bringsWatchdog) hashed.delete(watchdogFile);
  const live = readLiveSettings(staging, readLive);
  return {
    prepared,
    items,
    contents,
    hash: hashTree(items, hashed),
    bringsWatchdog,
    changes,
    commit: commitOf(staging),
    live,
    gates: chooseGates(settings.gates, staging, live.command),
  };
}

function readLiveSettings(staging: string, readLive: Surroundings['readLive']): LiveSettings {
  const path = join(staging, 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return readLive({});
    throw error;
  }
  try {
    return readLive(JSON.parse(text.replace(/^\uFEFF/, '')));
  } catch (cause) {
    throw new Failure(
      'candidate_config',
      `${path} cannot be used: ${explain(cause)}`,
      'Mend it there, then promote again.',
      { cause },
    );
  }
}

function explain(cause: unknown): string {
  if (cause instanceof z.ZodError) return z.prettifyError(cause).replaceAll('\n', ' ');
  return cause instanceof Error ? cause.message : String(cause);
}
