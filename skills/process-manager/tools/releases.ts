import { join } from 'node:path';
import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext, type View } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { lastLines } from '../output/index.ts';
import { currentVersion } from '../releases/index.ts';
import { changesSchema, type ReleaseRecord } from '../watchdog/index.ts';
import { describeRelease, releaseShape, viewChanges } from './release-shape.ts';
import { age } from './words.ts';

/** Of what a gate printed. */
const linesOfGate = 200;

/** `releases`: what was promoted, and what became of it. */
export const releases = defineTool({
  name: 'releases',
  title: 'List releases',
  description:
    'Shows the releases, newest first: version, state, why one was taken back or failed, gates, and the number of changes.',
  input: z.strictObject({
    limit: z.number().int().min(1).max(1_000).default(50).describe('At most this many'),
    version: z
      .string()
      .min(1)
      .max(20)
      .optional()
      .describe('Only this version, with every file that it changed and what its gates printed'),
  }),
  output: z.object({
    releases: z.array(releaseShape),
    /** The version that is live. */
    live: z.string(),
    details: z
      .object({
        changes: changesSchema,
        gates: z.array(z.object({ command: z.string(), output: z.array(z.string()) })),
      })
      .optional(),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['version'],
  examples: [
    { command: 'releases', explains: 'what was promoted, and what became of it' },
    {
      command: 'releases v1.4',
      explains: 'the same of one version, with its files and what its gates printed',
    },
  ],
  present: ({ releases: all, live, details }) =>
    all.length === 0
      ? {
          text: `Live is ${live}; nothing has been promoted yet.\nSee what would be: understudy promote --dry-run`,
        }
      : {
          heading: `Live is ${live}.`,
          table: {
            columns: ['VERSION', 'STATE', 'WHEN', 'CHANGES', 'GATES', 'REASON'],
            rows: all.map(({ version, state, createdAt, changes, gates, reason }) => [
              version,
              state,
              age(createdAt),
              changes ? `+${changes.added} ~${changes.changed} -${changes.removed}` : '-',
              gates.length === 0 ? '-' : gates.map(({ verdict }) => verdict).join(' '),
              reason ?? '-',
            ]),
          },
          ...(details ? notesOf(details) : {}),
        },
  handler: async ({ engine }: ToolContext<Engine>, { limit, version }) => {
    const all = engine.releases.list();
    const live = currentVersion(all);
    if (version === undefined) return { releases: all.slice(0, limit).map(describeRelease), live };
    // A version that failed may have been promoted again: the newest of that name is meant.
    const release = all.find((other) => other.version === version);
    if (!release) {
      throw new Failure(
        'unknown_release',
        `There is no release ${version}.`,
        'List them: understudy releases',
      );
    }
    const { record } = release;
    return {
      releases: [describeRelease(release)],
      live,
      ...(record ? { details: detailsOf(release.folder, record) } : {}),
    };
  },
});

function detailsOf(folder: string, { changes, gates }: ReleaseRecord) {
  return {
    changes,
    gates: gates.map(({ command, log }) => ({
      command,
      output: lastLines(join(folder, log), linesOfGate).map(({ text }) => text),
    })),
  };
}

function notesOf({ changes, gates }: ReturnType<typeof detailsOf>): View {
  const { table, notes = [] } = viewChanges(changes);
  return {
    ...(table ? { tables: [table] } : {}),
    notes: [...notes, ...gates.flatMap(({ command, output }) => ['', `$ ${command}`, ...output])],
  };
}
