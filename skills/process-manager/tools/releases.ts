import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { currentVersion } from '../releases/index.ts';
import { describeRelease, releaseShape } from './release-shape.ts';
import { age } from './words.ts';

/** `releases`: what was promoted, and what became of it. */
export const releases = defineTool({
  name: 'releases',
  title: 'List releases',
  description:
    'Shows the releases, newest first: version, state, why one was taken back or failed, gates, and the number of changes.',
  input: z.strictObject({
    limit: z.number().int().min(1).max(1_000).default(50).describe('At most this many'),
  }),
  output: z.object({
    releases: z.array(releaseShape),
    /** The version that is live. */
    live: z.string(),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  examples: [{ command: 'releases', explains: 'what was promoted, and what became of it' }],
  present: ({ releases: all, live }) =>
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
        },
  handler: async ({ engine }: ToolContext<Engine>, { limit }) => {
    const all = engine.releases.list();
    return { releases: all.slice(0, limit).map(describeRelease), live: currentVersion(all) };
  },
});
