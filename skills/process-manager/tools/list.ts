import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext, View } from '../../tool.ts';
import { stagingName } from '../bots/index.ts';
import type { Engine } from '../engine.ts';
import { botShape, botTable } from './bot-shape.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';
import { age } from './words.ts';

const endedLatelyMs = 24 * 3_600_000;

/** `list`: the bots, what runs, and what ended within a day. */
export const list = defineTool({
  name: 'list',
  title: 'List bots and processes',
  description:
    'Shows every bot with its state, and the processes that run and those that ended within the last day, newest first.',
  input: z.strictObject({
    agent: z.string().min(1).optional().describe('Only the processes of this agent'),
    limit: z.number().int().min(1).max(10_000).default(1_000).describe('At most this many'),
  }),
  output: z.object({ processes: z.array(processShape), bots: z.array(botShape) }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  examples: [
    { command: 'list', explains: 'what runs now, and what ended today' },
    { command: 'list --json', explains: 'the same for a script' },
  ],
  present: ({ processes, bots }) => ({
    tables: [
      // Staging is always there; while it was never started it is not worth a line.
      ...tableUnlessEmpty(
        botTable(bots.filter(({ name, startCount }) => name !== stagingName || startCount > 0)),
      ),
      ...tableUnlessEmpty(processTable(processes)),
    ],
    ...(processes.length === 0
      ? {
          text: 'Nothing runs, and nothing ended within the last day.\nStart something: understudy run "COMMAND"',
        }
      : {}),
  }),
  handler: async ({ engine, clock }: ToolContext<Engine>, { agent, limit }) => {
    const { processes } = engine;
    // A command that finds no supervisor still tells the truth.
    processes.settleAll();
    await engine.bots.refresh();
    const since = new Date(clock.now() - endedLatelyMs).toISOString();
    return {
      processes: processes.registry.recent({ since, agent, limit }).map(describeProcess),
      bots: agent === undefined ? await engine.bots.statuses() : [],
    };
  },
});

type Table = NonNullable<View['table']>;

function processTable(processes: readonly z.infer<typeof processShape>[]): Table {
  return {
    columns: ['ID', 'NAME', 'PID', 'STATUS', 'STARTED', 'AGENT', 'COMMAND'],
    rows: processes.map((row) => [
      row.id,
      row.name === row.id ? '-' : row.name,
      row.pid === null ? '-' : String(row.pid),
      statusInWords(row),
      age(row.startedAt),
      row.agent ?? '-',
      row.command,
    ]),
  };
}

function tableUnlessEmpty(table: Table): Table[] {
  return table.rows.length === 0 ? [] : [table];
}
