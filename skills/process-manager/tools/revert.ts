import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { stagingName } from '../bots/index.ts';
import type { Engine } from '../engine.ts';
import { changesSchema } from '../watchdog/index.ts';
import { asker } from './bot-shape.ts';
import { countChanges, viewChanges } from './release-shape.ts';

/** `revert`: staging becomes what live is. */
export const revert = defineTool({
  name: 'revert',
  title: 'Reset staging to live',
  description:
    'Makes staging/ a copy of live again, after stopping the staging bot: a clean start after a failed experiment. What was changed there is lost. The staging bot keeps its .env, SOUL.md, IDENTITY.md, memory, logs and data.',
  input: z.strictObject({
    dryRun: z
      .boolean()
      .default(false)
      .describe('Only list what would be added, changed and removed in staging'),
  }),
  output: z.object({ release: z.null(), changes: changesSchema }),
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'deploy',
  examples: [
    { command: 'revert --dry-run', explains: 'what would be lost' },
    { command: 'revert', explains: 'start anew from what is live' },
  ],
  decide: () => 'ask',
  isPreview: ({ dryRun }) => dryRun,
  present: ({ changes }) => ({ heading: `In staging: ${countChanges(changes)}.`, ...viewChanges(changes) }),
  handler: async (context: ToolContext<Engine>, { dryRun }) => {
    const { engine, actor, signal, progress } = context;
    const changes = await engine.releases.revert({
      dryRun,
      requestedBy: actor.id,
      signal,
      progress,
      stopStaging: async () => {
        await engine.bots.stop(stagingName, asker(context));
      },
    });
    return { release: null, changes };
  },
});
