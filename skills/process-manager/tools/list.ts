import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { listProcesses, type ProcessRow, processStates } from '../processes/index.ts';
import { age } from './words.ts';

const output = z.object({
  processes: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      pid: z.number().nullable(),
      command: z.string(),
      status: z.enum(processStates),
      exitCode: z.number().nullable(),
      signal: z.string().nullable(),
      startedAt: z.string(),
      endedAt: z.string().nullable(),
      agent: z.string().nullable(),
      type: z.enum(['background', 'concurrent']),
    }),
  ),
});

/** `list`: what runs, and what ended within a day. */
export const list = defineTool({
  name: 'list',
  title: 'List processes',
  description: 'Shows the processes that run and those that ended within the last day, newest first.',
  input: z.strictObject({
    agent: z.string().min(1).optional().describe('Only the processes of this agent'),
    limit: z.number().int().min(1).max(10_000).default(1_000).describe('At most this many'),
  }),
  output,
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  examples: [
    { command: 'list', explains: 'what runs now, and what ended today' },
    { command: 'list --json', explains: 'the same for a script' },
  ],
  present: ({ processes }) =>
    processes.length === 0
      ? { text: 'Nothing runs, and nothing ended within the last day.' }
      : {
          table: {
            columns: ['ID', 'NAME', 'PID', 'STATUS', 'STARTED', 'COMMAND'],
            rows: processes.map((row) => [
              row.id,
              row.name,
              row.pid === null ? '-' : String(row.pid),
              describeStatus(row),
              age(row.startedAt),
              row.command,
            ]),
          },
        },
  handler: async ({ engine, clock }: ToolContext<Engine>, { agent, limit }) => ({
    processes: listProcesses(engine.database(), clock.now(), { agent, limit }),
  }),
});

function describeStatus({
  status,
  exitCode,
  signal,
}: Pick<ProcessRow, 'status' | 'exitCode' | 'signal'>): string {
  if (status === 'exited') return signal === null ? `exited ${exitCode}` : `exited ${exitCode} (${signal})`;
  return signal === null ? status : `${status} (${signal})`;
}
