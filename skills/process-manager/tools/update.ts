import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { isFailure, type ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { asker, sayWhenUnwatched } from './bot-shape.ts';

/** `update`: brings a bot's code up to date from git. */
export const update = defineTool({
  name: 'update',
  title: 'Update a bot from git',
  description:
    'Updates the code of a bot from its repository, and restarts it if it runs and something has changed. Local changes are kept and the update skipped, unless the bot has force_sync; preserve_files stay as they are. Without a name, every bot that has a repository.',
  input: z.strictObject({
    bot: z.string().min(1).optional().describe('Name of the bot; all that have a repository otherwise'),
    keepRunning: z.boolean().default(false).describe('Let it run on with the code that it has loaded'),
  }),
  output: z.object({
    updates: z.array(
      z.object({
        bot: z.string(),
        outcome: z.enum(['updated', 'current', 'skipped', 'failed']),
        from: z.string().nullable(),
        to: z.string().nullable(),
        detail: z.string(),
      }),
    ),
  }),
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'operate',
  positionals: ['bot'],
  examples: [
    { command: 'update Task-Master', explains: 'fetch, fast-forward, restart' },
    { command: 'update --keep-running', explains: 'all bots that have a repository, without restarting any' },
  ],
  subject: ({ bot }) => bot ?? '',
  isFailure: ({ updates }) => updates.some(({ outcome }) => outcome === 'failed'),
  present: ({ updates }) =>
    updates.length === 0
      ? { text: 'No bot has a repository. Give one its repo_url in the configuration.' }
      : {
          table: {
            columns: ['BOT', 'OUTCOME', 'FROM', 'TO', 'DETAIL'],
            rows: updates.map(({ bot, outcome, from, to, detail }) => [
              bot,
              outcome,
              from ?? '-',
              to ?? '-',
              detail,
            ]),
          },
        },
  handler: async (context: ToolContext<Engine>, { bot, keepRunning }) => {
    const { bots } = context.engine;
    const restart = { restart: !keepRunning };
    if (bot !== undefined)
      return { updates: [{ bot, ...(await bots.update(bot, asker(context), restart)) }] };
    const updates = [];
    for (const name of bots.updatable) {
      const tell = (message: string) => context.progress({ message: `${name}: ${message}` });
      try {
        updates.push({ bot: name, ...(await bots.update(name, { ...asker(context), tell }, restart)) });
      } catch (error) {
        if (!isFailure(error)) throw error;
        // One bot's trouble is no reason to leave the others as they are.
        const detail = `${error.message} -> ${error.hint}`;
        updates.push({ bot: name, outcome: 'failed' as const, from: null, to: null, detail });
      }
    }
    sayWhenUnwatched(context);
    return { updates };
  },
});
