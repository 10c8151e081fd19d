import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { stagingName } from '../bots/index.ts';
import type { Engine } from '../engine.ts';
import { asker, oneBot, presentBot } from './bot-shape.ts';

/** `stop`: a bot, or staging. */
export const stop = defineTool({
  name: 'stop',
  title: 'Stop a bot',
  description:
    'Stops a bot and everything that it started: asks with SIGTERM, waits 15 seconds, forces. It stays stopped until somebody starts it; a restart that waits for its turn is given up. Without a name, the staging bot.',
  input: z.strictObject({
    bot: z.string().min(1).default(stagingName).describe('Name of the bot'),
  }),
  output: oneBot,
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'operate',
  positionals: ['bot'],
  examples: [
    { command: 'stop', explains: 'the staging bot' },
    { command: 'stop Task-Master', explains: 'and keep it stopped, also after a restart of the manager' },
  ],
  subject: ({ bot }) => bot,
  present: ({ bot }) => presentBot(bot),
  handler: async (context: ToolContext<Engine>, { bot }) => {
    const stopped = await context.engine.bots.stop(bot, asker(context));
    if (!stopped.ran) context.notify(`'${bot}' did not run.`);
    return { bot: stopped.bot };
  },
});
