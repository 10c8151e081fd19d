import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { cpuBetween } from '../base/index.ts';
import { stagingName } from '../bots/index.ts';
import type { Engine } from '../engine.ts';
import { isFinished, type ProcessRow } from '../processes/index.ts';
import { botRows, botShape } from './bot-shape.ts';
import { branchShape, branchTable } from './branch-shape.ts';
import { linesOfRun } from './lines.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';
import { age, size } from './words.ts';

const tailLines = 20;
/** Between the two looks that tell how busy a process is. */
const sampleMs = 200;

/** `status`: everything about one bot or process. */
export const status = defineTool({
  name: 'status',
  title: 'Show one bot or process',
  description:
    'Shows the state of a bot (with CPU, memory and restarts) or of a process, its hooks, and the last lines of its output. Without a name, the staging bot, and what the agent is working on, with tokens and cost.',
  input: z.strictObject({
    process: z
      .string()
      .min(1)
      .default(stagingName)
      .describe('Name of a bot, or id, name or PID of a process'),
  }),
  output: z.object({
    bot: botShape.optional(),
    process: processShape.nullable(),
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
    /** Of a process that runs and is no bot, whose own keys say it. */
    usage: z.object({ memoryBytes: z.number(), cpuPercent: z.number().nullable() }).optional(),
    branches: z.array(branchShape).optional(),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['process'],
  examples: [
    { command: 'status worker', explains: 'how it is, and what it printed last' },
    { command: 'status', explains: 'the same of the staging bot' },
  ],
  subject: ({ process }) => process,
  present: ({ bot, process, hooks, tail, usage, branches = [] }) => ({
    ...(branches.length === 0 ? {} : { tables: [branchTable(branches)] }),
    table: {
      columns: ['', ''],
      rows: [
        ...(bot ? botRows(bot) : process ? processRows(process) : []),
        ...(usage ? [['uses', `${size(usage.memoryBytes)}, CPU ${usage.cpuPercent ?? 0} %`]] : []),
        ...hooks.map(({ id, trigger, action, fireCount, maxFires }) => [
          `hook ${id}`,
          `when ${trigger}: ${action}; fired ${fireCount}${maxFires === 0 ? '' : ` of ${maxFires}`}`,
        ]),
      ],
    },
    notes: tail.length === 0 ? [] : ['', ...tail],
  }),
  handler: async ({ engine }: ToolContext<Engine>, { process }) => {
    const { bots, processes } = engine;
    if (bots.has(process)) {
      const bot = await bots.status(process);
      const run = bot.process === null ? undefined : processes.registry.find(bot.process);
      return {
        bot,
        process: run ? describeProcess(run) : null,
        hooks: run ? hooksOf(engine, run) : [],
        tail: bots.tail(process, tailLines),
        ...(process === stagingName ? { branches: [...(engine.branches?.() ?? [])] } : {}),
      };
    }
    await bots.refresh();
    const row = processes.settle(processes.resolve(process));
    const usage = await usageOf(engine, row);
    return {
      process: describeProcess(row),
      hooks: hooksOf(engine, row),
      tail: linesOfRun(row, tailLines),
      ...(usage ? { usage } : {}),
    };
  },
});

/** What a process and its children use now; nothing of one that has ended. */
async function usageOf({ processes }: Engine, row: ProcessRow) {
  if (isFinished(row.status)) return undefined;
  const first = (await processes.usageOf([row])).get(row.id);
  const startedAt = performance.now();
  await sleep(sampleMs);
  const second = (await processes.usageOf([row])).get(row.id);
  if (!second) return undefined;
  const cpuPercent = cpuBetween(first, second, performance.now() - startedAt);
  return { memoryBytes: second.memoryBytes, cpuPercent };
}

function hooksOf({ hooks }: Engine, row: ProcessRow) {
  return hooks.ofProcess(row.id).map((hook) => ({
    id: hook.id,
    trigger: hooks.describe(hook),
    action: hook.action,
    fireCount: hook.fireCount,
    maxFires: hook.maxFires,
  }));
}

function processRows(process: z.infer<typeof processShape>): string[][] {
  return [
    ['id', process.id],
    ['name', process.name],
    ['status', statusInWords(process)],
    ['PID', String(process.pid ?? '-')],
    ...(process.runner === undefined ? [] : [['runs on', process.node ?? process.runner]]),
    ...(process.note === undefined ? [] : [['note', process.note]]),
    ['command', process.command],
    ['directory', process.directory],
    ...(process.context === undefined ? [] : [['context', process.context]]),
    ['started', `${process.startedAt} (${age(process.startedAt)})`],
    ...(process.endedAt === null ? [] : [['ended', `${process.endedAt} (${age(process.endedAt)})`]]),
    ...(process.stopReason === null ? [] : [['stopped', process.stopReason]]),
    ...(process.peakMemoryBytes === null ? [] : [['peak memory', size(process.peakMemoryBytes)]]),
  ];
}
