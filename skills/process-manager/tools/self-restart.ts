import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { findWatchdog, writeRestartSignal, writeUpgradeContext } from '../watchdog/index.ts';

/** `self_restart`: the live bot is started anew. */
export const selfRestart = defineTool({
  name: 'self_restart',
  title: 'Restart the live bot',
  description:
    'Asks the watchdog to restart the live bot. Managed processes run on, and the bot says afterwards that it is back, and why.',
  input: z.strictObject({
    reason: z
      .string()
      .min(1)
      .max(2_000)
      .default('asked for')
      .describe('Why; the bot says it after its restart'),
  }),
  output: z.object({ requestedAt: z.string(), reason: z.string() }),
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'deploy',
  examples: [{ command: 'self_restart --reason "new key in .env"', explains: 'start the live bot anew' }],
  subject: ({ reason }) => reason,
  present: ({ requestedAt }) => ({
    text: `The watchdog was asked at ${requestedAt} to restart the live bot.`,
  }),
  handler: async ({ engine, actor, clock, channel, handOver }: ToolContext<Engine>, { reason }) => {
    const { root } = engine;
    if (findWatchdog(root) === undefined) {
      throw new Failure(
        'no_watchdog',
        `No watchdog runs for ${root}, so nobody would restart the bot.`,
        'Start both: node watchdog.js. A bot that runs without a watchdog is restarted by hand.',
      );
    }
    const at = new Date(clock.now()).toISOString();
    const asked = { requestedBy: actor.id, ...(channel === undefined ? {} : { channel }) };
    writeUpgradeContext(root, { action: 'restart', reason, ...asked, at });
    handOver?.('restart');
    writeRestartSignal(root, { timestamp: at, reason, requestedBy: actor.id });
    return { requestedAt: at, reason };
  },
});
