import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { lastLines } from '../output/index.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';
import { age, size } from './words.ts';

const tailLines = 20;

/** `status`: everything about one process. */
export const status = defineTool({
  name: 'status',
  title: 'Show one process',
  description: 'Shows the state of one process, its hooks, and the last lines of its output.',
  input: z.strictObject({ process: z.string().min(1).describe('Id, name or PID of the process') }),
  output: z.object({
    process: processShape,
    hooks: z.array(
      z.object({
        id: z.number(),
        trigger: z.string(),
        action: z.string(),
        fireCount: z.number(),
        maxFires: z.number(),
      }),
    ),
    tail: z.array(z.string()),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['process'],
  examples: [{ command: 'status worker', explains: 'how it is, and what it printed last' }],
  subject: ({ process }) => process,
  present: ({ process, hooks, tail }) => ({
    table: {
      columns: ['', ''],
      rows: [
        ['id', process.id],
        ['name', process.name],
        ['status', statusInWords(process)],
        ['PID', String(process.pid ?? '-')],
        ['command', process.command],
        ['directory', process.directory],
        ['started', `${process.startedAt} (${age(process.startedAt)})`],
        ...(process.endedAt === null ? [] : [['ended', `${process.endedAt} (${age(process.endedAt)})`]]),
        ...(process.stopReason === null ? [] : [['stopped', process.stopReason]]),
        ...(process.peakMemoryBytes === null ? [] : [['peak memory', size(process.peakMemoryBytes)]]),
        ...hooks.map(({ id, trigger, action, fireCount, maxFires }) => [
          `hook ${id}`,
          `when ${trigger}: ${action}; fired ${fireCount}${maxFires === 0 ? '' : ` of ${maxFires}`}`,
        ]),
      ],
    },
    notes: tail.length === 0 ? [] : ['', ...tail],
  }),
  handler: async ({ engine }: ToolContext<Engine>, { process }) => {
    const { processes, hooks } = engine;
    const row = processes.settle(processes.resolve(process));
    return {
      process: describeProcess(row),
      hooks: hooks.ofProcess(row.id).map((hook) => ({
        id: hook.id,
        trigger: hooks.describe(hook),
        action: hook.action,
        fireCount: hook.fireCount,
        maxFires: hook.maxFires,
      })),
      tail: [...new Set([row.stdoutLog, row.stderrLog])].flatMap((path) =>
        lastLines(path, tailLines).map(({ text }) => text),
      ),
    };
  },
});
