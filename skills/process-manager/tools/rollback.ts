import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { describeRelease, releaseShape } from './release-shape.ts';
import { awaitVerdict } from './verdict.ts';

/** `rollback`: an older version becomes live again. */
export const rollback = defineTool({
  name: 'rollback',
  title: 'Go back to an older version',
  description:
    'Makes the version before the present one live again, or the given one. The watchdog does it by renaming: no network, no installation. Memory, logs and data stay as they are.',
  input: z.strictObject({
    version: z
      .string()
      .min(1)
      .max(20)
      .optional()
      .describe('The version to go back to; the one before by default'),
    reason: z.string().min(1).max(2_000).optional().describe('Why; the bot says it after its restart'),
  }),
  output: z.object({
    /** The version to be live. */
    version: z.string(),
    state: z.enum(['requested', 'done', 'failed']),
    releases: z.array(releaseShape),
  }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'deploy',
  positionals: ['version'],
  examples: [
    { command: 'rollback', explains: 'to the version before' },
    { command: 'rollback v1.8', explains: 'to that version' },
  ],
  decide: () => 'ask',
  subject: ({ version }) => version ?? '',
  isFailure: ({ state }) => state === 'failed',
  present: ({ version, state, releases }) => {
    const back = releases.map((release) => release.version).join(', ');
    if (state === 'done') return { heading: `${version} is live again; taken back: ${back}.` };
    if (state === 'failed') return { heading: `Going back to ${version} failed; see logs/watchdog.log.` };
    return { heading: `Asked the watchdog to go back to ${version}; to be taken back: ${back}.` };
  },
  handler: async (context: ToolContext<Engine>, { version, reason }) => {
    const { engine, actor, signal, progress } = context;
    const wanted = await engine.releases.rollback({
      version,
      reason,
      requestedBy: actor.id,
      channel: context.channel,
      signal,
      progress,
    });
    const last = wanted.releases.at(-1);
    const outcome = last && (await awaitVerdict(context, last.name, 'rollback'));
    const names = new Set(wanted.releases.map(({ name }) => name));
    return {
      version: wanted.version,
      state: stateOf(outcome?.state),
      releases: engine.releases
        .list()
        .filter(({ name }) => names.has(name))
        .map(describeRelease),
    };
  },
});

function stateOf(state: string | undefined): 'requested' | 'done' | 'failed' {
  if (state === 'reverted') return 'done';
  return state === undefined || state === 'unknown' ? 'requested' : 'failed';
}
