// release.json in a folder of backups/: the journal of one release, shared with watchdog.js. The skill writes it until
// the release is staged; from then on the watchdog does. What is read is validated; what is torn is `undefined`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceDurably } from '../base/index.ts';

/** What a release goes through. */
export const releaseStates = [
  'staged',
  'switching',
  'trial',
  'good',
  'reverting',
  'reverted',
  'failed',
] as const;

const fileChange = z.object({ path: z.string(), bytes: z.number() });

/** Files that a promotion or a revert adds, changes and removes. */
export const changesSchema = z.object({
  added: z.array(fileChange),
  changed: z.array(fileChange),
  removed: z.array(fileChange),
});

const gateSchema = z.object({
  command: z.string(),
  verdict: z.enum(['passed', 'failed', 'timeout']),
  exitCode: z.number().nullable(),
  durationMs: z.number(),
  /** Relative to the folder of the release. */
  log: z.string(),
});

const recordSchema = z.object({
  format: z.literal(1),
  version: z.string(),
  createdAt: z.string(),
  stagedBy: z.string(),
  reason: z.string().nullable(),
  state: z.enum(releaseStates),
  stateAt: z.string(),
  detail: z.string().nullable(),
  commit: z.string().nullable(),
  hash: z.string(),
  entries: z.array(z.object({ path: z.string(), live: z.boolean(), next: z.boolean() })),
  dependencies: z.enum(['same', 'installed']),
  watchdog: z.enum(['pending', 'installed', 'refused']).nullable(),
  gates: z.array(gateSchema),
  changes: changesSchema,
  channel: z.string().nullable(),
  live: z.looseObject({}),
});

export type ReleaseState = (typeof releaseStates)[number];
export type Changes = z.infer<typeof changesSchema>;
export type GateResult = z.infer<typeof gateSchema>;
export type ReleaseRecord = z.infer<typeof recordSchema>;
/** A unit of renaming: `live` has it before the switch, `next` brings it. */
export type Entry = ReleaseRecord['entries'][number];

/** The record in a release's folder; undefined when there is none that can be understood. */
export function readRecord(folder: string): ReleaseRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(folder, 'release.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Replaces the record; afterwards the old one or this one is on the disk, whatever happens. */
export function writeRecord(folder: string, record: ReleaseRecord): void {
  replaceDurably(join(folder, 'release.json'), `${JSON.stringify(record, null, 1)}\n`);
}
