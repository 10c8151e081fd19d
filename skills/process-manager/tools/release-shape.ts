// How a release looks from outside: what `promote`, `rollback` and `releases` answer with, and how changes are shown.

import { z } from 'zod';
import type { View } from '../../tool.ts';
import type { Release } from '../releases/index.ts';
import { type Changes, releaseStates } from '../watchdog/index.ts';
import { size } from './words.ts';

const shownChanges = 40;

/** The JSON of a release; scripts rely on these keys. */
export const releaseShape = z.object({
  version: z.string(),
  state: z.enum([...releaseStates, 'damaged']),
  createdAt: z.string(),
  /** Why it was taken back or failed; else what was said when it was promoted. */
  reason: z.string().optional(),
  stateAt: z.string().optional(),
  stagedBy: z.string().optional(),
  commit: z.string().optional(),
  hash: z.string().optional(),
  folder: z.string(),
  gates: z.array(
    z.object({ command: z.string(), verdict: z.string(), durationMs: z.number(), log: z.string() }),
  ),
  changes: z.object({ added: z.number(), changed: z.number(), removed: z.number() }).optional(),
});

/** A release as outsiders see it. */
export function describeRelease({
  name,
  version,
  state,
  createdAt,
  record,
}: Release): z.infer<typeof releaseShape> {
  const folder = `backups/${name}`;
  if (record === undefined) {
    return { version, state, createdAt, folder, gates: [], reason: 'its release.json cannot be read' };
  }
  const { stateAt, stagedBy, commit, hash, gates, changes } = record;
  const reason =
    state === 'reverted' || state === 'failed' ? (record.detail ?? record.reason) : record.reason;
  return {
    version,
    state,
    createdAt,
    ...(reason === null ? {} : { reason }),
    stateAt,
    stagedBy,
    ...(commit === null ? {} : { commit }),
    hash,
    folder,
    gates: gates.map(({ command, verdict, durationMs, log }) => ({
      command,
      verdict,
      durationMs,
      log: `${folder}/${log}`,
    })),
    changes: {
      added: changes.added.length,
      changed: changes.changed.length,
      removed: changes.removed.length,
    },
  };
}

/** Changes as a table, the first of many. */
export function viewChanges(changes: Changes): View {
  const rows = (['added', 'changed', 'removed'] as const).flatMap((what) =>
    changes[what].map(({ path, bytes }) => [what, size(bytes), path]),
  );
  if (rows.length === 0) return {};
  const hidden = rows.length - shownChanges;
  return {
    table: { columns: ['CHANGE', 'SIZE', 'PATH'], rows: rows.slice(0, shownChanges) },
    ...(hidden > 0 ? { notes: [`… and ${hidden} more; all of them: --json`] } : {}),
  };
}

/** Changes in words: `2 added, 1 changed`. */
export function countChanges(changes: Changes): string {
  const counts = (['added', 'changed', 'removed'] as const).flatMap((what) =>
    changes[what].length === 0 ? [] : [`${changes[what].length} ${what}`],
  );
  return counts.length === 0 ? 'nothing' : counts.join(', ');
}
