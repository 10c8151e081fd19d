import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { age } from './words.ts';

/** `history`: who did what, and how it ended. */
export const history = defineTool({
  name: 'history',
  title: 'Show the history',
  description:
    'Shows who did what and how it ended, newest first: every call of a tool, refused ones too, and every hook that fired. A row that still says "started" long after was cut off by a crash.',
  input: z.strictObject({
    limit: z.number().int().min(1).max(1_000).default(50).describe('At most this many entries'),
    action: z.string().min(1).optional().describe('Only this tool, or "hook"'),
    actor: z.string().min(1).optional().describe('Only what this actor did, such as cli:root'),
  }),
  output: z.object({
    entries: z.array(
      z.object({
        at: z.string(),
        actor: z.string(),
        action: z.string(),
        subject: z.string(),
        outcome: z.enum(['started', 'ok', 'failed', 'refused']),
        detail: z.string(),
      }),
    ),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  examples: [
    { command: 'history --limit 10', explains: 'the last ten things that were done' },
    { command: 'history --action promote', explains: 'every promotion that was asked for' },
  ],
  present: ({ entries }) =>
    entries.length === 0
      ? { text: 'Nothing was done yet.' }
      : {
          table: {
            columns: ['WHEN', 'WHO', 'ACTION', 'SUBJECT', 'OUTCOME', 'DETAIL'],
            rows: entries.map(({ at, actor, action, subject, outcome, detail }) => [
              age(at),
              actor,
              action,
              subject,
              outcome,
              detail,
            ]),
          },
        },
  handler: async ({ engine }: ToolContext<Engine>, query) => ({ entries: engine.history.recent(query) }),
});
