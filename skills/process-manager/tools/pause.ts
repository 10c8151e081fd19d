import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { botShape, presentBot } from './bot-shape.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';

const input = z.strictObject({
  process: z.string().min(1).describe('Name of a bot, or id, name or PID of a process'),
});
const output = z.object({ bot: botShape.optional(), process: processShape.optional() });

/** `pause`: stops a bot or a process where it is. */
export const pause = defineTool({
  name: 'pause',
  title: 'Pause',
  description:
    'Stops a bot or a process where it is, without ending it: it keeps its memory and uses no CPU until it is resumed.',
  input,
  output,
  annotations: { readOnly: false, destructive: false, idempotent: false },
  permission: 'operate',
  positionals: ['process'],
  examples: [{ command: 'pause DataBot', explains: 'until understudy resume DataBot' }],
  subject: ({ process }) => process,
  present: presentEither,
  handler: async ({ engine }: ToolContext<Engine>, { process }) => {
    if (engine.bots.has(process)) return { bot: await engine.bots.pause(process) };
    const { processes } = engine;
    return { process: describeProcess(await processes.pause(processes.resolve(process))) };
  },
});

/** `resume`: lets it go on. */
export const resume = defineTool({
  name: 'resume',
  title: 'Resume',
  description: 'Lets a paused bot or process go on where it was.',
  input,
  output,
  annotations: { readOnly: false, destructive: false, idempotent: false },
  permission: 'operate',
  positionals: ['process'],
  examples: [{ command: 'resume DataBot', explains: 'after a pause' }],
  subject: ({ process }) => process,
  present: presentEither,
  handler: async ({ engine }: ToolContext<Engine>, { process }) => {
    if (engine.bots.has(process)) return { bot: await engine.bots.resume(process) };
    const { processes } = engine;
    return { process: describeProcess(await processes.resume(processes.resolve(process))) };
  },
});

function presentEither({ bot, process }: z.infer<typeof output>) {
  if (bot) return presentBot(bot);
  return { text: process ? `${process.id}  ${statusInWords(process)}  ${process.command}` : '' };
}
