import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { type Engine, liveLog } from '../engine.ts';
import { lastLines } from '../output/index.ts';
import { placedLinesOfRun } from './lines.ts';

/** `logs`: the last lines of what a process printed. */
export const logs = defineTool({
  name: 'logs',
  aliases: ['read_logs'],
  title: 'Read logs',
  description:
    'Shows the last lines that a bot or a process printed, also after it has ended. `live` is the log of the live bot. Of a process, standard output comes first and standard error after it; a bot has one log for both.',
  input: z.strictObject({
    process: z.string().min(1).describe('Name of a bot, "live", or id, name or PID of a process'),
    lines: z.number().int().min(1).max(10_000).default(50).describe('How many lines of each stream'),
    stream: z.enum(['stdout', 'stderr']).optional().describe('Only this stream'),
    places: z.boolean().default(false).describe('Also say where in its log each line begins'),
  }),
  output: z.object({ lines: z.array(z.string()), places: z.array(z.number()).optional() }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['process'],
  examples: [
    { command: 'logs worker --lines 20', explains: 'the last twenty lines of each stream' },
    { command: 'logs staging', explains: 'what the staging bot printed' },
    { command: 'logs live', explains: 'what the live bot itself printed' },
  ],
  subject: ({ process }) => process,
  present: ({ lines }) => ({ text: lines.length === 0 ? 'It has printed nothing.' : lines.join('\n') }),
  handler: async ({ engine }: ToolContext<Engine>, { process, lines, stream, places }) => {
    await engine.bots.refresh();
    const log = sharedLog(engine, process);
    const found =
      log === undefined
        ? placedLinesOfRun(engine.processes.resolve(process), lines, stream)
        : stream === 'stderr'
          ? []
          : lastLines(log, lines);
    return {
      lines: found.map(({ text }) => text),
      ...(places ? { places: found.map(({ start }) => start) } : {}),
    };
  },
});

/** The one log of a bot, which has the output of all its runs, both streams together. */
function sharedLog({ root, bots }: Engine, word: string): string | undefined {
  if (word === 'live') return liveLog(root);
  return bots.has(word) ? bots.logOf(word) : undefined;
}
