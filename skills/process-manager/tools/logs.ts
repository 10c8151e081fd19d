import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { type Engine, liveLog } from '../engine.ts';
import { lastLines } from '../output/index.ts';

/** `logs`: the last lines of what a process printed. */
export const logs = defineTool({
  name: 'logs',
  aliases: ['read_logs'],
  title: 'Read logs',
  description:
    'Shows the last lines that a process printed, also after it has ended. `live` is the log of the live bot. Without a stream, standard output comes first and standard error after it.',
  input: z.strictObject({
    process: z.string().min(1).describe('Id, name or PID of the process, or "live"'),
    lines: z.number().int().min(1).max(10_000).default(50).describe('How many lines of each stream'),
    stream: z.enum(['stdout', 'stderr']).optional().describe('Only this stream'),
  }),
  output: z.object({ lines: z.array(z.string()) }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['process'],
  examples: [
    { command: 'logs worker --lines 20', explains: 'the last twenty lines of each stream' },
    { command: 'logs live', explains: 'what the bot itself printed' },
  ],
  subject: ({ process }) => process,
  present: ({ lines }) => ({ text: lines.length === 0 ? 'It has printed nothing.' : lines.join('\n') }),
  handler: async ({ engine }: ToolContext<Engine>, { process, lines, stream }) => ({
    lines: pathsOf(engine, process, stream).flatMap((path) => lastLines(path, lines).map(({ text }) => text)),
  }),
});

function pathsOf(engine: Engine, word: string, stream: 'stdout' | 'stderr' | undefined): string[] {
  if (word === 'live') return stream === 'stderr' ? [] : [liveLog(engine.root)];
  const { stdoutLog, stderrLog } = engine.processes.resolve(word);
  if (stream !== undefined) return [stream === 'stdout' ? stdoutLog : stderrLog];
  return [...new Set([stdoutLog, stderrLog])];
}
