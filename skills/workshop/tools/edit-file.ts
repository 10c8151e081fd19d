import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { changeFile } from '../change.ts';
import { replaceText } from '../edit.ts';
import type { Workshop } from '../engine.ts';
import { changeShape, pathField, presentChange } from './fields.ts';

/** `edit_file`: a text in a file for another. */
export const editFile = defineTool({
  name: 'edit_file',
  title: 'Edit a file of staging',
  description:
    'Replaces a text in a file of staging/ by another, exactly: blanks and line breaks count, line numbers of read_file do not belong to it. The old text has to be there exactly once, or use all. Answers with a unified diff; when the text is not found, with the nearest lines.',
  input: z.strictObject({
    path: pathField.describe('The file, relative to staging/'),
    oldText: z.string().min(1).max(200_000).describe('The text as it stands in the file'),
    newText: z.string().max(200_000).describe('The text to put there; empty to remove it'),
    all: z.boolean().default(false).describe('Replace it wherever it stands'),
  }),
  output: changeShape.extend({ count: z.number() }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['path'],
  examples: [
    {
      command: 'edit_file src/greeting.ts --old-text "Hello" --new-text "Good morning"',
      explains: 'replace a text that stands there once',
    },
  ],
  subject: ({ path }) => path,
  present: presentChange,
  handler: async ({ engine }: ToolContext<Workshop>, { path, ...edit }) => {
    let count = 0;
    const change = changeFile(
      engine,
      path,
      (before, found) => {
        const replaced = replaceText(before ?? Buffer.alloc(0), edit, found);
        count = replaced.count;
        return replaced.bytes;
      },
      { mayCreate: false },
    );
    return { ...change, count };
  },
});
