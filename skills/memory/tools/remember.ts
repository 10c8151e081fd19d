import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Memory } from '../engine.ts';
import { keep } from '../facts.ts';

/** `remember`: an entry more. */
export const remember = defineTool({
  name: 'remember',
  title: 'Remember something',
  description:
    'Keeps a text beyond this conversation. A fact is what stays true (preferences, decisions, how things are done here): it is a bullet of memory/MEMORY.md, which is read at each turn, so keep it short. A note is what happened, with its time, in the file of the day. Never tokens or keys.',
  input: z.strictObject({
    text: z.string().min(1).max(4_000).describe('What to remember, in words that make sense later'),
    kind: z
      .enum(['fact', 'note'])
      .default('note')
      .describe('fact: stays true, read at each turn; note: happened, found again with recall'),
  }),
  output: z.object({ file: z.string(), text: z.string(), isNew: z.boolean() }),
  annotations: { readOnly: false, destructive: false, idempotent: false },
  permission: 'operate',
  positionals: ['text'],
  examples: [
    { command: 'remember "Ada deploys on Fridays only" --kind fact', explains: 'something that stays true' },
    { command: 'remember "moved the bot to the new host"', explains: 'something that happened' },
  ],
  subject: ({ kind }) => kind,
  present: ({ file, text, isNew }) => ({
    text: isNew ? `Remembered in ${file}: ${text}` : `That is known already (${file}).`,
  }),
  handler: async ({ engine }: ToolContext<Memory>, { text, kind }) => keep(engine, kind, text),
});
