import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { changesSchema } from '../watchdog/index.ts';
import { countChanges, describeRelease, releaseShape, viewChanges } from './release-shape.ts';
import { awaitVerdict } from './verdict.ts';

const input = z.strictObject({
  version: z
    .string()
    .min(1)
    .max(20)
    .optional()
    .describe('The version to give it, such as v1.10; the next one otherwise'),
  dryRun: z.boolean().default(false).describe('Only list what would be added, changed and removed'),
  skipRestart: z
    .boolean()
    .default(false)
    .describe('Stage it and run its gates, but do not switch; a later promote switches what was staged'),
  force: z
    .boolean()
    .default(false)
    .describe('Also what was taken back before, and in the place of one that is staged and waits'),
  reason: z.string().min(1).max(2_000).optional().describe('What it is for; kept with the release'),
});

const output = z.object({ release: releaseShape.nullable(), changes: changesSchema });

/** `promote`: what is in staging becomes live, if it proves itself. */
export const promote = defineTool({
  name: 'promote',
  title: 'Promote staging to live',
  description:
    'Makes the code in staging/ live: copies it, runs its gates on the copy, and asks the watchdog for the switch. A version that does not come up, crashes or stalls is taken back by itself. Each instance keeps its .env, SOUL.md, IDENTITY.md, memory, logs and data.',
  input,
  output,
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'deploy',
  examples: [
    { command: 'promote --dry-run', explains: 'what would change' },
    { command: 'promote --reason "answers in threads"', explains: 'stage, switch, and wait for the verdict' },
    { command: 'promote --skip-restart', explains: 'stage only; a later promote switches it' },
  ],
  decide: () => 'ask',
  isPreview: ({ dryRun }) => dryRun,
  subject: ({ version, reason }) => [version, reason].filter((text) => text !== undefined).join(' '),
  isFailure: ({ release }) => release !== null && ['reverted', 'failed'].includes(release.state),
  present: ({ release, changes }) => ({ heading: headingOf(release, changes), ...viewChanges(changes) }),
  handler: async (context: ToolContext<Engine>, request) => {
    const { engine, actor, signal, progress } = context;
    const { name, changes } = await engine.releases.promote({
      ...request,
      requestedBy: actor.id,
      channel: context.channel,
      signal,
      progress,
    });
    if (name === null) return { release: null, changes };
    if (!request.skipRestart) await awaitVerdict(context, name, 'promote');
    const release = engine.releases.list().find((other) => other.name === name);
    return { release: release ? describeRelease(release) : null, changes };
  },
});

function headingOf(
  release: z.infer<typeof output>['release'],
  changes: z.infer<typeof output>['changes'],
): string {
  const what = countChanges(changes);
  if (release === null) return what === 'nothing' ? 'Nothing would change.' : `Would be promoted: ${what}.`;
  const { version, state, reason, gates } = release;
  const passed = gates.length === 0 ? '' : ` ${gates.length === 1 ? 'Its gate' : 'Its gates'} passed.`;
  if (state === 'good') return `${version} is live: ${what}.`;
  if (state === 'reverted') return `${version} was taken back: ${reason ?? 'it did not prove itself'}.`;
  if (state === 'failed') return `${version} failed: ${reason ?? 'see backups/'}.`;
  return `${version} is staged: ${what}.${passed}`;
}
