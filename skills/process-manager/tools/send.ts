import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';

/** `send`: writes to the standard input of a process. */
export const send = defineTool({
  name: 'send',
  title: 'Send input',
  description: 'Writes a line to the standard input of a process that was started with input.',
  input: z.strictObject({
    process: z.string().min(1).describe('Id, name or PID of the process'),
    text: z.string().max(1_000_000).describe('What to write; a newline is added'),
    raw: z.boolean().default(false).describe('Add no newline'),
  }),
  output: z.object({ bytes: z.number() }),
  annotations: { readOnly: false, destructive: false, idempotent: false },
  permission: 'operate',
  positionals: ['process', 'text'],
  examples: [{ command: 'send worker "reload"', explains: 'type a line into it' }],
  subject: ({ process }) => process,
  present: ({ bytes }) => ({ text: `${bytes} bytes sent.` }),
  handler: async ({ engine }: ToolContext<Engine>, { process, text, raw }) => {
    const row = engine.processes.resolve(process);
    return { bytes: await engine.processes.send(row, raw ? text : `${text}\n`) };
  },
});
