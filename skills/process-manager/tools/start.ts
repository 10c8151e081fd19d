import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { stagingName } from '../bots/index.ts';
import type { Engine } from '../engine.ts';
import { asker, botShape, botTable, oneBot, presentBot, sayWhenUnwatched } from './bot-shape.ts';

const input = z.strictObject({
  bot: z.string().min(1).default(stagingName).describe('Name of the bot'),
});

/** `start`: a bot, or staging. */
export const start = defineTool({
  name: 'start',
  title: 'Start a bot',
  description:
    'Starts a bot, and before it those that it depends on; waits until it is ready and says why when it does not get there. Without a name, the staging bot.',
  input,
  output: oneBot,
  annotations: { readOnly: false, destructive: false, idempotent: true },
  permission: 'operate',
  positionals: ['bot'],
  examples: [
    { command: 'start', explains: 'the staging bot' },
    { command: 'start Task-Master', explains: 'a bot of the configuration' },
  ],
  subject: ({ bot }) => bot,
  present: ({ bot }) => presentBot(bot),
  handler: async (context: ToolContext<Engine>, { bot }) => {
    const started = await context.engine.bots.start(bot, asker(context));
    sayWhenUnwatched(context);
    return { bot: started };
  },
});

/** `restart`: a bot, or staging. */
export const restart = defineTool({
  name: 'restart',
  title: 'Restart a bot',
  description:
    'Stops a bot if it runs and starts it anew, updating its code first where that is configured. Without a name, the staging bot.',
  input,
  output: oneBot,
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['bot'],
  examples: [{ command: 'restart Task-Master', explains: 'after a change of its code' }],
  subject: ({ bot }) => bot,
  present: ({ bot }) => presentBot(bot),
  handler: async (context: ToolContext<Engine>, { bot }) => {
    const restarted = await context.engine.bots.restart(bot, asker(context));
    sayWhenUnwatched(context);
    return { bot: restarted };
  },
});

/** `start_all`: every bot that should be running. */
export const startAll = defineTool({
  name: 'start_all',
  title: 'Start all bots',
  description:
    'Starts every bot that should be running: those that ran when the manager ended, and those that start by themselves and were never started yet. Those that others depend on come first.',
  input: z.strictObject({}),
  output: z.object({
    bots: z.array(botShape),
    problems: z.array(z.object({ bot: z.string(), problem: z.string() })),
  }),
  annotations: { readOnly: false, destructive: false, idempotent: true },
  permission: 'operate',
  examples: [{ command: 'start_all', explains: 'run all bots, with their output, until Ctrl-C' }],
  isFailure: ({ problems }) => problems.length > 0,
  present: ({ bots, problems }) => ({
    table: botTable(bots),
    notes: problems.map(({ bot, problem }) => `${bot}: ${problem}`),
  }),
  handler: async (context: ToolContext<Engine>) => {
    const { bots } = context.engine;
    context.progress({ message: 'starting the bots that should be running' });
    const outcomes = await bots.startAll(asker(context));
    sayWhenUnwatched(context);
    return {
      bots: await bots.statuses(),
      problems: outcomes.flatMap(({ name, problem }) => (problem === null ? [] : [{ bot: name, problem }])),
    };
  },
});
