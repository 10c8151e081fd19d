import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Memory } from '../engine.ts';
import { forget as takeOut } from '../facts.ts';

/** `forget`: an entry less. */
export const forget = defineTool({
  name: 'forget',
  title: 'Forget something',
  description:
    'Takes exactly one entry (a bullet) out of the memory: the one with this text, or else the only one that holds it. When several do, it names them and takes out none.',
  input: z.strictObject({
    text: z.string().min(1).max(4_200).describe('The entry, or a part of it'),
    file: z.string().min(1).max(200).optional().describe('The file that it stands in, as recall gives it'),
    line: z.number().int().min(1).optional().describe('The line that it begins at, as recall gives it'),
  }),
  output: z.object({ file: z.string(), line: z.number(), text: z.string() }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['text'],
  examples: [{ command: 'forget "Ada deploys on Fridays only"', explains: 'it is no longer true' }],
  subject: ({ file, line }) => [file, line].filter((part) => part !== undefined).join(':'),
  present: ({ file, line, text }) => ({ text: `Forgotten from ${file}:${line}: ${text}` }),
  handler: async ({ engine }: ToolContext<Memory>, { text, file, line }) =>
    takeOut(engine, {
      text,
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
    }),
});
